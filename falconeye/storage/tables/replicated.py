"""What all nodes of a cluster share, and the versions of it: which value of a field is the newest.

The rows of the shared tables ("kinds") stay where they are; `replica_fields` holds one version for
each field of each row. Triggers (index/replica_triggers.py) write it whoever edits the row.

A version is (counter, node), higher wins. The counter is a Lamport clock, with one addition: its
bits from `LAMPORT_BITS` on count how often the field was changed so that somebody may do less. So
taking a right away beats what was written beside it, and whoever has seen that can give it back.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, Text, text

from falconeye.storage.tables.node import METADATA

LAMPORT_BITS: Final = 40
LAMPORT: Final = (1 << LAMPORT_BITS) - 1  # the part of a counter that is the clock
MAX_TAKEN_AWAY: Final = 8000  # of 13 bits: counters are exact in every program that reads JSON
TOMBSTONE: Final = ""  # the field that says that a row was deleted


@dataclass(frozen=True, slots=True)
class Kind:
    """A shared table."""

    name: str
    id_column: str = "id"
    local: frozenset[str] = frozenset()  # columns that are each node's own
    # The one field of a kind whose rows come and go: no row stands for null, nothing is a tombstone
    register: str | None = None
    local_ids: frozenset[str] = frozenset()  # rows that are each node's own


SESSION_DAYS: Final = "session_days"  # replication/pruning.py
# Facts about this node alone, kept among the settings
LOCAL_SETTINGS: Final = frozenset({"index_incomplete", "moves_paused", SESSION_DAYS})
KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("cameras", local=frozenset({"address_key"})),
        Kind("users", local=frozenset({"name_key"})),
        Kind("tokens", local=frozenset({"name_key", "last_used_us"})),
        Kind("displays", local=frozenset({"name_key", "last_seen_us"})),
        Kind("sessions", local=frozenset({"last_seen_us"})),
        Kind("settings", "key", register="value", local_ids=LOCAL_SETTINGS),
        Kind("ignored_candidates", register="ignored_at_us"),
        Kind("members"),
        Kind("walls"),
    )
}

replica_fields = Table(
    "replica_fields",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("field", Text, primary_key=True),  # a column, or TOMBSTONE
    Column("counter", BigInteger, nullable=False),
    Column("node", Text, nullable=False),  # "": this one, which has no id yet
    # JSON {node: clock}: the versions that whoever wrote this one had before them
    Column("seen", Text, nullable=False),
    # When it came to this node: what a peer has heard of is told by one number
    Column("seq", BigInteger, nullable=False, unique=True),
    # JSON, where no row holds it: of a newer release, or of a row that has not come as a whole
    Column("value", Text),
    sqlite_with_rowid=False,
)

replica_state = Table(
    "replica_state",
    METADATA,
    Column("one", Integer, primary_key=True, server_default=text("1")),
    Column("counter", BigInteger, nullable=False),  # the Lamport clock
    Column("next_seq", BigInteger, nullable=False),
    Column("applying", Integer, nullable=False),  # a merge writes: the triggers keep quiet
    Column("incarnation", Text, nullable=False),  # of the numbers in `seq`; "": to be made
    CheckConstraint("one = 1", name="one_replica"),
)
