"""Recordings as the API takes and answers them (api.md)."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US, SECOND_US, rfc3339
from falconeye.storage.ledger.coverage import Gap, GapReason
from falconeye.storage.reading.recordings import NewImport
from falconeye.storage.segments.recording_rows import Recording, RecordingStatus
from falconeye.web.api.parameters import read_time
from falconeye.web.base_path import OwnAddress
from falconeye.web.said import said

MAX_DURATION_S = 10 * 365 * 86400.0

Time = Annotated[str, Field(max_length=64)]
Duration = Annotated[float, Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False)]
Words = Annotated[str, Field(max_length=2000)]
FinalStatus = Literal["stopped", "completed", "failed", "error"]


# A gap; "from" is no name for an attribute.
GapAnswer = TypedDict("GapAnswer", {"from": str, "to": str, "reason": str, "detail": str})


class RecordingAnswer(BaseModel):
    """One recording. `file_path` is that of an imported one; others are made of many files."""

    id: str
    camera_id: str
    camera_name: str
    file_path: str | None
    file_name: str
    start_time: str
    end_time: str | None
    duration_seconds: float
    file_size_bytes: int
    status: str
    kind: str
    node_name: str
    error_message: str | None
    camera_deleted: bool
    protected: bool
    download_url: OwnAddress
    gaps: list[GapAnswer] | None = None  # closed up in the download; lists leave it out

    @classmethod
    def of(cls, recording: Recording, gaps: Sequence[Gap] | None = None) -> "RecordingAnswer":
        end_us = None if recording.status is RecordingStatus.RECORDING else recording.end_us
        return cls(
            id=recording.id,
            camera_id=recording.camera_id,
            camera_name=recording.camera_name,
            file_path=recording.external_path,
            file_name=recording.file_name,
            start_time=rfc3339(recording.start_us),
            end_time=None if end_us is None else rfc3339(end_us),
            duration_seconds=round(recording.duration_us / SECOND_US, 3),
            file_size_bytes=recording.size_bytes,
            status=recording.status.value,
            kind=recording.kind.value,
            node_name=recording.node_name,
            error_message=recording.error_message,
            camera_deleted=recording.camera_deleted,
            protected=recording.protected,
            download_url=f"/api/recordings/{recording.id}/download",
            gaps=None if gaps is None else [gap_answer(gap) for gap in gaps],
        )


class RecordingList(BaseModel):
    """A page, newest first; `count` is of all that match and may be seen."""

    recordings: list[RecordingAnswer]
    count: int
    unreachable_nodes: list[str] = []  # names: what they have is not among these


class RecordingDeleted(BaseModel):
    """What was deleted."""

    message: str
    id: str


class RecordingInput(BaseModel):
    """A recording made elsewhere. Name, size and node are found by this node, whatever is given."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    camera_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    camera_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    file_path: Annotated[str, Field(min_length=1, max_length=4096)]
    start_time: Time
    end_time: Time | None = None
    duration_seconds: Duration | None = None
    status: FinalStatus = "completed"
    error_message: Words | None = None
    file_name: Annotated[str, Field(max_length=255)] | None = None
    file_size_bytes: Annotated[int, Field(ge=0)] | None = None
    node_name: Annotated[str, Field(max_length=255)] | None = None

    def to_import(self, zone: tzinfo, *, known_name: str | None) -> NewImport:
        """For the store; naive times are read in `zone`."""
        start_us = _moment(self.start_time, zone, "start_time")
        end_us = read_time(self.end_time, zone, field="end_time")
        if end_us is None and self.duration_seconds is not None:
            end_us = start_us + round(self.duration_seconds * SECOND_US)
        _refuse_late("start_time", start_us)
        _refuse_late("end_time", end_us)
        return NewImport(
            camera_id=self.camera_id,
            camera_name=self.camera_name or known_name or self.camera_id,
            path=self.file_path,
            start_us=start_us,
            end_us=end_us,
            status=RecordingStatus(self.status),
            error_message=self.error_message,
        )


class RecordingPatch(BaseModel):
    """Changes of a recording; times only of an imported one. The path never changes."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    camera_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    status: FinalStatus | None = None
    error_message: Words | None = None
    protected: bool | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    duration_seconds: Duration | None = None

    def to_changes(self, recording: Recording, zone: tzinfo) -> dict[str, Any]:
        """For the store: fields of `Recording`."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        for name, value in given.items():
            if value is None and name != "error_message":
                msg = f"{name}: may not be null"
                raise InvalidInput(msg, field=name)
        start_us, end_us = recording.start_us, recording.end_us
        if "start_time" in given:
            start_us = given["start_us"] = _moment(given.pop("start_time"), zone, "start_time")
        if "end_time" in given:
            end_us = given["end_us"] = _moment(given.pop("end_time"), zone, "end_time")
        if "duration_seconds" in given:
            given["duration_us"] = round(given.pop("duration_seconds") * SECOND_US)
        _refuse_late("start_time", start_us)
        _refuse_late("end_time", end_us)
        if "duration_us" in given:
            _refuse_late("duration_seconds", start_us + given["duration_us"])
        if end_us is not None and end_us < start_us:
            msg = "end_time: lies before start_time"
            raise InvalidInput(msg, field="end_time")
        return given


def _moment(text: str, zone: tzinfo, field: str) -> int:
    moment = read_time(text, zone, field=field)
    if moment is None:
        msg = f"{field}: is missing"
        raise InvalidInput(msg, field=field)
    return moment


def _refuse_late(field: str, moment_us: int | None) -> None:
    """One such row would be shown in every list."""
    if moment_us is not None and moment_us > LATEST_US:
        msg = f"{field}: lies after the year 2199"
        raise InvalidInput(msg, field=field)


def gap_answer(gap: Gap) -> GapAnswer:
    """A gap as the API tells it; why a camera was offline in the language of who asks."""
    is_said = gap.reason is GapReason.CAMERA_OFFLINE  # others name a person, whose name stays
    return {
        "from": rfc3339(gap.from_us),
        "to": rfc3339(gap.to_us),
        "reason": gap.reason.value,
        "detail": said(gap.detail) if is_said else gap.detail,
    }
