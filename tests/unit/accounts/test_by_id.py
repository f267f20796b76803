"""Who another node says is asking: by the id of a session or a token, never by its secret."""

from collections.abc import AsyncIterator

import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.service import Accounts
from falconeye.accounts.sessions import ABSOLUTE_US, IDLE_US
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.storage.index.database import Database
from falconeye.storage.stores.account_store import AccountStore
from tests.clock import FakeClock
from tests.integration.web_security.site import CHEAP

PASSWORD = "four words in a row"


@pytest.fixture
async def accounts(database: Database, clock: FakeClock) -> AsyncIterator[Accounts]:
    found = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
    await found.start(serving=False)
    await found.users.add("anna", Secret(PASSWORD), Rights(Role.VIEWER))
    yield found
    await found.stop()


async def session_of(accounts: Accounts) -> tuple[str, str]:
    """Cookie and id of a new session."""
    cookie, who = await accounts.login("anna", PASSWORD, "10.0.0.5")
    assert who.session_id
    return cookie, who.session_id


async def test_a_session_is_the_same_person_by_its_id(accounts: Accounts) -> None:
    cookie, session_id = await session_of(accounts)
    who = await accounts.principal_by_session_id(session_id)
    assert who is not None
    assert who == await accounts.authenticate_session(cookie)


async def test_no_secret_and_no_foreign_id_passes_for_an_id(accounts: Accounts) -> None:
    cookie, session_id = await session_of(accounts)
    plain, token = await accounts.tokens.add("vlc", Role.VIEWER)
    for other in (cookie, plain, token.id, "", session_id.upper() + "x"):
        assert await accounts.principal_by_session_id(other) is None
    for other in (cookie, plain, session_id, ""):
        assert await accounts.principal_by_token_id(other) is None


async def test_what_ended_is_nobody_by_its_id(accounts: Accounts, clock: FakeClock) -> None:
    _, session_id = await session_of(accounts)
    _, token = await accounts.tokens.add(
        "vlc", Role.VIEWER, expires_at_us=clock.utc_us() + 1_000_000
    )
    assert await accounts.principal_by_token_id(token.id)
    clock.advance(1)
    assert await accounts.principal_by_token_id(token.id) is None
    who = await accounts.principal_by_session_id(session_id)
    assert who
    await accounts.logout(who)
    assert await accounts.principal_by_session_id(session_id) is None


async def test_by_its_id_counts_as_a_use(
    accounts: Accounts, database: Database, clock: FakeClock
) -> None:
    _, session_id = await session_of(accounts)
    _, token = await accounts.tokens.add("vlc", Role.VIEWER)
    for _ in range(3):  # each use puts the idle limit off, not the absolute one
        clock.advance(IDLE_US / 1e6 - 1)
        assert await accounts.principal_by_session_id(session_id)
    assert await accounts.principal_by_token_id(token.id)
    assert accounts.tokens.find(token.id).last_used_us == clock.utc_us()
    await accounts.tick()
    rows = await AccountStore(database).load()
    assert [row.last_seen_us for row in rows.sessions] == [clock.utc_us()]
    clock.advance((ABSOLUTE_US - 3 * IDLE_US) / 1e6 + 3)
    assert await accounts.principal_by_session_id(session_id) is None
