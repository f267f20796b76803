"""Which camera the words mean, and that a login on the command line is warned about."""

import io
from pathlib import Path

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.cameras.views import NewCamera
from falconeye.cli.camera_address import AddressArguments, new_camera
from falconeye.cli.parser import make_parser
from falconeye.config.camera import Protocol, Transport


def camera(*words: str) -> NewCamera:
    arguments = make_parser().parse_args(["camera", "test", *words], namespace=AddressArguments())
    return new_camera(arguments, name="Yard")


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("rtsp://10.0.0.9:554/main", Protocol.RTSP),
        ("RTSPS://10.0.0.9/main", Protocol.RTSP),
        ("https://10.0.0.9/video.mjpg", Protocol.HTTP),
    ],
)
def test_the_scheme_says_the_protocol(url: str, protocol: Protocol) -> None:
    made = camera(url, "--transport", "udp", "--no-audio")
    assert (made.protocol, made.source_url, made.password) == (protocol, url, None)
    assert (made.transport, made.audio, made.start) == (Transport.UDP, False, True)


@pytest.mark.parametrize(("words", "audio"), [((), False), (("--audio",), True)])
def test_sound_is_recorded_only_where_it_is_asked_for(words: tuple[str, ...], audio: bool) -> None:
    """In many places sound may not be recorded of whoever passes by."""
    assert camera("rtsp://10.0.0.9/main", *words).audio is audio


def test_demo_is_a_word_of_its_own() -> None:
    assert (camera("demo").protocol, camera("demo").source_url) == (Protocol.DEMO, "demo:")


@pytest.mark.parametrize(
    "url", ["10.0.0.9", "ftp://10.0.0.9/", "file:///etc/passwd", "rtsp:/x", ""]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="begins with rtsp://"):
        camera(url)


def test_a_login_in_a_word_is_taken_with_a_warning_that_does_not_repeat_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = camera("rtsp://admin:s3cret@10.0.0.9/", "--sub-url", "rtsp://admin:s3cret@10.0.0.9/2")
    assert made.source_url == "rtsp://admin:s3cret@10.0.0.9/"
    warning = capsys.readouterr().err
    assert warning.count("other users of this machine") == 2
    assert "s3cret" not in warning


def test_a_login_in_a_query_is_warned_of_too(capsys: pytest.CaptureFixture[str]) -> None:
    camera("http://10.0.0.9/video.cgi?user=admin&pwd=s3cret")
    warning = capsys.readouterr().err
    assert "other users of this machine" in warning
    assert "s3cret" not in warning


def test_a_login_from_a_file_or_stdin_is_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "rtsp://admin:s3cret@10.0.0.9/"
    (tmp_path / "address").write_text(f"{url}\n")
    assert camera("--url-file", str(tmp_path / "address")).source_url == url
    typed(monkeypatch, f"{url}\n")
    assert camera("--url-stdin").source_url == url
    assert capsys.readouterr().err == ""


def test_address_and_password_can_both_come_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "rtsp://10.0.0.9/\ns3cret\n")
    made = camera("--url-stdin", "--username", "admin", "--password-stdin")
    assert (made.source_url, made.username) == ("rtsp://10.0.0.9/", "admin")
    assert made.password == Secret("s3cret")


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "")
    with pytest.raises(InvalidInput, match="which camera"):
        camera()
    with pytest.raises(InvalidInput, match="No such file"):
        camera("--url-file", str(tmp_path / "none"))
    with pytest.raises(InvalidInput, match="needs --username"):
        camera("rtsp://10.0.0.9/", "--password-stdin")
    with pytest.raises(InvalidInput, match="--password-stdin or --password-file"):
        camera("rtsp://10.0.0.9/", "--username", "admin")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("line", ["rtsp://10.0.0.9/main\n", ""])
def test_the_question_is_no_part_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """Standard output may be a file; Ctrl+D is an empty line."""
    monkeypatch.setattr("sys.stdin", Terminal(line))
    if line:
        assert camera().source_url == line.strip()
    else:
        with pytest.raises(InvalidInput, match="begins with rtsp://"):
            camera()
    asked = capsys.readouterr()
    assert (asked.out, asked.err) == ("", "Address of the camera: ")


def test_what_is_said_of_a_bad_address_does_not_repeat_its_login() -> None:
    with pytest.raises(InvalidInput) as refused:
        camera("rtsp://admin:s3cret@exa\u2100mple/")  # urlsplit() quotes all of it
    assert "s3cret" not in str(refused.value)
