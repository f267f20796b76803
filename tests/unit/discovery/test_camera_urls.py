"""Addresses as people wrote them: where the login ends, and what is missing."""

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import Protocol
from falconeye.discovery.imports.camera_urls import read_url, split_login


@pytest.mark.parametrize(
    ("url", "clean", "user", "password"),
    [
        ("rtsp://10.0.0.9/x", "rtsp://10.0.0.9/x", None, None),
        ("RTSP://eve@10.0.0.9/x", "rtsp://10.0.0.9/x", "eve", None),
        ("rtsp://eve:p%40ss@10.0.0.9/x", "rtsp://10.0.0.9/x", "eve", "p@ss"),
        ("rtsp://eve:p@ss@10.0.0.9/x", "rtsp://10.0.0.9/x", "eve", "p@ss"),
        ("rtsp://eve:p/s?s#@10.0.0.9:554/x", "rtsp://10.0.0.9:554/x", "eve", "p/s?s#"),
        ("rtsp://eve:12/34@cam.local/x", "rtsp://cam.local/x", "eve", "12/34"),
        ("rtsp://eve:p@ss.w0rd/1@10.0.0.9/x", "rtsp://10.0.0.9/x", "eve", "p@ss.w0rd/1"),
        ("rtsp://eve:p@10.0.0.9/cam@2", "rtsp://10.0.0.9/cam%402", "eve", "p"),
        ("rtsp://10.0.0.9:554/cam@2", "rtsp://10.0.0.9:554/cam%402", None, None),
        ("rtsp://eve:p@[fd00::9]:554/x", "rtsp://[fd00::9]:554/x", "eve", "p"),
        ("rtsp://eve:p/q@[fd00::9]:554/x", "rtsp://[fd00::9]:554/x", "eve", "p/q"),
        ("rtsp://:@10.0.0.9/x", "rtsp://10.0.0.9/x", None, ""),
    ],
)
def test_the_login_is_taken_off_whatever_it_holds(
    url: str, clean: str, user: str | None, password: str | None
) -> None:
    assert split_login(url) == (clean, user, password)


@pytest.mark.parametrize(
    "wrong",
    ["", "10.0.0.9", "ftp://10.0.0.9/", "rtsp://", "rtsp://10.0.0.9:99999/", "rtsp://a b/",
     "rtsp://10.0.0.9/a\tb", "rtsp://[fd00::9/",
     "rtsp://10.0.0.9/" + "x" * 2048],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_url(wrong.replace("//", "//eve:s3cret@", 1) + "?password=s3cret")
    assert "s3cret" not in str(caught.value)


def test_variables_are_filled_in_and_those_that_lack_are_named() -> None:
    text = "rtsp://{FRIGATE_USER}:{FRIGATE_PASSWORD}@10.0.0.9/{FRIGATE_PATH}?a={{b}}"
    lacking = read_url(text, {"FRIGATE_USER": "eve"})
    assert (lacking.username, lacking.password) == ("eve", None)
    assert [each.split(",")[0] for each in lacking.missing] == [
        "password: the variable FRIGATE_PASSWORD",
        "address: the variable FRIGATE_PATH",
    ]
    known = {"FRIGATE_USER": "eve", "FRIGATE_PASSWORD": "p@ss/", "FRIGATE_PATH": "x"}
    whole = read_url(text, known)
    assert (whole.url, whole.missing) == ("rtsp://10.0.0.9/x?a={b}", ())
    assert whole.password == Secret("p@ss/")
    assert "p@ss" not in repr(whole)
    assert "s3cret" not in repr(read_url("http://10.0.0.9/v?pwd=s3cret"))


def test_a_whole_address_may_be_a_variable() -> None:
    found = read_url("{FRIGATE_CAMERA}", {})
    assert found.missing == ("address: the variable FRIGATE_CAMERA, which the file only names",)
    assert (
        read_url("{FRIGATE_CAMERA}", {"FRIGATE_CAMERA": "http://h.lan/v"}).protocol is Protocol.HTTP
    )


def test_without_variables_braces_are_what_they_are() -> None:
    found = read_url("rtsp://eve:{FRIGATE_X}@10.0.0.9/{{a}}")
    assert (found.password, found.url) == (Secret("{FRIGATE_X}"), "rtsp://10.0.0.9/{{a}}")


@pytest.mark.parametrize(
    ("path", "is_flv"), [("flv?port=1935&app=bcs", True), ("live.flv", True), ("video.mjpg", False)]
)
def test_flv_over_http_cannot_be_read(path: str, is_flv: bool) -> None:
    assert bool(read_url(f"http://10.0.0.9/{path}").missing) is is_flv
