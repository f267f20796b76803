"""What comes first of a connection: the middle of an open GOP, a long wait, noise."""

import itertools

import pytest

from falconeye.sources.state import SourceState, SourceStatus
from tests.integration.sources.conftest import Start
from tests.peers.judging import decoded
from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import ReplayServer


# Not H.264 from the keyframe itself on: libavformat gives that no time, and nothing else tells
# which pictures are shown before it.
@pytest.mark.parametrize(("codec", "start_picture"), [("hevc", 20), ("hevc", 25), ("h264", 20)])
def test_joins_an_open_gop(
    replay: ReplayServer, start: Start, codec: str, start_picture: int
) -> None:
    """Every picture of the run can be decoded, at its time."""
    clip = video_clip(codec, gop=27, gops=4, b_frames=3, open_gop=True)
    replay.add("a", video=clip).faults.start_picture = start_picture
    source, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 40)
    source.stop()
    assert source.join(1)
    (run,) = sink.runs
    assert decoded(run)[:35] == list(range(27, 62))
    shown = sorted(picture.dts_90k + picture.cts_90k for picture in run.pictures[:40])
    assert {b - a for a, b in itertools.pairwise(shown[:35])} == {3600}


def test_the_wait_for_a_keyframe_is_told(replay: ReplayServer, start: Start) -> None:
    replay.add("a", video=video_clip(gop=100)).faults.start_picture = 50
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 1)
    assert [(state.status, state.reason) for state in sink.states] == [
        (SourceStatus.CONNECTING, "connecting"),
        (SourceStatus.CONNECTING, "waits for the camera's next keyframe"),
        (SourceStatus.RUNNING, ""),
    ]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("codec", ["hevc", "h264"])
def test_noise_from_the_first_packet_on(replay: ReplayServer, start: Start, codec: str) -> None:
    clip = video_clip(codec, bit_rate=16_000_000, noise=True)
    replay.add("a", video=clip).faults.garbage = True
    _, sink = start(replay.url("a"))

    def told(state: SourceState | None) -> bool:
        return state is not None and "no video" in state.reason

    sink.until(lambda: told(sink.state), timeout_s=25)  # 5 s; chance may begin a run
