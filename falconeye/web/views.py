"""Cameras and recordings as the templates' values, narrowed to what the viewer may see."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from falconeye.accounts.model import Action, Principal
from falconeye.base.redact import redact_text
from falconeye.base.times import rfc3339
from falconeye.cameras.identity.same_address import of_one_address
from falconeye.cameras.privacy import Pause
from falconeye.cameras.usb import current_path
from falconeye.cameras.views import Camera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import ReasonCode
from falconeye.storage.ledger.coverage import Gap, GapReason, Span, merge_spans
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.reading.cluster_timeline import ClusterTimeline
from falconeye.storage.reading.timeline import Timeline
from falconeye.storage.segments.recording_rows import Recording, RecordingStatus
from falconeye.web.day_contexts import AheadRow, ClockRow, DayPart, SeamRow
from falconeye.web.i18n import gettext as _
from falconeye.web.own_protections import Kept
from falconeye.web.recording_contexts import ProtectionRow, RecordingRow
from falconeye.web.said import said
from falconeye.web.security.access import may_on
from falconeye.web.services import Services
from falconeye.web.untold_words import away_words, untold_words

LATEST_RECORDINGS: Final = 5  # beside a camera
_CONNECTING: Final = "connecting"  # of a camera: no reason by itself


def visible_cameras(services: Services, who: Principal | None) -> list[Camera]:
    """The cameras that `who` may watch, by name."""
    return [
        camera.anywhere
        for camera in services.cameras.list()
        if may_on(who, Action.VIEW_LIVE, camera.config.id)
    ]


def same_addresses(
    services: Services, who: Principal | None
) -> Mapping[str, tuple[CameraConfig, ...]]:
    """By camera id: other cameras with its address, among those that `who` may watch."""
    return of_one_address(one.config for one in visible_cameras(services, who))


def shown_cameras(services: Services, who: Principal | None) -> list[Camera]:
    """The same as `shown_camera` has each: for pages."""
    return [shown_camera(services, camera) for camera in visible_cameras(services, who)]


def shown_camera(services: Services, camera: Camera) -> Camera:
    """A camera whose pause is told in the language of the request; the API's words are English."""
    if camera.pause is None or camera.state.reason_code is not ReasonCode.PAUSED:
        return camera
    words = pause_words(camera.pause, services.clock.utc_us(), services.stored_settings.zone)
    return replace(camera, state=replace(camera.state, reason=words))


def pause_words(pause: Pause, now_us: int, zone: tzinfo) -> str:
    """By whom it is paused, and until when, in the language of the request."""
    until = pause.until_text(now_us, zone)
    if pause.by_schedule:
        words = (
            _("paused by its schedule until {until}")
            if until
            else _("paused by its schedule until switched on")
        )
    else:
        words = (
            _("paused by {who} until {until}") if until else _("paused by {who} until switched on")
        )
    return words.format(who=pause.by, until=until)


def shown_address(camera: Camera) -> str:
    """A camera's address as a page may show it: without anything secret in its query.

    That of a USB camera is the path of its device, now or when it was there last.
    """
    if camera.config.protocol is Protocol.USB:
        return current_path(camera.config) or ""
    return redact_text(camera.config.source_url or "")


def recording_row(recording: Recording, now_us: int) -> RecordingRow:
    """One recording for a list; one that is being made is as long as it runs (`now_us`: UTC)."""
    growing = recording.status is RecordingStatus.RECORDING
    running_us = max(recording.duration_us, now_us - recording.start_us)
    return RecordingRow(
        id=recording.id,
        camera_id=recording.camera_id,
        camera_name=recording.camera_name,
        start_us=recording.start_us,
        end_us=None if growing else recording.end_us,
        duration_us=running_us if growing else recording.duration_us,
        size_bytes=recording.size_bytes,
        status=recording.status.value,
        error_message=recording.error_message or "",
        camera_deleted=recording.camera_deleted,
        on_disk=not growing or recording.segments > 0,
        protected=recording.protected,
    )


def day_parts(
    found: ClusterTimeline, names: Mapping[str, str], zone: tzinfo
) -> tuple[DayPart, ...]:
    """A timeline as one row of footage, of whichever stream and node, gaps, and what is untold."""
    known = (*found.reachable, *(one.span for one in found.own.ahead))
    footage = merge_spans(sorted(known, key=lambda s: s.from_us))
    parts = [DayPart(span.from_us, span.to_us, recorded=True) for span in footage]
    for span, node_id in found.away:
        node, since_us = names.get(node_id, node_id), found.silent[node_id]
        words = away_words(node, since_us, span.from_us, zone)
        parts.append(DayPart(span.from_us, span.to_us, recorded=True, untold=words))
    parts += [
        DayPart(
            gap.from_us,
            gap.to_us,
            recorded=False,
            reason=gap_words(gap),
            is_wanted=is_wanted(gap),
            code=gap.reason.value,
        )
        for gap in found.gaps
    ]
    parts += [
        DayPart(gap.from_us, gap.to_us, recorded=False, untold=untold_words(gap, names, zone))
        for gap in found.untold
    ]
    return tuple(sorted(parts, key=lambda part: part.start_us))


def ahead_rows(found: Timeline) -> tuple[AheadRow, ...]:
    """Stretches whose time has not come, of whichever stream."""
    spans = merge_spans(sorted((one.span for one in found.ahead), key=lambda s: s.from_us))
    return tuple(AheadRow(one.from_us, one.to_us, rfc3339(one.from_us)) for one in spans)


def corrections(found: Timeline) -> tuple[ClockRow, ...]:
    """Where the machine's clock had been wrong."""
    return tuple(
        ClockRow(max(one.from_us, found.from_us), one.to_us, abs(one.shift_us), one.shift_us > 0)
        for one in found.corrections
    )


def seams(found: Timeline) -> tuple[SeamRow, ...]:
    """Where the machine's clock was set, and what was recorded twice because of that.

    Of an index made anew of the files that is known of the footage alone.
    """
    twice = merge_spans(found.overlaps)  # of whichever stream
    rows: list[SeamRow] = []
    for seam in found.seams:
        own = [span for span in twice if _lies_at(span, seam)]
        twice = [span for span in twice if span not in own]
        spans = tuple((span.from_us, span.to_us) for span in own)
        rows.append(SeamRow(seam.before_us, seam.after_us, spans))
    rows += [SeamRow(None, None, ((span.from_us, span.to_us),)) for span in twice]
    return tuple(rows)


def _lies_at(span: Span, seam: ClockSeam) -> bool:
    was_set_back = seam.after_us < seam.before_us
    return was_set_back and span.from_us < seam.before_us and span.to_us > seam.after_us


def protection_row(kept: Kept) -> ProtectionRow:
    """What is protected, for a list."""
    return ProtectionRow(
        kept.protection_id,
        kept.from_us,
        kept.to_us,
        kept.by or "",
        kept.reason,
        kept.recording_id,
        kept.node,
    )


_WANTED: Final = frozenset(
    {
        GapReason.CAMERA_STOPPED,
        GapReason.RECORDING_STOPPED,
        GapReason.RECORDING_OFF,
        GapReason.PAUSED,
        GapReason.ELSEWHERE,
        GapReason.OUTSIDE_SCHEDULE,
        GapReason.OUTSIDE_EVENTS,
        GapReason.NODE_STOPPED,
        GapReason.DELETED_BY_AGE,
        GapReason.DELETED_BY_SIZE,
        GapReason.DELETED_FOR_ROOM,
        GapReason.DELETED_BY_PERSON,
    }
)


def is_wanted(gap: Gap) -> bool:
    """Whether a person, or a rule, wants it so."""
    return gap.reason in _WANTED


def gap_dictionary() -> tuple[dict[str, str], tuple[str, ...]]:
    """Words of every reason, and those that somebody wants; for the time line's script."""
    words = {reason.value: gap_words(Gap(0, 0, reason)) for reason in GapReason}
    return words, tuple(reason.value for reason in _WANTED)


def gap_detail(gap: Gap) -> str:
    """What is known beside the reason: a person's name, or what was wrong with the camera."""
    if gap.reason is not GapReason.CAMERA_OFFLINE:
        return gap.detail
    return "" if gap.detail == _CONNECTING else said(gap.detail)


def gap_words(gap: Gap) -> str:
    """Why something was not recorded, to stand after "because"."""
    told = {
        GapReason.CAMERA_OFFLINE: _("the camera was offline: {detail}"),
        GapReason.CAMERA_STOPPED: _("{detail} stopped the camera"),
        GapReason.RECORDING_STOPPED: _("{detail} stopped the recording"),
        GapReason.PAUSED: _("it was paused for privacy by {detail}"),
        GapReason.OUTSIDE_EVENTS: _(
            "nothing happened; memory was short for the time before events"
        ),
        GapReason.DELETED_BY_PERSON: _("{detail} deleted it"),
        GapReason.DISK_REMOVED: _("{detail} removed its disk"),
    }
    if gap.reason in told and (detail := gap_detail(gap)):
        return told[gap.reason].format(detail=detail)
    words = {
        GapReason.CAMERA_OFFLINE: _("the camera was offline"),
        GapReason.CAMERA_STOPPED: _("someone stopped the camera"),
        GapReason.RECORDING_STOPPED: _("someone stopped it"),
        GapReason.RECORDING_OFF: _("this camera records by hand only"),
        GapReason.PAUSED: _("it was paused for privacy"),
        GapReason.OUTSIDE_SCHEDULE: _("it was outside the schedule"),
        GapReason.ELSEWHERE: _("another node was to record it"),
        GapReason.OUTSIDE_EVENTS: _("nothing happened: it records events only"),
        GapReason.NODE_STOPPED: _("FalconEye was stopped"),
        GapReason.NODE_CRASHED: _("FalconEye or its machine stopped unexpectedly"),
        GapReason.DISK_FULL: _("the disk was full"),
        GapReason.DISK_TOO_SLOW: _("the disk was too slow"),
        GapReason.DISK_ERROR: _("the disk failed"),
        GapReason.CLOCK_CHANGED: _("the clock of the machine was changed"),
        GapReason.DELETED_BY_AGE: _("it was older than footage is kept for"),
        GapReason.DELETED_BY_SIZE: _("it was more than is kept of this camera"),
        GapReason.DELETED_FOR_ROOM: _("it was the oldest, and the disk needed room"),
        GapReason.DELETED_BY_PERSON: _("someone deleted it"),
        GapReason.DISK_REMOVED: _("its disk was removed"),
        GapReason.FILE_LOST: _("its file was lost"),
        GapReason.INTERNAL: _("of an error inside FalconEye; see its log"),
        GapReason.UNKNOWN: _("of a reason that is not known"),
    }
    return words[gap.reason]
