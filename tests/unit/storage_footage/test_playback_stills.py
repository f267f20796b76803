"""Stills of footage: decoded once, kept, bounded; words where there is none."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from falconeye.base.errors import NotFound, Unavailable
from falconeye.base.times import SECOND_US
from falconeye.hub.stream import StreamHub
from falconeye.media.pictures import jpeg_to_frame
from falconeye.media.samples import StreamKind
from falconeye.media.stored_pictures import stored_keyframe_to_jpeg
from falconeye.storage.reading import footage_stills
from falconeye.storage.reading.footage_stills import MAX_WAITING, FootageStills
from falconeye.storage.reading.playback import TAIL_US, Playback
from tests.clock import START_US
from tests.clocked_footage import Piece, record
from tests.unit.storage_footage.cameras import Camera, pictures
from tests.unit.storage_footage.footage import CAMERA, Node

MAIN = StreamKind.MAIN


@pytest.fixture
async def playback(node: Node) -> Playback:
    return Playback(node.database, node.volumes, node.store, node.clock)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


async def recorded(node: Node) -> None:
    run_id = node.store.begin_run(CAMERA, MAIN, START_US)
    await record(node.store, CAMERA, run_id, Piece(START_US, 6, 0))


async def test_a_picture_is_decoded_once_and_kept(
    node: Node, playback: Playback, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorded(node)
    decoded: list[int | None] = []

    def counted(init: bytes, keyframe: bytes, height: int | None) -> bytes:
        decoded.append(height)
        return stored_keyframe_to_jpeg(init, keyframe, height)

    monkeypatch.setattr(footage_stills, "stored_keyframe_to_jpeg", counted)
    stills = FootageStills(playback, pool)
    at_us = START_US + 2_500_000
    found = await asyncio.gather(*(stills.at(CAMERA, MAIN, at_us, None) for _ in range(5)))
    assert {still.at_us for still in found} == {START_US + 2 * SECOND_US}
    assert len({still.jpeg for still in found}) == 1
    again = await stills.at(CAMERA, MAIN, at_us + SECOND_US, None)
    assert (again.key, decoded) == (found[0].key, [None])
    small = await stills.at(CAMERA, MAIN, at_us, 96)
    assert jpeg_to_frame(small.jpeg).height == 96
    assert decoded == [None, 96]
    monkeypatch.setattr(footage_stills, "MAX_KEPT", 1)
    for second in (0, 2, 4, 2):
        await stills.at(CAMERA, MAIN, START_US + second * SECOND_US, 96)
    assert len(decoded) == 6


async def test_too_many_at_once_are_refused(
    node: Node, playback: Playback, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorded(node)
    go = threading.Event()
    monkeypatch.setattr(
        footage_stills, "stored_keyframe_to_jpeg", lambda *_: b"jpeg" if go.wait(5) else b""
    )
    stills = FootageStills(playback, pool)
    heights = range(16, 16 + MAX_WAITING + 4)
    asked = [asyncio.create_task(stills.at(CAMERA, MAIN, START_US, size)) for size in heights]
    waiting = set(asked)
    try:
        while len(waiting) > MAX_WAITING:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert all(isinstance(task.exception(), Unavailable) for task in done)
    finally:
        go.set()
    assert {still.jpeg for still in await asyncio.gather(*waiting)} == {b"jpeg"}
    assert (await stills.at(CAMERA, MAIN, START_US, 15)).jpeg == b"jpeg"


async def test_where_there_is_none(
    node: Node, playback: Playback, pool: ThreadPoolExecutor
) -> None:
    await recorded(node)
    stills = FootageStills(playback, pool)
    end_us = START_US + 6 * SECOND_US
    for at_us in (START_US - 1, end_us + TAIL_US, 0):
        with pytest.raises(NotFound):
            await stills.at(CAMERA, MAIN, at_us, None)
    last = await stills.at(CAMERA, MAIN, end_us + TAIL_US - 1, None)
    assert last.at_us == START_US + 4 * SECOND_US
    with pytest.raises(NotFound):
        await stills.at(CAMERA, StreamKind.SUB, START_US, None)


async def test_a_damaged_picture_says_so_and_is_tried_again(
    node: Node, playback: Playback, pool: ThreadPoolExecutor
) -> None:
    await recorded(node)
    stills = FootageStills(playback, pool)
    (file,) = node.media_dir.rglob("*.mp4")
    whole = await asyncio.to_thread(file.read_bytes)
    begin = whole.index(b"mdat") + 4
    await asyncio.to_thread(file.write_bytes, whole[:begin] + bytes(len(whole) - begin))
    with pytest.raises(Unavailable, match="decoded"):
        await stills.at(CAMERA, MAIN, START_US, None)
    begin = whole.index(b"moof") + 4
    await asyncio.to_thread(file.write_bytes, whole[:begin] + bytes(len(whole) - begin))
    with pytest.raises(Unavailable, match="damaged"):
        await stills.at(CAMERA, MAIN, START_US, None)
    await asyncio.to_thread(file.write_bytes, whole)
    assert (await stills.at(CAMERA, MAIN, START_US, None)).jpeg


@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 2), ("hevc", 0), ("hevc", 2)])
async def test_every_codec(
    node: Node, playback: Playback, pool: ThreadPoolExecutor, codec: str, b_frames: int
) -> None:
    loop = asyncio.get_running_loop()
    hub = StreamHub(CAMERA, MAIN, loop, node.clock, node.budget)
    start_us = node.clock.utc_us()
    Camera(node, hub).run(4, pictures(codec, b_frames=b_frames))
    assert await node.store.flush(5)
    text = await playback.playlist(CAMERA, MAIN, start_us, start_us + 60 * SECOND_US, grows=False)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 0
    assert text.count("#EXTINF") == 4
    stills = FootageStills(playback, pool)
    found = await stills.at(CAMERA, MAIN, start_us + 2_500_000, 48)
    assert abs(found.at_us - start_us - 2 * SECOND_US) < 100_000
    frame = jpeg_to_frame(found.jpeg)
    assert (frame.width, frame.height) == (80, 48)
