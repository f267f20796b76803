"""Cameras by command line, on a real database."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Falconeye
from tests.integration.cli.processes import in_process

URL = "rtsp://10.0.0.9:554/main"


def test_a_camera_is_added_listed_and_removed(falconeye: Falconeye) -> None:
    added = falconeye("camera", "add", URL, "--name", "Yard", "--record", "manual", "--stopped")
    assert added.code == 0
    [row] = falconeye("camera", "list", "--json").json
    assert (row["name"], row["address"]) == ("Yard", URL)
    assert (row["record"], row["started"]) == ("manual", False)
    assert falconeye("camera", "remove", "yard", "--json").json["id"] == row["id"]
    empty = falconeye("camera", "list")
    assert (empty.out, empty.err) == ("", "falconeye: there is no camera yet\n")


def test_the_login_is_stored_encrypted_and_shown_nowhere(
    falconeye: Falconeye, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "address").write_text("rtsp://eve:s3cret-pass@10.0.0.9/\n")
    answers = [
        falconeye("camera", "add", "--url-file", str(tmp_path / "address"), "--name", "Yard"),
        falconeye("camera", "list"),
        falconeye("camera", "list", "--json"),
    ]
    assert [answer.code for answer in answers] == [0, 0, 0]
    assert not any("s3cret-pass" in answer.out + answer.err for answer in answers)
    assert not any(b"s3cret-pass" in file.read_bytes() for file in data_dir.iterdir())
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as connection:
        rows = connection.execute("SELECT username, password_encrypted IS NULL FROM cameras")
        assert rows.fetchall() == [("eve", 0)]


def test_a_login_within_an_address_is_stored_encrypted_and_shown_nowhere(
    falconeye: Falconeye, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "address").write_text("http://10.0.0.9/v?loginuse=eve&loginpas=s3cret-pass&ch=1\n")
    answers = [
        falconeye("camera", "add", "--url-file", str(tmp_path / "address"), "--name", "Yard"),
        falconeye("camera", "list"),
        falconeye("camera", "list", "--json"),
    ]
    assert [answer.code for answer in answers] == [0, 0, 0]
    [row] = answers[2].json
    assert row["address"] == "http://10.0.0.9/v?loginuse=***&loginpas=***&ch=1"
    assert not any("s3cret-pass" in answer.out + answer.err for answer in answers)
    assert not any(b"s3cret-pass" in file.read_bytes() for file in data_dir.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("camera", "add", "rtsp://10.0.0.9/main", "--name", "Other"), 3, "already has this addr"),
        (("camera", "add", "rtsp://10.0.0.8/", "--name", " "), 2, "name"),
        (("camera", "add", "10.0.0.8", "--name", "x"), 2, "begins with"),
        (("camera", "add", "rtsp://10.0.0.8:99999/", "--name", "x"), 2, ""),
        (("camera", "remove", "Door"), 3, "there is no camera 'Door'"),
        (("camera", "remove", "Demo"), 3, "2 cameras are called"),
    ],
)
def test_what_cannot_be_done_says_why(
    falconeye: Falconeye, words: tuple[str, ...], code: int, message: str
) -> None:
    falconeye("camera", "add", URL, "--name", "Yard")
    falconeye("camera", "add", "demo", "--name", "Demo")
    falconeye("camera", "add", "demo", "--name", "demo")
    answer = falconeye(*words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err


@pytest.mark.parametrize("words", [("user", "list"), ("camera", "list"), ("token", "list")])
def test_a_mistyped_directory_is_not_made(
    falconeye: Falconeye, data_dir: Path, words: tuple[str, ...]
) -> None:
    answer = falconeye(*words)
    assert (answer.code, answer.out) == (3, "")
    assert f"no data of FalconEye in {data_dir}" in answer.err
    assert not data_dir.exists()


def test_a_data_directory_that_cannot_be_used_exits_with_4(
    falconeye: Falconeye, data_dir: Path
) -> None:
    data_dir.parent.joinpath("data").write_text("a file")
    answer = falconeye("camera", "add", "demo", "--name", "Demo")
    assert (answer.code, answer.out) == (4, "")
    assert "cannot make the data directory" in answer.err


def test_a_downgrade_knows_its_revisions(falconeye: Falconeye) -> None:
    assert falconeye("db", "downgrade", "0000").code == 3
    falconeye("camera", "add", "demo", "--name", "Demo")
    answer = falconeye("db", "downgrade", "9999")
    assert answer.code == 4
    assert "it can go back to" in answer.err
    assert falconeye("db", "downgrade", "0001", "--json").json == {"revision": "0001"}


def test_a_trial_of_the_demo_camera_shows_what_it_sends(
    falconeye: Falconeye, tmp_path: Path
) -> None:
    answer = falconeye("camera", "test", "demo", "--json", "--picture", str(tmp_path / "a.jpg"))
    assert answer.code == 0, answer.err
    assert answer.json["ok"]
    assert "H.264" in answer.json["video"]
    assert (tmp_path / "a.jpg").read_bytes().startswith(b"\xff\xd8\xff")


def test_a_trial_of_nothing_says_the_reason_and_fails(falconeye: Falconeye) -> None:
    # Port 9 (discard) of this machine: nobody listens there.
    answer = falconeye("camera", "test", "rtsp://127.0.0.1:9/", "--allow-local")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "falconeye: 127.0.0.1:9 refuses connections\n"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives files away")
async def test_what_root_makes_belongs_to_the_owner_of_the_data(tmp_path: Path) -> None:
    nobody = 65534
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, nobody, nobody)
    code, _, err = await in_process(data_dir, "camera", "add", "demo", "--name", "Demo")
    assert code == 0, err
    files = list(data_dir.iterdir())
    assert files
    assert {(file.stat().st_uid, file.stat().st_gid) for file in files} == {(nobody, nobody)}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives files away")
async def test_so_does_the_id_file_of_a_disk_of_its_own(tmp_path: Path) -> None:
    nobody = 65534
    for directory in (tmp_path / "data", tmp_path / "disk"):
        directory.mkdir(mode=0o700)
        os.chown(directory, nobody, nobody)
    (tmp_path / "disk" / "lost+found").mkdir()  # the file system's own stays root's
    await in_process(tmp_path / "data", "camera", "add", "demo", "--name", "Demo")
    looking = ("check", "--media-dir", str(tmp_path / "disk"))  # it makes no id file
    code, _, _ = await in_process(tmp_path / "data", *looking)
    names = [path.name for path in (tmp_path / "disk").iterdir()]
    assert (code, names) == (3, ["lost+found"])
    words = ("storage", "add", str(tmp_path / "disk"), "--on-root")
    code, _, err = await in_process(tmp_path / "data", *words)
    assert code == 0, err
    owners = {path.name: path.stat().st_uid for path in (tmp_path / "disk").iterdir()}
    assert owners == {"falconeye-volume.json": nobody, "lost+found": 0}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes a network namespace")
def test_a_network_without_a_way_to_the_camera_is_named(tmp_path: Path) -> None:
    words = ["camera", "test", "rtsp://10.0.0.9:554/main", "--data-dir", str(tmp_path / "data")]
    answer = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "falconeye", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (answer.returncode, answer.stderr) == (1, "falconeye: no route to 10.0.0.9:554\n")
