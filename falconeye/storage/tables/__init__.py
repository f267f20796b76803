"""The tables of the index, by subject; all of them join one metadata."""

from falconeye.storage.tables import (
    footage,
    jobs,
    joining,
    ledger,
    node,
    notices,
    peer_coverage,
    replicated,
    walls,
)

__all__ = [
    "footage",
    "jobs",
    "joining",
    "ledger",
    "node",
    "notices",
    "peer_coverage",
    "replicated",
    "walls",
]
