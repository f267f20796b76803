"""`falconeye import`: what it says, what it adds, and that a second time adds nothing."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Falconeye
from tests.unit.discovery.import_files import SECRET, backup, sample

PASSWORD = "p@ss/w#rd"
VARIABLE = "FRIGATE_RTSP_PASSWORD"


@pytest.fixture
def frigate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(VARIABLE, raising=False)
    made = tmp_path / "config.yml"
    made.write_bytes(sample("frigate.yml"))
    return made


def actions(answer: Any) -> dict[str, str]:
    return {each["name"]: each["action"] for each in answer["cameras"]}


def test_cameras_are_added_stopped_and_a_second_time_nothing(
    falconeye: Falconeye, frigate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    first = falconeye("import", str(frigate), "--json")
    assert first.code == 0
    assert first.json["kind"] == "frigate"
    assert actions(first.json) == {
        "Hof hinten": "add", "door": "add", "porch": "add", "desk": "left out",
    }  # fmt: skip
    listed = {each["name"]: each for each in falconeye("camera", "list", "--json").json}
    assert listed["Hof hinten"]["address"] == "rtsp://10.0.0.9:554/main"
    assert listed["Hof hinten"]["substream"] == "rtsp://10.0.0.9:554/sub"
    assert not any(each["started"] for each in listed.values())
    assert {each["id"] for each in first.json["cameras"]} - {None} == {
        each["id"] for each in listed.values()
    }
    again = falconeye("import", str(frigate), "--json")
    assert (again.code, set(actions(again.json).values())) == (0, {"there", "left out"})
    assert len(falconeye("camera", "list", "--json").json) == 3
    assert PASSWORD not in first.out + first.err + again.out + again.err


def test_a_password_that_is_missing_keeps_the_camera_out_until_it_is_given(
    falconeye: Falconeye, frigate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = falconeye("import", str(frigate))
    assert first.code == 0
    assert f"password: the variable {VARIABLE}" in first.out
    assert f"{VARIABLE}=… falconeye import config.yml" in first.err
    monkeypatch.setenv(VARIABLE, PASSWORD)
    second = falconeye("import", str(frigate), "--json", "--start")
    assert actions(second.json)["Hof hinten"] == "add"
    [started] = [one for one in falconeye("camera", "list", "--json").json if one["started"]]
    assert started["name"] == "Hof hinten"


def test_a_dry_run_says_all_and_changes_nothing(
    falconeye: Falconeye, tmp_path: Path, data_dir: Path
) -> None:
    made = tmp_path / "backup.tar.gz"
    made.write_bytes(backup(camera_1__conf=sample("motioneye-camera-1.conf"),
                            camera_2__conf=sample("motioneye-thread-2.conf")))  # fmt: skip
    assert falconeye("import", str(made), "--dry-run").code == 3  # no data yet
    assert not data_dir.exists()
    assert falconeye("camera", "add", "demo", "--name", "Demo").code == 0
    shown = falconeye("import", str(made), "--dry-run")
    assert shown.code == 0
    assert "rtsp://10.0.0.9:554/large" in shown.out
    assert "add it from Found cameras" in shown.out
    assert "NOT TAKEN OVER" in shown.out
    assert "Hof, colour_of_the_sky: not known to this import" in shown.out
    assert "nothing was changed" in shown.err
    assert SECRET not in shown.out + shown.err
    assert [each["name"] for each in falconeye("camera", "list", "--json").json] == ["Demo"]


def test_the_login_of_an_imported_camera_is_stored_sealed_and_the_audit_log_tells(
    falconeye: Falconeye, tmp_path: Path, data_dir: Path
) -> None:
    made = tmp_path / "cameras.csv"
    made.write_bytes(sample("cameras.csv"))
    assert falconeye("import", str(made)).code == 0
    raw = b"".join(path.read_bytes() for path in data_dir.iterdir() if path.is_file())
    assert b"S3CRET" not in raw
    assert b"camera.added" in raw
    exported = falconeye("config", "export", "-").out
    assert 'password = { env = "CAMERA_YARD_PASSWORD" }' in exported


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [("absent.yml", None, "cannot read"), ("a.yml", b"password: *S3CRET-PASS", "line 1"),
     ("letter.txt", b"Dear Eve", "none of the files"), ("a.csv", b"x" * 1_048_577, "1 MB")],
)  # fmt: skip
def test_what_cannot_be_read_is_a_wrong_usage(
    falconeye: Falconeye, tmp_path: Path, data_dir: Path, name: str, content: bytes | None, why: str
) -> None:
    made = tmp_path / name
    if content is not None:
        made.write_bytes(content)
    answer = falconeye("import", str(made))
    assert answer.code == 2
    assert why in answer.err
    assert SECRET not in answer.err
    assert not data_dir.exists()


def test_a_file_without_cameras_adds_none(falconeye: Falconeye, tmp_path: Path) -> None:
    made = tmp_path / "config.yml"
    made.write_text("cameras: {}\nmqtt: {}\n")
    answer = falconeye("import", str(made))
    assert answer.code == 0
    assert "no camera is added" in answer.err
    assert "mqtt (line 2)" in answer.out
