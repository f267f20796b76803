"""What poses as an ONVIF camera and answers to do harm: an error of ours within bounds."""

from collections.abc import Callable

import pytest

from falconeye.base.secret import Secret
from falconeye.onvif.device import OnvifDevice
from falconeye.onvif.errors import (
    OnvifError,
    OnvifLoginRefused,
    OnvifTimeout,
    OnvifUnreachable,
    OnvifUnreadable,
)
from falconeye.onvif.http import MAX_ANSWER_BYTES
from tests.peers.hostile_http import (
    MB,
    TAKEN_BYTES,
    Answer,
    answer,
    deflate_bomb,
    endless_body,
    endless_chunks,
    endless_headers,
    endless_interim,
    endless_status,
    gzip_bomb,
    hostile,
    memory_below,
)

SOAP = b"Content-Type: application/soap+xml; charset=utf-8"
ENVELOPE = (
    b"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body>"
    b"<GetServicesResponse xmlns='http://www.onvif.org/ver10/device/wsdl'/></s:Body></s:Envelope>"
)
ANSWERS: dict[str, tuple[Callable[[], Answer], type[OnvifError], str]] = {
    "gzip bomb": (
        lambda: answer(gzip_bomb(), SOAP, b"Content-Encoding: gzip"), OnvifUnreadable, "no SOAP",
    ),
    "deflate bomb": (
        lambda: answer(deflate_bomb(), SOAP, b"Content-Encoding: deflate"),
        OnvifUnreadable, "no SOAP",
    ),
    # A codec that nobody unpacks stays what it is: no XML.
    "brotli": (
        lambda: answer(b"\x8b\x02" * 500, SOAP, b"Content-Encoding: br"),
        OnvifUnreadable, "no SOAP",
    ),
    "endless body": (lambda: endless_body(SOAP), OnvifUnreadable, "larger than 1000 kB"),
    "endless chunks": (lambda: endless_chunks(SOAP), OnvifUnreadable, "larger than 1000 kB"),
    "longer than all": (
        lambda: answer(bytes(8 * MB), SOAP), OnvifUnreadable, "larger than 1000 kB",
    ),
    "endless headers": (endless_headers, OnvifUnreachable, "ended the connection early"),
    "endless status": (endless_status, OnvifUnreachable, "ended the connection early"),
    "endless interim": (endless_interim, OnvifTimeout, "no whole answer within"),
    "less than it says": (
        lambda: answer(ENVELOPE, SOAP, b"Content-Length: 999999"),
        OnvifUnreachable, "ended the connection early",
    ),
    "more than it says": (
        lambda: answer(ENVELOPE, SOAP, b"Content-Length: 100"), OnvifUnreadable, "no SOAP",
    ),
    "a length of thirty digits": (
        lambda: answer(ENVELOPE, SOAP, b"Content-Length: " + b"9" * 30),
        OnvifUnreachable, "ended the connection early",
    ),
    "a negative length": (
        lambda: answer(ENVELOPE, SOAP, b"Content-Length: -1"),
        OnvifUnreachable, "ended the connection early",
    ),
    "two lengths": (
        lambda: answer(ENVELOPE, SOAP, b"Content-Length: 5", b"Content-Length: 9"),
        OnvifUnreachable, "ended the connection early",
    ),
    "to itself again": (
        lambda: answer(b"", b"Location: /onvif/device_service", status=b"302 There"),
        OnvifUnreadable, "redirects",
    ),
    "another login each time": (
        lambda: answer(b"", b'WWW-Authenticate: Digest realm="x", nonce="y", qop="auth"',
                       status=b"401 Who"),
        OnvifLoginRefused, "refuses",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ANSWERS)
async def test_what_poses_as_a_camera_is_refused_within_bounds(kind: str) -> None:
    make, meaning, words = ANSWERS[kind]
    pieces = list(make()) if "endless" not in kind else []  # a bomb is made before it is measured
    async with hostile(lambda: iter(pieces) if pieces else make()) as camera:
        limit_s = 0.3 if kind == "endless interim" else 20
        device = OnvifDevice(
            "127.0.0.1", camera.port, username="admin", password=Secret("hidden"),
            allow_local=True, limit_s=limit_s,
        )  # fmt: skip
        with memory_below(24 * MB), pytest.raises(meaning, match=words) as caught:
            async with device:
                _ = await device.profiles()
        await camera.until_hung_up()
    # Its time and its services are asked for, both with and without the login: no redirect is
    # followed, and no login is tried again and again.
    assert camera.requests <= 6
    if kind != "endless interim":  # which is thrown away as it comes, for as long as we wait
        assert camera.sent_bytes < camera.requests * (MAX_ANSWER_BYTES + TAKEN_BYTES)
    assert "hidden" not in str(caught.value)
