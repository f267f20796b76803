"""Playback by HTTP: ffmpeg and a person's requests against real recorded footage."""

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.base.times import SECOND_US, parse_rfc3339, rfc3339, to_datetime
from falconeye.media.fragments import RecordingFragment
from falconeye.media.pictures import jpeg_to_frame
from falconeye.media.samples import StreamKind
from falconeye.sources.demo_picture import read_barcode
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.segment_writer import OpenSegment
from falconeye.storage.segments.segments import SegmentEnd
from falconeye.storage.stores.audit_store import AuditFilter
from tests.clocked_footage import (
    FRAME_US,
    GOP_S,
    HOLE_S,
    SEGMENT_S,
    Piece,
    begin,
    fragments_of,
    record,
    record_hole_and_change,
)
from tests.integration.api.conftest import Served
from tests.peers.programs import program

pytestmark = pytest.mark.timeout(40)
GONE_S = 600  # footage of ten minutes ago


@dataclass(slots=True)
class Recorded:
    """A camera that is off, with footage of some minutes ago."""

    path: str
    camera_id: str
    pieces: list[Piece]

    @property
    def from_us(self) -> int:
        return self.pieces[0].start_us

    @property
    def to_us(self) -> int:
        return self.pieces[-1].start_us + SEGMENT_S * SECOND_US

    @property
    def window(self) -> dict[str, str]:
        return {"from": rfc3339(self.from_us), "to": rfc3339(self.to_us)}


async def camera(served: Served) -> tuple[str, str]:
    body = {"name": "Door", "protocol": "demo", "start": False}
    answer = await served.admin.post("/api/cameras/", json=body)
    camera_id = answer.json()["id"]
    return f"/api/cameras/{camera_id}", camera_id


async def recorded(served: Served) -> Recorded:
    path, camera_id = await camera(served)
    start_us = served.services.clock.utc_us() // SECOND_US * SECOND_US - GONE_S * SECOND_US
    pieces = await record_hole_and_change(served.footage, camera_id, start_us)
    return Recorded(path, camera_id, pieces)


async def playlist(served: Served, path: str, **query: str) -> str:
    answer = await served.viewer.get(f"{path}/playback.m3u8", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    return answer.text


def ranges(text: str) -> list[tuple[str, int, int]]:
    """(address, first byte, size) of each entry."""
    found = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", text)
    return [(name, int(first), int(size)) for size, first, name in found]


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, said = await process.communicate()
    assert (process.returncode, said.decode()) == (0, "")
    return output.decode()


async def test_ffmpeg_plays_it_over_a_hole_and_a_change_of_format(
    served: Served, tmp_path: Path
) -> None:
    found = await recorded(served)
    query = str(httpx.QueryParams(found.window))
    url = f"{served.url}{found.path}/playback.m3u8?{query}"
    login = ("-headers", f"Authorization: {served.viewer.headers['authorization']}\r\n")
    said = await run(
        program("ffprobe"), "-v", "error", *login, "-of", "json", "-show_format", "-show_packets",
        "-select_streams", "v", url,
    )  # fmt: skip
    about = json.loads(said)
    assert float(about["format"]["duration"]) == pytest.approx(4 * SEGMENT_S, abs=1e-3)
    assert len(about["packets"]) == 4 * SEGMENT_S * 10
    raw = tmp_path / "pictures.gray"
    read = (program("ffmpeg"), "-v", "error", "-xerror", *login, "-i", url)
    _ = await run(*read, "-map", "0:v", "-map", "0:a", "-f", "null", "-")
    _ = await run(
        *read, "-an", "-vf", "scale=320:192:flags=neighbor", "-fps_mode", "passthrough",
        "-pix_fmt", "gray", "-f", "rawvideo", str(raw),
    )  # fmt: skip
    data = await asyncio.to_thread(raw.read_bytes)
    size = 320 * 192
    codes = [read_barcode(data[at : at + size], 320, 320) for at in range(0, len(data), size)]
    wanted = [
        (piece.start_us + index * FRAME_US) // 1000 % 2**32
        for piece in found.pieces
        for index in range(piece.seconds * 10)
    ]
    assert codes == wanted


async def test_every_range_is_a_piece_of_the_whole(served: Served) -> None:
    found = await recorded(served)
    entries = ranges(await playlist(served, found.path, **found.window))
    assert len(entries) == 4 * SEGMENT_S // GOP_S
    wholes: dict[str, bytes] = {}
    for name, first, size in entries:
        address = f"{found.path}/{name}"
        if name not in wholes:
            wholes[name] = (await served.viewer.get(address)).content
        asked = {"range": f"bytes={first}-{first + size - 1}"}
        answer = await served.viewer.get(address, headers=asked)
        assert answer.status_code == 206
        assert answer.content == wholes[name][first : first + size]
        assert answer.content[4:8] == b"moof"
    for name, whole in wholes.items():
        sizes = [size for of, _, size in entries if of == name]
        assert sum(sizes) == len(whole)
        beyond = {"range": f"bytes={len(whole)}-"}
        answer = await served.viewer.get(f"{found.path}/{name}", headers=beyond)
        assert answer.status_code == 416
        stale = {"range": "bytes=0-9", "if-range": '"another"'}
        answer = await served.viewer.get(f"{found.path}/{name}", headers=stale)
        assert (answer.status_code, len(answer.content)) == (200, len(whole))


async def test_an_init_is_kept_for_ever_and_only_of_that_camera(served: Served) -> None:
    found = await recorded(served)
    maps = re.findall(r'URI="(inits/[0-9a-f]{64}\.mp4)"', await playlist(served, found.path))
    assert len(maps) == 2
    for name in maps:
        answer = await served.viewer.get(f"{found.path}/{name}")
        assert answer.status_code == 200
        assert answer.content[4:8] == b"ftyp"
        assert "immutable" in answer.headers["cache-control"]
    other, _ = await camera(served)
    assert (await served.viewer.get(f"{other}/{maps[0]}")).status_code == 404


async def test_what_cannot_be_played(served: Served) -> None:
    found = await recorded(served)
    hole_us = found.from_us + (2 * SEGMENT_S + 5) * SECOND_US
    base = f"{found.path}/playback.m3u8"
    hole = {"from": rfc3339(hole_us), "to": rfc3339(hole_us + 10 * SECOND_US)}
    answer = await served.viewer.get(base, params=hole)
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "nothing was recorded in this time",
    )
    for query, status in (
        ({"stream": "sub"}, 404),
        ({"stream": "both"}, 422),
        ({"from": "yesterday"}, 422),
        ({"from": rfc3339(found.from_us), "to": rfc3339(found.from_us - 1)}, 422),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:01Z"}, 422),
        ({"from": "2090-01-01T00:00:00Z"}, 404),
    ):
        answer = await served.viewer.get(base, params=query)
        assert answer.status_code == status, (query, answer.text)
    for name in ("1", "main-1-1.m4s", "main-99999999999999999-1.m4s", "../x", "main-1-1.mp4"):
        answer = await served.viewer.get(f"{found.path}/footage/{name}")
        assert answer.status_code == 404, name
    assert (await served.viewer.get("/api/cameras/none/playback.m3u8")).status_code == 404


async def test_footage_that_went_between_list_and_range(served: Served) -> None:
    found = await recorded(served)
    entries = ranges(await playlist(served, found.path, **found.window))
    address = f"{found.path}/{entries[0][0]}"
    media = served.services.settings.media_dir
    files = sorted(media.rglob("*.mp4"))

    def cut() -> None:
        with files[0].open("r+b") as opened:
            opened.truncate(5000)

    await asyncio.to_thread(cut)
    asked = {"range": "bytes=0-99"}
    assert (await served.viewer.get(address, headers=asked)).status_code == 503
    await asyncio.to_thread(files[0].unlink)
    assert (await served.viewer.get(address, headers=asked)).status_code == 503
    at = {"at": rfc3339(found.from_us + SECOND_US)}
    answer = await served.viewer.get(f"{found.path}/still.jpg", params=at)
    assert answer.status_code == 503
    deleted = await served.admin.delete(f"{found.path}?delete_recordings=true")
    assert deleted.status_code == 200
    await served.services.recordings.delete_camera_footage(found.camera_id, who="a test")
    for name, _, _ in entries:
        answer = await served.viewer.get(f"{found.path}/{name}", headers=asked)
        assert answer.status_code == 404


def barcode(jpeg: bytes) -> int | None:
    frame = jpeg_to_frame(jpeg)
    plane = frame.planes[0]
    return read_barcode(bytes(plane), plane.line_size, frame.width)


async def test_a_still_is_the_keyframe_before_the_moment(served: Served) -> None:
    found = await recorded(served)
    address = f"{found.path}/still.jpg"
    for piece in found.pieces:
        for after_us in (0, 100_000, 1_999_000, 2_000_000, 5_900_000):
            at = {"at": rfc3339(piece.start_us + after_us)}
            answer = await served.viewer.get(address, params=at)
            assert answer.status_code == 200, answer.text
            taken_us = piece.start_us + after_us // (GOP_S * SECOND_US) * GOP_S * SECOND_US
            assert answer.headers["x-picture-time"] == rfc3339(taken_us)
            assert barcode(answer.content) == taken_us // 1000 % 2**32
    etag = {"if-none-match": answer.headers["etag"]}
    again = await served.viewer.get(address, params=at, headers=etag)
    assert (again.status_code, again.content) == (304, b"")
    small = await served.viewer.get(address, params=at | {"height": "96"})
    assert jpeg_to_frame(small.content).height == 96
    kept = await served.viewer.get(address, params=at | {"save": "true"}, headers=etag)
    assert (kept.status_code, barcode(kept.content)) == (200, taken_us // 1000 % 2**32)
    local = to_datetime(taken_us).astimezone(ZoneInfo("Europe/Vienna"))
    name = f"{local:%Y-%m-%d_%H-%M-%S%z}.jpg".replace("+", "%2B")
    assert kept.headers["content-disposition"].endswith(name)
    entries, _ = await served.services.accounts.audit.list(
        AuditFilter(action="footage.still_saved")
    )
    assert [entry.detail for entry in entries] == [f"main {rfc3339(taken_us)}"]
    hole = {"at": rfc3339(found.from_us + (2 * SEGMENT_S + HOLE_S // 2) * SECOND_US)}
    assert (await served.viewer.get(address, params=hole)).status_code == 404
    assert (await served.viewer.get(address, params={"at": "noon"})).status_code == 422


async def test_a_still_beside_a_moment_is_the_next_keyframe_or_the_last(served: Served) -> None:
    found = await recorded(served)
    address = f"{found.path}/still.jpg"
    keyframes = [
        piece.start_us + second * SECOND_US
        for piece in found.pieces
        for second in range(0, SEGMENT_S, GOP_S)
    ]

    async def beside(at_us: int, which: str) -> int:
        params = {"at": rfc3339(at_us), "beside": which}
        answer = await served.viewer.get(address, params=params)
        if answer.status_code == 404:
            return 0
        taken_us = parse_rfc3339(answer.headers["x-picture-time"], UTC)
        assert barcode(answer.content) == taken_us // 1000 % 2**32
        return taken_us

    for earlier, later in pairwise(keyframes):  # over the hole, too
        assert await beside(earlier, "next") == later
        assert await beside(later, "previous") == earlier
        assert await beside(earlier + SECOND_US, "previous") == earlier
        assert await beside(later - SECOND_US // 2, "next") == later
    assert await beside(keyframes[0], "previous") == 0
    assert await beside(keyframes[-1], "next") == 0
    assert (await served.viewer.get(address, params={"beside": "both"})).status_code == 422


@dataclass(slots=True)
class Growing:
    """A file that is being written, 8 s long when it is done."""

    path: str
    piece: Piece
    store: FootageStore
    writer: OpenSegment
    fragments: list[RecordingFragment]

    @property
    def window(self) -> dict[str, str]:
        """Its end lies ahead."""
        end_us = self.piece.start_us + 3600 * SECOND_US
        return {"from": rfc3339(self.piece.start_us), "to": rfc3339(end_us)}

    async def write(self, number: int) -> None:
        """The fragment of that number, from 1; waits until it is on the disk."""
        _ = self.writer.append(self.fragments[number - 1])
        async with asyncio.timeout(5):
            while len(self.writer.written.fragments) < number:  # noqa: ASYNC110 - another thread
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        self.writer.close(SegmentEnd(self.piece.start_us + 8 * SECOND_US))
        assert await self.store.flush(5)


async def growing(served: Served) -> Growing:
    path, camera_id = await camera(served)
    piece = Piece(served.services.clock.utc_us() - 8 * SECOND_US, 8, 0)
    store = served.footage
    run_id = store.begin_run(camera_id, StreamKind.MAIN, piece.start_us)
    writer = begin(store, camera_id, run_id, piece)
    return Growing(path, piece, store, writer, list(fragments_of(piece)))


async def test_what_is_being_written_plays_up_to_its_last_fragment(served: Served) -> None:
    file = await growing(served)
    for count in range(1, len(file.fragments) + 1):
        await file.write(count)
        now = await playlist(served, file.path, **{"from": file.window["from"]})
        assert now.endswith("#EXT-X-ENDLIST\n")
        sizes = [fragment.size_bytes for fragment in file.fragments[:count]]
        assert sum(size for _, _, size in ranges(now)) == sum(sizes)
        name, first, size = ranges(now)[-1]
        asked = {"range": f"bytes={first}-{first + size - 1}"}
        answer = await served.viewer.get(f"{file.path}/{name}", headers=asked)
        assert (answer.status_code, len(answer.content)) == (206, size)
    init = re.findall(r'URI="([^"]+)"', now)[0]
    assert (await served.viewer.get(f"{file.path}/{init}")).content[4:8] == b"ftyp"
    at = {"at": rfc3339(file.piece.start_us + 7 * SECOND_US)}
    still = await served.viewer.get(f"{file.path}/still.jpg", params=at)
    taken_us = file.piece.start_us + 6 * SECOND_US
    assert still.headers["x-picture-time"] == rfc3339(taken_us)
    assert barcode(still.content) == taken_us // 1000 % 2**32
    before = (await served.viewer.get(f"{file.path}/{name}")).content
    await file.close()
    assert (await served.viewer.get(f"{file.path}/{name}")).content == before


async def test_a_playlist_that_grows_only_adds(served: Served) -> None:
    file = await growing(served)
    known = ""
    for count in range(1, len(file.fragments) + 1):
        await file.write(count)
        answer = await served.viewer.get(f"{file.path}/playback.m3u8", params=file.window)
        if answer.status_code == 404:  # the first GOP is not complete
            assert count <= 4
            continue
        assert answer.text.startswith(known)
        known = answer.text
    assert len(ranges(known)) == 3
    assert "EXT-X-PLAYLIST-TYPE:EVENT\n" in known
    await file.close()
    closed = await playlist(served, file.path, **file.window)
    assert closed.startswith(known)
    assert len(ranges(closed)) == 4


async def audit(served: Served) -> list[tuple[str, str]]:
    entries, _ = await served.services.accounts.audit.list(limit=100)
    return [(each.action, each.detail) for each in entries if each.action.startswith("footage.")]


async def test_who_viewed_is_written_down_once(served: Served) -> None:
    found = await recorded(served)
    for _ in range(3):
        text = await playlist(served, found.path, **found.window)
    for name, _, _ in ranges(text):
        await served.viewer.get(f"{found.path}/{name}", headers={"range": "bytes=0-9"})
    for after in range(5):
        at = {"at": rfc3339(found.from_us + after * SECOND_US)}
        await served.viewer.get(f"{found.path}/still.jpg", params=at)
    assert sorted(await audit(served)) == [
        ("footage.viewed", f"main {found.window['from']} – {found.window['to']}"),
        ("footage.viewed", "main stills"),
    ]


async def test_scopes(served: Served) -> None:
    found = await recorded(served)
    text = await playlist(served, found.path, **found.window)
    entry = ranges(text)[0][0]
    init = re.findall(r'URI="([^"]+)"', text)[0]
    paths = ("playback.m3u8", "still.jpg", entry, init)
    elsewhere = await served.client(Role.VIEWER, cameras=frozenset({"another"}))
    live = await served.client(Role.VIEWER, live_only=True)
    async with elsewhere, live:
        for path in paths:
            address = f"{found.path}/{path}"
            assert (await elsewhere.get(address)).status_code == 403
            assert (await live.get(address)).status_code == 403
            assert (await served.nobody.get(address)).status_code == 401


async def test_ffmpeg_is_given_all_of_a_time_that_was_recorded_twice(served: Served) -> None:
    """The clock was set back by 6 s after 8 s: the times of the second run begin earlier.

    The reader gives all of it; the program ffmpeg itself leaves out what it decodes within half a
    second after times that go back.
    """
    path, camera_id = await camera(served)
    start_us = served.services.clock.utc_us() // SECOND_US * SECOND_US - 600 * SECOND_US
    runs = [Piece(start_us, 8, 0), Piece(start_us + 2 * SECOND_US, 10, 0)]
    for piece in runs:
        run_id = served.footage.begin_run(camera_id, StreamKind.MAIN, piece.start_us)
        await record(served.footage, camera_id, run_id, piece)
    window = {"from": rfc3339(start_us), "to": rfc3339(start_us + 60 * SECOND_US)}
    url = f"{served.url}{path}/playback.m3u8?{httpx.QueryParams(window)}"
    login = ("-headers", f"Authorization: {served.viewer.headers['authorization']}\r\n")
    said = await run(
        program("ffprobe"), "-v", "error", *login, "-of", "json", "-show_packets",
        "-select_streams", "v", url,
    )  # fmt: skip
    times = [float(packet["dts_time"]) for packet in json.loads(said)["packets"]]
    assert times == pytest.approx(
        [
            (piece.start_us + index * FRAME_US) / SECOND_US
            for piece in runs
            for index in range(piece.seconds * 10)
        ],
        abs=0.001,
    )
