"""The demo camera's pictures say when they were drawn."""

from falconeye.base.clock import SystemClock
from falconeye.media.samples import StreamKind
from tests.integration.sources.conftest import Start
from tests.peers.judging import decoded


def test_pictures_carry_the_time(start: Start) -> None:
    before_ms = SystemClock().utc_us() // 1000
    source, sink = start("demo:")
    sink.until(lambda: sink.pictures >= 15)
    source.stop()
    assert source.join(1)
    after_ms = SystemClock().utc_us() // 1000
    numbers = decoded(sink.runs[0])
    assert len(numbers) == len(sink.runs[0].pictures)
    times = [number for number in numbers if number is not None]
    assert len(times) == len(numbers)
    assert times == sorted(times)
    assert before_ms % 2**32 <= times[0]
    assert times[-1] <= after_ms % 2**32


def test_substream_is_smaller(start: Start) -> None:
    _, sink = start("demo:", kind=StreamKind.SUB)
    sink.until(lambda: sink.pictures >= 3)
    assert (sink.runs[0].video.width, sink.runs[0].video.height) == (320, 176)
    assert None not in decoded(sink.runs[0])
