"""Where passwords come from, and that what they are is never printed."""

import io
import os
import pty
import sys
from pathlib import Path

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.cli.passwords import read_secret

PROGRAM = """
import sys
from falconeye.base.errors import InvalidInput
from falconeye.cli.passwords import read_secret
try:
    secret = read_secret("Password", from_stdin=False, file=None, twice=sys.argv[1] == "twice")
except InvalidInput as error:
    sys.exit(f"refused: {error}")
print(f"read {len(secret.reveal())} characters")
"""


class FromTerminal:
    """A program that asks, on a terminal of its own that we type on."""

    def __init__(self, *, twice: bool) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            words = ["-c", PROGRAM, "twice" if twice else "once"]
            os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - no shell is wanted

    def expect(self, words: str) -> str:
        """What was printed up to `words`."""
        seen = b""
        while words.encode() not in seen:
            seen += os.read(self._terminal, 1024)
        return seen.decode()

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._terminal)
        return code


def test_the_prompt_asks_twice_and_shows_nothing() -> None:
    terminal = FromTerminal(twice=True)
    terminal.expect("Password: ")
    terminal.type("correct horse\n")
    assert "horse" not in terminal.expect("Password (again): ")
    terminal.type("correct horse\n")
    assert "horse" not in terminal.expect("read 13 characters")
    assert terminal.end() == 0


def test_two_different_answers_change_nothing() -> None:
    terminal = FromTerminal(twice=True)
    terminal.expect("Password: ")
    terminal.type("one\n")
    terminal.expect("(again): ")
    terminal.type("two\n")
    terminal.expect("refused: the two passwords differ")
    assert terminal.end() == 1


def test_end_of_input_at_the_prompt_is_no_password() -> None:
    terminal = FromTerminal(twice=False)
    terminal.expect("Password: ")
    terminal.type("\x04")
    terminal.expect("refused: no password was given")
    assert terminal.end() == 1


def test_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" spaces count \r\nnext line\n"))
    assert read_secret("", from_stdin=True, file=None) == Secret(" spaces count ")


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # Python's choice by locale
def test_what_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch, errors: str) -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"caf\xe9 1234\n"), encoding="utf-8", errors=errors)
    monkeypatch.setattr("sys.stdin", typed)
    with pytest.raises(InvalidInput, match="the password from standard input is not UTF-8"):
        read_secret("", from_stdin=True, file=None)


def test_from_a_file_that_only_we_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_text("pässword\n")
    file.chmod(0o600)
    assert read_secret("", from_stdin=False, file=file) == Secret("pässword")
    assert capsys.readouterr().err == ""
    file.chmod(0o644)
    read_secret("", from_stdin=False, file=file)
    assert "can be read by other users" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\n"])
def test_an_empty_or_unreadable_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(InvalidInput, match="password"):
        read_secret("", from_stdin=False, file=file)


def test_a_missing_file_and_a_missing_terminal_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_secret("", from_stdin=False, file=tmp_path / "none")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(InvalidInput, match="--password-stdin or --password-file"):
        read_secret("", from_stdin=False, file=None)
