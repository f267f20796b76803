"""Invitations: a link by which a person chooses the password; and passwords shown once more."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from falconeye.accounts.attempts import FREE_PER_ADDRESS
from falconeye.accounts.confirmations import KEPT_US, MAX_REMEMBERED, Confirmations
from falconeye.accounts.invitations import LINK_US
from falconeye.accounts.model import Principal, Role
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.service import Accounts
from falconeye.accounts.users import Rights
from falconeye.base.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TooManyAttempts,
)
from falconeye.base.secret import Secret
from falconeye.base.times import SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.stores.node_store import load_identity
from tests.clock import FakeClock
from tests.unit.accounts.test_service import CHEAP, GOOD, HOME

THEIRS = "another long one"
DOOR = frozenset({"door"})


@pytest.fixture
async def accounts(database: Database, clock: FakeClock) -> AsyncIterator[Accounts]:
    await load_identity(database, clock)
    opened = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    await opened.start(serving=True)
    yield opened
    await opened.stop()


async def test_who_is_invited_chooses_the_password_once(accounts: Accounts) -> None:
    rights = Rights(Role.VIEWER, DOOR, live_only=True)
    made = await accounts.invitations.invite("Eve", rights)
    assert len(made.secret) >= 22  # 128 bits
    assert made.user.is_invited
    assert accounts.invitations.whose(made.secret, HOME) == made.user
    for guess in ("", THEIRS):
        with pytest.raises(NotAuthenticated):  # there is no password that would do
            await accounts.login("Eve", guess, HOME)
    with pytest.raises(InvalidInput):
        await accounts.invitations.accept(made.secret, Secret("short"), HOME)
    user = await accounts.invitations.accept(made.secret, Secret(THEIRS), HOME)
    assert (user.is_invited, user.role, user.cameras) == (False, Role.VIEWER, DOOR)
    _, who = await accounts.login("eve", THEIRS, HOME)
    assert (who.id, who.live_only) == (made.user.id, True)
    for again in (made.secret, made.secret[:-1], ""):
        with pytest.raises(NotFound):
            await accounts.invitations.accept(again, Secret(GOOD), HOME)
    _ = await accounts.login("eve", THEIRS, HOME)


async def test_a_link_ends_after_seven_days_and_can_be_made_anew(
    accounts: Accounts, clock: FakeClock
) -> None:
    first = await accounts.invitations.invite("Eve", Rights(Role.VIEWER))
    clock.advance(LINK_US // SECOND_US - 1)
    assert accounts.invitations.whose(first.secret, HOME).name == "Eve"
    clock.advance(2)
    with pytest.raises(NotFound):
        accounts.invitations.whose(first.secret, HOME)
    second = await accounts.invitations.renew(first.user.id)
    with pytest.raises(NotFound):
        await accounts.invitations.accept(first.secret, Secret(THEIRS), HOME)
    await accounts.invitations.accept(second.secret, Secret(THEIRS), HOME)
    with pytest.raises(Conflict):
        await accounts.invitations.renew(first.user.id)
    with pytest.raises(NotFound):
        await accounts.invitations.withdraw(first.user.id)


async def test_an_invitation_is_taken_back_with_the_account(accounts: Accounts) -> None:
    made = await accounts.invitations.invite("Eve", Rights(Role.ADMIN))
    with pytest.raises(Conflict):
        await accounts.invitations.invite("eve", Rights(Role.VIEWER))
    await accounts.invitations.withdraw(made.user.id)
    with pytest.raises(NotFound):
        await accounts.invitations.accept(made.secret, Secret(THEIRS), HOME)
    assert accounts.users.list() == []
    assert (await accounts.invitations.invite("eve", Rights(Role.VIEWER))).user.name == "eve"


async def test_a_password_from_an_admin_ends_the_link(accounts: Accounts) -> None:
    made = await accounts.invitations.invite("Eve", Rights(Role.VIEWER))
    await accounts.users.set_password(made.user.id, Secret(GOOD))
    assert accounts.users.by_id(made.user.id).invited_until_us is None
    with pytest.raises(NotFound):
        await accounts.invitations.accept(made.secret, Secret(THEIRS), HOME)
    assert (await accounts.login("eve", GOOD, HOME))[1].name == "Eve"


async def test_who_is_invited_is_no_admin_yet(accounts: Accounts) -> None:
    made = await accounts.invitations.invite("Eve", Rights(Role.ADMIN))
    assert not await accounts.has_admin()
    anna = await accounts.users.add("Anna", Secret(GOOD), Rights(Role.ADMIN))
    with pytest.raises(Conflict):
        await accounts.users.remove(anna.id)
    await accounts.invitations.accept(made.secret, Secret(THEIRS), HOME)
    await accounts.users.remove(anna.id)
    assert await accounts.has_admin()


async def test_guessing_links_has_to_wait_and_locks_nobody_else_out(
    accounts: Accounts, clock: FakeClock
) -> None:
    made = await accounts.invitations.invite("Eve", Rights(Role.VIEWER))
    for guess in range(FREE_PER_ADDRESS):
        with pytest.raises(NotFound):
            accounts.invitations.whose(f"guess {guess}", "10.0.0.66")
    with pytest.raises(TooManyAttempts) as refused:
        accounts.invitations.whose(made.secret, "10.0.0.66")
    assert accounts.invitations.whose(made.secret, HOME).name == "Eve"
    clock.advance(refused.value.retry_after_s)
    assert accounts.invitations.whose(made.secret, "10.0.0.66").name == "Eve"


async def test_a_link_is_stored_hashed(accounts: Accounts) -> None:
    made = await accounts.invitations.invite("Eve", Rights(Role.VIEWER))
    with closing(sqlite3.connect(accounts._store._database.path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert made.secret not in dump
    assert made.secret.encode().hex().upper() not in dump


async def test_a_shown_password_holds_for_ten_minutes_in_its_session(
    accounts: Accounts, clock: FakeClock
) -> None:
    await accounts.users.add("Anna", Secret(GOOD), Rights(Role.ADMIN))
    _, who = await accounts.login("anna", GOOD, HOME)
    _, other = await accounts.login("anna", GOOD, HOME)
    assert not accounts.is_confirmed(who)
    with pytest.raises(NotAuthenticated):
        await accounts.confirm(who, "wrong password", HOME)
    assert not accounts.is_confirmed(who)
    await accounts.confirm(who, GOOD, HOME)
    assert (accounts.is_confirmed(who), accounts.is_confirmed(other)) == (True, False)
    clock.advance(KEPT_US // SECOND_US - 1)
    assert accounts.is_confirmed(who)
    clock.advance(1)
    assert not accounts.is_confirmed(who)
    plain, _ = await accounts.tokens.add("vlc", Role.ADMIN)
    token = await accounts.authenticate_token(plain)
    assert isinstance(token, Principal)
    with pytest.raises(NotAllowed):
        await accounts.confirm(token, GOOD, HOME)


def test_what_is_remembered_is_bounded(clock: FakeClock) -> None:
    confirmations = Confirmations(clock)
    for number in range(MAX_REMEMBERED + 1):
        confirmations.note(str(number))
    assert not confirmations.hold("0")
    assert confirmations.hold("1")
    confirmations.forget("1")
    assert not confirmations.hold("1")


async def test_a_tokens_rights_change_and_what_it_has_open_ends(accounts: Accounts) -> None:
    plain, token = await accounts.tokens.add("vlc", Role.VIEWER)
    with accounts.revocations.subscribe() as revoked:
        limited = Rights(Role.VIEWER, DOOR, live_only=True)
        changed = await accounts.tokens.set_rights(token.id, limited)
        assert (await revoked.get()).id == token.id
    assert (changed.cameras, changed.live_only) == (DOOR, True)
    who = await accounts.authenticate_token(plain)
    assert who is not None
    assert who.cameras == DOOR
    with pytest.raises(NotFound):
        await accounts.tokens.set_rights("none", limited)


async def test_sessions_are_listed_by_their_last_use(accounts: Accounts, clock: FakeClock) -> None:
    anna = await accounts.users.add("Anna", Secret(GOOD), Rights(Role.ADMIN))
    cookie, first = await accounts.login("anna", GOOD, HOME, "Firefox")
    clock.advance(5)
    _, second = await accounts.login("anna", GOOD, "10.0.0.9", "VLC")
    clock.advance(5)
    _ = await accounts.authenticate_session(cookie)
    assert [each.id for each in accounts.sessions.list(anna.id)] == [
        first.session_id, second.session_id,
    ]  # fmt: skip
    assert accounts.sessions.list("otto") == []
    assert accounts.sessions.find(second.session_id or "").address == "10.0.0.9"
    await accounts.sessions.end([second.session_id or ""])
    with pytest.raises(NotFound):
        accounts.sessions.find(second.session_id or "")
    clock.advance(15 * 86_400)
    assert accounts.sessions.list() == []  # idle for too long, though the row is still there
