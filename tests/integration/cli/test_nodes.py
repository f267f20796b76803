"""`falconeye node …` and `falconeye join` on data alone; beside nodes that run: end_to_end."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.config.noted_twins import FRESH_US, write_twins
from falconeye.config.serving_address import write_peer_place
from falconeye.federation.join_code import JoinCode
from falconeye.federation.node_keys import load_node_keys
from falconeye.storage.stores.credentials import read_keys
from falconeye.storage.stores.member_store import Member, MemberStore
from falconeye.storage.stores.node_store import load_identity
from tests.databases import closed_database
from tests.integration.cli.conftest import Answer, Falconeye

OTHER, THIRD = "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"
PASSWORD = "s3cret-of-the-camera"


@pytest.fixture
def own_id(falconeye: Falconeye, data_dir: Path) -> str:
    """A node with a camera that has a password, and two more members; its id."""
    added = falconeye(
        "camera", "add", "rtsp://10.0.0.9/main", "--name", "Yard", "--username", "admin",
        "--password-stdin", stdin=PASSWORD + "\n",
    )  # fmt: skip
    assert added.code == 0, added.err

    async def members() -> str:
        database = closed_database(data_dir, SystemClock())
        await database.open()
        try:
            own = (await load_identity(database, SystemClock())).node_id
            store = MemberStore(database)
            for node_id, name in ((own, "pi-1"), (OTHER, "pi-2"), (THIRD, "pi-3")):
                await store.put(Member(node_id, name, "a certificate", ("10.0.0.2:8901",), 1))
            return own
        finally:
            await database.close()

    return asyncio.run(members())


def cameras(data_dir: Path) -> list[tuple[str, str | None]]:
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as database:
        return database.execute("SELECT name, owner_id FROM cameras ORDER BY name").fetchall()


def own_cameras(data_dir: Path, owner_id: str) -> None:
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as database, database:
        database.execute("UPDATE cameras SET owner_id = ?", (owner_id,))


def names(answer: Answer) -> list[str]:
    return [row["name"] for row in answer.json]


def test_a_node_alone_has_no_members_and_says_how_to_get_some(falconeye: Falconeye) -> None:
    assert falconeye("camera", "add", "demo", "--name", "Yard").code == 0
    said = falconeye("node", "list")
    assert (said.code, "belongs to no cluster" in said.err) == (0, True)
    refused = falconeye("node", "code")
    assert (refused.code, "no recorder runs here" in refused.err) == (3, True)


def test_members_are_listed_and_renamed(falconeye: Falconeye, own_id: str) -> None:
    rows = falconeye("node", "list", "--json").json
    assert [(row["name"], row["this_node"]) for row in rows] == [
        ("pi-1", "yes"), ("pi-2", ""), ("pi-3", ""),
    ]  # fmt: skip
    assert rows[0]["id"] == own_id
    assert falconeye("node", "rename", "PI-2", "attic").code == 0
    assert names(falconeye("node", "list", "--json")) == ["attic", "pi-1", "pi-3"]
    assert falconeye("node", "rename", "pi-3", "Attic").code == 3
    assert falconeye("node", "rename", "pi-3", "two words").code == 2
    assert falconeye("node", "rename", "nobody", "x").code == 3


def test_who_is_expelled_cannot_come_back_and_knows_no_new_key(
    falconeye: Falconeye, own_id: str, data_dir: Path
) -> None:
    before = read_keys(data_dir / "data.key")
    asked = falconeye("node", "remove", "pi-2")  # nobody is there to say yes
    assert (asked.code, names(falconeye("node", "list", "--json"))) == (1, ["pi-1", "pi-2", "pi-3"])
    gone = falconeye("node", "remove", OTHER, "--yes")
    assert gone.code == 0, gone.err
    assert "change them: Yard" in gone.err
    assert names(falconeye("node", "list", "--json")) == ["pi-1", "pi-3"]
    after = read_keys(data_dir / "data.key")
    assert after[1:] == before
    shown = falconeye("camera", "list", "--json").json
    assert shown[0]["name"] == "Yard"
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as database:
        ((stored,),) = database.execute("SELECT password_encrypted FROM cameras").fetchall()
        actions = [row[0] for row in database.execute("SELECT action FROM audit")]
    assert PASSWORD.encode() not in stored
    assert "node.removed" in actions
    again = falconeye("camera", "add", "rtsp://10.0.0.9/main", "--name", "Again")
    assert again.code == 3  # what it has can still be read with the new key
    assert falconeye("node", "remove", own_id, "--yes").code == 3
    assert falconeye("node", "remove", "pi-2", "--yes").code == 3


def test_a_member_takes_the_place_of_another(
    falconeye: Falconeye, own_id: str, data_dir: Path
) -> None:
    own_cameras(data_dir, OTHER)
    assert falconeye("node", "replace", "pi-2", "pi-2", "--yes").code == 3
    assert falconeye("node", "replace", "pi-2", "pi-3", "--yes").code == 0
    assert cameras(data_dir) == [("Yard", THIRD)]
    assert names(falconeye("node", "list", "--json")) == ["pi-1", "pi-3"]
    assert own_id != THIRD


def test_a_copy_becomes_another_node_with_its_own_key(
    falconeye: Falconeye, own_id: str, data_dir: Path
) -> None:
    own_cameras(data_dir, own_id)
    keys = load_node_keys(data_dir, own_id)
    made = falconeye("node", "new-id", "--json").json
    assert (made["before"], made["id"] != own_id) == (own_id, True)
    assert falconeye("node", "list", "--json").json == []
    assert cameras(data_dir) == [("Yard", made["id"])]
    others = load_node_keys(data_dir, made["id"])
    assert others.certificate != keys.certificate


def test_a_code_that_is_none_or_of_nobody_is_refused_in_words(falconeye: Falconeye) -> None:
    assert falconeye("camera", "add", "demo", "--name", "Yard").code == 0
    refused = falconeye("join", "hello", "--yes")
    assert (refused.code, "begins with FE1-" in refused.err) == (2, True)
    nobody = JoinCode.new(["127.0.0.1:9"], bytes(32)).text
    refused = falconeye("join", nobody, "--yes")
    assert (refused.code, "no node answers at 127.0.0.1:9" in refused.err) == (1, True)
    assert falconeye("node", "list", "--json").json == []


def test_a_member_joins_nobody_else(falconeye: Falconeye, own_id: str) -> None:
    assert own_id
    code = JoinCode.new(["127.0.0.1:9"], bytes(32)).text
    refused = falconeye("join", code, "--yes")
    assert (refused.code, "belongs to a cluster already" in refused.err) == (3, True)


def test_a_node_id_at_two_addresses_is_named_with_what_helps(
    falconeye: Falconeye, own_id: str, data_dir: Path
) -> None:
    assert own_id
    write_twins(data_dir, {OTHER: ("10.0.0.2:8901", "10.0.0.7:8901")}, SystemClock().utc_us())
    rows = {row["name"]: row["trouble"] for row in falconeye("node", "list", "--json").json}
    assert (rows["pi-1"], rows["pi-3"]) == ("", "")
    assert "10.0.0.2:8901, 10.0.0.7:8901" in rows["pi-2"]
    assert "falconeye node new-id" in falconeye("node", "list").out
    write_twins(data_dir, {OTHER: ("10.0.0.2:8901",)}, SystemClock().utc_us() - 2 * FRESH_US)
    rows = {row["name"]: row["trouble"] for row in falconeye("node", "list", "--json").json}
    assert set(rows.values()) == {""}


def test_replacing_asks_first_and_says_which_passwords_are_known(
    falconeye: Falconeye, own_id: str, data_dir: Path
) -> None:
    own_cameras(data_dir, OTHER)
    asked = falconeye("node", "replace", "pi-2", "pi-3")
    assert (asked.code, "nothing was changed" in asked.err) == (1, True)
    assert cameras(data_dir) == [("Yard", OTHER)]
    assert falconeye("node", "replace", "pi-2", "nobody", "--yes").code == 3
    assert falconeye("node", "replace", own_id, "pi-3", "--yes").code == 3
    done = falconeye("node", "replace", "pi-2", "pi-3", "--yes", "--json").json
    assert (done["id"], done["passwords_to_change"]) == (OTHER, ["Yard"])
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as database:
        details = [row[0] for row in database.execute("SELECT detail FROM audit")]
    assert "pi-2, replaced by pi-3" in details


def test_a_code_is_made_by_a_recorder_that_runs_only(
    falconeye: Falconeye, own_id: str, data_dir: Path
) -> None:
    """The place that one that crashed left behind is not enough."""
    assert own_id
    write_peer_place(data_dir, "pi-1", ["10.0.0.1:8901"])
    refused = falconeye("node", "code")
    assert (refused.code, "no recorder runs here" in refused.err) == (3, True)
