"""Changes as nodes tell them to each other, and what came of taking them over."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from falconeye.base.errors import InvalidInput
from falconeye.storage.tables.replicated import LAMPORT, TOMBSTONE

MAX_CHANGES: Final = 2000  # of one merge: the loop has to have its turns
MAX_VALUE_BYTES: Final = 1 << 20
MAX_ID: Final = 1000
MAX_SEEN: Final = 1000
_MAX_COUNTER: Final = 1 << 53  # exact in every program that reads JSON (RFC 8259, 6)
# A clock beyond could not go on for long.
_MAX_CLOCK: Final = LAMPORT - (1 << 32)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NODE = re.compile(r"[0-9A-Za-z-]{1,64}")
_KEYS: Final = frozenset({"kind", "id", "field", "value", "counter", "node", "seen"})


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one row as some node wrote it; `field` "": the row was deleted there.

    Its version is (counter, node), see tables/replicated.py. `seen` has, by node, the clock of the
    versions that whoever wrote it had before them. Bytes stand in `value` as {"b64": …}.
    """

    kind: str
    id: str
    field: str
    value: Any
    counter: int
    node: str
    seen: Mapping[str, int]

    @property
    def clock(self) -> int:
        """The Lamport clock in its counter."""
        return self.counter & LAMPORT

    def beats(self, other: "Change") -> bool:
        """Whether this version stands, and not `other`, wherever both come.

        No two edits have one version, but those of a node whose database was brought back: then
        their values decide, so that all nodes have the same.
        """
        if (self.counter, self.node) != (other.counter, other.node):
            return (self.counter, self.node) > (other.counter, other.node)
        return _written(self.value, self.seen) > _written(other.value, other.seen)

    def has_seen(self, other: "Change") -> bool:
        """Whether whoever wrote this knew `other`: no conflict, but a later edit."""
        if other.node == self.node and other.clock <= self.clock:
            return True
        return self.seen.get(other.node, -1) >= other.clock

    def as_json(self) -> dict[str, Any]:
        """For the wire."""
        return {
            "kind": self.kind, "id": self.id, "field": self.field, "value": self.value,
            "counter": self.counter, "node": self.node, "seen": dict(self.seen),
        }  # fmt: skip

    @classmethod
    def of_json(cls, told: Any) -> "Change":
        """What another node told; InvalidInput where it is no change."""
        if not isinstance(told, Mapping) or not told.keys() >= _KEYS:
            raise InvalidInput("this is no change")
        return checked(cls(**{name: told[name] for name in _KEYS}))


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes in the order in which they came to this node."""

    changes: Sequence[Change]
    next_seq: int  # where to go on
    more: bool


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """Two nodes wrote a field without knowing of each other, and this node's value gave way."""

    kind: str
    id: str
    name: str  # of the camera, user …; "" where it has none, or is gone
    field: str
    lost: str  # in words; "" for what nobody may read
    kept: str  # as `lost`; "" where the row was deleted
    deleted: bool
    node: str  # whose value stands


@dataclass(frozen=True, slots=True)
class Merged:
    """What was new in the changes of another node."""

    applied: int  # fields that are now as it told
    kinds: frozenset[str]  # in which anything changed
    conflicts: Sequence[FieldConflict] = ()
    unreadable: int = 0  # that were no changes to this release
    beside: int = 0  # that no row here holds: they wait, or a newer release knows them


def checked(change: Change) -> Change:
    """`change` as it came; InvalidInput where it cannot be one."""
    words = _wrong(change)
    if words:
        msg = f"a change cannot be taken over: {words}"
        raise InvalidInput(msg)
    return change


def encoded(value: Any) -> str:
    """A value as it is stored; ValueError, TypeError or RecursionError where it is no JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _wrong(change: Change) -> str:
    return _wrong_place(change) or _wrong_version(change) or _wrong_value(change)


def _wrong_place(change: Change) -> str:
    if not _is_text(change.kind, _NAME):
        return "no such kind"
    if change.field != TOMBSTONE and not _is_text(change.field, _NAME):
        return "no such field"
    if not isinstance(change.id, str) or not 1 <= len(change.id) <= MAX_ID:
        return "a wrong id"
    return ""


def _wrong_version(change: Change) -> str:
    if not _is_text(change.node, _NODE):
        return "a wrong node"
    if not _is_clock(change.counter, _MAX_COUNTER) or not 1 <= change.clock <= _MAX_CLOCK:
        return "a counter beyond all edits"
    seen = change.seen
    if not isinstance(seen, Mapping) or len(seen) > MAX_SEEN:
        return "wrong earlier versions"
    fits = all(_is_text(node, _NODE) and _is_clock(clock, LAMPORT) for node, clock in seen.items())
    return "" if fits else "wrong earlier versions"


def _wrong_value(change: Change) -> str:
    try:
        length = len(encoded(change.value).encode()) + len(change.id.encode())
    except (ValueError, TypeError, RecursionError):  # among them lone surrogates
        return "its value is no JSON"
    return "its value is too long" if length > MAX_VALUE_BYTES else ""


def _is_text(value: Any, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _is_clock(value: Any, limit: int) -> bool:
    return type(value) is int and 0 <= value < limit


def _written(value: Any, seen: Mapping[str, int]) -> tuple[str, str]:
    return json.dumps(value, sort_keys=True), json.dumps(dict(seen), sort_keys=True)
