"""The schema's history: one file per revision in `versions`, applied in order, forward and back.

A file is named `NNNN_what.py`, its revision is `NNNN`; it never rewrites the segment table. The way
back keeps every row that the older release knows: nothing has to be rebuilt after it.
"""

from pathlib import Path

DIRECTORY = Path(__file__).parent


def revisions() -> list[str]:
    """All revisions this release knows, oldest first. Reads a directory: call it in a thread."""
    return sorted(file.name.partition("_")[0] for file in (DIRECTORY / "versions").glob("0*_*.py"))
