"""The words: which are taken, what the help says, and that parsing them loads nothing slow."""

import errno
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from falconeye import __version__
from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.main import main
from falconeye.cli.parser import make_parser
from tests.unit.cli.commands import COMMANDS, leaves

SLOW = ("av", "litestar", "sqlalchemy", "sqlmodel", "pydantic", "uvicorn", "jinja2", "asyncio")


def parsed(*words: str) -> Arguments:
    return make_parser().parse_args(words, namespace=Arguments())


@pytest.fixture
def wrong(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    words: list[str] = []
    yield words
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_args(words)
    assert caught.value.code == ExitCode.USAGE
    assert "usage: falconeye" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_the_common_words_and_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*name.split(), "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--data-dir", "--config", "--json"):
        assert flag in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_function(name: str) -> None:
    target = leaves()[name].get_default("command")
    module, _, function = target.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_only_given_flags_are_settings() -> None:
    assert parsed("serve").flags() == {}
    given = parsed("serve", "--lan", "--port", "0", "--demo").flags()
    assert given == {"host": "0.0.0.0", "port": 0, "demo": True}  # noqa: S104 - what --lan means


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["user"],
        ["nonsense"],
        ["serve", "--lan", "--host", "::1"],
        ["serve", "--po", "1"],  # an abbreviation today is another flag tomorrow
        ["token", "add", "x"],
        ["token", "add", "x", "--role", "root"],
        ["check", "--repair", "--rebuild"],
        ["user", "add", "x", "--role", "admin", "--password", "secret"],
        ["user", "add", "x", "--role", "admin", "--password-stdin", "--password-file", "f"],
    ],
)
def test_wrong_words_exit_with_2(words: list[str], wrong: list[str]) -> None:
    wrong.extend(words)


def test_no_command_takes_a_password_as_a_word() -> None:
    for name, parser in leaves().items():
        flags = [flag for action in parser._actions for flag in action.option_strings]
        assert not {"--password", "--pass", "-p", "--token", "--secret"} & set(flags), name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"falconeye {__version__}\n"
    assert main(["version", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["version"] == __version__


@pytest.mark.parametrize("words", [["version"], ["--help"], ["camera", "add", "--help"]])
def test_version_and_help_load_no_library(words: list[str]) -> None:
    program = (
        "import sys\nfrom falconeye.cli.main import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {SLOW!r} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines()[-1] == "[]"


def test_a_setting_that_is_not_allowed_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FALCONEYE_PORT", "many")
    assert main(["config"]) == ExitCode.USAGE
    assert "FALCONEYE_PORT: port = 'many' is not allowed" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_failure() -> None:
    """`falconeye … | head`: it is noticed when the last words go out."""
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "falconeye", "version"]
    buffered = {name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, check=False, env=buffered)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("words", [["user", "list"], ["db", "downgrade", "0001"]])
def test_the_directory_of_another_user_is_said(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def exists(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    (tmp_path / "node.toml").touch()
    monkeypatch.setattr(Path, "exists", exists)
    where = ["--data-dir", str(tmp_path), "--config", str(tmp_path / "node.toml")]
    assert main([*words, *where]) == ExitCode.CANNOT_START
    said = capsys.readouterr().err
    assert said == f"falconeye: cannot look into {tmp_path}: Permission denied\n"
