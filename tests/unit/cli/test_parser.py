"""The words: which are taken, what the help says, and that parsing them loads nothing slow."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator

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
