"""Tokens that the command line added a moment ago."""

from collections.abc import AsyncIterator

import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.service import LOOK_AGAIN_US, Accounts
from falconeye.base.errors import Unavailable
from falconeye.storage.index.database import Database
from tests.clock import FakeClock

UNKNOWN = "fe_" + "x" * 43


@pytest.fixture
async def accounts(database: Database, clock: FakeClock) -> AsyncIterator[Accounts]:
    found = Accounts(database, clock)
    await found.start(serving=False)
    yield found
    await found.stop()


@pytest.fixture
async def command(database: Database, clock: FakeClock) -> AsyncIterator[Accounts]:
    """What another process has of the same data."""
    found = Accounts(database, clock)
    await found.start(serving=False)
    yield found
    await found.stop()


class Looks:
    """Counts the looks, each of which reads everything."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1
        await self._accounts.reload()


async def test_a_new_token_counts_at_once(accounts: Accounts, command: Accounts) -> None:
    plain, _ = await command.tokens.add("vlc", Role.VIEWER)
    assert await accounts.authenticate_token(plain) is None  # nobody looks for it here
    accounts.look_for_changes = looks = Looks(accounts)
    assert await accounts.authenticate_token(plain)
    assert await accounts.authenticate_token(plain)
    assert looks.count == 1


async def test_guessing_costs_few_looks(accounts: Accounts, clock: FakeClock) -> None:
    accounts.look_for_changes = looks = Looks(accounts)
    for _ in range(100):
        assert await accounts.authenticate_token(UNKNOWN) is None
    assert looks.count == 1
    clock.advance(LOOK_AGAIN_US / 1e6)
    assert await accounts.authenticate_token(UNKNOWN) is None
    assert looks.count == 2


@pytest.mark.parametrize("text", ["", "fe_", "x" * 46, UNKNOWN + "x", UNKNOWN[:-1] + "é"])
async def test_what_is_no_token_costs_none(accounts: Accounts, text: str) -> None:
    accounts.look_for_changes = looks = Looks(accounts)
    assert await accounts.authenticate_token(text) is None
    assert looks.count == 0


async def test_a_failing_look_refuses(accounts: Accounts) -> None:
    async def fails() -> None:
        raise Unavailable("the disk of the data directory is full")

    accounts.look_for_changes = fails
    assert await accounts.authenticate_token(UNKNOWN) is None
