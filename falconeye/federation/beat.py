"""What a node tells its peers every few seconds; the same shape is the answer.

It comes from another machine, maybe of another release: what is not known here is left out, what is
missing has a default, and every text and list is bounded.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.errors import InvalidInput
from falconeye.cameras.views import Camera, StreamStats
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.federation.placement.ability import Ability
from falconeye.federation.placement.words import CameraWord
from falconeye.media.samples import StreamKind

MAX_CAMERAS = 2000
MAX_BEAT_BYTES = 2_000_000
MAX_DATA_KEYS = 32  # that are told of: the newest, of which one encrypts
_MAX_WORDS = 500
_MAX_FPS = 1000.0
_MAX_BITS_PER_SECOND = 1e12
_Word = Annotated[str, Field(max_length=64)]
_Text = Annotated[str, Field(max_length=_MAX_WORDS)]
_Time = Annotated[int, Field(ge=0, le=2**62)]
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Kind = TypeVar("_Kind", bound=StrEnum)


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Position(_Told):
    """How far a node's replicated configuration is."""

    incarnation: _Word = ""
    seq: _Count = 0


class StreamTold(_Told):
    """`StreamStats` of one stream."""

    kind: _Word
    connected: bool = False
    video: _Text | None = None
    audio: _Text | None = None
    codecs: _Text | None = None
    width: _Count | None = None
    height: _Count | None = None
    fps: Annotated[float, Field(ge=0, le=_MAX_FPS, allow_inf_nan=False)] = 0.0
    bits_per_second: Annotated[float, Field(ge=0, le=_MAX_BITS_PER_SECOND, allow_inf_nan=False)] = (
        0.0
    )
    drops: _Count = 0
    reconnects: _Count = 0
    viewers: _Count = 0
    bytes_written: _Count = 0


class CameraTold(_Told):
    """A camera that the node runs, as it stands now."""

    status: _Word
    online: bool = False
    reason_code: _Word = ReasonCode.NONE.value
    reason: _Text = ""
    since_us: _Time = 0
    recording: bool = False
    recording_id: _Text | None = None
    recording_since_us: _Time | None = None
    streams: Annotated[list[StreamTold], Field(max_length=4)] = []
    runs: bool = True  # else it tells only what it is about to do, and knows the state from others
    # See `placement.words.CameraWord`.
    records: bool = False
    footage_us: _Time = 0
    ability: _Word = Ability.UNKNOWN.value
    leads: bool = False
    asks: bool = False
    as_standby: bool = False
    one_session: bool = False  # it refused a second connection, to whomever, so long ago:
    refused_before_us: _Time | None = None
    # Of a node that does not record it: whether its port answered, and how long ago (`reaching`).
    reaches: bool | None = None
    probed_before_us: _Time | None = None

    @classmethod
    def of(cls, camera: Camera, word: CameraWord, *, is_standby: bool) -> "CameraTold":
        state = camera.state
        return cls(
            status=state.status.value,
            online=state.online,
            reason_code=state.reason_code.value,
            reason=state.reason[:_MAX_WORDS],
            since_us=state.since_us,
            recording=state.recording,
            recording_id=camera.recording_id,
            recording_since_us=camera.recording_since_us,
            streams=[_stream_told(each) for each in camera.streams],
            runs=camera.is_here,
            records=word.records,
            footage_us=word.footage_us,
            ability=word.ability.value,
            leads=word.leads,
            asks=word.asks,
            as_standby=is_standby,
        )

    @classmethod
    def of_elsewhere(cls, word: CameraWord) -> "CameraTold":
        """Of a camera that it does not run: what it is about to do, or could."""
        return cls(
            status=CameraStatus.PENDING.value,
            runs=False,
            records=word.records,
            footage_us=word.footage_us,
            ability=word.ability.value,
            leads=word.leads,
            asks=word.asks,
        )

    def word(self) -> CameraWord:
        """What others decide by."""
        ability = _member(Ability, self.ability, Ability.UNKNOWN)
        return CameraWord(self.records, self.footage_us, ability, self.leads, self.asks)

    def state(self, camera_id: str) -> CameraState:
        """As the pages show it; what a newer release calls otherwise is an error of the camera."""
        return CameraState(
            camera_id,
            _member(CameraStatus, self.status, CameraStatus.ERROR),
            self.online,
            _member(ReasonCode, self.reason_code, ReasonCode.CAMERA_ERROR),
            self.reason,
            self.since_us,
            self.recording,
        )

    def stream_stats(self) -> tuple[StreamStats, ...]:
        """Of the streams that this release knows."""
        known = {kind.value for kind in StreamKind}
        return tuple(
            StreamStats(**{**each.model_dump(), "kind": StreamKind(each.kind)})
            for each in self.streams
            if each.kind in known
        )


class Beat(_Told):
    """One word of a node to a peer."""

    node_id: _Word
    boot_id: _Word = ""
    version: _Word = ""
    time_us: _Time = 0  # UTC, as its clock says
    draining: bool = False  # it hands over what others can record
    listening: bool = False  # it began just now: `NodeWord.is_listening`
    stopping: bool = False  # it says good-bye: nobody need wait to take over
    addresses: Annotated[list[Annotated[str, Field(max_length=260)]], Field(max_length=8)] = []
    position: Position = Position()
    data_keys: Annotated[list[_Word], Field(max_length=MAX_DATA_KEYS)] = []  # names, never the keys
    report: dict[str, Any] = {}  # `federation.report.NodeReport`
    cameras: Annotated[dict[_Word, CameraTold], Field(max_length=MAX_CAMERAS)] = {}
    unreachable_cameras: Annotated[list[_Word], Field(max_length=MAX_CAMERAS)] = []
    kubernetes: dict[str, Any] = {}  # `kubernetes_told.KubernetesTold`, of who read it

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> "Beat":
        """InvalidInput for what is no beat."""
        try:
            return cls.model_validate(told)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(each) for each in first["loc"])
            msg = f"a node told what cannot be read: {place}: {first['msg']}"
            raise InvalidInput(msg) from error


def _stream_told(stats: StreamStats) -> StreamTold:
    """Within the bounds, whatever the camera sends: a beat beyond one is told to nobody."""
    words = {name: getattr(stats, name) for name in ("video", "audio", "codecs")}
    measured = {
        "fps": min(stats.fps, _MAX_FPS),
        "bits_per_second": min(stats.bits_per_second, _MAX_BITS_PER_SECOND),
    }
    cut = {name: text and text[:_MAX_WORDS] for name, text in words.items()}
    return StreamTold(
        **{name: getattr(stats, name) for name in StreamTold.model_fields}
        | {"kind": stats.kind.value} | measured | cut
    )  # fmt: skip


def _member(kinds: type[_Kind], value: str, other: _Kind) -> _Kind:
    try:
        return kinds(value)
    except ValueError:
        return other
