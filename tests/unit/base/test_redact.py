"""Credentials out of URLs and texts, however badly they were typed."""

import re
import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import (
    fill_hidden,
    hide_parameters,
    holds_hidden,
    is_secret_name,
    redact_text,
    split_credentials,
)
from falconeye.cameras.changes import new_config
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol

HOST = "10.0.0.9:554"
# What stands around the URL, in capitals: passwords have none, so what survives is theirs.
BEFORE = ("", "CANNOT OPEN ", "'", '("', "URL=", "FIRST rtsp://10.0.0.1:554/A THEN ")
AFTER = ("", " FAILED", "' FAILED", '"): NO ANSWER', ", NEXT TRY IN 2 S", "\nNEXT LINE")
TYPED = string.ascii_lowercase + string.digits + "/?#@:;,.!$&'()*+=%_-~[]{}<>|\\^`\""


def left_of(password: str, text: str) -> list[str]:
    """The parts of 4 characters of a password that stand in `text`."""
    parts = {password[at : at + 4] for at in range(len(password) - 3)}
    return [part for part in parts if part in text]


@given(
    user=st.text(string.ascii_lowercase, max_size=6),
    password=st.text(TYPED, min_size=4, max_size=20),
    before=st.sampled_from(BEFORE),
    after=st.sampled_from(AFTER),
    scheme=st.sampled_from(("rtsp", "http", "rtsps", "onvif")),
)
@example("admin", "pa/ss/word", "", "", "rtsp")
@example("admin", "1234/abcd", "CANNOT OPEN ", " FAILED", "rtsp")
@example("", "abcd#ef?gh", "", "", "http")
@example("admin", "p@ss@word", "'", "' FAILED", "rtsp")
def test_no_part_of_a_password_survives(
    user: str, password: str, before: str, after: str, scheme: str
) -> None:
    text = f"{before}{scheme}://{user}:{password}@{HOST}/LIVE{after}"
    found = redact_text(text)
    others = found.replace(HOST, "").replace("10.0.0.1:554", "")
    assert left_of(password, re.sub(r"[a-z]+://", "", others)) == []
    assert found.endswith(f"{HOST}/LIVE{after}")


@given(first=st.text(string.ascii_lowercase, min_size=4), second=st.text(TYPED, min_size=4))
def test_a_password_with_a_space(first: str, second: str) -> None:
    found = redact_text(f"rtsp://admin:{first} {second}@{HOST}/A")
    assert found == f"rtsp://{HOST}/A"


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://10.0.0.9:554/stream1?channel=1",
        "no route to rtsp://camera.local/a, asked by joe@example.org",
        "http://[fe80::1]:80/video.mjpg",
        "two of them: rtsp://a:554/x and rtsp://b/y",
    ],
)
def test_what_holds_no_password_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://cam/v.cgi?loginuse=admin&loginpas=s3cret&ch=1",
         "http://cam/v.cgi?loginuse=***&loginpas=***&ch=1"),
        ("http://cam/v?ch=1&password=ab'cd\"ef", "http://cam/v?ch=1&password=***"),
        ("http://cam/v?rtsp2_passwd=a;b#c&ch=1", "http://cam/v?rtsp2_passwd=***&ch=1"),
        ("http://cam/v?AuthBasic=YTpi&ApiKey=x", "http://cam/v?AuthBasic=***&ApiKey=***"),
        ("rtsp://cam/user=admin&password=tlJwpbo6&channel=1&stream=0.sdp?",
         "rtsp://cam/user=***&password=***&channel=1&stream=0.sdp?"),
        ("rtsp://cam/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
         "rtsp://cam/user=***_channel=1_stream=0.sdp?real_stream"),
    ],
)  # fmt: skip
def test_logins_among_the_parameters(url: str, shown: str) -> None:
    assert redact_text(url) == shown
    assert redact_text(f"cannot open {url} (no answer)") == f"cannot open {shown} (no answer)"
    assert holds_hidden(shown)
    assert not holds_hidden(url)
    assert fill_hidden(shown, url) == url


@given(st.text(TYPED.replace("&", ""), min_size=4, max_size=20))
@example("ab'SECRET")
@example("@0000")
def test_no_part_of_a_parameter_survives(password: str) -> None:
    url = f"http://{HOST}/LIVE?loginpas={password}&CH=1"
    hidden = f"http://{HOST}/LIVE?loginpas=***&CH=1"
    assert hide_parameters(url) == hidden
    assume(not left_of(password, hidden.replace(HOST, "")))  # "http" is there anyway
    assert left_of(password, redact_text(url).replace(HOST, "")) == []


def test_hidden_values_are_filled_in_by_name_and_order() -> None:
    known = "http://a/v?user=one&pwd=two&user=three"
    assert fill_hidden("http://a/w?pwd=***&user=***&user=***", known).endswith(
        "?pwd=two&user=one&user=three"
    )
    assert fill_hidden("http://a/w?user=new&user=***", known).endswith("?user=new&user=three")
    assert fill_hidden("http://a/w?token=***", known) == "http://a/w?token=***"


def test_names_of_logins() -> None:
    assert all(map(is_secret_name, ("loginpas", "LoginUse", "pwd", "rtsp_password", "usr")))
    assert not any(map(is_secret_name, ("channel", "passage", "users", "compass_x", "")))


def test_two_urls_on_a_line() -> None:
    text = "rtsp://u:aaaa@a/x redirects to 'rtsp://u:bb/bb@b/y'"
    assert redact_text(text) == "rtsp://a/x redirects to 'rtsp://b/y'"


@given(st.text(TYPED, min_size=4, max_size=20))
@example("1234/abcd")
@example("12?345678")
@example("12#345678")
def test_a_password_typed_into_an_address_never_becomes_a_part_of_it(password: str) -> None:
    """A URL with it unencoded is either split rightly or refused; the path never holds it."""
    url = f"rtsp://ADMIN:{password}@{HOST}/LIVE"
    assert left_of(password, shown_of(url).replace(HOST, "")) == []


def shown_of(url: str) -> str:
    """The address of a camera added by this URL, or the words that refuse it."""
    try:
        config = new_config(NewCamera("Door", Protocol.RTSP, url), 0, "node")
    except InvalidInput as error:
        return str(error).upper()
    return config.source_url or ""


def test_credentials_are_split_off_and_unquoted() -> None:
    url = "rtsp://us%2Fer:pa%40ss@camera/live?x=1"
    assert split_credentials(url) == ("rtsp://camera/live?x=1", "us/er", "pa@ss")
