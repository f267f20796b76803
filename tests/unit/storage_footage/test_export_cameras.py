"""Several cameras of one time in one zip, each with its sidecar, and a sheet for people."""

import hashlib
import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from falconeye.base.errors import NotFound
from falconeye.base.times import rfc3339
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.segments.segments import Accepted, ClockState, SegmentEnd
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.boards import boot
from tests.unit.storage_footage.exporting import (
    JOB,
    decodes,
    footage,
    ignore,
    open_exports,
    order,
    path_of,
    probe,
    sidecar_of,
)
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    segment_fragments,
)

OTHER, NEVER = "camera-2", "camera-3"
THREE = ((CAMERA, "Front door"), (OTHER, "Front door"), (NEVER, "Yard\nSHA-256 of nobody"))


async def two_cameras(node: Node) -> None:
    await footage(node, hole_s=10)
    run = node.store.begin_run(OTHER, StreamKind.MAIN, START_US)
    at = await node.record(run, START_US, gops=2, camera_id=OTHER)
    end = RunEnd.NODE_STOPPED
    _ = await node.record(run, at, gops=2, camera_id=OTHER, offset_90k=2 * GOP_90K, run_end=end)


async def test_a_zip_of_several_cameras(node: Node, tmp_path: Path) -> None:
    await two_cameras(node)
    exports = open_exports(node)
    reported: list[float] = []
    expected = await exports.expected_bytes(order(1, 17, *THREE))
    made = await exports.make(JOB, order(1, 17, *THREE), reported.append)
    exports.stop()
    assert made.file_name == "3-cameras_2026-09-21_16-13-21+0200.zip"
    path = path_of(node, made)
    data = path.read_bytes()
    assert (made.size_bytes, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert reported == sorted(reported)
    assert reported[-1] == pytest.approx(1)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        names = archive.namelist()
        archive.extractall(tmp_path)
    stem = "Front-door_2026-09-21_16-13-21+0200"
    never = "Yard-SHA-256-of-nobody_2026-09-21_16-13-21+0200"
    assert names == [
        f"{stem}.mp4", f"{stem}.json", f"{stem}_2.mp4", f"{stem}_2.json", f"{never}.json",
        "3-cameras_2026-09-21_16-13-21+0200.txt",
    ]  # fmt: skip
    lengths = []
    for file in made.files:
        inside = tmp_path / file.name
        assert hashlib.sha256(inside.read_bytes()).hexdigest() == file.sha256
        await decodes(inside)
        lengths.append(float((await probe(inside))["format"]["duration"]))
    assert lengths == pytest.approx([6, 3], abs=0.07)
    assert [(file.camera_id, file.codec) for file in made.files] == [
        (CAMERA, "h264"),
        (OTHER, "h264"),
    ]
    assert sum(file.size_bytes for file in made.files) <= expected
    told = sidecar_of(node, made)
    assert (told["file"], told["sha256"]) == (made.file_name, made.sha256)
    assert [one["camera_id"] for one in told["cameras"]] == [CAMERA, OTHER, NEVER]
    assert (told["cameras"][2]["parts"], told["cameras"][2]["from"]) == ([], None)
    inner = json.loads((tmp_path / f"{stem}_2.json").read_bytes())
    assert inner["parts"] == told["cameras"][1]["parts"]
    assert "sha256" not in inner


async def test_the_sheet_says_it_in_words(node: Node) -> None:
    await two_cameras(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(1, 17, *THREE), ignore)
    exports.stop()
    text = (node.media_dir / "exports" / JOB / made.sheet_name).read_bytes().decode()
    assert len(text.encode()) == made.sheet_bytes
    lines = text.split("\r\n")
    for line in (
        f"File      {made.file_name}",
        f"SHA-256   {made.sha256}",
        "Node      pi-1",
        "Asked by  anna",
        "Asked at  2026-09-21 16:13:20.000 +0200 (CEST)",
        "Asked     2026-09-21 16:13:21.000 +0200 (CEST)",
        "          2026-09-21T14:13:21.000Z",
        "Zone      local times are those of Europe/Vienna",
        f"SHA-256   {made.files[0].sha256}",
        "Gaps in it: 1 (closed up in the file)",
        "    2026-09-21T14:13:25.000Z to 2026-09-21T14:13:35.000Z, 10.000 s: camera offline",
        "Nothing of it was recorded in that time.",
        "Camera Yard SHA-256 of nobody",  # a name makes no line of its own
    ):
        assert line in lines, line
    assert any(line.startswith("Clock     ") and "NTP" in line for line in lines)
    with zipfile.ZipFile(path_of(node, made)) as archive:
        inner = archive.read(archive.namelist()[-1]).decode()
    assert made.sha256 not in inner  # a file cannot hold its own hash
    assert made.files[1].sha256 in inner


async def test_names_that_differ_in_case_alone_are_not_one_file(node: Node) -> None:
    """Windows and macOS unpack the second over the first."""
    await two_cameras(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(1, 3, (CAMERA, "Door"), (OTHER, "door")), ignore)
    exports.stop()
    with zipfile.ZipFile(path_of(node, made)) as archive:
        names = archive.namelist()
    assert len({name.casefold() for name in names}) == len(names) == 5


async def test_a_zip_is_made_by_a_board_that_lives_in_1970(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_cameras(node)
    exports = open_exports(node)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))
    made = await exports.make(JOB, order(1, 3, *THREE[:2]), ignore)
    exports.stop()
    with zipfile.ZipFile(path_of(node, made)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 5


async def test_nothing_of_any_camera(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    nobody = order(0, 7, (OTHER, "Yard"), (NEVER, "Gate"))
    with pytest.raises(NotFound):
        await exports.expected_bytes(nobody)
    with pytest.raises(NotFound):
        await exports.make(JOB, nobody, ignore)
    assert not (node.media_dir / "exports" / JOB).exists()
    made = await exports.make(JOB, order(0, 7, (NEVER, "Gate"), (CAMERA, "Door")), ignore)
    exports.stop()
    assert [file.camera_id for file in made.files] == [CAMERA]


async def test_a_file_lost_in_the_second_camera_begins_again(node: Node) -> None:
    await two_cameras(node)
    second = max(node.media_dir.rglob(f"{OTHER}/**/*.mp4"))
    seen: list[float] = []

    def report(share: float) -> None:
        if 0.6 < share < 0.99 and second.exists():  # between its head and its media; on the thread
            seen.append(share)
            second.unlink()

    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 5, *THREE[:2]), report)
    exports.stop()
    assert len(seen) == 1
    assert [file.camera_id for file in made.files] == [CAMERA, OTHER]
    assert made.files[1].duration_us == pytest.approx(2 * GOP_US, abs=1000)
    (gap,) = sidecar_of(node, made)["cameras"][1]["gaps"]
    assert (gap["from"], gap["reason"]) == ("2026-09-21T14:13:22.000Z", "file_lost")
    left = {entry.name for entry in path_of(node, made).parent.iterdir()}
    assert left == {made.file_name, made.sidecar_name, made.sheet_name}


async def test_it_says_what_was_recorded_before_the_clock_was_set(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = START_US
    for clock in (ClockState.UNKNOWN, ClockState.UNKNOWN, ClockState.SYNCHRONISED):
        offset = (at - START_US) * 9 // 100
        writer = node.store.create(replace(node.start(run, at, offset_90k=offset), clock=clock))
        for fragment in segment_fragments(2, offset_90k=offset):
            assert writer.append(fragment) is Accepted.YES
        at += 2 * GOP_US
        writer.close(SegmentEnd(at))
        assert await node.store.flush(5)
    node.clock.advance(60)
    exports = open_exports(node)
    for begin, doubtful in ((0, True), (4.5, False)):
        made = await exports.make(JOB, order(begin, 6), ignore)
        text = (node.media_dir / "exports" / JOB / made.sheet_name).read_text()
        assert ("NOT set by NTP while this was recorded" in text) is doubtful
        assert ("The clock was set by NTP while it was recorded." in text) is not doubtful
        spans = [{"from": "2026-09-21T14:13:20.000Z", "to": "2026-09-21T14:13:24.000Z"}]
        assert sidecar_of(node, made)["clock_not_set"] == (spans if doubtful else [])
    exports.stop()


@pytest.mark.parametrize("step_s", [3600, -3600])
async def test_it_says_that_its_times_were_put_right(
    tmp_path: Path, clock: FakeClock, step_s: int
) -> None:
    board = await boot(tmp_path, clock)
    await board.record(6)
    await board.set_clock(step_s)
    await board.record(6)
    await board.end()
    await board.redater.round()
    exports = open_exports(board.node)
    right = order(step_s, step_s + 12)
    made = await exports.make(JOB, right, ignore)
    text = (board.node.media_dir / "exports" / JOB / made.sheet_name).read_text()
    off = "behind" if step_s > 0 else "ahead"
    assert f"it was 3600.000 s {off}" in text
    # Those of before are not doubtful any more; the files of the test say nothing of the rest.
    assert rfc3339(right.from_us) not in text.partition("doubtful")[2]
    assert "The clock was set by NTP" not in text
    (told,) = sidecar_of(board.node, made)["clock_corrected"]
    (known,) = (await board.timeline(right.from_us, right.to_us)).corrections
    assert (told["from"], told["to"]) == (rfc3339(known.from_us), rfc3339(known.to_us))
    assert told["clock_offset_seconds"] == pytest.approx(-step_s, abs=0.01)
    made = await exports.make(JOB, order(step_s + 9, step_s + 12), ignore)
    assert sidecar_of(board.node, made)["clock_corrected"] == []
    exports.stop()
    await board.stop()
