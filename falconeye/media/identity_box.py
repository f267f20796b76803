"""The `uuid` box after the `moov` (ISO 14496-12 11.1): whose footage a file holds, and from when.

With it the index can be rebuilt from the files alone. The payload is JSON, so that a person can
read it with `strings`, and a later release can add fields.
"""

import json
import uuid
from dataclasses import asdict, dataclass

from falconeye.media.boxes import BadBox, Box, make_box
from falconeye.media.samples import StreamKind

IDENTITY_UUID = uuid.UUID("8b1c6f0e-5c0b-4e0a-9b0c-0f1a6b7d2e31")


@dataclass(frozen=True, slots=True)
class Identity:
    """What was known when the file was opened; field names are those in the JSON."""

    camera_id: str
    camera_name: str
    stream: StreamKind
    run_id: int
    start_us: int  # UTC of the first sample
    clock: int  # `storage.segments.ClockState`
    media_offset_90k: int  # decode time of the first sample in the run
    audio_offset_ticks: int
    codecs: str  # RFC 6381
    recording_id: str | None
    recording_kind: str | None
    boot: str | None = None  # with the next: `storage.ledger.clocks.ClockSetting`; None: not known
    utc_offset_us: int | None = None  # UTC - monotonic of the node, when the run began


def make_identity_box(identity: Identity) -> bytes:
    """The whole box."""
    payload = json.dumps({"v": 1} | asdict(identity), separators=(",", ":"))
    return make_box(b"uuid", IDENTITY_UUID.bytes + payload.encode())


def is_identity_box(data: bytes, box: Box) -> bool:
    """Whether the box is a `uuid` box with our id; `data` holds it whole."""
    return box.kind == b"uuid" and data[box.body : box.body + 16] == IDENTITY_UUID.bytes


def parse_identity_box(data: bytes, box: Box) -> Identity:
    """Read the box back; BadBox when its payload is not what we write."""
    try:
        fields = json.loads(data[box.body + 16 : box.end])
        return Identity(
            camera_id=str(fields["camera_id"]),
            camera_name=str(fields["camera_name"]),
            stream=StreamKind(fields["stream"]),
            run_id=_number(fields["run_id"]),
            start_us=_number(fields["start_us"]),
            clock=_number(fields["clock"]),
            media_offset_90k=_number(fields["media_offset_90k"]),
            audio_offset_ticks=_number(fields["audio_offset_ticks"]),
            codecs=str(fields["codecs"]),
            recording_id=_text(fields["recording_id"]),
            recording_kind=_text(fields["recording_kind"]),
            boot=_text(fields.get("boot")),
            utc_offset_us=_offset(fields.get("utc_offset_us")),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        msg = "the identity box cannot be read"
        raise BadBox(msg) from error


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 63:
        msg = f"{value!r:.40} is no count or time"
        raise ValueError(msg)
    return value


def _offset(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or abs(value) >= 1 << 62):
        msg = f"{value!r:.40} is no offset"
        raise ValueError(msg)
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
