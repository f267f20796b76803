"""What tests say about recorded runs: decodable, complete, in step."""

from av.video.frame import VideoFrame

from falconeye.media.pictures import PictureDecoder
from falconeye.sources.demo_picture import read_barcode
from tests.peers.recording_sink import RecordingSink, SeenRun


def decoded(run: SeenRun) -> list[int | None]:
    """Every picture of a run, decoded, as the number in its bar code (None: there is none)."""
    changes = dict(run.changes)
    decoder = PictureDecoder(run.video)
    numbers: list[int | None] = []
    for index, sample in enumerate(list(run.pictures)):
        if index in changes:
            numbers += _numbers(decoder.flush())
            decoder = PictureDecoder(changes[index])
        numbers += _numbers(decoder.decode(sample))
    return numbers + _numbers(decoder.flush())


def _numbers(frames: list[VideoFrame]) -> list[int | None]:
    return [
        read_barcode(bytes(frame.planes[0]), frame.planes[0].line_size, frame.width)
        for frame in frames
    ]


def span_s(run: SeenRun) -> float:
    """From the first to the last picture by the run's own clock."""
    return (run.pictures[-1].dts_90k - run.pictures[0].dts_90k) / 90_000


def failed_with(sink: RecordingSink, code: str) -> bool:
    """Whether the source's present state is a failure of this reason code."""
    return sink.state is not None and sink.state.reason_code == code
