"""What requests and people give us: headers, times, addresses, forms, files of settings."""

import asyncio
import base64
import tomllib
from collections.abc import Sequence
from datetime import UTC
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.connection import ASGIConnection

from falconeye.base.errors import BadRequest, InvalidInput
from falconeye.base.times import rfc3339
from falconeye.cli.toml_text import assignments
from falconeye.config.addresses import leads_to_itself, origin
from falconeye.config.peer_addresses import peer_address, peer_addresses, split_host_port
from falconeye.media.samples import StreamKind
from falconeye.storage.reading.playback_list import (
    Entries,
    Entry,
    ListedSegment,
    make_playlist,
)
from falconeye.web.api.parameters import read_span, read_time
from falconeye.web.hashed_upload import read_hash
from falconeye.web.reading import ReadRequest
from falconeye.web.security.cookies import cookie_of
from falconeye.web.security.credentials import CredentialKind, credential_of
from falconeye.web.streamed_form import StreamedForm
from tests.examples import examples

pytestmark = pytest.mark.timeout(60)
LATEST_US = 253_402_300_799_000_000  # 9999-12-31T23:59:59Z
HEADER = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"))
ADDRESS_PARTS = [
    "http://", "rtsp:", "//", "[", "]", "::1", "127.1", "0x7f.1", "@", ":", "80", "99999", "²", "/",
    "localhost", ".", "%", "\u2100", "?a=", "#", " ", "-",
]  # fmt: skip
ADDRESSES = st.text(max_size=40) | st.lists(st.sampled_from(ADDRESS_PARTS), max_size=8).map("".join)
NAMES = st.text(max_size=10)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def asking(*headers: tuple[str, str]) -> ASGIConnection[Any, Any, Any, Any]:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": raw, "query_string": b""}
    return ASGIConnection(scope)


@given(HEADER, HEADER)
def test_any_header_is_a_credential_or_none(authorization: str, cookie: str) -> None:
    for headers in ([("authorization", authorization)], [("cookie", cookie)]):
        found = credential_of(asking(*headers))
        assert found is None or 0 < len(found.value) <= 1024
    for scheme in ("Basic", "Bearer"):
        found = credential_of(asking(("authorization", f"{scheme} {authorization}")))
        assert found is None or found.kind is CredentialKind.TOKEN


@given(st.text(max_size=20).filter(lambda name: ":" not in name), st.text(min_size=1, max_size=40))
def test_a_basic_password_comes_back(name: str, password: str) -> None:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    found = credential_of(asking(("authorization", f"Basic {pair}")))
    assert found is not None
    assert (found.kind, found.value) == (CredentialKind.TOKEN, password)


@given(st.lists(st.tuples(HEADER, HEADER), max_size=5), st.text("abcdef0123456789-_=", max_size=30))
def test_a_cookie_is_found_among_others(others: list[tuple[str, str]], value: str) -> None:
    header = "; ".join([*(f"{name}={text}" for name, text in others), f"ours={value}"])
    assert cookie_of(asking(("cookie", header)), "ours") == value


@given(st.text(max_size=40) | st.datetimes().map(str) | st.times().map(str))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        found = read_time(text, UTC, field="from")
    except InvalidInput:
        return
    assert found is not None
    assert 0 <= found <= LATEST_US


@given(st.integers(0, LATEST_US), st.integers(0, LATEST_US))
def test_times_come_back_and_a_span_does_not_end_before_it_begins(one: int, other: int) -> None:
    one, other = one // 1000 * 1000, other // 1000 * 1000  # answers tell milliseconds
    assert read_time(rfc3339(one), UTC, field="from") == one
    try:
        span = read_span(rfc3339(one), rfc3339(other), UTC)
    except InvalidInput:
        assert other < one
        return
    assert (span.from_us, span.to_us) == (one, other)


@given(st.text(max_size=80) | st.text("0123456789abcdefABCDEF: \n", min_size=60, max_size=90))
def test_any_text_is_a_hash_or_refused(text: str) -> None:
    try:
        found = read_hash(text)
    except InvalidInput:
        return
    assert len(bytes.fromhex(found)) == 32
    assert read_hash(found.upper()) == found


@given(ADDRESSES)
def test_any_text_is_an_address_of_a_node_or_refused(text: str) -> None:
    try:
        found = peer_address(text)
    except ValueError:
        return
    assert peer_address(found) == found
    host, port = split_host_port(found)
    assert host
    assert 1 <= port <= 65_535


@given(st.none() | st.integers() | ADDRESSES | st.lists(ADDRESSES | st.integers(), max_size=5))
def test_anything_is_a_list_of_nodes_or_refused(given_: object) -> None:
    try:
        found = peer_addresses(given_)
    except ValueError:
        return
    assert len(set(found)) == len(found)


@given(ADDRESSES)
def test_any_text_can_be_asked_where_it_leads(text: str) -> None:
    _ = origin(text)
    assert leads_to_itself(text) in {True, False}


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_settings_written_as_toml_come_back(values: dict[str, Any]) -> None:
    assert tomllib.loads(assignments(values)) == values


# All that Litestar asks of a route while it reads a body.
WITH_LIMIT = SimpleNamespace(resolve_request_max_body_size=lambda: 1 << 20)


class Taken:
    """A file's pieces."""

    def __init__(self) -> None:
        self.data = b""

    async def add(self, piece: bytes | bytearray, /) -> None:
        self.data += piece


async def _read(chunks: Sequence[bytes], content_type: str) -> tuple[dict[str, str], bytes]:
    """A form as it comes in these chunks: its fields and its file."""
    coming = [
        {"type": "http.request", "body": chunk, "more_body": number + 1 < len(chunks)}
        for number, chunk in enumerate(chunks or [b""])
    ]

    async def receive() -> Any:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    scope: Any = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers,
        "auth": None, "state": {}, "route_handler": WITH_LIMIT,
    }  # fmt: skip
    taken = Taken()

    async def begin(_name: str) -> Taken:
        return taken

    form = StreamedForm(ReadRequest(scope, receive), begin)
    await form.read()
    return form.fields, taken.data


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="word"\r\n\r\nhello\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    b"\x00\r\n--\xff\r\n--b--\r\n"
)
TYPE = "multipart/form-data; boundary=b"


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({place % len(data) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.integers(0, 1000), max_size=6))
def test_a_form_with_a_file_comes_back_cut_anywhere(places: list[int]) -> None:
    fields, data = asyncio.run(_read(cut(FORM, places), TYPE))
    assert fields == {"word": "hello"}
    assert data == b"\x00\r\n--\xff"


@settings(max_examples=examples(200), deadline=None)
@given(
    st.integers(0, len(FORM)), st.binary(max_size=10), st.integers(0, 10), HEADER | st.just(TYPE)
)
def test_a_bent_form_is_read_or_refused(at: int, put: bytes, gone: int, kind: str) -> None:
    data = FORM[:at] + put + FORM[at + gone :]
    try:
        _ = asyncio.run(_read([data], kind))
    except BadRequest:  # and nothing that would be called our fault
        return


SEGMENTS = st.lists(
    st.tuples(
        st.integers(1, 3),  # run
        st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=4),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(SEGMENTS, st.booleans())
def test_a_playlist_names_what_is_listed_once_and_in_order(
    told: list[tuple[int, list[tuple[int, int]], bool]], is_over: bool
) -> None:
    """As RFC 8216 wants it: a length for each address, none longer than the target says."""
    segments: list[ListedSegment] = []
    start_us = 1_790_000_000_000_000
    for run, entries, growing in told:
        listed, offset, start = list[Entry](), 0, 0
        for size, duration in entries:
            listed.append(Entry(offset, size, start, duration))
            offset, start = offset + size, start + duration
        segments.append(
            ListedSegment(
                run, 1_790_000_000, start_us, 0, f"digest{run}", 700, Entries(tuple(listed), False),
                growing,
            )
        )  # fmt: skip
        start_us += 60_000_000
    text = make_playlist(segments, StreamKind.MAIN, 0, 1 << 60, is_over=is_over)
    stopped = next((n for n, one in enumerate(segments) if one.is_growing and not is_over), None)
    shown = segments if stopped is None else segments[: stopped + 1]
    wanted = [
        f"{entry.size_bytes}@{entry.offset}"
        for number, one in enumerate(shown)
        for entry in (one.entries.all[:-1] if number == stopped else one.entries.all)
    ]
    if text is None:
        assert not wanted
        return
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    assert ("#EXT-X-ENDLIST" in lines) is is_over
    assert [line[17:] for line in lines if line.startswith("#EXT-X-BYTERANGE:")] == wanted
    lengths = [float(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]
    assert len(lengths) == len(wanted) == sum(not line.startswith("#") for line in lines)
    (target,) = (int(line[22:]) for line in lines if line.startswith("#EXT-X-TARGETDURATION:"))
    assert max(lengths) <= target
