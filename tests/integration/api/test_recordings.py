"""Recordings by the API: lists, fields, download in ranges, import, deletion; roles and scopes."""

import asyncio
import contextlib
import io
from pathlib import Path

import av
import pytest

from falconeye.accounts.model import Role
from falconeye.base.times import HOUR_US, SECOND_US, rfc3339
from falconeye.media.samples import StreamKind
from falconeye.storage.segments.layout import recording_id
from falconeye.storage.segments.segments import Accepted, ClockState, SegmentEnd, SegmentStart
from tests.clock import START_US
from tests.integration.api.conftest import Served
from tests.unit.storage_footage.footage import GOP_US, init_segment, segment_fragments

CAMERA = "0b6f2d8e-70f2-4a2f-9d43-6c3e1f6f8a11"
OTHER = "1b6f2d8e-70f2-4a2f-9d43-6c3e1f6f8a11"
FIELDS = {
    "id", "camera_id", "camera_name", "file_path", "file_name", "start_time", "end_time",
    "duration_seconds", "file_size_bytes", "status", "node_name", "error_message",
    "camera_deleted",
}  # fmt: skip


async def footage(
    served: Served, start_us: int = START_US, gops: int = 2, camera_id: str = CAMERA
) -> str:
    """A recording of one segment, written by the product's own store."""
    made = recording_id(camera_id, start_us)
    fragments = await asyncio.to_thread(lambda: list(segment_fragments(gops)))
    writer = served.footage.create(
        SegmentStart(
            camera_id=camera_id,
            stream=StreamKind.MAIN,
            run_id=served.footage.begin_run(camera_id, StreamKind.MAIN, start_us),
            start_us=start_us,
            media_offset_90k=0,
            audio_offset_ticks=0,
            clock=ClockState.SYNCHRONISED,
            init=await asyncio.to_thread(init_segment),
            recording_id=made,
            camera_name="Front door",
        )
    )
    for fragment in fragments:
        assert writer.append(fragment) is Accepted.YES
    writer.close(SegmentEnd(start_us + gops * GOP_US))
    assert await served.footage.flush(5)
    await served.footage.housekeeping()  # the footage is of the past: its recording has ended
    return made


def decoded(data: bytes) -> int:
    with av.open(io.BytesIO(data), mode="r") as container:
        return len(list(container.decode(video=0)))


async def test_a_recording_has_all_fields(served: Served) -> None:
    made = await footage(served)
    listed = (await served.viewer.get("/api/recordings/")).json()
    assert listed.keys() == {"recordings", "count", "unreachable_nodes"}
    assert (listed["count"], listed["unreachable_nodes"]) == (1, [])
    recording = listed["recordings"][0]
    assert recording.keys() >= FIELDS
    assert recording["id"] == made
    assert (recording["camera_name"], recording["node_name"]) == ("Front door", "pi-1")
    assert (recording["start_time"], recording["duration_seconds"]) == (rfc3339(START_US), 2.0)
    assert (recording["status"], recording["camera_deleted"]) == ("completed", False)
    one = (await served.viewer.get(f"/api/recordings/{made}/")).json()
    assert one.pop("gaps") == []
    assert {**one, "gaps": None} == recording


async def test_lists_are_filtered_newest_first(served: Served) -> None:
    times = [START_US, START_US + HOUR_US, START_US + 2 * HOUR_US]
    ids = [await footage(served, start_us, 1) for start_us in times]
    other = await footage(served, START_US, 1, OTHER)

    async def listed(**query: str | int) -> tuple[list[str], int]:
        answer = (await served.viewer.get("/api/recordings/", params=query)).json()
        return [recording["id"] for recording in answer["recordings"]], answer["count"]

    assert await listed(camera_id=CAMERA) == (ids[::-1], 3)
    assert await listed(camera_id=CAMERA, limit=1, offset=1) == ([ids[1]], 3)
    assert await listed(camera_id=OTHER) == ([other], 1)
    assert await listed(status="failed") == ([], 0)
    assert await listed(**{"camera_id": CAMERA, "from": rfc3339(times[1])}) == (ids[:0:-1], 2)
    # naive: the site's time zone, 2 h before UTC in September
    naive = rfc3339(times[1] + 2 * HOUR_US).removesuffix("Z")
    assert await listed(camera_id=CAMERA, to=naive) == ([ids[0]], 1)
    for query in ("limit=0", "limit=1001", "status=gone", "from=yesterday", "from=2&to=x"):
        assert (await served.viewer.get(f"/api/recordings/?{query}")).status_code == 422, query
    query = "from=2026-11-20T12:00:00Z&to=2026-11-20T11:00:00Z"
    assert (await served.viewer.get(f"/api/recordings/?{query}")).status_code == 422


async def test_a_download_is_one_playable_file(served: Served) -> None:
    made = await footage(served, gops=3)
    url = f"/api/recordings/{made}/download"
    answer = await served.viewer.get(url)
    assert answer.status_code == 200
    whole = answer.content
    assert int(answer.headers["content-length"]) == len(whole)
    assert answer.headers["content-type"].startswith("video/mp4")
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith('attachment; filename="Front-door_')
    assert await asyncio.to_thread(decoded, whole) == 30
    inline = await served.viewer.head(url, params={"inline": 1})
    assert inline.headers["content-disposition"].startswith("inline;")
    assert (inline.content, inline.headers["content-length"]) == (b"", str(len(whole)))
    assert inline.headers["etag"] == answer.headers["etag"]


async def test_ranges_of_a_download_are_slices_of_the_whole(served: Served) -> None:
    url = f"/api/recordings/{await footage(served)}/download"
    answer = await served.viewer.get(url)
    whole, etag, size = answer.content, answer.headers["etag"], len(answer.content)
    for wanted, first, end in (
        ("0-0", 0, 1),
        ("100-2999", 100, 3000),
        (f"{size - 5}-", size - 5, size),
        ("-7", size - 7, size),
        ("5-99999999999", 5, size),
    ):
        part = await served.viewer.get(url, headers={"range": f"bytes={wanted}", "if-range": etag})
        assert part.status_code == 206
        assert part.content == whole[first:end]
        assert part.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
    beyond = await served.viewer.get(url, headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert beyond.json()["detail"]
    several = await served.viewer.get(url, headers={"range": "bytes=0-1, 5-6"})
    assert (several.status_code, several.content) == (200, whole)
    changed = await served.viewer.get(url, headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert (changed.status_code, changed.content) == (200, whole)
    known = await served.viewer.get(url, headers={"if-none-match": etag})
    assert (known.status_code, known.content) == (304, b"")
    refused = await served.viewer.get(url, headers={"if-match": '"other"'})
    assert refused.status_code == 412


async def test_downloads_are_written_down_once(served: Served) -> None:
    made = await footage(served)
    url = f"/api/recordings/{made}/download"
    for _ in range(3):
        await served.viewer.get(url, headers={"range": "bytes=1-5"})
        await served.viewer.head(url)
        await served.viewer.get(url, params={"inline": 1})
    entries, _ = await served.services.accounts.audit.list()
    assert sorted((entry.action, entry.object_id) for entry in entries) == [
        ("recording.downloaded", made),
        ("recording.viewed", made),
    ]


def open_files(name: str) -> list[str]:
    """What this process has open of that name."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found.append(str(path.readlink()))
    return [path for path in found if path.endswith(name)]


async def test_a_client_that_leaves_a_large_download_frees_its_file(served: Served) -> None:
    root = served.services.settings.import_root
    assert root is not None
    size = 5 << 30  # sparse; more than any buffer, and than 32 bits
    await asyncio.to_thread(_make_sparse, root / "large.mp4", size)
    body = {"camera_id": "c", "file_path": "large.mp4", "start_time": "2026-07-01T12:00:00Z"}
    made = (await served.operator.post("/api/recordings/", json=body)).json()
    url = made["download_url"]
    end = await served.viewer.get(url, headers={"range": "bytes=-4"})
    assert (end.status_code, end.content) == (206, b"last")
    async with served.viewer.stream("GET", url) as answer:
        assert answer.headers["content-length"] == str(size)
        pieces = answer.aiter_raw(1)  # kept: a generator that is collected closes the connection
        await anext(pieces)
        assert await asyncio.to_thread(open_files, "large.mp4")
    async with asyncio.timeout(5):
        while await asyncio.to_thread(open_files, "large.mp4"):  # noqa: ASYNC110 - the kernel has no event
            await asyncio.sleep(0.02)


def _make_sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.seek(size - 4)
        file.write(b"last")


@pytest.mark.parametrize("name", ["none", "..%2f..%2fetc%2fpasswd", "a" * 300])
async def test_unknown_recordings_are_404(served: Served, name: str) -> None:
    url = f"/api/recordings/{name}"
    assert (await served.viewer.get(url)).status_code == 404
    assert (await served.viewer.get(f"{url}/download")).status_code == 404
    assert (await served.admin.delete(url)).status_code == 404
    assert (await served.operator.patch(url, json={"protected": True})).status_code == 404


async def test_without_delete_file_it_only_leaves_the_list(served: Served) -> None:
    hidden, deleted = await footage(served), await footage(served, START_US + HOUR_US)
    size = served.services.volumes.all[0]
    answer = await served.admin.delete(f"/api/recordings/{hidden}")
    assert (answer.status_code, answer.json()["id"]) == (200, hidden)
    assert len(await size.readers.run(size.files)) == 2
    answer = await served.admin.delete(f"/api/recordings/{deleted}?delete_file=true")
    assert answer.status_code == 200
    assert len(await size.readers.run(size.files)) == 1
    assert (await served.viewer.get("/api/recordings/")).json()["count"] == 0
    entries, _ = await served.services.accounts.audit.list()
    assert [entry.action for entry in entries] == ["recording.deleted", "recording.hidden"]


async def test_protection_and_notes_can_be_changed(served: Served) -> None:
    made = await footage(served)
    url = f"/api/recordings/{made}"
    answer = await served.operator.patch(
        url, json={"protected": True, "status": "failed", "error_message": "fog"}
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["protected"], changed["status"]) == (True, "failed")
    assert (await served.admin.delete(f"{url}?delete_file=true")).status_code == 409
    for body in (
        {"file_path": "/etc/passwd"},
        {"status": "recording"},
        {"status": None},
        {"start_time": "2026-11-20T12:00:00Z"},
        {"duration_seconds": -1},
    ):
        assert (await served.operator.patch(url, json=body)).status_code == 422, body


async def test_a_recording_made_elsewhere_is_registered(served: Served) -> None:
    root = served.services.settings.import_root
    assert root is not None
    whole = (await served.viewer.get(f"/api/recordings/{await footage(served)}/download")).content
    await asyncio.to_thread((root / "clip.mp4").write_bytes, whole)
    body = {
        "camera_id": "garden_1",
        "camera_name": "Garden",
        "file_path": "clip.mp4",
        "start_time": "2026-07-01T12:00:00",
        "duration_seconds": 2,
    }
    answer = await served.operator.post("/api/recordings/", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["id"] == "garden_1_20260701100000"
    assert made["end_time"] == "2026-07-01T10:00:02.000Z"
    assert (made["file_path"], made["file_size_bytes"]) == (str(root / "clip.mp4"), len(whole))
    part = await served.viewer.get(
        f"/api/recordings/{made['id']}/download", headers={"range": "bytes=5-9"}
    )
    assert (part.status_code, part.content) == (206, whole[5:10])
    moved = await served.operator.patch(
        f"/api/recordings/{made['id']}", json={"end_time": "2026-07-01T12:00:09"}
    )
    assert moved.json()["end_time"] == "2026-07-01T10:00:09.000Z"


async def test_a_recording_of_another_age_is_refused_and_the_lists_go_on(served: Served) -> None:
    root = served.services.settings.import_root
    assert root is not None
    await asyncio.to_thread((root / "clip.mp4").write_bytes, b"a clip")
    body = {"camera_id": "c", "file_path": "clip.mp4", "start_time": "2026-07-01T12:00:00Z"}
    late: tuple[dict[str, object], ...] = (
        {"start_time": "9999-12-31T23:59:59Z", "duration_seconds": 100_000},
        {"start_time": "2200-01-02T00:00:00Z"},
        {"start_time": "2199-12-31T00:00:00Z", "duration_seconds": 100_000},
        {"end_time": "2200-01-02T00:00:00Z"},
    )
    for change in late:
        answer = await served.operator.post("/api/recordings/", json={**body, **change})
        assert answer.status_code == 422, change
    made = (await served.operator.post("/api/recordings/", json=body)).json()
    for change in (*late, {"start_time": "2199-12-31T00:00:00Z", "duration_seconds": 100_000}):
        answer = await served.operator.patch(f"/api/recordings/{made['id']}", json=change)
        assert answer.status_code == 422, change
    listed = await served.viewer.get("/api/recordings/")
    assert [recording["id"] for recording in listed.json()["recordings"]] == [made["id"]]


async def test_paths_outside_the_import_root_are_refused(served: Served) -> None:
    root = served.services.settings.import_root
    assert root is not None
    outside = root.parent / "outside.mp4"
    await asyncio.to_thread(outside.write_bytes, b"secret")
    await asyncio.to_thread((root / "link.mp4").symlink_to, outside)
    for path in ("../outside.mp4", str(outside), "link.mp4", "none.mp4", ".", "a\0b", "/"):
        answer = await served.operator.post(
            "/api/recordings/",
            json={"camera_id": "c", "file_path": path, "start_time": "2026-07-01T12:00:00Z"},
        )
        assert answer.status_code == 422, path
        assert "outside" not in answer.text.replace(path, "")
    for change in (
        {"camera_id": "../x"},
        {"start_time": "soon"},
        {"start_time": None},
        {"end_time": "2026-07-01T11:00:00Z"},
        {"status": "recording"},
    ):
        body = {"camera_id": "c", "file_path": "x", "start_time": "2026-07-01T12:00:00Z"}
        answer = await served.operator.post("/api/recordings/", json={**body, **change})
        assert answer.status_code == 422, change


async def test_roles_and_scopes(served: Served) -> None:
    mine, other = await footage(served), await footage(served, camera_id=OTHER)
    url = f"/api/recordings/{mine}"
    assert (await served.nobody.get(f"{url}/download")).status_code == 401
    assert (await served.viewer.patch(url, json={"protected": True})).status_code == 403
    assert (await served.operator.delete(url)).status_code == 403
    limited = await served.client(Role.ADMIN, cameras=frozenset({CAMERA}))
    live_only = await served.client(Role.VIEWER, live_only=True)
    async with limited, live_only:
        listed = (await limited.get("/api/recordings/")).json()
        assert ([entry["id"] for entry in listed["recordings"]], listed["count"]) == ([mine], 1)
        for answer in (
            await limited.get(f"/api/recordings/{other}"),
            await limited.get(f"/api/recordings/{other}/download"),
            await limited.patch(f"/api/recordings/{other}", json={"protected": True}),
            await limited.delete(f"/api/recordings/{other}"),
            await live_only.get("/api/recordings/"),
            await live_only.get(f"{url}/download"),
        ):
            assert answer.status_code == 403
        assert (await limited.get(f"{url}/download")).status_code == 200


async def test_a_growing_recording_is_as_of_its_last_closed_segment(served: Served) -> None:
    made = await footage(served, gops=1)
    before = await served.viewer.get(f"/api/recordings/{made}/download")
    assert await footage_again(served, made) == made
    after = await served.viewer.get(f"/api/recordings/{made}/download")
    assert before.headers["etag"] != after.headers["etag"]
    assert len(after.content) > len(before.content)
    assert (await served.viewer.get(f"/api/recordings/{made}")).json()["gaps"] == [
        {
            "from": rfc3339(START_US + SECOND_US),
            "to": rfc3339(START_US + 5 * SECOND_US),
            "reason": "unknown",
            "detail": "",
        }
    ]


async def footage_again(served: Served, made: str) -> str:
    """Another segment of the same recording, 4 s after the first."""
    fragments = await asyncio.to_thread(lambda: list(segment_fragments(1)))
    start_us = START_US + 5 * SECOND_US
    writer = served.footage.create(
        SegmentStart(
            camera_id=CAMERA,
            stream=StreamKind.MAIN,
            run_id=served.footage.begin_run(CAMERA, StreamKind.MAIN, start_us),
            start_us=start_us,
            media_offset_90k=0,
            audio_offset_ticks=0,
            clock=ClockState.SYNCHRONISED,
            init=await asyncio.to_thread(init_segment),
            recording_id=made,
            camera_name="Front door",
        )
    )
    for fragment in fragments:
        assert writer.append(fragment) is Accepted.YES
    writer.close(SegmentEnd(start_us + GOP_US))
    assert await served.footage.flush(5)
    return made
