"""Values of shared fields that this release can work with, beyond what their columns take.

A newer release may know more of them. What it tells is kept for the one that comes then.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from falconeye.base.errors import InvalidInput
from falconeye.config.camera import Protocol, RecordMode, Transport
from falconeye.config.device import Overlay
from falconeye.config.schedule import WeekSchedule

ROLES: Final = ("viewer", "operator", "admin")
WALL_SIZES: Final = ("auto", "1", "4", "9", "16")  # cameras at once; auto: all
# Somebody of whose rights this release does not know all may do nothing here.
ALL_OR_NOTHING: Final = frozenset({"users", "tokens", "displays"})


def knows(kind: str, field: str, value: Any) -> bool:
    """Whether this release can work with `value`, as changes have it."""
    rule = _RULES.get((kind, field))
    return rule is None or rule(value)


def _one_of(*known: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in known


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _texts_or_nothing(value: Any) -> bool:
    return value is None or _texts(value)


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _schedule(value: Any) -> bool:
    try:
        _ = None if value is None else WeekSchedule.parse(value, field="schedule")
    except (InvalidInput, AttributeError, TypeError, ValueError):
        return False
    return True


_RULES: Final[Mapping[tuple[str, str], Callable[[Any], bool]]] = {
    ("cameras", "protocol"): _one_of(*Protocol),
    ("cameras", "transport"): _one_of(*Transport),
    ("cameras", "record"): _one_of(*RecordMode),
    ("cameras", "overlay"): _one_of(*Overlay),
    ("cameras", "schedule"): _schedule,
    ("cameras", "privacy_schedule"): _schedule,
    ("cameras", "metadata"): _mapping,
    ("cameras", "device_controls"): _mapping,
    ("users", "role"): _one_of(*ROLES),
    ("users", "cameras"): _texts_or_nothing,
    ("tokens", "role"): _one_of(*ROLES),
    ("tokens", "cameras"): _texts_or_nothing,
    ("displays", "cameras"): _texts_or_nothing,
    ("members", "addresses"): _texts,
    ("walls", "camera_ids"): _texts,
    ("walls", "hidden"): _texts,
    ("walls", "size"): _one_of(*WALL_SIZES),
}
