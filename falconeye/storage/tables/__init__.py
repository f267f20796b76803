"""The tables of the index, by subject; all of them join one metadata."""

from falconeye.storage.tables import footage, jobs, ledger, node, notices

__all__ = ["footage", "jobs", "ledger", "node", "notices"]
