"""`falconeye config`: what is in effect, where from, and no secret."""

import json
from pathlib import Path

import pytest

from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.main import main


def test_values_and_origins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "falconeye.toml").write_text("segment_s = 30\n")
    monkeypatch.setenv("FALCONEYE_PORT", "tcp://10.43.0.1:8900")
    monkeypatch.setenv("FALCONEYE_ADMIN_PASSWORD", "hunter2")
    assert main(["config", "--data-dir", str(tmp_path), "--json"]) == ExitCode.OK
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert answer["file"] == str(tmp_path / "falconeye.toml")
    rows = {row["setting"]: (row["value"], row["from"]) for row in answer["settings"]}
    assert rows["segment_s"] == (30, str(tmp_path / "falconeye.toml"))
    assert rows["data_dir"] == (str(tmp_path), "--data-dir")
    assert rows["port"] == (8900, "default")
    assert "FALCONEYE_PORT is ignored: Kubernetes" in printed.err
    assert "hunter2" not in printed.out + printed.err


def test_people_get_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--data-dir", str(tmp_path)]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "FROM"]
    assert ["demo", "no", "default"] in [line.split() for line in lines]
