"""What passes through an entry node, and what never does, whatever is sent."""

from hypothesis import given
from hypothesis import strategies as st

from falconeye.web.peers.proxy_headers import content_length, downward, has_body, upward

NAMES = """
Host Connection Keep-Alive Transfer-Encoding TE Trailer Upgrade Proxy-Authorization Cookie
Authorization Origin Referer Sec-Fetch-Site Sec-WebSocket-Key X-Forwarded-For Forwarded
FalconEye-Acting FalconEye-To FALCONEYE-CLIENT X-Form-Token Signature Signature-Input Content-Digest
Set-Cookie Server Strict-Transport-Security Content-Security-Policy X-CSRF-Token
Access-Control-Allow-Origin Expect Range If-Range ETag Content-Length Content-Type
X-Base-Path Content-Encoding Content-Range Accept-Encoding User-Agent X-Custom Via Alt-Svc
"""
TOKEN = st.sampled_from([name.encode() for name in NAMES.split()])
VALUE = st.binary(max_size=20).map(lambda raw: raw.translate(None, b"\r\n\0"))
PAIRS = st.lists(st.tuples(TOKEN, VALUE), max_size=20)
SECRET = {
    b"host", b"authorization", b"origin", b"referer", b"forwarded", b"signature",
    b"signature-input", b"content-digest", b"transfer-encoding", b"connection", b"upgrade",
    b"expect", b"te", b"x-form-token", b"x-base-path", b"trailer", b"keep-alive",
    b"proxy-authorization",
}  # fmt: skip
PREFIXES = (b"falconeye-", b"sec-", b"x-forwarded-")


@given(PAIRS)
def test_no_secret_goes_up_and_nothing_is_made_up(pairs: list[tuple[bytes, bytes]]) -> None:
    passed = upward(pairs, "token")
    assert passed[-1] == ("x-form-token", "token")
    names = {name.encode() for name, _ in passed[:-1]}
    assert not SECRET & names
    assert not [name for name in names if name.startswith(PREFIXES)]
    lower = [
        (name.lower(), value.decode("ascii", "replace").replace("\ufffd", "?"))
        for name, value in pairs
    ]
    for name, value in passed[:-1]:
        made = name in {"accept-encoding", "user-agent", "cookie"}
        assert made or (name.encode(), value) in lower


@given(PAIRS)
def test_no_peer_binds_a_browser(pairs: list[tuple[bytes, bytes]]) -> None:
    for name, _ in downward(pairs):
        assert name not in {
            b"set-cookie", b"server", b"strict-transport-security", b"content-security-policy",
            b"transfer-encoding", b"connection",
        }  # fmt: skip
        assert not name.startswith((b"falconeye-", b"access-control-"))


def test_the_base_path_is_told_by_the_node_and_never_by_who_asks() -> None:
    pairs = [(b"X-Base-Path", b"/evil")]
    assert "x-base-path" not in dict(upward(pairs))
    assert dict(upward(pairs, base_path="/eye"))["x-base-path"] == "/eye"


def test_what_connection_names_ends_but_never_the_framing() -> None:
    pairs = [
        (b"Connection", b"close, X-Secret , Content-Length,content-encoding"),
        (b"X-Secret", b"1"),
        (b"X-Other", b"2"),
        (b"Content-Length", b"3"),
        (b"Content-Encoding", b"br"),
    ]
    assert downward(pairs) == [
        (b"x-other", b"2"), (b"content-length", b"3"), (b"content-encoding", b"br"),
    ]  # fmt: skip


def test_order_and_repetition_stay() -> None:
    pairs = [(b"accept", b"a"), (b"range", b"bytes=1-"), (b"accept", b"b")]
    assert upward(pairs)[:3] == [("accept", "a"), ("range", "bytes=1-"), ("accept", "b")]


def test_letters_beyond_ascii_become_others_that_match_nothing() -> None:
    assert upward([(b"if-match", b'"gr\xfc\xdf"')])[0] == ("if-match", '"gr??"')


def test_of_the_cookies_only_what_the_device_chose_passes() -> None:
    cookie = (b"cookie", b"a=1; falconeye_theme=dark; falconeye_session=secret")
    assert ("cookie", "falconeye_theme=dark") in upward([cookie])
    assert "cookie" not in dict(upward([(b"cookie", b"falconeye_session=secret")]))
    long = b"falconeye_theme=" + b"x" * 100
    assert "cookie" not in dict(upward([(b"cookie", long)]))
    both = (b"cookie", b"falconeye_language=de; a=1"), (b"cookie", b"falconeye_theme=dark")
    assert dict(upward(both))["cookie"] == "falconeye_language=de; falconeye_theme=dark"


def test_lengths() -> None:
    assert content_length([(b"Content-Length", b"12")]) == 12
    assert content_length([(b"content-length", b"-1")]) is None
    assert content_length([(b"content-length", b"9" * 5000)]) is None
    assert content_length([]) is None
    assert has_body([(b"transfer-encoding", b"chunked")])
    assert has_body([(b"content-length", b"1")])
    assert not has_body([(b"content-length", b"0")])
    assert not has_body([])
