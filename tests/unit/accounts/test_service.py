"""Signing in, staying signed in, and what ends it; on a real database."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import argon2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.accounts.model import Principal, Role
from falconeye.accounts.passwords import PasswordHasher, default_parameters
from falconeye.accounts.revocations import Ended, Revocation, RevocationSubscription
from falconeye.accounts.service import Accounts
from falconeye.accounts.users import Rights
from falconeye.base.errors import (
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    StartError,
    TooManyAttempts,
    Unavailable,
)
from falconeye.base.secret import Secret
from falconeye.base.times import DAY_US, SECOND_US
from falconeye.storage.index.change_watch import ChangeWatch
from falconeye.storage.index.database import Database
from falconeye.storage.stores.audit_store import AuditFilter
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.tables.node import SESSIONS, USERS
from tests.clock import FakeClock
from tests.databases import closed_database

CHEAP = replace(default_parameters(), time_cost=1, memory_cost=64, parallelism=1)
GOOD = "correct horse"
HOME = "192.168.1.5"
DAY_S = DAY_US // SECOND_US


@pytest.fixture
async def accounts(database: Database, clock: FakeClock) -> AsyncIterator[Accounts]:
    await load_identity(database, clock)
    opened = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    await opened.start(serving=True)
    yield opened
    await opened.stop()


@pytest.fixture
async def anna(accounts: Accounts) -> str:
    """An admin; the user's id."""
    return (await accounts.users.add("Anna", Secret(GOOD), Rights(Role.ADMIN))).id


@dataclass
class Command:
    """What the command line opens beside the server."""

    accounts: Accounts
    database: Database


@pytest.fixture
async def command(database: Database, clock: FakeClock) -> AsyncIterator[Command]:
    opened = closed_database(database.data_dir, clock)
    await opened.open()
    accounts = Accounts(opened, clock, hasher=PasswordHasher(CHEAP))
    await accounts.start(serving=False)
    yield Command(accounts, opened)
    await accounts.stop()
    await opened.close()


async def told(subscription: RevocationSubscription) -> set[Revocation]:
    """All that has been published."""
    found = set()
    while subscription._waiting:
        found.add(await subscription.get())
    return found


async def wrong(accounts: Accounts, name: str = "anna", address: str = HOME) -> None:
    with pytest.raises(NotAuthenticated):
        await accounts.login(name, "wrong password", address)


async def wrong_with(accounts: Accounts, password: str, name: str = "anna") -> None:
    with pytest.raises(NotAuthenticated):
        await accounts.login(name, password, HOME)


async def test_login_gives_a_session_that_is_recognised(accounts: Accounts, anna: str) -> None:
    cookie, who = await accounts.login("  aNNa ", GOOD, HOME, "Firefox")
    assert (who.id, who.name, who.role) == (anna, "Anna", Role.ADMIN)
    assert await accounts.authenticate_session(cookie) == who
    assert await accounts.authenticate_session(cookie[:-1]) is None
    assert await accounts.authenticate_session("") is None
    (session,) = (await accounts._store.load()).sessions
    assert (session.id, session.address, session.user_agent) == (who.session_id, HOME, "Firefox")
    assert len(cookie) >= 43  # 256 bits


async def test_a_name_is_the_same_however_its_letters_are_composed(accounts: Accounts) -> None:
    await accounts.users.add("J\u00fcrgen", Secret(GOOD), Rights(Role.ADMIN))
    _, who = await accounts.login("Ju\u0308rgen", GOOD, HOME)
    assert who.name == "J\u00fcrgen"


async def test_wrong_name_and_wrong_password_are_told_alike(accounts: Accounts, anna: str) -> None:
    assert anna
    words = []
    for name, password in (("anna", "wrong password"), ("nobody", GOOD)):
        with pytest.raises(NotAuthenticated) as refused:
            await accounts.login(name, password, HOME)
        words.append(str(refused.value))
    assert words[0] == words[1]


async def test_an_unknown_user_costs_a_hash_too(
    accounts: Accounts, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anna
    verified: list[str] = []
    real = argon2.PasswordHasher.verify

    def verify(self: argon2.PasswordHasher, stored: str, password: str) -> bool:
        verified.append(stored)
        return real(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    await wrong(accounts, "anna")
    await wrong(accounts, "nobody")
    assert len(verified) == 2
    assert [argon2.extract_parameters(stored) for stored in verified] == [CHEAP, CHEAP]


async def test_nothing_secret_is_stored_in_the_clear(accounts: Accounts, anna: str) -> None:
    assert anna
    cookie, _ = await accounts.login("anna", GOOD, HOME)
    token, _ = await accounts.tokens.add("vlc", Role.VIEWER)
    with closing(sqlite3.connect(accounts._store._database.path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert "$argon2id$" in dump
    for secret in (GOOD, cookie, token):
        assert secret not in dump
        assert secret.encode().hex().upper() not in dump


async def test_a_session_survives_a_restart(
    accounts: Accounts, anna: str, database: Database, clock: FakeClock
) -> None:
    assert anna
    cookie, who = await accounts.login("anna", GOOD, HOME)
    again = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    await again.start(serving=True)
    assert await again.authenticate_session(cookie) == who
    await again.stop()


async def test_a_session_ends_when_idle(accounts: Accounts, anna: str, clock: FakeClock) -> None:
    assert anna
    cookie, who = await accounts.login("anna", GOOD, HOME)
    for _ in range(5):
        clock.advance(13 * DAY_S)
        assert await accounts.authenticate_session(cookie)
    with accounts.revocations.subscribe() as revoked:
        clock.advance(14 * DAY_S)
        assert await accounts.authenticate_session(cookie) is None
        await accounts.tick()
        assert await told(revoked) == {Revocation(Ended.SESSION, who.session_id or "")}
    assert accounts._directory.sessions == []


async def test_a_session_that_another_node_uses_is_idle_nowhere(
    accounts: Accounts, anna: str, database: Database, clock: FakeClock
) -> None:
    assert anna
    cookie, who = await accounts.login("anna", GOOD, HOME)
    clock.advance(13 * DAY_S)

    async def used_elsewhere(connection: AsyncConnection) -> None:
        await connection.execute(update(SESSIONS).values(active_us=clock.utc_us()))

    await database.write(used_elsewhere)
    await accounts.reload()
    clock.advance(13 * DAY_S)
    await accounts.tick()
    assert await accounts.authenticate_session(cookie) == who
    clock.advance(14 * DAY_S)
    assert await accounts.authenticate_session(cookie) is None


async def test_another_password_ends_a_session_that_nobody_knew_of(
    accounts: Accounts, anna: str, database: Database
) -> None:
    """A login at one node while the password was changed at another: the row comes by a merge."""
    cookie, who = await accounts.login("anna", GOOD, HOME)

    async def merged(connection: AsyncConnection) -> None:
        await connection.execute(update(USERS).values(password_changed_at_us=7))

    await database.write(merged)
    await accounts.reload()
    assert await accounts.authenticate_session(cookie) is None
    with accounts.revocations.subscribe() as revoked:
        await accounts.tick()
        assert await told(revoked) == {Revocation(Ended.SESSION, who.session_id or "")}
    again, who = await accounts.login("anna", GOOD, HOME)
    await accounts.users.set_password(anna, Secret(GOOD + "!"), keep_session=who.session_id)
    assert await accounts.authenticate_session(again) == who


async def test_a_session_ends_by_age(accounts: Accounts, anna: str, clock: FakeClock) -> None:
    assert anna
    cookie, _ = await accounts.login("anna", GOOD, HOME)
    for _ in range(9):
        assert await accounts.authenticate_session(cookie)
        clock.advance(10 * DAY_S - 1)
    assert await accounts.authenticate_session(cookie)
    clock.advance(9)
    assert await accounts.authenticate_session(cookie) is None


async def test_a_node_that_starts_in_1970_signs_nobody_out(
    accounts: Accounts, anna: str, clock: FakeClock
) -> None:
    assert anna
    cookie, who = await accounts.login("anna", GOOD, HOME)
    year_1970 = clock.utc_us() / SECOND_US
    clock.step_utc(-year_1970)
    assert await accounts.authenticate_session(cookie) == who
    clock.step_utc(year_1970)
    assert await accounts.authenticate_session(cookie) == who


async def test_last_seen_is_stored_once_a_minute(
    accounts: Accounts, anna: str, database: Database, clock: FakeClock
) -> None:
    assert anna
    cookie, _ = await accounts.login("anna", GOOD, HOME)
    await accounts.tick()
    before = database.commits
    for _ in range(59):
        clock.advance(1)
        await accounts.authenticate_session(cookie)
        await accounts.tick()
    assert database.commits == before
    clock.advance(1)
    await accounts.tick()
    assert database.commits == before + 1
    (stored,) = (await accounts._store.load()).sessions
    assert stored.last_seen_us == clock.utc_us() - SECOND_US


async def test_a_hundred_sessions_are_the_most(accounts: Accounts, anna: str) -> None:
    assert anna
    first, _ = await accounts.login("anna", GOOD, HOME)
    for _ in range(99):
        await accounts.login("anna", GOOD, HOME)
    assert await accounts.authenticate_session(first)
    last = [(await accounts.login("anna", GOOD, HOME))[0] for _ in range(2)][1]
    assert len(accounts._directory.sessions) == 100
    assert await accounts.authenticate_session(last)


async def test_another_password_ends_sessions_but_the_one_that_asks(
    accounts: Accounts, anna: str
) -> None:
    here, me = await accounts.login("anna", GOOD, HOME)
    other, other_who = await accounts.login("anna", GOOD, HOME)
    with accounts.revocations.subscribe() as revoked:
        await accounts.users.set_password(anna, Secret("another horse"), keep_session=me.session_id)
        assert await told(revoked) == {Revocation(Ended.SESSION, other_who.session_id or "")}
    assert await accounts.authenticate_session(here)
    assert await accounts.authenticate_session(other) is None
    await wrong(accounts)
    await accounts.login("anna", "another horse", HOME)


@pytest.mark.parametrize(
    ("rights", "keeps"),
    [
        (Rights(Role.OPERATOR), True),
        (Rights(Role.ADMIN), True),
        (Rights(Role.VIEWER), False),
        (Rights(Role.OPERATOR, cameras=frozenset("a")), False),
        (Rights(Role.OPERATOR, live_only=True), False),
        (Rights(Role.ADMIN, expires_at_us=1), False),
    ],
)
async def test_lost_rights_end_sessions(
    accounts: Accounts, anna: str, rights: Rights, keeps: bool
) -> None:
    assert anna
    ben = await accounts.users.add("Ben", Secret(GOOD), Rights(Role.OPERATOR))
    cookie, who = await accounts.login("ben", GOOD, HOME)
    with accounts.revocations.subscribe() as revoked:
        await accounts.users.set_rights(ben.id, rights)
        ended = any(revocation.concerns(who) for revocation in await told(revoked))
    assert (await accounts.authenticate_session(cookie) is not None) is keeps
    # Streams are opened under the old rights: they end with any change and may come back.
    assert ended is (rights != Rights(Role.OPERATOR))


@pytest.mark.parametrize(
    "take_away",
    [
        lambda accounts, user: accounts.users.remove(user),
        lambda accounts, user: accounts.users.set_role(user, Role.OPERATOR),
        lambda accounts, user: accounts.users.set_rights(user, Rights(Role.ADMIN, expires_at_us=5)),
        lambda accounts, user: accounts.users.set_rights(
            user, Rights(Role.ADMIN, cameras=frozenset("a"))
        ),
    ],
)
async def test_the_last_admin_stays(
    accounts: Accounts, anna: str, take_away: Callable[[Accounts, str], Awaitable[object]]
) -> None:
    cookie, _ = await accounts.login("anna", GOOD, HOME)
    with pytest.raises(Conflict, match="last unlimited admin"):
        await take_away(accounts, anna)
    assert await accounts.authenticate_session(cookie)
    await accounts.users.add("Eve", Secret(GOOD), Rights(Role.ADMIN))
    await take_away(accounts, anna)
    assert await accounts.authenticate_session(cookie) is None


async def test_a_user_past_the_end_date_is_out(
    accounts: Accounts, anna: str, clock: FakeClock
) -> None:
    assert anna
    end = clock.utc_us() + 60 * SECOND_US
    await accounts.users.add("Guest", Secret(GOOD), Rights(Role.VIEWER, expires_at_us=end))
    cookie, who = await accounts.login("guest", GOOD, HOME)
    await accounts.tick()
    with accounts.revocations.subscribe() as revoked:
        clock.advance(59)
        await accounts.tick()
        assert await told(revoked) == set()
        clock.advance(1)
        assert await accounts.authenticate_session(cookie) is None
        await accounts.tick()
        (ended,) = await told(revoked)
        assert ended.concerns(who)
        await accounts.tick()
        assert await told(revoked) == set()
    with pytest.raises(NotAuthenticated):
        await accounts.login("guest", GOOD, HOME)


async def test_wrong_passwords_are_slowed_down_and_never_for_ever(
    accounts: Accounts, anna: str, clock: FakeClock
) -> None:
    assert anna
    for _ in range(3):
        await wrong(accounts)
    waits = []
    for _ in range(9):
        with pytest.raises(TooManyAttempts) as slowed:
            await accounts.login("anna", GOOD, HOME)
        waits.append(slowed.value.retry_after_s)
        clock.advance(slowed.value.retry_after_s)
        await wrong(accounts)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    clock.advance(60)
    await accounts.login("anna", GOOD, HOME)
    await wrong(accounts)
    await accounts.login("anna", GOOD, HOME)


async def test_one_address_that_guesses_many_names_is_slowed_down(accounts: Accounts) -> None:
    for number in range(10):
        await wrong(accounts, f"user{number}", "10.9.9.9")
    with pytest.raises(TooManyAttempts):
        await accounts.login("another", GOOD, "10.9.9.9")
    await wrong(accounts, "another", HOME)


async def test_strangers_behind_the_same_proxy_cannot_keep_the_owner_out(
    accounts: Accounts, anna: str
) -> None:
    assert anna
    await accounts.login("anna", GOOD, HOME)
    for number in range(10):
        await wrong(accounts, f"user{number}")
    with pytest.raises(TooManyAttempts):
        await accounts.login("another", GOOD, HOME)
    await accounts.login("anna", GOOD, HOME)
    for _ in range(3):
        await wrong(accounts)
    with pytest.raises(TooManyAttempts):  # own failures count, wherever they come from
        await accounts.login("anna", GOOD, HOME)


async def test_a_long_name_is_not_remembered_whole(accounts: Accounts) -> None:
    await wrong(accounts, "n" * 100_000)
    kept = [part for key in accounts._attempts._failures for part in key]
    assert max(len(part) for part in kept) == 64


async def test_many_tries_at_once_gain_nothing(accounts: Accounts, anna: str) -> None:
    assert anna
    tries = (accounts.login("anna", f"wrong password {i}", HOME) for i in range(20))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, NotAuthenticated) for result in results) == 3
    assert sum(isinstance(result, TooManyAttempts) for result in results) == 17


async def test_a_password_that_nobody_looked_at_is_no_wrong_one(
    accounts: Accounts, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anna

    async def busy(_stored: str | None, _password: Secret) -> bool:
        raise TooManyAttempts("too many people sign in", retry_after_s=5)

    with monkeypatch.context() as patched:
        patched.setattr(accounts._hasher, "verify", busy)
        for _ in range(20):
            with pytest.raises(TooManyAttempts, match="people"):
                await accounts.login("anna", GOOD, HOME)
    await accounts.login("anna", GOOD, HOME)


async def test_strangers_cannot_keep_the_owner_out(
    accounts: Accounts, anna: str, database: Database, clock: FakeClock
) -> None:
    assert anna
    await accounts.login("anna", GOOD, HOME)
    again = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    await again.start(serving=True)  # what is known of the owner survives this
    for number in range(3):
        await wrong(again, "anna", f"10.9.9.{number}")
    with pytest.raises(TooManyAttempts):
        await again.login("anna", GOOD, "10.9.9.8")
    await again.login("anna", GOOD, HOME)
    await again.stop()


async def test_a_password_that_is_changed_during_a_login_lets_nobody_in(
    accounts: Accounts, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = accounts._hasher.verify

    async def slow(stored: str | None, password: Secret) -> bool:
        right = await verify(stored, password)
        if right:
            await accounts.users.set_password(anna, Secret("another horse"))
        return right

    monkeypatch.setattr(accounts._hasher, "verify", slow)
    await wrong_with(accounts, GOOD)
    assert (await accounts._store.load()).sessions == []
    monkeypatch.undo()
    await accounts.login("anna", "another horse", HOME)


async def test_a_user_who_is_removed_during_a_login_does_not_get_in(
    accounts: Accounts, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anna
    ben = await accounts.users.add("Ben", Secret(GOOD), Rights(Role.VIEWER))
    verify = accounts._hasher.verify

    async def slow(stored: str | None, password: Secret) -> bool:
        right = await verify(stored, password)
        if right:
            await accounts.users.remove(ben.id)
        return right

    monkeypatch.setattr(accounts._hasher, "verify", slow)
    await wrong_with(accounts, GOOD, "ben")


async def test_other_parameters_during_a_login_let_in_all_the_same(
    accounts: Accounts, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two logins at once, of which the other one has hashed the password anew."""
    verify, other = accounts._hasher.verify, await accounts._hasher.hash(Secret(GOOD))

    async def slow(stored: str | None, password: Secret) -> bool:
        right = await verify(stored, password)
        if stored != other:
            await accounts._store.rehash(anna, stored or "", other)
        return right

    monkeypatch.setattr(accounts._hasher, "verify", slow)
    cookie, _ = await accounts.login("anna", GOOD, HOME)
    assert await accounts.authenticate_session(cookie)


async def test_a_hash_follows_better_parameters(
    anna: str, database: Database, clock: FakeClock
) -> None:
    assert anna
    better = replace(CHEAP, time_cost=2)
    again = Accounts(database, clock, hasher=PasswordHasher(better))
    await again.start(serving=False)
    await again.login("anna", GOOD, HOME)
    (user,) = (await again._store.load()).users
    assert argon2.extract_parameters(user.password_hash) == better
    await again.login("anna", GOOD, HOME)
    await again.stop()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("Ben", "short"),
        ("Ben", "Password123"),
        ("Ben", "aaaaaaaaaaaa"),
        ("a long enough name", "A Long Enough Name"),
        ("Ben", "x" * 1001),
        ("", GOOD),
        ("x" * 65, GOOD),
        ("a:b", GOOD),
        ("a\x00b", GOOD),
        ("a\u202eb", GOOD),
    ],
)
async def test_bad_names_and_passwords(accounts: Accounts, name: str, password: str) -> None:
    with pytest.raises(InvalidInput):
        await accounts.users.add(name, Secret(password), Rights(Role.ADMIN))
    assert not await accounts.has_users()


async def test_one_name_is_one_user(accounts: Accounts, anna: str) -> None:
    assert anna
    with pytest.raises(Conflict, match="ANNA"):
        await accounts.users.add("ANNA ", Secret(GOOD), Rights(Role.VIEWER))
    assert [user.name for user in accounts.users.list()] == ["Anna"]


async def test_a_name_is_one_however_the_keyboard_composes_it(accounts: Accounts) -> None:
    composed, decomposed = "J\u00f6rg", "Jo\u0308rg"
    await accounts.users.add(composed, Secret(GOOD), Rights(Role.ADMIN))
    _, who = await accounts.login(decomposed, GOOD, HOME)
    assert who.name == composed


async def test_a_full_disk_does_not_make_the_end_a_failure(
    anna: str, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anna
    again = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    await again.start(serving=False)
    cookie, _ = await again.login("anna", GOOD, HOME)
    clock.advance(1)
    assert await again.authenticate_session(cookie)
    refused = []

    async def full(sessions: dict[str, int], _tokens: dict[str, int]) -> None:
        refused.append(len(sessions))
        raise Unavailable("the disk of the data directory is full")

    monkeypatch.setattr(again._store, "note_seen", full)
    await again.stop()
    assert refused == [1]


async def test_a_token_that_is_called_as_the_id_of_another_does_not_shield_it(
    accounts: Accounts,
) -> None:
    plain, token = await accounts.tokens.add("zzz", Role.ADMIN)
    decoy, _ = await accounts.tokens.add(token.id, Role.VIEWER)
    changed = await accounts.tokens.set_rights(token.id, Rights(Role.OPERATOR))
    assert (changed.id, changed.role) == (token.id, Role.OPERATOR)
    removed = await accounts.tokens.remove(token.id)
    assert removed.id == token.id
    assert await accounts.authenticate_token(plain) is None
    assert await accounts.authenticate_token(decoy) is not None


async def test_tokens(accounts: Accounts, clock: FakeClock) -> None:
    end = clock.utc_us() + SECOND_US
    plain, token = await accounts.tokens.add(
        "Home Assistant", Role.VIEWER, cameras=frozenset("ab"), live_only=True, expires_at_us=end
    )
    assert plain.startswith("fe_")
    who = await accounts.authenticate_token(plain)
    assert who is not None
    assert (who.id, who.role, who.cameras, who.live_only) == (
        token.id,
        Role.VIEWER,
        frozenset("ab"),
        True,
    )
    with pytest.raises(Conflict):
        await accounts.tokens.add("home assistant", Role.VIEWER)
    assert accounts.tokens.list()[0].last_used_us == clock.utc_us()
    assert await accounts.authenticate_token(plain + "x") is None
    assert await accounts.authenticate_token("") is None
    clock.advance(1)
    assert await accounts.authenticate_token(plain) is None
    lasting, other = await accounts.tokens.add("lasting", Role.VIEWER)
    with accounts.revocations.subscribe() as revoked:
        await accounts.tokens.remove(other.id)
        assert Revocation(Ended.TOKEN, other.id) in await told(revoked)
    assert await accounts.authenticate_token(lasting) is None


async def test_the_command_line_ends_what_the_server_has_open(
    accounts: Accounts, anna: str, database: Database, command: Command
) -> None:
    watch = ChangeWatch(database)
    watch.subscribe(accounts.reload)
    await watch.check()
    await command.accounts.reload()
    cookie, who = await accounts.login("anna", GOOD, HOME)
    plain, _ = await accounts.tokens.add("vlc", Role.VIEWER)
    program = await accounts.authenticate_token(plain)
    await command.accounts.reload()
    with accounts.revocations.subscribe() as revoked:
        await command.accounts.users.set_password(anna, Secret("another horse"))
        await command.accounts.tokens.remove("vlc")
        assert await watch.check()
        ended = await told(revoked)
    assert any(revocation.concerns(who) for revocation in ended)
    assert program is not None
    assert any(revocation.concerns(program) for revocation in ended)
    assert await accounts.authenticate_session(cookie) is None
    assert await accounts.authenticate_token(plain) is None
    made, _ = await command.accounts.tokens.add("new", Role.OPERATOR)
    await watch.check()
    assert await accounts.authenticate_token(made)


def secret_of(link: str) -> str:
    base, _, secret = link.rpartition("/setup/")
    assert base == "http://pi:8900"
    return secret


async def test_a_setup_link_makes_the_first_admin_once(accounts: Accounts) -> None:
    secret = secret_of(await accounts.make_setup_link("http://pi:8900/"))
    assert len(secret) >= 22  # 128 bits
    assert await accounts.setup_link_is_valid(secret)
    with pytest.raises(InvalidInput):
        await accounts.redeem_setup_link(secret, "Anna", "short")
    user = await accounts.redeem_setup_link(secret, "Anna", GOOD)
    assert user.role is Role.ADMIN
    with pytest.raises(NotFound):
        await accounts.redeem_setup_link(secret, "Eve", GOOD)
    with pytest.raises(Conflict, match="passwd"):
        await accounts.make_setup_link("http://pi:8900")
    assert [user.name for user in accounts.users.list()] == ["Anna"]


async def test_two_who_use_one_link_at_once(accounts: Accounts) -> None:
    secret = secret_of(await accounts.make_setup_link("http://pi:8900"))
    results = await asyncio.gather(
        accounts.redeem_setup_link(secret, "Anna", GOOD),
        accounts.redeem_setup_link(secret, "Eve", GOOD),
        return_exceptions=True,
    )
    assert [isinstance(result, NotFound) for result in results] == [False, True]
    assert [user.name for user in accounts.users.list()] == ["Anna"]


async def test_a_setup_link_is_replaced_and_ends_after_an_hour(
    accounts: Accounts, clock: FakeClock
) -> None:
    old = secret_of(await accounts.make_setup_link("http://pi:8900"))
    new = secret_of(await accounts.make_setup_link("http://pi:8900"))
    assert not await accounts.setup_link_is_valid(old)
    clock.advance(3599)
    assert await accounts.setup_link_is_valid(new)
    clock.advance(1)
    with pytest.raises(NotFound):
        await accounts.redeem_setup_link(new, "Anna", GOOD)


async def test_a_setup_link_outlives_a_clock_that_is_set(
    accounts: Accounts, clock: FakeClock
) -> None:
    secret = secret_of(await accounts.make_setup_link("http://pi:8900"))
    clock.step_utc(90 * DAY_S)  # the first start of a machine without a clock chip
    clock.advance(3599)
    assert await accounts.setup_link_is_valid(secret)
    clock.advance(1)
    assert not await accounts.setup_link_is_valid(secret)


async def test_a_setup_link_dies_with_its_server(
    accounts: Accounts, command: Command, database: Database, clock: FakeClock
) -> None:
    secret = secret_of(await command.accounts.make_setup_link("http://pi:8900"))
    assert await accounts.setup_link_is_valid(secret)
    again = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    await again.start(serving=True)
    assert not await again.setup_link_is_valid(secret)
    await again.stop()


async def test_a_setup_link_made_before_the_start_is_for_that_server(
    tmp_path: Path, clock: FakeClock
) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    await load_identity(database, clock)
    command = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    secret = secret_of(await command.make_setup_link("http://pi:8900"))
    await command.stop()
    for valid in (True, False):
        server = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
        await server.start(serving=True)
        assert await server.setup_link_is_valid(secret) is valid
        await server.stop()
    await database.close()


async def test_an_admin_from_a_file(accounts: Accounts, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("short\n")
    for path in (file, tmp_path / "none"):
        with pytest.raises(StartError, match=str(path)):
            await accounts.ensure_admin_from_file(path)
    file.write_text(GOOD + "\n")
    assert await accounts.ensure_admin_from_file(file)
    assert not await accounts.ensure_admin_from_file(tmp_path / "none")
    _, who = await accounts.login("admin", GOOD, HOME)
    assert who.role is Role.ADMIN


async def test_the_audit_log(accounts: Accounts, anna: str, clock: FakeClock) -> None:
    assert anna
    _, who = await accounts.login("anna", GOOD, HOME)
    await accounts.audit.record(None, "node.start")
    for number in range(5):
        clock.advance(1)
        await accounts.audit.record(
            who, "camera.add", "camera", f"c{number}", "rtsp://u:p@10.0.0.9/x?pwd=y", HOME
        )
    newest, total = await accounts.audit.list(AuditFilter(object_kind="camera"), limit=2, offset=1)
    assert total == 5
    assert [entry.object_id for entry in newest] == ["c3", "c2"]
    entry = newest[0]
    assert (entry.who_kind, entry.who_name, entry.address) == ("user", "Anna", HOME)
    assert entry.detail == "rtsp://10.0.0.9/x?pwd=***"
    since = AuditFilter(from_us=clock.utc_us() - SECOND_US, to_us=clock.utc_us())
    assert (await accounts.audit.list(since))[1] == 1
    assert (await accounts.audit.list(AuditFilter(who_name="system")))[1] == 1


async def test_revocations_can_be_waited_for(accounts: Accounts, anna: str) -> None:
    assert anna
    _, who = await accounts.login("anna", GOOD, HOME)
    closed: list[Principal] = []

    async def stream() -> None:
        with accounts.revocations.subscribe() as revoked:
            async for revocation in revoked:
                if revocation.concerns(who):
                    closed.append(who)
                    return

    task = asyncio.ensure_future(stream())
    await asyncio.sleep(0)
    await accounts.logout(who)
    await task
    assert closed == [who]
