"""`falconeye storage …`: beside a node that runs, and without one."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from falconeye.storage.volumes.mount_lines import drop_in_path
from tests.integration.cli.conftest import Falconeye
from tests.nodes import running_node

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def known(falconeye: Falconeye) -> Falconeye:
    """The command line on data that are there."""
    assert falconeye("camera", "add", "demo", "--name", "Yard").code == 0
    return falconeye


def test_a_disk_is_added_listed_changed_and_removed(
    known: Falconeye, tmp_path: Path, data_dir: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    answer = known("storage", "add", str(disk), "--on-root", "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["path"], answer.json["role"]) == (str(disk), "archive")
    assert "ReadWritePaths=" in answer.json["drop_in"]["text"]
    assert (disk / "falconeye-volume.json").is_file()
    (row,) = known("storage", "list", "--json").json
    assert (row["path"], row["role"], row["present"]) == (str(disk), "archive", True)
    assert row["moves_paused_by"] == ""
    pause = json.dumps({row["id"]: ["anna", 1]})
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as database, database:
        database.execute("INSERT INTO settings VALUES ('moves_paused', ?)", (pause,))
    (row,) = known("storage", "list", "--json").json
    assert row["moves_paused_by"] == "anna"
    assert known("storage", "add", str(disk), "--on-root").code == 3
    said = known("storage", "role", str(disk), "leaving")
    assert (said.code, "leaving" in said.out) == (0, True)
    assert known("storage", "remove", str(disk)).code == 0
    assert known("storage", "list", "--json").json == []
    assert known("storage", "remove", str(disk)).code == 3


def test_wrong_places_and_words(known: Falconeye, tmp_path: Path, data_dir: Path) -> None:
    for path in ("relative", "/no/such/directory", str(data_dir)):
        answer = known("storage", "add", path, "--on-root")
        assert (answer.code, answer.out) == (2, ""), path
        assert answer.err.startswith("falconeye: ")
    assert known("storage", "role", "/nowhere", "archive").code == 3
    if tmp_path.stat().st_dev == Path("/").stat().st_dev:
        answer = known("storage", "add", str(tmp_path))
        assert answer.code == 2
    with pytest.raises(SystemExit) as ended:
        known("storage", "role", "/nowhere", "none")
    assert ended.value.code == 2


def test_without_data_nothing_is_made(falconeye: Falconeye, data_dir: Path) -> None:
    assert falconeye("storage", "list").code == 3
    assert not data_dir.exists()


def test_mounts_are_listed_without_any_data(falconeye: Falconeye) -> None:
    answer = falconeye("storage", "mounts", "--json")
    assert answer.code == 0
    assert all(row["path"].startswith("/") for row in answer.json)


def test_without_a_path_the_mounted_disks_are_listed_to_choose_from(
    falconeye: Falconeye, known: Falconeye
) -> None:
    mounts = known("storage", "mounts", "--json").json
    for words in (("add",), ("add", "--list"), ("add", "--list", "--role", "record")):
        answer = known("storage", *words, "--json")
        assert answer.code == 0, answer.err
        assert [row["path"] for row in answer.json] == [row["path"] for row in mounts]
    assert known("storage", "list", "--json").json == []
    assert "falconeye storage add PATH" in falconeye("storage", "add").err


def test_what_is_printed_tells_how_to_mount_it(known: Falconeye, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "holiday.jpg").touch()
    answer = known("storage", "add", str(disk), "--on-root")
    assert "is a volume now (archive)" in answer.out
    assert f"{drop_in_path(disk)}:" in answer.out
    assert "other files lie there" in answer.err


async def test_a_running_node_takes_it_over(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    async with running_node(tmp_path) as node:
        code, out, err = await node.command("storage", "add", str(disk), "--on-root", "--json")
        assert code == 0, err
        volume_id = json.loads(out)["id"]
        found = await node.until(
            "/api/storage/volumes", lambda it: it["volumes"][1:] and it["volumes"][1]["present"]
        )
        assert found["volumes"][1]["id"] == volume_id
        code, _, err = await node.command("storage", "role", str(disk), "record")
        assert code == 0, err
        await node.until("/api/storage/volumes", lambda it: it["volumes"][1]["role"] == "record")
        metrics = (await node.client.get("/metrics")).text
        assert f'falconeye_volume_present{{volume="{volume_id}"}} 1.0' in metrics
        code, out, err = await node.command("storage", "list", "--media-dir", str(node.media_dir))
        assert (code, "media directory" in out) == (0, True), err
        code, _, err = await node.command("storage", "remove", str(disk))
        assert code == 0, err
        await node.until("/api/storage/volumes", lambda it: len(it["volumes"]) == 1)
        assert [file.name for file in disk.iterdir()] == ["falconeye-volume.json"]
