"""The Range responder against RFC 9110 and against a slice of the whole."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.types import Message

from falconeye.base.errors import Unavailable
from falconeye.web.range_response import (
    ByteRange,
    Outcome,
    Representation,
    StreamResponse,
    StreamTimeout,
    attachment,
    http_date,
    precondition_status,
    range_response,
    select_range,
)

ETAG = '"abc-1"'
MODIFIED_US = 1_790_000_000_500_000
HEADERS_OF_MODIFIED = http_date(MODIFIED_US)


class Footage:
    """Bytes that are read in small chunks; counts what is open."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.opened = 0
        self.closed = 0

    def representation(self) -> Representation:
        return Representation(len(self.data), ETAG, MODIFIED_US, "video/mp4", self.read)

    async def read(self, first: int, end: int) -> AsyncGenerator[bytes, None]:
        self.opened += 1
        try:
            for place in range(first, end, 7):
                yield self.data[place : min(place + 7, end)]
        finally:
            self.closed += 1


class Client:
    """The server's side of an ASGI connection: collects what is sent, leaves when told."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.left = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self.got = asyncio.Event()

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        self.got.set()
        await self.reading.wait()

    @property
    def status(self) -> int:
        start: Any = self.messages[0]
        return int(start["status"])

    @property
    def headers(self) -> dict[str, str]:
        start: Any = self.messages[0]
        return {name.decode(): value.decode() for name, value in start["headers"]}

    @property
    def body(self) -> bytes:
        parts: list[Any] = self.messages[1:]
        return b"".join(part.get("body", b"") for part in parts)

    @property
    def is_complete(self) -> bool:
        last: Any = self.messages[-1]
        return last["type"] == "http.response.body" and not last.get("more_body", False)


async def ask(footage: Footage, method: str = "GET", **headers: str) -> Client:
    client = Client()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = range_response(footage.representation(), named, method=method, file_name="Tür 1.mp4")
    await response({}, client.receive, client.send)  # type: ignore[arg-type]
    return client


number = st.integers(0, 300)
spec = st.one_of(
    st.builds("{}-{}".format, number, number),
    st.builds("{}-".format, number),
    st.builds("-{}".format, number),
)


@given(data=st.binary(max_size=200), wanted=spec)
def test_one_range_is_a_slice_of_the_whole(data: bytes, wanted: str) -> None:
    first, _, last = wanted.partition("-")
    selected = select_range(f"bytes={wanted}", len(data))
    if not first:
        expected = data[-int(last) :] if int(last) else b""
    elif last and int(last) < int(first):
        assert selected is Outcome.WHOLE
        return
    else:
        expected = data[int(first) : int(last) + 1 if last else None]
    if expected:
        assert isinstance(selected, ByteRange)
        assert data[selected.first : selected.end] == expected
    else:
        assert selected is Outcome.UNSATISFIABLE


@given(header=st.text(max_size=40), length=st.integers(0, 10**12))
def test_no_header_breaks_the_parser(header: str, length: int) -> None:
    for text in (header, f"bytes={header}"):
        selected = select_range(text, length)
        if isinstance(selected, ByteRange):
            assert 0 <= selected.first < selected.end <= length


@given(specs=st.lists(spec, min_size=2, max_size=5), length=st.integers(0, 200))
def test_of_several_ranges_the_whole_is_sent_if_one_can_be(specs: list[str], length: int) -> None:
    selected = select_range("bytes=" + ", ".join(specs), length)
    each = [select_range(f"bytes={one}", length) for one in specs]
    unsatisfiable = all(one is Outcome.UNSATISFIABLE for one in each)
    assert selected is (Outcome.UNSATISFIABLE if unsatisfiable else Outcome.WHOLE)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("BYTES=0-0", ByteRange(0, 1)),
        ("bytes= 5-6 ,", ByteRange(5, 7)),
        ("bytes=0-99999999999999999999999999", ByteRange(0, 10)),
        ("bytes=-99999999999999999999999999", ByteRange(0, 10)),
        ("bytes=99999999999999999999999999-", Outcome.UNSATISFIABLE),
        ("bytes=-0", Outcome.UNSATISFIABLE),
        ("bytes=10-", Outcome.UNSATISFIABLE),
        ("bytes=", Outcome.WHOLE),
        ("bytes=-", Outcome.WHOLE),
        ("bytes=+1-2", Outcome.WHOLE),
        ("bytes=1-2-3", Outcome.WHOLE),
        ("bytes=²-", Outcome.WHOLE),
        ("items=0-1", Outcome.WHOLE),
        ("0-1", Outcome.WHOLE),
    ],
)
def test_ranges_as_the_rfc_reads_them(header: str, expected: ByteRange | Outcome) -> None:
    assert select_range(header, 10) == expected


async def test_a_whole_answer_says_that_ranges_are_taken() -> None:
    footage = Footage(bytes(range(100)))
    client = await ask(footage)
    assert client.status == 200
    assert client.body == footage.data
    assert client.is_complete
    assert client.headers["accept-ranges"] == "bytes"
    assert client.headers["content-length"] == "100"
    assert client.headers["etag"] == ETAG
    assert client.headers["last-modified"] == HEADERS_OF_MODIFIED
    assert (
        client.headers["content-disposition"]
        == "attachment; filename=\"T_r 1.mp4\"; filename*=UTF-8''T%C3%BCr%201.mp4"
    )
    assert footage.opened == footage.closed == 1


async def test_a_range_is_answered_with_206() -> None:
    footage = Footage(bytes(range(100)))
    client = await ask(footage, range="bytes=10-29", if_range=ETAG)
    assert client.status == 206
    assert client.body == footage.data[10:30]
    assert client.headers["content-range"] == "bytes 10-29/100"
    assert client.headers["content-length"] == "20"


@pytest.mark.parametrize("condition", ['"other"', f"W/{ETAG}", HEADERS_OF_MODIFIED])
async def test_if_range_needs_the_same_strong_tag(condition: str) -> None:
    client = await ask(Footage(b"x" * 50), range="bytes=10-29", if_range=condition)
    assert (client.status, len(client.body)) == (200, 50)


async def test_a_range_beyond_the_end_is_416_with_the_length() -> None:
    client = await ask(Footage(b"x" * 50), range="bytes=50-")
    assert client.status == 416
    assert client.headers["content-range"] == "bytes */50"
    assert b"detail" in client.body


async def test_head_has_the_headers_of_the_whole_and_no_body() -> None:
    footage = Footage(b"x" * 50)
    client = await ask(footage, "HEAD", range="bytes=10-29")
    assert (client.status, client.body) == (200, b"")
    assert client.headers["content-length"] == "50"
    assert footage.opened == 0


async def test_what_the_client_has_is_not_sent_again() -> None:
    client = await ask(Footage(b"x" * 50), if_none_match=f'"old", W/{ETAG}', range="bytes=99-")
    assert (client.status, client.body) == (304, b"")
    assert client.headers["etag"] == ETAG


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"if-none-match": ETAG}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"other"'}, None),
        ({"if-none-match": '"other"', "if-modified-since": HEADERS_OF_MODIFIED}, None),
        ({"if-modified-since": HEADERS_OF_MODIFIED}, 304),
        ({"if-modified-since": http_date(MODIFIED_US - 1_000_000)}, None),
        ({"if-modified-since": "yesterday"}, None),
        ({"if-modified-since": f"Mon, {'9' * 20} Jan 2020 00:00:00 GMT"}, None),
        ({"if-unmodified-since": f"Mon, 06 Jan 2020 00:00:00 +{'9' * 20}"}, None),
        ({"if-match": f"W/{ETAG}"}, 412),
        ({"if-match": ETAG}, None),
        ({"if-match": "*"}, None),
        ({"if-unmodified-since": http_date(MODIFIED_US - 1_000_000)}, 412),
        ({"if-unmodified-since": HEADERS_OF_MODIFIED}, None),
    ],
)
def test_preconditions_in_the_order_of_the_rfc(
    headers: dict[str, str], expected: int | None
) -> None:
    assert precondition_status(headers, ETAG, MODIFIED_US, is_read=True) == expected


def test_file_names_cannot_leave_their_header() -> None:
    value = attachment('a"\r\nSet-Cookie: x=1\\ü.mp4', inline=True)
    assert "\r" not in value
    assert "\n" not in value
    assert value.count('"') == 2
    assert value.startswith('inline; filename="a___Set-Cookie_ x_1__.mp4"')


async def test_a_client_that_leaves_frees_what_is_read() -> None:
    footage = Footage(b"x" * 10_000)
    client = Client()
    client.reading.clear()  # it takes nothing
    response = range_response(footage.representation(), {}, method="GET", file_name="a.mp4")
    task = asyncio.create_task(
        response({}, client.receive, client.send)  # type: ignore[arg-type]
    )
    await client.got.wait()
    assert footage.opened == 1
    client.left.set()
    await task
    assert footage.closed == 1
    assert len(client.messages) == 1  # no chunk was asked for before the one before was taken


async def endless(first: bytes | None, error: Exception | None) -> AsyncGenerator[bytes, None]:
    if first is not None:
        yield first
    if error is not None:
        raise error
    await asyncio.Event().wait()


async def test_an_error_before_the_first_chunk_is_raised() -> None:
    client = Client()
    response = StreamResponse(
        endless(None, Unavailable("the camera is off")), media_type="video/mp4", headers={}
    )
    with pytest.raises(Unavailable):
        await response({}, client.receive, client.send)  # type: ignore[arg-type]
    assert client.messages == []


async def test_an_error_in_the_middle_leaves_the_answer_incomplete() -> None:
    client = Client()
    response = StreamResponse(
        endless(b"abc", Unavailable("the camera is off")), media_type="video/mp4", headers={}
    )
    await response({}, client.receive, client.send)  # type: ignore[arg-type]
    assert client.body == b"abc"
    assert not client.is_complete


async def test_a_stream_that_gives_nothing_ends() -> None:
    client = Client()
    response = StreamResponse(
        endless(None, None), media_type="video/mp4", headers={}, first_limit_s=0.01
    )
    with pytest.raises(StreamTimeout):
        await response({}, client.receive, client.send)  # type: ignore[arg-type]


async def test_a_client_that_reads_nothing_is_dropped() -> None:
    client = Client()
    response = StreamResponse(
        endless(b"abc", None), media_type="video/mp4", headers={}, send_limit_s=0.01
    )
    client.reading.clear()
    await response({}, client.receive, client.send)  # type: ignore[arg-type]
    assert not client.is_complete
