"""Users, tokens and the set-up link by command line, on a real database."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from falconeye.accounts.service import Accounts
from falconeye.base.clock import SystemClock
from falconeye.config.serving_address import write_serving_address
from falconeye.storage.index.database import Database
from falconeye.storage.stores.node_store import load_identity
from tests.integration.cli.conftest import PASSWORD, Falconeye
from tests.integration.cli.processes import in_process


async def opened(data_dir: Path) -> tuple[Database, Accounts]:
    database = Database(data_dir, SystemClock())
    await database.open()
    accounts = Accounts(database, SystemClock())
    await accounts.start(serving=False)
    return database, accounts


async def token_role(data_dir: Path, token: str) -> str | None:
    database, accounts = await opened(data_dir)
    try:
        who = await accounts.authenticate_token(token)
        return who.role.value if who else None
    finally:
        await accounts.stop()
        await database.close()


async def can_sign_in(data_dir: Path, name: str, password: str) -> bool:
    database, accounts = await opened(data_dir)
    try:
        _, who = await accounts.login(name, password, "127.0.0.1")
        return who.name == name
    finally:
        await accounts.stop()
        await database.close()


def test_a_user_is_added_listed_given_another_password_and_removed(falconeye: Falconeye) -> None:
    added = falconeye("user", "add", "eve", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    assert (added.code, added.out) == (0, "made the account 'eve' (admin)\n")
    falconeye("user", "add", "bob", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
    rows = falconeye("user", "list", "--json").json
    assert [(row["name"], row["role"], row["cameras"]) for row in rows] == [
        ("bob", "viewer", "all"),
        ("eve", "admin", "all"),
    ]
    changed = falconeye("user", "passwd", "bob", "--password-stdin", stdin="another horse battery")
    assert (changed.code, "another horse" in changed.out + changed.err) == (0, False)
    assert falconeye("user", "remove", "bob").code == 0
    assert [row["name"] for row in falconeye("user", "list", "--json").json] == ["eve"]


async def test_the_account_can_sign_in(data_dir: Path) -> None:
    # `main` has a loop of its own, so it runs in a process of its own here.
    code, out, _ = await in_process(
        data_dir, "user", "add", "eve", "--role", "admin", "--password-stdin", stdin=PASSWORD
    )
    assert (code, out) == (0, "made the account 'eve' (admin)\n")
    assert await can_sign_in(data_dir, "eve", PASSWORD)


@pytest.mark.parametrize(
    ("words", "stdin", "code", "message"),
    [
        (("user", "add", "eve", "--role", "viewer", "--password-stdin"), PASSWORD, 3, "already"),
        (("user", "add", "bob", "--role", "viewer", "--password-stdin"), "short", 2, "10 char"),
        (("user", "add", "bob", "--role", "viewer", "--password-stdin"), "", 2, "empty"),
        (("user", "add", "bob", "--role", "viewer"), "", 2, "--password-stdin or"),
        (("user", "passwd", "bob", "--password-stdin"), PASSWORD, 3, "no such user"),
        (("user", "remove", "bob"), "", 3, "no such user"),
        (("user", "remove", "eve"), "", 3, "last unlimited admin"),
        (("token", "remove", "none"), "", 3, "no such token"),
        (("token", "add", "x", "--role", "viewer", "--cameras", "Yard"), "", 3, "no camera"),
        (("token", "add", "x", "--role", "viewer", "--cameras", ","), "", 2, "at least one"),
        (("token", "add", "x", "--role", "viewer", "--expires", "soon"), "", 2, "give a day"),
        (("token", "add", "x", "--role", "viewer", "--expires", "2020-01-31"), "", 2, "over"),
        (
            ("token", "add", "x", "--role", "viewer", "--expires", "2099-01-31T10:00"),
            "", 2, "with its zone",
        ),
        *(
            (("token", "add", "x", "--role", "viewer", "--expires", end), "", 2, "the year 2199")
            for end in ("9999-12-31", "9999-12-31T23:59:59-05:00", "2200-01-01", "99999w")
        ),
        (("setup-link",), "", 3, "admin already"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why(
    falconeye: Falconeye, words: tuple[str, ...], stdin: str, code: int, message: str
) -> None:
    falconeye("user", "add", "eve", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    answer = falconeye(*words, stdin=stdin)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err
    assert PASSWORD not in answer.err


def test_a_token_is_printed_alone_and_once(falconeye: Falconeye) -> None:
    added = falconeye("token", "add", "home assistant", "--role", "viewer", "--expires", "30d")
    assert (added.code, added.err, added.out.count("\n")) == (0, "", 1)
    token = added.out.strip()
    assert token.startswith("fe_")
    listed = falconeye("token", "list", "--json")
    assert token not in listed.out
    [row] = listed.json
    ends = datetime.fromisoformat(row["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < ends <= timedelta(days=30)
    assert falconeye("token", "remove", "home assistant").code == 0
    assert falconeye("token", "list", "--json").json == []


def test_a_day_lasts_until_its_end(falconeye: Falconeye) -> None:
    falconeye("token", "add", "a", "--role", "viewer", "--expires", "2099-01-31")
    falconeye("token", "add", "b", "--role", "viewer", "--expires", "2099-01-31T10:00+02:00")
    ends = [row["expires_at"] for row in falconeye("token", "list", "--json").json]
    assert ends == ["2099-02-01T00:00:00.000Z", "2099-01-31T08:00:00.000Z"]


def test_a_token_can_be_limited_to_cameras(falconeye: Falconeye) -> None:
    falconeye("camera", "add", "demo", "--name", "Yard")
    words = ("token", "add", "wall", "--role", "viewer", "--cameras", "yard", "--live-only")
    assert falconeye(*words).code == 0
    [row] = falconeye("token", "list", "--json").json
    assert (row["cameras"], row["live_only"]) == (["Yard"], True)


async def test_a_running_node_takes_a_token_and_drops_a_removed_one(data_dir: Path) -> None:
    database = Database(data_dir, SystemClock())
    await database.open(exclusive=True)
    accounts = Accounts(database, SystemClock())
    try:
        await load_identity(database, SystemClock())
        await accounts.start(serving=True)
        await asyncio.to_thread(write_serving_address, data_dir, "http://192.168.1.5:8901/")
        _, out, _ = await in_process(data_dir, "token", "add", "vlc", "--role", "operator")
        assert await database.changed_elsewhere()
        await accounts.reload()
        assert await accounts.authenticate_token(out.strip())
        _, link, _ = await in_process(data_dir, "setup-link")
        assert link.startswith("http://192.168.1.5:8901/setup/")
        assert await accounts.setup_link_is_valid(link.strip().rpartition("/")[2])
        await in_process(data_dir, "token", "remove", "vlc")
        await accounts.reload()
        assert await accounts.authenticate_token(out.strip()) is None
    finally:
        await accounts.stop()
        await database.close()
