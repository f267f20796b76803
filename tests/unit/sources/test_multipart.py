"""Multipart bodies as cameras send them, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.sources.multipart import MAX_PART_BYTES, MultipartParser

PARTS = [b"\xff\xd8one\xff\xd9", b"\xff\xd8" + b"--fra" * 5 + b"\xff\xd9", b"\xff\xd8\r\n\xff\xd9"]


def _body(*, length: bool, parts: list[bytes] = PARTS) -> bytes:
    body = b""
    for part in parts:
        body += b"--frame\r\nContent-Type: image/jpeg\r\n"
        if length:
            body += b"Content-Length: %d\r\n" % len(part)
        body += b"\r\n" + part + b"\r\n"
    return body + b"--frame\r\n"


@given(data=st.data(), length=st.booleans())
def test_cut_anywhere(data: st.DataObject, length: bool) -> None:
    body = _body(length=length)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        found += parser.feed(body[start:end])
    assert found == PARTS


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/x-mixed-replace;boundary=frame",
        'multipart/x-mixed-replace; boundary="--frame"',
        "multipart/x-mixed-replace; Boundary=--frame",
        "multipart/x-mixed-replace",
    ],
)
@pytest.mark.parametrize("length", [True, False])
def test_boundary_in_all_its_forms(content_type: str, length: bool) -> None:
    assert MultipartParser(content_type).feed(_body(length=length)) == PARTS


@pytest.mark.parametrize("length", [True, False])
def test_boundary_beyond_ascii(length: bool) -> None:
    body = _body(length=length).replace(b"--frame\r\n", "--—€\r\n".encode())
    assert MultipartParser("multipart/x-mixed-replace; boundary=—€").feed(body) == PARTS


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Login</body></html>" * 400,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"--frame\r\nX: " + b"y" * 9000,
        b"--frame\r\nContent-Length: 99999999999\r\n\r\n",
        b"--frame\r\nContent-Length: -1\r\n\r\n",
        b"--frame\r\nContent-Length: abc\r\n\r\n",
    ],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words differ
        MultipartParser("multipart/x-mixed-replace; boundary=frame").feed(body)


def test_part_without_end_is_bounded() -> None:
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    parser.feed(b"--frame\r\n\r\n")
    parser.feed(bytes(MAX_PART_BYTES - 100))
    with pytest.raises(ValueError, match="8 MB"):
        parser.feed(bytes(101))


@given(st.binary(max_size=400))
def test_noise_never_does_anything_else_than_refuse(noise: bytes) -> None:
    parser = MultipartParser("multipart/x-mixed-replace; boundary=frame")
    try:
        parser.feed(b"--frame\r\n" + noise)
        parser.feed(noise)
    except ValueError:
        return
