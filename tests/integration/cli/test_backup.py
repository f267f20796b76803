"""`falconeye backup | restore` as the shell sees them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Falconeye

PASSPHRASE = "four words in a row"


@pytest.fixture
def filled(falconeye: Falconeye) -> Falconeye:
    assert falconeye("camera", "add", "rtsp://10.0.0.9/main", "--name", "Yard").code == 0
    return falconeye


def test_there_and_back(filled: Falconeye, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "node.backup"
    made = filled("backup", str(file), "--passphrase-stdin", stdin=PASSPHRASE + "\n")
    assert (made.code, made.err) == (0, "")
    assert str(file) in made.out
    assert filled("camera", "remove", "Yard").code == 0
    words = ("restore", str(file), "--passphrase-stdin", "--json")
    back = filled(*words, stdin=PASSPHRASE)
    assert back.code == 0
    assert back.json["in_place"] is True
    [kept] = back.json["kept"]
    assert Path(kept).parent == data_dir
    assert kept in back.err
    assert [row["name"] for row in filled("camera", "list", "--json").json] == ["Yard"]


def test_a_nightly_copy_needs_no_passphrase(
    filled: Falconeye, data_dir: Path, tmp_path: Path
) -> None:
    from falconeye.storage.backups.snapshot import snapshot  # noqa: PLC0415 - slow

    copy = tmp_path / "nightly-20261120T020000Z.sqlite3"
    snapshot(data_dir / "falconeye.sqlite3", copy)
    assert filled("camera", "remove", "Yard").code == 0
    assert filled("restore", str(copy)).code == 0
    assert [row["name"] for row in filled("camera", "list", "--json").json] == ["Yard"]


def test_what_cannot_be_is_said(filled: Falconeye, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "node.backup"
    for stdin, said in (("short\n", "12 characters"), ("\n", "is empty")):
        answer = filled("backup", str(file), "--passphrase-stdin", stdin=stdin)
        assert (answer.code, said in answer.err) == (2, True)
    asked = filled("backup", str(file))
    assert "use --passphrase-stdin or --passphrase-file" in asked.err
    assert not file.exists()
    file.write_bytes(b"x")
    there = filled("backup", str(file), "--passphrase-stdin", stdin=PASSPHRASE)
    assert (there.code, file.read_bytes()) == (3, b"x")
    other = filled("restore", str(file), "--passphrase-stdin", stdin=PASSPHRASE)
    assert (other.code, "no backup of FalconEye" in other.err) == (2, True)
    lost = filled("restore", str(tmp_path / "none"))
    assert (lost.code, "No such file" in lost.err) == (2, True)
    nowhere = filled("backup", "/nowhere/x.backup", "--passphrase-stdin", stdin=PASSPHRASE)
    assert (nowhere.code, "cannot be written" in nowhere.err) == (1, True)
    assert not list(data_dir.glob(".backup-*"))
    assert noted(data_dir) == 0
    file.unlink()
    assert filled("backup", str(file), "--passphrase-stdin", stdin=PASSPHRASE).code == 0
    assert noted(data_dir) == 1


def noted(data_dir: Path) -> int:
    """How many backups the audit log tells of."""
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as database:
        rows = database.execute("SELECT COUNT(*) FROM audit WHERE action = 'backup.made'")
        (count,) = rows.fetchone()
        return int(count)


def test_nothing_is_made_where_nothing_is(falconeye: Falconeye, data_dir: Path) -> None:
    answer = falconeye("backup", "x.backup", "--passphrase-stdin", stdin=PASSPHRASE)
    assert answer.code == 3
    assert not data_dir.exists()
