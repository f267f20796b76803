"""A name that leads elsewhere the second time it is asked for (DNS rebinding) misleads nobody.

A camera's name is asked for once a connection, the answer is checked, and everything goes there.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import pytest

from tests.integration.sources.conftest import Start
from tests.peers.judging import failed_with
from tests.peers.media_samples import video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.replay_rtsp import ReplayServer

NAME: Final = "camera.example"
RIGHT, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@contextmanager
def trap(port: int) -> Iterator[socket.socket]:
    """What listens elsewhere, at the same port; nobody may come."""
    with socket.create_server((ELSEWHERE, port)) as listening:
        listening.setblocking(False)
        yield listening


def nobody_came(listening: socket.socket) -> bool:
    try:
        connection, _ = listening.accept()
    except BlockingIOError:
        return True
    connection.close()
    return False


def lay_resolver(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """The name has these answers, one after the other, then always the last; those given so far."""
    real, given = socket.getaddrinfo, list[str]()

    def resolve(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host != NAME:
            return real(host, port, *rest, **options)
        given.append(answers[min(len(given), len(answers) - 1)])
        return real(given[-1], port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return given


@pytest.mark.parametrize("kind", ["rtsp", "http"])
def test_what_was_checked_is_what_is_connected_to(
    start: Start, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    given = lay_resolver(monkeypatch, RIGHT, ELSEWHERE)
    with ExitStack() as stack:
        if kind == "rtsp":
            replay = stack.enter_context(ReplayServer())
            replay.add("a", video=video_clip())
            url, port = replay.url("a", host=NAME), replay.port
        else:
            camera = stack.enter_context(MjpegServer())
            url, port = camera.url(host=NAME), camera.port
        elsewhere = stack.enter_context(trap(port))
        source, sink = start(url)
        sink.until(lambda: sink.pictures > 3)
        source.stop()
        assert source.join(2)
        assert given == [RIGHT]
        assert nobody_came(elsewhere)


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_name_that_turns_to_this_machine_is_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """However often it is asked: each connection looks where the name leads now."""
    _ = lay_resolver(monkeypatch, ELSEWHERE, RIGHT, "::1", "169.254.169.254")
    with socket.create_server((RIGHT, 0)) as server:
        port = server.getsockname()[1]
        server.setblocking(False)
        with trap(port) as elsewhere:
            source, sink = start(f"{scheme}://{NAME}:{port}/a", allow_local=False)
            sink.until(lambda: failed_with(sink, "address_forbidden"))
            source.stop()
            assert nobody_came(server)
            assert nobody_came(elsewhere)
