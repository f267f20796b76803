"""The cameras: what keeps them from recording, what they send, how far their clocks are off."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from falconeye.alerts.faults import WANTED
from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.doctor.finding import Finding, Level
from falconeye.media.samples import StreamKind
from falconeye.sources.camera_clock import clock_offset_s
from falconeye.sources.target import SourceTarget, source_target
from falconeye.storage.checks.health_rows import LastStep
from falconeye.storage.ledger.coverage import GapReason

MAX_AT_ONCE: Final = 8
_OFF_S: Final = 5.0
_REASONS: Final = {
    GapReason.RECORDING_STOPPED: "somebody stopped the recording",
    GapReason.RECORDING_OFF: "records by hand only",
    GapReason.PAUSED: "paused for privacy",
    GapReason.OUTSIDE_SCHEDULE: "outside of its schedule",
    GapReason.OUTSIDE_EVENTS: "nothing happens: it records events only",
    GapReason.ELSEWHERE: "another node records it",
    GapReason.DISK_FULL: "the disk is full",
    GapReason.DISK_TOO_SLOW: "the disk is too slow",
    GapReason.DISK_ERROR: "the disk fails",
}
_ADVICE: Final = {
    GapReason.CAMERA_OFFLINE: "Check power, cable, address, login: falconeye camera test ADDRESS",
    GapReason.DISK_FULL: "Make room: the lines about disks say where",
    GapReason.DISK_TOO_SLOW: "The disk cannot keep up: the lines about disks say more",
    GapReason.DISK_ERROR: "Check the disk: dmesg, smartctl -a",
    GapReason.INTERNAL: "This is a fault of FalconEye: please report it, with --bundle",
}


async def examine(
    cameras: Sequence[CameraConfig],
    problems: Mapping[str, str],
    steps: Mapping[str, LastStep],
    formats: Mapping[str, str],
    clock: Clock,
    *,
    is_served: bool,
) -> list[Finding]:
    """`problems`: stored passwords that cannot be read. Asks the started ones for their time."""
    slots = asyncio.Semaphore(MAX_AT_ONCE)
    found: list[Finding] = []
    if not cameras:
        advice = "Add one on the wall, or: falconeye camera add ADDRESS --name NAME"
        return [Finding("camera", "all", Level.WARN, "there is no camera yet", advice)]
    for camera in cameras:
        problem = problems.get(camera.id)
        if problem is not None:
            advice = "Bring the data key back, or enter the camera's password again"
            found.append(Finding("camera", camera.name, Level.FAIL, problem, advice))
        step = steps.get(camera.id)
        found.append(_state(camera, step, formats.get(camera.id), is_served=is_served))
    asked = [camera for camera in cameras if not _is_paused(steps.get(camera.id))]
    offsets = await asyncio.gather(*(_clock(camera, clock, slots) for camera in asked))
    return found + [finding for finding in offsets if finding is not None]


def _state(
    camera: CameraConfig, step: LastStep | None, sends: str | None, *, is_served: bool
) -> Finding:
    sent = f"; last footage {sends}" if sends else ""
    if not camera.started or camera.record is RecordMode.OFF:
        words = "stopped by a person" if not camera.started else "records nothing, as it is set"
        return Finding("camera", camera.name, Level.OK, words + sent)
    if not is_served:
        words = f"no recorder is running{sent}"
        advice = "Start it: systemctl start falconeye, or falconeye serve"
        return Finding("camera", camera.name, Level.WARN, words, advice)
    if step is None or step.reason is None:
        return Finding("camera", camera.name, Level.OK, f"nothing keeps it from recording{sent}")
    reason = _REASONS.get(step.reason, step.reason.value.replace("_", " "))
    if step.reason in WANTED:
        words = f"{reason}: {step.detail}" if step.detail else reason
        return Finding("camera", camera.name, Level.OK, words + sent)
    words = step.detail or reason
    advice = _ADVICE.get(step.reason, "The page of the camera says more")
    return Finding("camera", camera.name, Level.FAIL, f"does not record: {words}{sent}", advice)


def _is_paused(step: LastStep | None) -> bool:
    """Privacy: nothing of ours connects to it."""
    return step is not None and step.reason is GapReason.PAUSED


async def _clock(camera: CameraConfig, clock: Clock, slots: asyncio.Semaphore) -> Finding | None:
    """None for a camera that does not tell its time: no fault of its own."""
    target = _target(camera)
    if target is None:
        return None
    async with slots:
        offset_s = await asyncio.to_thread(partial(clock_offset_s, target, clock))
    if offset_s is None:
        return None
    subject = f"{camera.name}, clock"
    if abs(offset_s) < _OFF_S:
        return Finding("camera", subject, Level.OK, "right to a few seconds")
    words = f"{abs(offset_s):.0f} s {'fast' if offset_s > 0 else 'slow'}"
    advice = "Footage is dated by this recorder; the time in the picture is wrong: set NTP in it"
    return Finding("camera", subject, Level.WARN, words, advice)


def _target(camera: CameraConfig) -> SourceTarget | None:
    if not camera.started or not camera.source_url:
        return None
    try:
        return source_target(camera, StreamKind.MAIN)
    except InvalidInput:
        return None  # the camera's own state says so
