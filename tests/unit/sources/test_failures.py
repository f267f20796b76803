"""Words and codes of failures."""

import errno
import threading

import pytest

from falconeye.events.camera_state import ReasonCode
from falconeye.media.samples import StreamKind
from falconeye.sources.failures import Retry, SourceFailure, network_failure, status_failure
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import SourceTarget
from falconeye.sources.watchdog import Watchdog
from tests.peers.manual_clock import ManualClock
from tests.peers.recording_sink import RecordingSink


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ECONNREFUSED, "x"), "connection_refused", "10.0.0.9:554 refuses"),
        (OSError(errno.EHOSTUNREACH, "x"), "no_route", "no route to 10.0.0.9:554"),
        (OSError(errno.ENETUNREACH, "x"), "no_route", "no route to 10.0.0.9:554"),
        (TimeoutError(), "no_answer", "no answer from 10.0.0.9:554"),
        (OSError(errno.ECONNRESET, "x"), "disconnected", "closed"),
        (OSError(errno.EIO, "odd"), "camera_error", "odd"),
    ],
)
def test_network(error: OSError, code: str, words: str) -> None:
    failure = network_failure(error, "10.0.0.9:554")
    assert failure.code == code
    assert words in failure.reason
    assert failure.retry is Retry.NETWORK


def test_status_with_and_without_login() -> None:
    assert status_failure(401, login_sent=False, protocol="RTSP").code == "password_needed"
    refused = status_failure(401, login_sent=True, protocol="RTSP")
    assert (refused.code, refused.retry) == (ReasonCode.PASSWORD_REFUSED, Retry.LOGIN)
    assert "418" in status_failure(418, login_sent=False, protocol="HTTP").reason


def test_reason_never_holds_a_credential() -> None:
    failure = SourceFailure(ReasonCode.CAMERA_ERROR, "at rtsp://u:secret@cam/?password=secret")
    assert "secret" not in failure.reason
    assert "secret" not in str(failure)


def test_watchdog_looks_again_once_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    watchdog, looked = Watchdog(), threading.Event()

    def refuse(_thread: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            watchdog.add(looked.set)
    watchdog.add(looked.set)
    assert looked.wait(5)
    watchdog.remove(looked.set)


def test_a_source_that_gets_no_thread_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("source-c-"):
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    sink = RecordingSink()
    target = SourceTarget("c", StreamKind.MAIN, "demo:")
    source = StreamSource(target, sink, sink.on_state, ManualClock(), watchdog=Watchdog())
    with pytest.raises(RuntimeError):
        source.start()  # `conftest` looks whether the watchdog's thread ends
    assert source.join(0)


def test_watchdog_looks_at_once_when_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falconeye.sources.watchdog.PERIOD_S", 60.0)
    watchdog, looked = Watchdog(), threading.Event()
    watchdog.add(looked.set)
    watchdog.look()
    assert looked.wait(5)
    watchdog.remove(looked.set)  # `conftest` looks whether its thread ends, in less than a minute


def test_watchdog_survives_a_broken_check_and_ends_with_the_last(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchdog, looked = Watchdog(), threading.Event()

    def broken() -> None:
        msg = "broken"
        raise RuntimeError(msg)

    watchdog.add(broken)
    watchdog.add(looked.set)
    assert looked.wait(5)
    watchdog.remove(broken)
    watchdog.remove(looked.set)
    threads = [t for t in threading.enumerate() if t.name == "source-watchdog"]
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert "could not be checked" in caplog.text
