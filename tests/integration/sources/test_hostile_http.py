"""What poses as an HTTP or RTSP camera and answers to do harm: a reason, within bounds."""

import asyncio
from collections.abc import Callable
from itertools import chain, repeat

import pytest

from tests.integration.sources.conftest import Start
from tests.peers.hostile_http import (
    MB,
    TAKEN_BYTES,
    Answer,
    answer,
    endless_body,
    endless_chunks,
    endless_headers,
    endless_status,
    gzip_bomb,
    hostile,
    memory_below,
)
from tests.peers.judging import failed_with

MIXED = b"Content-Type: multipart/x-mixed-replace; boundary=frame"
PART = b"--frame\r\nContent-Type: image/jpeg\r\n"


def part(*headers: bytes) -> bytes:
    return b"".join([PART, *(header + b"\r\n" for header in headers), b"\r\n"])


def endless(*first: bytes) -> Answer:
    """A stream of pictures that begins so, and then goes on with bytes of no meaning."""
    head = b"HTTP/1.1 200 OK\r\n" + MIXED + b"\r\n\r\n"
    return chain([head, *first], repeat(bytes(65_536)))


HTTP: dict[str, tuple[Callable[[], Answer], str, str]] = {
    "a packed stream": (
        lambda: answer(gzip_bomb(), MIXED, b"Content-Encoding: gzip"),
        "not_a_camera", "no part begins",
    ),
    "a packed part": (
        lambda: answer(part(b"Content-Encoding: gzip") + gzip_bomb() + b"\r\n--frame\r\n", MIXED),
        "disconnected", "ended the stream",
    ),
    "endless chunks": (lambda: endless_chunks(MIXED), "not_a_camera", "no part begins"),
    "endless body": (lambda: endless_body(MIXED), "not_a_camera", "no part begins"),
    "an endless part": (lambda: endless(part()), "not_a_camera", "8 MB"),
    "a part of a gigabyte": (
        lambda: endless(part(b"Content-Length: 1000000000")), "not_a_camera", "8 MB",
    ),
    "a part of 5000 digits": (
        lambda: endless(part(b"Content-Length: " + b"9" * 5000)), "not_a_camera", "no MJPEG",
    ),
    "a part of less than nothing": (
        lambda: endless(part(b"Content-Length: -1")), "not_a_camera", "8 MB",
    ),
    "endless headers": (endless_headers, "disconnected", "does not speak HTTP"),
    "endless status": (endless_status, "disconnected", "does not speak HTTP"),
    "a page without an end": (
        lambda: endless_body(b"Content-Type: text/html"), "not_a_camera", "web page",
    ),
    "a picture without an end": (
        lambda: endless_body(b"Content-Type: image/jpeg"), "not_a_camera", "one picture",
    ),
    "a refusal without an end": (
        lambda: chain(answer(b"", b"Content-Length: 9999999999", status=b"404 No"),
                      repeat(bytes(65_536))),
        "not_found", "no stream",
    ),
    "a length of thirty digits": (
        lambda: answer(b"x", MIXED, b"Content-Length: " + b"9" * 30),
        "disconnected", "does not speak HTTP",
    ),
    "to itself again": (
        lambda: answer(b"", b"Location: /stream", status=b"302 There"),
        "camera_error", "again and again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HTTP)
async def test_what_poses_as_an_http_camera_is_refused_within_bounds(
    start: Start, kind: str
) -> None:
    make, code, words = HTTP[kind]
    whole = {"a packed stream", "a packed part"}
    pieces = list(make()) if kind in whole else []  # a bomb is made before it is measured
    async with hostile(lambda: iter(pieces) if pieces else make()) as camera:
        with memory_below(48 * MB):
            source, sink = start(
                f"http://127.0.0.1:{camera.port}/stream", user="admin", password="hidden"
            )
            await asyncio.to_thread(sink.until, lambda: failed_with(sink, code))
            source.stop()
            assert await asyncio.to_thread(source.join, 3)
        await camera.until_hung_up()
    assert sink.states
    assert words in next(each.reason for each in sink.states if each.reason_code == code)
    assert "hidden" not in repr(sink.states)
    # One try, or a second one that had begun when the source was stopped; redirects among them.
    assert camera.requests <= 12
    assert camera.sent_bytes < camera.requests * TAKEN_BYTES


RTSP_HEAD = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n"
RTSP: dict[str, Callable[[], Answer]] = {
    "endless headers": lambda: chain([RTSP_HEAD], repeat(b"X-More: " + b"a" * 8000 + b"\r\n")),
    "an endless line": lambda: chain([RTSP_HEAD], repeat(b"a" * 65_536)),
    "a body of a gigabyte": lambda: chain(
        [RTSP_HEAD + b"Content-Length: 1000000000\r\n\r\n"], repeat(bytes(65_536))
    ),
    "a body of 5000 digits": lambda: chain(
        [RTSP_HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"], repeat(bytes(65_536))
    ),
    "a body of less than nothing": lambda: chain(
        [RTSP_HEAD + b"Content-Length: -1\r\n\r\n"], repeat(bytes(65_536))
    ),
}


@pytest.mark.parametrize("kind", RTSP)
async def test_what_poses_as_an_rtsp_camera_is_refused_within_bounds(
    start: Start, kind: str
) -> None:
    async with hostile(RTSP[kind]) as camera:
        with memory_below(16 * MB):
            source, sink = start(
                f"rtsp://127.0.0.1:{camera.port}/stream", user="admin", password="hidden"
            )
            await camera.until_hung_up()
            await asyncio.to_thread(sink.until, lambda: any(s.reason_code for s in sink.states))
            source.stop()
            assert await asyncio.to_thread(source.join, 3)
    assert "hidden" not in repr(sink.states)
    assert camera.sent_bytes < camera.requests * TAKEN_BYTES
