"""What is said of a camera, by the last step that the ledger knows of it."""

import asyncio
from dataclasses import replace

import pytest

from falconeye.config.camera import CameraConfig, Protocol, RecordMode
from falconeye.doctor.cameras import examine
from falconeye.doctor.finding import Level
from falconeye.storage.checks.health_rows import LastStep
from falconeye.storage.ledger.coverage import GapReason
from tests.clock import FakeClock

CAMERA = CameraConfig("cam", "Door", Protocol.DEMO, "demo:", 0, 0, record=RecordMode.EVENT)


@pytest.mark.parametrize(
    ("reason", "level"),
    [
        (GapReason.OUTSIDE_EVENTS, Level.OK),
        (GapReason.OUTSIDE_SCHEDULE, Level.OK),
        (GapReason.PAUSED, Level.OK),
        (GapReason.RECORDING_STOPPED, Level.OK),
        (None, Level.OK),
        (GapReason.CAMERA_OFFLINE, Level.FAIL),
        (GapReason.DISK_FULL, Level.FAIL),
    ],
)
async def test_what_people_want_is_no_fault(reason: GapReason | None, level: Level) -> None:
    steps = {"cam": LastStep(0, reason, "")}
    (found,) = await examine([CAMERA], {}, steps, {}, FakeClock(), is_served=True)
    assert found.level is level


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        (GapReason.RECORDING_OFF, "", "records by hand only"),
        (GapReason.PAUSED, "anna", "paused for privacy: anna"),
        (GapReason.DISK_FULL, "", "does not record: the disk is full"),
        (GapReason.CAMERA_OFFLINE, "it is gone", "does not record: it is gone"),
    ],
)
async def test_why_it_does_not_record_is_said_in_words(
    reason: GapReason, detail: str, words: str
) -> None:
    steps = {"cam": LastStep(0, reason, detail)}
    (found,) = await examine([CAMERA], {}, steps, {}, FakeClock(), is_served=True)
    assert found.words == words


@pytest.mark.parametrize(("reason", "asked"), [(GapReason.PAUSED, False), (None, True)])
async def test_a_camera_paused_for_privacy_is_not_asked_for_its_time(
    reason: GapReason | None, asked: bool
) -> None:
    callers: list[str] = []

    def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append("doctor")
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        camera = replace(CAMERA, protocol=Protocol.HTTP, source_url=url, allow_local=True)
        steps = {"cam": LastStep(0, reason, "")}
        _ = await examine([camera], {}, steps, {}, FakeClock(), is_served=True)
    assert bool(callers) is asked
