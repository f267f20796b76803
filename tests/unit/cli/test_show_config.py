"""`falconeye config`: what is in effect, where from, and no secret."""

import json
from pathlib import Path

import pytest

from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.main import main
from falconeye.config.loading import SETTINGS
from falconeye.storage.stores.settings_store import StoredSettings


def test_values_and_origins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "falconeye.toml").write_text("segment_s = 30\n")
    monkeypatch.setenv("FALCONEYE_PORT", "tcp://10.43.0.1:8900")
    monkeypatch.setenv("FALCONEYE_ADMIN_PASSWORD", "hunter2")
    monkeypatch.setenv("FALCONEYE_PEERS", "pi-2, pi-3:9000")
    assert main(["config", "--data-dir", str(tmp_path), "--json"]) == ExitCode.OK
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert answer["file"] == str(tmp_path / "falconeye.toml")
    rows = {row["setting"]: (row["value"], row["from"]) for row in answer["settings"]}
    assert rows["segment_s"] == (30, str(tmp_path / "falconeye.toml"))
    assert rows["data_dir"] == (str(tmp_path), "--data-dir")
    assert rows["peers"] == ("pi-2:8901, pi-3:9000", "FALCONEYE_PEERS")
    assert rows["port"] == (8900, "default")
    assert "FALCONEYE_PORT is ignored: Kubernetes" in printed.err
    assert "hunter2" not in printed.out + printed.err


def test_the_reference_has_every_setting_of_machine_and_site(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "--reference", "--json"]) == ExitCode.OK
    rows = {row["setting"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(SETTINGS) | set(StoredSettings.model_fields)
    assert rows["port"]["default"] == "8900"
    assert rows["audit_keep_days"]["default"] == "365"
    assert rows["keep_days"]["default"] == "as long as the disk has room"
    assert all(row["for"] and row["allowed"] for row in rows.values())
    assert main(["config", "--reference"]) == ExitCode.OK
    assert "port  (machine, default: 8900)" in capsys.readouterr().out


def test_people_get_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--data-dir", str(tmp_path)]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "FROM"]
    assert ["demo", "no", "default"] in [line.split() for line in lines]
