"""`falconeye …` on a data directory of the test's own."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from falconeye.cli.main import main

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """What the shell sees."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Falconeye = Callable[..., Answer]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def falconeye(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Falconeye:
    """Runs the command line in this process; `stdin` is what it can read."""

    def run(*words: str, stdin: str = "") -> Answer:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main([*words, "--data-dir", str(data_dir)])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return run
