"""Everything a camera does wrong ends in clean samples or in words that tell what is wrong."""

import time

import pytest
from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.config.camera import Transport
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.sources.login import RefusedLogins
from falconeye.sources.state import SourceStatus
from falconeye.sources.stream_source import NETWORK_WAITS_S
from falconeye.sources.target import SourceTarget
from tests.integration.sources.conftest import Sources, Start
from tests.peers.judging import decoded, failed_with, span_s
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer


@pytest.mark.parametrize(
    "options",
    [{}, {"slices": 4}, {"b_frames": 2}, {"codec": "hevc"}, {"codec": "hevc", "slices": 3}],
    ids=["plain", "slices", "b-frames", "hevc", "hevc-slices"],
)
def test_every_picture_arrives_whole(
    replay: ReplayServer, start: Start, options: dict[str, int]
) -> None:
    replay.add("a", video=video_clip(**options))
    source, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 40)
    source.stop()
    assert source.join(1)
    assert sink.faults == []
    assert len(sink.runs) == 1
    numbers = decoded(sink.runs[0])
    # The pictures in reach of the last ones may lack their references' successors, no others.
    assert numbers[:35] == list(range(35))


def test_connect_that_hangs(replay: ReplayServer, start: Start) -> None:
    replay.add("a", video=video_clip()).faults.mute_on_connect = True
    _, sink = start(replay.url("a"))
    sink.until(lambda: failed_with(sink, "no_answer"))


@pytest.mark.timeout(25)
def test_setup_that_hangs(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip())
    camera.faults.mute_methods = frozenset({"SETUP"})
    _, sink = start(replay.url("a"))
    sink.until(lambda: failed_with(sink, "no_answer"), timeout_s=20)


def test_cut_in_the_middle_of_a_picture(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(bit_rate=8_000_000))
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 10)
    camera.faults.cut = True
    sink.until(lambda: failed_with(sink, "disconnected"))
    camera.faults.cut = False
    sink.until(lambda: len(sink.runs) >= 2 and len(sink.runs[-1].pictures) >= 5)
    assert sink.runs[0].ended
    assert sink.runs[0].ended[0] is RunEnd.CAMERA_OFFLINE
    assert sink.faults == []
    assert sink.state
    assert sink.state.status is SourceStatus.RUNNING


def test_timestamps_wrap(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(), audio=audio_clip())
    camera.faults.start_timestamp = 2**32 - 45_000  # half a second of video
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 50)
    run = sink.runs[0]
    assert len(sink.runs) == 1
    assert span_s(run) == pytest.approx((len(run.pictures) - 1) / 25, abs=0.1)


def test_joins_a_long_gop_in_its_middle(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(gop=100))
    camera.faults.start_picture = 50
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 1)
    assert camera.pictures_sent >= 50
    sink.until(lambda: sink.pictures >= 10)
    assert sink.runs[0].pictures[0].is_keyframe
    assert decoded(sink.runs[0])[:5] == [0, 1, 2, 3, 4]


def test_gop_of_20_s(replay: ReplayServer, start: Start) -> None:
    replay.add("a", video=video_clip(gop=500))
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 60)
    assert sum(picture.is_keyframe for picture in sink.runs[0].pictures) == 1


def test_audio_only(replay: ReplayServer, start: Start) -> None:
    replay.add("a", audio=audio_clip("pcm_mulaw"))
    _, sink = start(replay.url("a"))
    sink.until(lambda: failed_with(sink, "no_video"))
    assert sink.state
    assert "audio only" in sink.state.reason


def test_audio_is_lost_and_comes_back(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(), audio=audio_clip())
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 20 and len(sink.runs[0].sounds) > 5)
    camera.faults.audio_silent = True
    before = sink.pictures
    sink.until(lambda: sink.pictures >= before + 50)
    sounds = len(sink.runs[0].sounds)
    camera.faults.audio_silent = False
    sink.until(lambda: len(sink.runs[-1].sounds) > sounds)
    assert len(sink.runs) == 1
    assert span_s(sink.runs[0]) == pytest.approx((sink.pictures - 1) / 25, abs=0.2)


def test_declared_audio_that_never_comes(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(), audio=audio_clip())
    camera.faults.audio_silent = True
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 25)


@pytest.mark.timeout(30)
def test_garbage_ends_the_stream_and_sense_revives_it(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip())
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 10)
    camera.faults.garbage = True
    sink.until(
        lambda: sink.state is not None and sink.state.status is SourceStatus.FAILED, timeout_s=12
    )
    assert sink.state
    assert sink.state.reason_code in ("stalled", "camera_error")
    camera.faults.garbage = False
    sink.until(lambda: len(sink.runs) >= 2 and len(sink.runs[-1].pictures) > 5, timeout_s=12)
    assert sink.faults == []


def test_resolution_changes(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(gop=25))
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 5)
    camera.next_video = video_clip(width=320, height=176, gop=25)
    sink.until(lambda: any(run.changes for run in sink.runs) and sink.pictures >= 40)
    at, parameters = sink.runs[0].changes[0]
    assert (parameters.width, parameters.height) == (320, 176)
    assert sink.runs[0].pictures[at].is_keyframe
    assert None not in decoded(sink.runs[0])


@pytest.mark.parametrize("step_s", [30.0, -30.0])
def test_camera_sets_its_clock(replay: ReplayServer, start: Start, step_s: float) -> None:
    camera = replay.add("a", video=video_clip(), audio=audio_clip())
    camera.faults.sender_report_s = 0.5
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 30)
    camera.faults.clock_step_s = step_s
    before = sink.pictures
    sink.until(lambda: sink.pictures >= before + 60)
    assert sink.faults == []
    assert sink.state
    assert sink.state.status is SourceStatus.RUNNING
    assert camera.connections <= 2  # our own question, and one session
    assert sum(span_s(run) for run in sink.runs) < 5  # not 30 s of nothing
    assert len(sink.runs[-1].sounds) > 5


@pytest.mark.timeout(20)
def test_silence_is_a_stall_within_10_s(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(), audio=audio_clip())
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 5)
    camera.faults.silent = True
    sink.until(lambda: failed_with(sink, "stalled"), timeout_s=10)


def test_wrong_password_is_shown_once_for_both_streams(
    replay: ReplayServer, sources: Sources
) -> None:
    camera = replay.add("a", video=video_clip(), login="digest")
    _, main = sources.start(replay.url("a"), user="admin", password="wrong")
    _, sub = sources.start(replay.url("a"), user="admin", password="wrong", kind=StreamKind.SUB)
    for sink in (main, sub):
        sink.until(lambda sink=sink: failed_with(sink, "password_refused"))  # type: ignore[misc]
    assert camera.gate.attempts == 1
    _, good = sources.start(replay.url("a"), user="admin", password="right")
    good.until(lambda: good.pictures > 0)


def test_forgotten_refusal_is_tried_again(replay: ReplayServer, sources: Sources) -> None:
    camera = replay.add("a", video=video_clip(), login="basic")
    camera.gate.refuse_all = True
    source, sink = sources.start(replay.url("a"), user="admin", password="right")
    sink.until(lambda: failed_with(sink, "password_refused"))
    source.stop()
    camera.gate.refuse_all = False
    _, blocked = sources.start(replay.url("a"), user="admin", password="right")
    blocked.until(lambda: failed_with(blocked, "password_refused"))
    sources.logins.forget(source.target)
    _, again = sources.start(replay.url("a"), user="admin", password="right")
    again.until(lambda: again.pictures > 0)
    assert camera.gate.refused == 1


def test_password_needed(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(), login="basic")
    _, sink = start(replay.url("a"))
    sink.until(lambda: failed_with(sink, "password_needed"))
    assert camera.gate.attempts == 0


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("DESCRIBE", 404, "not_found"),
        ("DESCRIBE", 453, "too_many_sessions"),
        ("SETUP", 453, "too_many_sessions"),
        ("DESCRIBE", 500, "camera_error"),
    ],
)
def test_status(replay: ReplayServer, start: Start, method: str, status: int, code: str) -> None:
    replay.add("a", video=video_clip()).faults.statuses = {method: (status, "No")}
    _, sink = start(replay.url("a"))
    sink.until(lambda: failed_with(sink, code))


def test_second_session_refused(replay: ReplayServer, start: Start) -> None:
    replay.add("a", video=video_clip()).faults.max_sessions = 1
    _, first = start(replay.url("a"))
    first.until(lambda: first.pictures > 0)
    _, second = start(replay.url("a"), kind=StreamKind.SUB)
    second.until(lambda: failed_with(second, "too_many_sessions"))
    assert first.runs[0].ended is None


def test_camera_insists_on_udp(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip(), audio=audio_clip("pcm_alaw"))
    camera.faults.udp_only = True
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 10)
    assert camera.transports == ["udp"]
    assert sink.state
    assert sink.state.transport is Transport.UDP


def test_tcp_only_where_camera_insists_on_udp(replay: ReplayServer, start: Start) -> None:
    replay.add("a", video=video_clip()).faults.udp_only = True
    _, sink = start(replay.url("a"), transport=Transport.TCP)
    sink.until(lambda: failed_with(sink, "transport_refused"))


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://127.0.0.1:1/", "rtsp://0.0.0.0/"]
)
def test_redirect_that_is_not_followed(replay: ReplayServer, start: Start, location: str) -> None:
    replay.add("a", video=video_clip()).faults.redirect = location
    _, sink = start(replay.url("a"))
    sink.until(lambda: failed_with(sink, "address_forbidden"))


def test_redirect_to_another_camera(replay: ReplayServer, start: Start) -> None:
    replay.add("b", video=video_clip())
    replay.add("a", video=video_clip()).faults.redirect = replay.url("b")
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures > 0)


def test_redirect_hidden_from_our_question(replay: ReplayServer, start: Start) -> None:
    """The first DESCRIBE is answered, libavformat's is led to another address: it must not go."""
    with ReplayServer() as elsewhere:
        other = elsewhere.add("b", video=video_clip())
        camera = replay.add("a", video=video_clip())
        camera.faults.redirect = elsewhere.url("b")
        camera.faults.describes_before_redirect = 1
        source, sink = start(replay.url("a"))
        sink.until(lambda: failed_with(sink, "camera_error"))
        source.stop()
        assert other.requests == {}
        assert sink.runs == []


def test_local_address_is_not_touched_unless_allowed(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip())
    _, sink = start(replay.url("a"), allow_local=False)
    sink.until(lambda: failed_with(sink, "address_forbidden"))
    _, named = start(replay.url("a", host="localhost"), allow_local=False)
    named.until(lambda: failed_with(named, "address_forbidden"))
    assert camera.connections == 0


def test_no_rtsp_at_that_port(replay: ReplayServer, start: Start) -> None:
    page = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>"
    replay.add("a", video=video_clip()).faults.greeting = page
    _, sink = start(replay.url("a"))
    sink.until(lambda: failed_with(sink, "not_a_camera"))


def test_rtsps(start: Start) -> None:
    with ReplayServer(tls=True) as server:
        camera = server.add("a", video=video_clip(), login="digest")
        source, sink = start(server.url("a"), user="admin", password="right")
        sink.until(lambda: sink.pictures >= 10)
        camera.faults.silent = True
        source.stop()
        assert source.join(1)


def test_rtsps_where_there_is_no_tls(replay: ReplayServer, start: Start) -> None:
    replay.add("a", video=video_clip())
    _, sink = start(replay.url("a").replace("rtsp:", "rtsps:"))
    sink.until(lambda: failed_with(sink, "not_a_camera") or failed_with(sink, "no_answer"))


def test_camera_that_takes_one_connection_only(replay: ReplayServer, start: Start) -> None:
    camera = replay.add("a", video=video_clip())
    camera.faults.max_connections = 1
    _, sink = start(replay.url("a"))
    sink.until(lambda: sink.pictures >= 5)


def test_nothing_listens_and_then_it_does(start: Start) -> None:
    with ReplayServer() as first:
        port = first.port
    _, sink = start(f"rtsp://127.0.0.1:{port}/a")
    sink.until(lambda: failed_with(sink, "connection_refused"))
    with ReplayServer(port) as server:
        server.add("a", video=video_clip())
        sink.until(lambda: sink.pictures > 0)


def test_host_that_does_not_exist(start: Start) -> None:
    _, sink = start("rtsp://camera.invalid/a")
    sink.until(lambda: failed_with(sink, "name_not_found"))


@pytest.mark.parametrize("fault", ["mute_on_connect", "silent", "none"])
def test_stop_is_prompt(replay: ReplayServer, start: Start, fault: str) -> None:
    camera = replay.add("a", video=video_clip())
    camera.faults.mute_on_connect = fault == "mute_on_connect"
    source, sink = start(replay.url("a"))
    if not camera.faults.mute_on_connect:
        sink.until(lambda: sink.pictures > 3)
        camera.faults.silent = fault == "silent"
    source.stop(RunEnd.NODE_STOPPED)
    assert source.join(1)
    assert sink.runs == [] or sink.runs[0].ended == (RunEnd.NODE_STOPPED, "stopped")


def test_stop_while_setup_hangs(
    replay: ReplayServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.sources.watchdog.PERIOD_S", 60.0)  # it is told to look
    camera = replay.add("a", video=video_clip())
    camera.faults.mute_methods = frozenset({"SETUP"})
    source, _ = start(replay.url("a"))
    deadline = time.monotonic() + 5
    while not camera.requests.get("SETUP"):
        assert time.monotonic() < deadline
        source.join(0.02)
    source.stop()
    assert source.join(1)


@pytest.mark.timeout(20)
def test_many_cameras_at_one_address(replay: ReplayServer, start: Start) -> None:
    for number in range(8):
        replay.add(f"c{number}", video=video_clip())
    started = [start(replay.url(f"c{number}")) for number in range(8)]
    for _, sink in started:
        sink.until(lambda sink=sink: sink.pictures > 5)  # type: ignore[misc]
    started[3][0].stop()
    assert started[3][0].join(1)
    before = {id(sink): sink.pictures for _, sink in started}
    for index, (_, sink) in enumerate(started):
        if index != 3:
            sink.until(lambda sink=sink: sink.pictures > before[id(sink)] + 5)  # type: ignore[misc]
            assert len(sink.runs) == 1


def test_a_login_by_sha_256_is_said_and_not_tried(replay: ReplayServer, start: Start) -> None:
    """Our own DESCRIBE would pass, libavformat could not, and the password would be blamed."""
    gate = replay.add("a", video=video_clip(), login="digest").gate
    gate.algorithm = "SHA-256"
    _, sink = start(replay.url("a"), user="admin", password="right")
    sink.until(lambda: failed_with(sink, "camera_error"))
    assert sink.state
    assert "SHA-256" in sink.state.reason
    assert gate.attempts == 0


def test_a_name_without_a_password_is_tried_once(replay: ReplayServer, start: Start) -> None:
    gate = replay.add("a", video=video_clip(), login="digest").gate
    _, sink = start(replay.url("a"), user="admin")
    sink.until(lambda: failed_with(sink, "password_refused"))
    assert sink.state
    assert sink.state.retry_s == pytest.approx(600, abs=5)
    assert gate.attempts == 1


class _Forgetful(RefusedLogins):
    """As when somebody lets a login be tried again while it is refused."""

    @override
    def wait_s(self, target: SourceTarget, clock: Clock) -> float:
        return 0.0


def test_a_refusal_is_never_answered_at_once(replay: ReplayServer, sources: Sources) -> None:
    replay.add("a", video=video_clip(), login="digest")
    sources.logins = _Forgetful()
    _, sink = sources.start(replay.url("a"), user="admin", password="wrong")
    sink.until(lambda: failed_with(sink, "password_refused"))
    assert sink.state
    assert sink.state.retry_s == NETWORK_WAITS_S[0]
