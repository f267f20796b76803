"""`falconeye doctor` on real data, and its archive, in which no secret may be."""

import io
import json
import socket
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Falconeye
from tests.integration.cli.processes import in_process
from tests.integration.cli.test_check import node, recorded_file

SECRETS = ("s3cret-pass", "p@ss/w örd", "t0ken-of-ntfy", "hook-t0ken", "sign-with-th1s-secret",
           "query-s3cret")  # fmt: skip
CONFIG = """
format = 1
[settings]
notify_urls = [{ env = "NTFY" }]
webhook_url = { env = "HOOK" }
webhook_secret = { env = "SIGN" }
[[cameras]]
name = "Yard"
source_url = "rtsp://127.0.0.1:9/main"
username = "admin"
password = { env = "YARD" }
allow_local = true
[[cameras]]
name = "Door"
source_url = { env = "DOOR" }
username = "eve"
password = { env = "DOOR_PASSWORD" }
"""


@pytest.fixture
def filled(falconeye: Falconeye, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Falconeye:
    values = {
        "YARD": SECRETS[0], "DOOR_PASSWORD": SECRETS[1], "NTFY": f"ntfy://{SECRETS[2]}@host/t",
        "HOOK": f"https://ha.lan/{SECRETS[3]}", "SIGN": SECRETS[4],
        "DOOR": f"http://10.0.0.8/v?user=eve&pwd={SECRETS[5]}",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("falconeye.doctor.cameras._target", lambda _camera: None)
    file = tmp_path / "node.toml"
    file.write_text(CONFIG)
    assert falconeye("config", "apply", str(file)).code == 0
    return falconeye


def by_subject(answer: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["area"], one["subject"]): one for one in answer["findings"]}


def test_a_new_node(filled: Falconeye, data_dir: Path) -> None:
    answer = filled("doctor", "--json")
    found = by_subject(answer.json)
    assert found["database", "integrity"]["level"] == "ok"
    assert found["database", "schema"]["level"] == "ok"
    assert found["rights", str(data_dir)]["level"] == "ok"
    assert found["camera", "Yard"]["words"] == "no recorder is running"
    assert found["backup", "nightly"]["level"] == "warn"
    assert all(one["advice"] for one in found.values() if one["level"] != "ok")
    shown = filled("doctor")
    assert shown.code == answer.code
    assert "what to do:" in shown.out


def test_the_archive_holds_no_secret(filled: Falconeye, tmp_path: Path, data_dir: Path) -> None:
    token = filled("token", "add", "vlc", "--role", "viewer").out.strip()
    file = tmp_path / "report.zip"
    answer = filled("doctor", "--bundle", str(file))
    assert "no login is in it" in answer.err
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {Path(name).name for name in texts} == {
        "findings.txt", "findings.json", "versions.txt", "settings.json", "cameras.json", "log.txt",
    }  # fmt: skip
    everything = "\n".join(texts.values()) + answer.out + answer.err
    key = (data_dir / "data.key").read_text().strip()
    for secret in (*SECRETS, token, key, "eve:", "admin:"):
        assert secret not in everything, secret
        assert json.dumps(secret)[1:-1] not in everything
    cameras = json.loads(texts["falconeye-report/cameras.json"])
    assert {camera["name"] for camera in cameras} == {"Yard", "Door"}
    assert file.stat().st_mode & 0o077 == 0
    assert filled("doctor", "--bundle", str(file)).code == 3


def test_a_damaged_database_is_a_fault_with_a_way_out(filled: Falconeye, data_dir: Path) -> None:
    path = data_dir / "falconeye.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        [page] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'audit_by_time'"
        ).fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x55" * size)
    answer = filled("doctor", "--json")
    assert answer.code == 1
    integrity = by_subject(answer.json)["database", "integrity"]
    assert integrity["level"] == "fail"
    assert "falconeye restore" in integrity["advice"]


def test_a_port_that_another_program_has(
    filled: Falconeye, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("FALCONEYE_PORT", str(port))
        answer = filled("doctor", "--json")
    assert answer.code == 1
    taken = by_subject(answer.json)["network", f"port {port}"]
    assert (taken["level"], taken["words"]) == ("fail", "another program has it")


@pytest.mark.timeout(60)
async def test_beside_a_running_node(data_dir: Path) -> None:
    async with node(data_dir):
        await recorded_file(data_dir)
        code, out, err = await in_process(data_dir, "doctor", "--json")
        assert code in {0, 1}, err
        answer = json.loads(out)
        assert by_subject(answer)["camera", "Demo"]["level"] == "ok"
        media = [one for one in answer["findings"] if one["subject"] == str(data_dir / "media")]
        assert len(media) == 3
        assert not any(one["level"] == "fail" for one in media if "took" in one["words"])
