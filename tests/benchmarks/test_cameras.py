"""The benchmark's cameras send what is claimed of them, read here by libavformat."""

import time
from collections.abc import Iterator
from itertools import pairwise

import av
import pytest

from falconeye.sources.demo_picture import read_barcode
from tests.benchmarks.latency import live_camera
from tests.benchmarks.load import Load

pytestmark = pytest.mark.timeout(90)  # the first run encodes the clips
OPTIONS = {"rtsp_transport": "tcp", "fpsprobesize": "0", "analyzeduration": "500000"}


@pytest.fixture(scope="module")
def load() -> Iterator[Load]:
    with Load() as load:
        yield load


def test_a_main_stream_is_whole_paced_and_has_sound(load: Load) -> None:
    load.take_counters()
    sizes: dict[str, int] = {"video": 0, "audio": 0}
    times: list[int] = []
    with av.open(load.main_url(5), options=OPTIONS) as container:
        for packet in container.demux():
            sizes[packet.stream.type] += packet.size
            if packet.stream.type == "video" and packet.dts is not None:
                times.append(packet.dts)
            if len(times) == 101:
                break
    counters = load.take_counters()
    # Sender reports are rounded to a tick.
    assert all(abs(after - before - 3600) <= 1 for before, after in pairwise(times))
    assert 3_000_000 < sizes["video"] * 8 / (101 / 25) < 5_000_000
    assert sizes["audio"] > 20_000
    assert counters.pictures >= 100
    assert counters.stalls == 0


def test_a_substream_has_no_sound(load: Load) -> None:
    with av.open(load.sub_url(0), options=OPTIONS) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].width == 640


def test_the_live_camera_shows_the_time() -> None:
    with live_camera() as url, av.open(url, options=OPTIONS) as container:
        ages: list[float] = []
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            value = read_barcode(bytes(plane), plane.line_size, frame.width)
            if value is not None:
                ages.append(time.time_ns() / 1e6 % 2**32 - value)
            if len(ages) == 60:
                break
    assert 0 < min(ages) < 60_000  # it is this minute's clock
