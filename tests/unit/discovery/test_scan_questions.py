"""What an open port says is understood, or is nobody's; whatever bytes come."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.discovery.scan_questions import (
    MAX_PAGE_BYTES,
    Answer,
    ask_http,
    ask_rtsp,
    is_onvif,
)
from tests.examples import examples
from tests.peers.hostile_http import (
    MB,
    TAKEN_BYTES,
    answer,
    endless_body,
    endless_chunks,
    endless_headers,
    endless_interim,
    endless_status,
    gzip_bomb,
    hostile,
    memory_below,
)

Question = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[object]]


async def asked(question: Question, said: bytes) -> object:
    """What the question makes of a peer that says this at once, and no more."""

    async def peer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await question(reader, writer, f"127.0.0.1:{port}")
        finally:
            writer.transport.abort()
    finally:
        server.close()
        await server.wait_closed()


async def test_a_device_that_goes_by_the_action_is_told_it() -> None:
    """Such a one answers anything else by a fault that has nothing of ONVIF in it."""

    async def device(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        action = b'; action="http://www.onvif.org/ver10/device/wsdl/GetSystemDateAndTime"\r\n'
        answer = b"<GetSystemDateAndTimeResponse/>" if action in head else b"<Fault/>"
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n<Envelope>" + answer + b"</Envelope>")
        writer.close()

    async with await asyncio.start_server(device, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found = await is_onvif(reader, writer, f"127.0.0.1:{port}")
        writer.transport.abort()
    assert found


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (
            b"RTSP/1.0 401 Unauthorized\r\nServer: Rtsp\x1b[2J\r\n%b\r\n"
            % b'WWW-Authenticate: Digest realm="IP Camera"\r\n',
            Answer("rtsp", "Rtsp [2J", "IP Camera"),
        ),
        (b"RTSP/1.0 200 OK\r\n\r\n", Answer("rtsp")),
        (b"RTSP/1.0 200\r\n\r\n", Answer("rtsp")),
        (b"RTSP/1.0 999 OK\r\n\r\n", None),
        (b"RTSP/1.0", None),
        (b"HTTP/1.0 200 OK\r\n\r\n", None),
        (b"SSH-2.0-OpenSSH\r\n", None),
        (b"", None),
    ],
)
async def test_rtsp(said: bytes, answer: Answer | None) -> None:
    assert await asked(ask_rtsp, said) == answer


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (
            b"HTTP/1.1 200 OK\r\nserver: App-webs/\r\n\r\n<html><TITLE lang=x> A\nB </TITLE>",
            Answer("http", "App-webs/", "", "A B"),
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n<title>" + b"x" * 100_000, Answer("http")),
        (b"HTTP/1.1 302 Found\r\nX" + b"x" * 100_000, Answer("http")),
        (b"RTSP/1.0 200 OK\r\n\r\n", None),
        (b"\x16\x03\x01\x00", None),
    ],
)
async def test_http(said: bytes, answer: Answer | None) -> None:
    assert await asked(ask_http, said) == answer


@pytest.mark.parametrize(
    ("said", "onvif"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n<Envelope><x:GetSystemDateAndTimeResponse/></Envelope>", True),
        (b"HTTP/1.1 400 Bad\r\n\r\n<a xmlns:ter='http://www.onvif.org/ver10/error'>", True),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", False),
        (b"HTTP/1.1 404 Not Found\r\n\r\n<html>", False),
        (b"GetSystemDateAndTimeResponse", False),
        (b"", False),
    ],
)
async def test_onvif(said: bytes, onvif: bool) -> None:
    assert await asked(is_onvif, said) is onvif


@settings(deadline=None, max_examples=examples(60))
@given(
    st.sampled_from([ask_rtsp, ask_http, is_onvif]),
    st.sampled_from([b"", b"RTSP/1.0 200 OK\r\n", b"HTTP/1.1 401 X\r\n", b"HTTP/1.0 200 \r\n\r\n"]),
    st.binary(max_size=200),
)
def test_any_bytes_are_an_answer_or_none(question: Question, head: bytes, rest: bytes) -> None:
    found = asyncio.run(asked(question, head + rest))
    assert found is None or isinstance(found, Answer | bool)


@pytest.mark.parametrize("question", [ask_rtsp, ask_http, is_onvif])
@pytest.mark.parametrize(
    "make",
    [
        endless_body,
        endless_chunks,
        endless_headers,
        endless_status,
        endless_interim,
        lambda: answer(gzip_bomb(), b"Content-Encoding: gzip"),
        lambda: chain([b"RTSP/1.0 200 OK\r\n"], repeat(b"X-More: " + b"a" * 8000 + b"\r\n")),
        lambda: repeat(b"<title>" * 9000),
    ],
)
async def test_of_an_answer_without_an_end_a_few_kilobytes_are_taken(
    question: Question, make: Callable[[], Iterator[bytes]]
) -> None:
    made = make()
    async with hostile(lambda: made) as host:
        reader, writer = await asyncio.open_connection("127.0.0.1", host.port, limit=MAX_PAGE_BYTES)
        with memory_below(MB):
            _ = await question(reader, writer, f"127.0.0.1:{host.port}")
        writer.transport.abort()
        await host.until_hung_up()
    assert host.sent_bytes < TAKEN_BYTES
