"""The clock of a camera, from its answer over a real socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from falconeye.media.samples import StreamKind
from falconeye.sources import camera_clock
from falconeye.sources.camera_clock import clock_offset_s
from falconeye.sources.target import SourceTarget
from tests.clock import START_US, FakeClock

NOW = "Mon, 21 Sep 2026 14:13:20 GMT"  # START_US


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that reads one question and says this; its port, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], asked
        thread.join(5)


def offset(answer: str, scheme: str = "rtsp") -> tuple[float | None, bytes]:
    with answering(answer.replace("\n", "\r\n").encode()) as (port, asked):
        url = f"{scheme}://127.0.0.1:{port}/secret-path"
        target = SourceTarget("cam", StreamKind.MAIN, url, allow_local=True)
        return clock_offset_s(target, FakeClock(START_US)), asked[0]


def test_the_sample_is_the_clock() -> None:
    found, asked = offset(f"RTSP/1.0 200 OK\nCSeq: 1\nDate: {NOW}\n\n")
    assert found == 0
    assert asked.startswith(b"OPTIONS rtsp://127.0.0.1")
    assert b"secret-path" not in asked


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60),
        ("Mon, 21 Sep 2026 16:13:20 +0200", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", -START_US / 10**6),
        ("yesterday", None),
        ("Mon, 21 Sep 99999999999999999999 14:14:20 GMT", None),
        ("Mon, 21 Sep 2026 14:14:20 +99999999999999999999", None),
        ("", None),
    ],
)
def test_what_cameras_say(date: str, expected: float | None) -> None:
    assert offset(f"RTSP/1.0 401 Unauthorized\ndate: {date}\n\n")[0] == expected


def test_a_camera_that_does_not_tell() -> None:
    assert offset("RTSP/1.0 200 OK\nCSeq: 1\n\n")[0] is None
    assert offset("")[0] is None
    assert offset(f"HTTP/1.1 404 Not Found\nDate: {NOW}\n\n", "http")[0] == 0


def test_a_camera_that_answers_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, none of them late: each would have had its own time limit."""
    monkeypatch.setattr(camera_clock, "ANSWER_S", 0.3)
    said = 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            nonlocal said
            connection, _ = server.accept()
            with connection, suppress(OSError):
                while said < 100 and not hung_up.wait(0.05):
                    connection.sendall(b"x")
                    said += 1

        hung_up = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/"
        target = SourceTarget("cam", StreamKind.MAIN, url, allow_local=True)
        assert clock_offset_s(target, FakeClock()) is None
        hung_up.set()
        thread.join(10)
    assert said < 100


def test_nobody_there_and_addresses_that_are_not_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"rtsp://127.0.0.1:{port}/"
    for allow_local in (True, False):
        target = SourceTarget("cam", StreamKind.MAIN, url, allow_local=allow_local)
        assert clock_offset_s(target, FakeClock()) is None
    demo = SourceTarget("cam", StreamKind.MAIN, "demo:")
    assert clock_offset_s(demo, FakeClock()) is None
