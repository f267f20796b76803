"""A camera's notifications as events: what happened, since when, and whether it still does.

Topics: ONVIF Core 9, Imaging and Analytics service specifications, and what firmware makes of them.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from falconeye.onvif.camera_clock import CameraClock
from falconeye.onvif.errors import own_words

_TT: Final = "{http://www.onvif.org/ver10/schema}"
_STATES: Final = {"true": True, "false": False, "on": True, "off": False, "active": True,
                  "inactive": False}  # fmt: skip
_DIGITS: Final = {"1": True, "0": False}  # also what numbers and tokens look like
# By words of a topic's last levels, the first that fits.
_MOTION: Final = ("motion",)  # CellMotionDetector/Motion, VideoSource/MotionAlarm, …
_TAMPER: Final = ("tamper", "globalscenechange", "imagetoo")
_INPUT: Final = ("digitalinput",)
_RELAY: Final = ("relay",)  # Device/Trigger/Relay, LogicalState: what the camera switches


class EventKind(StrEnum):
    """What a camera's event is about."""

    MOTION = "motion"
    TAMPER = "tamper"
    DIGITAL_INPUT = "digital_input"
    RELAY = "relay"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class OnvifEvent:
    """One notification.

    `active`: it began or lasts / it is over; None for what only happens. `initial`: the state as
    it was when the subscription began, nothing new. `at` is by our clock.
    """

    kind: EventKind
    topic: str  # without namespace prefixes: "VideoSource/MotionAlarm"
    active: bool | None
    at: dt.datetime
    source: str  # the token of the lens or the input; "" where none is named
    initial: bool


def read_events(answer: Any, clock: CameraClock) -> Iterator[OnvifEvent]:
    """The events of PullMessages' answer, in its order; what cannot be read of one is left out."""
    for holder in getattr(answer, "NotificationMessage", None) or []:
        topic = getattr(getattr(holder, "Topic", None), "_value_1", None)
        message = getattr(getattr(holder, "Message", None), "_value_1", None)
        if isinstance(topic, str) and hasattr(message, "iterfind"):
            yield _event(topic, message, clock)


def _event(topic: str, message: Any, clock: CameraClock) -> OnvifEvent:
    plain = plain_topic(topic)
    operation = message.get("PropertyOperation") or ""
    data = _items(message, "Data")
    source = _items(message, "Source")
    states = (_state(name, value) for name, value in data.items())
    active = next((state for state in states if state is not None), None)
    return OnvifEvent(
        kind=kind_of(plain),
        topic=plain,
        active=False if operation == "Deleted" else active,
        at=_moment(message.get("UtcTime"), clock),
        source=own_words(next(iter(source.values()), "")),
        initial=operation == "Initialized",
    )


def plain_topic(topic: str) -> str:
    """A topic without prefixes: `tns1:VideoSource/tnsx:Alarm` is "VideoSource/Alarm"."""
    return own_words("/".join(part.rpartition(":")[2] for part in topic.strip().split("/")))


def kind_of(topic: str) -> EventKind:
    """What a plain topic is about."""
    lowered = topic.lower()
    if any(word in lowered for word in _TAMPER):
        return EventKind.TAMPER
    if any(word in lowered for word in _INPUT):
        return EventKind.DIGITAL_INPUT
    if any(word in lowered for word in _RELAY):
        return EventKind.RELAY
    if any(word in lowered for word in _MOTION):
        return EventKind.MOTION
    return EventKind.OTHER


def _items(message: Any, part: str) -> dict[str, str]:
    """Name → value of the SimpleItems of `Source` or `Data`."""
    found = message.iterfind(f"{_TT}{part}/{_TT}SimpleItem")
    return {item.get("Name") or "": item.get("Value") or "" for item in found}


def _state(name: str, value: str) -> bool | None:
    lowered, named = value.strip().lower(), name.lower()
    if lowered in _DIGITS and (named.startswith("is") or named.endswith(("state", "value"))):
        return _DIGITS[lowered]
    return _STATES.get(lowered)


def _moment(told: str | None, clock: CameraClock) -> dt.datetime:
    """The camera's time by our clock; now where it tells none."""
    try:
        moment = dt.datetime.fromisoformat((told or "").strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return clock.to_ours(moment.astimezone(dt.UTC))
    except (ValueError, OverflowError):
        return dt.datetime.now(dt.UTC)
