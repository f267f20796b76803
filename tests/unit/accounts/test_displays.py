"""Displays: paired, recognised, limited, ended; on a real database."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from falconeye.accounts.attempts import FIRST_WAIT_S, FREE_PER_ADDRESS
from falconeye.accounts.displays import IDLE_US, LINK_US, MAX_DISPLAYS, Shown, ShownWall
from falconeye.accounts.model import Action, Principal, PrincipalKind, Role, may
from falconeye.accounts.revocations import Ended, Revocation, RevocationSubscription
from falconeye.accounts.service import STORE_SEEN_US, Accounts
from falconeye.base.errors import Conflict, InvalidInput, NotFound, TooManyAttempts
from falconeye.base.times import SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.display_store import Seen
from falconeye.storage.stores.node_store import load_identity
from tests.clock import FakeClock
from tests.databases import closed_database, lay_new_database

DOOR, YARD = "door", "yard"
ALL = Shown()


@pytest.fixture
async def accounts(database: Database, clock: FakeClock) -> AsyncIterator[Accounts]:
    await load_identity(database, clock)
    opened = Accounts(database, clock)
    await opened.start(serving=False)
    yield opened
    await opened.stop()


@pytest.fixture
def seen(clock: FakeClock) -> Seen:
    return Seen(clock.utc_us(), "10.0.0.7", "a tablet", is_secure=True)


def told(subscription: RevocationSubscription) -> list[Revocation]:
    return [subscription._waiting.popleft() for _ in range(len(subscription._waiting))]


async def paired(accounts: Accounts, seen: Seen, shown: Shown = ALL) -> tuple[str, str]:
    """The id of a display, and its cookie."""
    display = await accounts.displays.add("Kitchen", shown, created_by="anna")
    _, cookie = await accounts.displays.pair(display.id, seen)
    return display.id, cookie


async def known(accounts: Accounts, cookie: str) -> Principal:
    who = await accounts.authenticate_display(cookie)
    assert who is not None
    return who


async def test_a_display_sees_live_pictures_of_its_cameras_alone(
    accounts: Accounts, seen: Seen
) -> None:
    display_id, cookie = await paired(accounts, seen, Shown(cameras=frozenset({DOOR})))
    who = await known(accounts, cookie)
    assert (who.kind, who.id, who.name) == (PrincipalKind.DISPLAY, display_id, "Kitchen")
    assert (who.role, who.live_only) == (Role.VIEWER, True)
    allowed = {
        (action, camera) for action in Action for camera in (DOOR, YARD) if may(who, action, camera)
    }
    assert allowed == {(Action.VIEW_LIVE, DOOR)}
    assert await accounts.authenticate_display(cookie + "x") is None
    assert await accounts.authenticate_token(cookie) is None
    assert await accounts.authenticate_session(cookie) is None


async def test_without_cameras_of_its_own_it_sees_all(accounts: Accounts, seen: Seen) -> None:
    _, cookie = await paired(accounts, seen)
    who = await known(accounts, cookie)
    assert may(who, Action.VIEW_LIVE, YARD)
    assert not may(who, Action.VIEW_FOOTAGE, YARD)


async def test_the_cookie_survives_a_restart(
    accounts: Accounts, database: Database, clock: FakeClock, seen: Seen
) -> None:
    _, cookie = await paired(accounts, seen)
    again = Accounts(database, clock)
    await again.start(serving=False)
    try:
        assert await again.authenticate_display(cookie)
        (display,) = again.displays.list()
        assert (display.address, display.user_agent) == ("10.0.0.7", "a tablet")
        assert display.is_secure
    finally:
        await again.stop()


async def test_one_that_no_screen_is_yet_lets_nobody_in(accounts: Accounts) -> None:
    display = await accounts.displays.add("Kitchen", Shown(), created_by="anna")
    assert display.last_seen_us is None
    assert await accounts.principal_by_display_id(display.id) is None
    assert await accounts.authenticate_display("") is None


async def test_removing_it_ends_it_and_what_it_has_open(accounts: Accounts, seen: Seen) -> None:
    display_id, cookie = await paired(accounts, seen)
    who = await known(accounts, cookie)
    with accounts.revocations.subscribe() as revocations:
        await accounts.displays.remove(display_id)
        (revocation,) = told(revocations)
    assert revocation == Revocation(Ended.DISPLAY, display_id)
    assert revocation.concerns(who)
    assert await accounts.authenticate_display(cookie) is None
    with pytest.raises(NotFound):
        await accounts.displays.remove(display_id)


async def test_a_revocation_concerns_its_own_kind_alone(accounts: Accounts, seen: Seen) -> None:
    display_id, cookie = await paired(accounts, seen)
    who = await known(accounts, cookie)
    for what in (Ended.USER, Ended.TOKEN, Ended.SESSION):
        assert not Revocation(what, display_id).concerns(who)
    assert not Revocation(Ended.DISPLAY, "another").concerns(who)


async def test_other_cameras_begin_what_is_open_anew_and_seeing_it_does_not(
    accounts: Accounts, clock: FakeClock, seen: Seen
) -> None:
    display_id, cookie = await paired(accounts, seen)
    with accounts.revocations.subscribe() as revocations:
        clock.advance(STORE_SEEN_US / SECOND_US)
        accounts.displays.note(display_id, Seen(clock.utc_us(), "10.0.0.9", "other", False))
        await accounts.tick()
        await accounts.displays.make_link(display_id)
        assert told(revocations) == []
        await accounts.displays.change(display_id, "Kitchen", Shown(cameras=frozenset({DOOR})))
        assert told(revocations) == [Revocation(Ended.DISPLAY, display_id)]
    assert (await known(accounts, cookie)).cameras == frozenset({DOOR})
    assert accounts.displays.find(display_id).address == "10.0.0.9"


async def test_another_screen_takes_its_place(accounts: Accounts, seen: Seen) -> None:
    display_id, first = await paired(accounts, seen)
    with accounts.revocations.subscribe() as revocations:
        _, second = await accounts.displays.pair(display_id, seen)
        assert Revocation(Ended.DISPLAY, display_id) in told(revocations)
    assert await accounts.authenticate_display(first) is None
    assert await accounts.authenticate_display(second)


async def test_an_end_date_comes(accounts: Accounts, clock: FakeClock, seen: Seen) -> None:
    until = Shown(expires_at_us=clock.utc_us() + 60 * SECOND_US)
    display_id, cookie = await paired(accounts, seen, until)
    assert await accounts.authenticate_display(cookie)
    with accounts.revocations.subscribe() as revocations:
        clock.advance(60)
        assert await accounts.authenticate_display(cookie) is None
        await accounts.tick()
        assert Revocation(Ended.DISPLAY, display_id) in told(revocations)


async def test_what_is_not_used_for_400_days_ends(
    accounts: Accounts, clock: FakeClock, seen: Seen
) -> None:
    _, cookie = await paired(accounts, seen)
    days_s = IDLE_US / SECOND_US
    clock.advance(days_s - 1)
    assert await accounts.authenticate_display(cookie)
    clock.advance(days_s - 1)
    assert await accounts.authenticate_display(cookie)
    clock.advance(days_s)
    assert await accounts.authenticate_display(cookie) is None


async def test_a_clock_in_1970_ends_none(accounts: Accounts, clock: FakeClock, seen: Seen) -> None:
    _, cookie = await paired(accounts, seen)
    clock.step_utc(-50 * 365 * 86_400)
    assert await accounts.authenticate_display(cookie)


async def test_a_link_is_good_once_and_for_ten_minutes(
    accounts: Accounts, clock: FakeClock, seen: Seen
) -> None:
    displays = accounts.displays
    display = await displays.add("Kitchen", Shown(), created_by="anna")
    older = await displays.make_link(display.id)
    secret = await displays.make_link(display.id)
    assert displays.of_link(older) is None
    found = displays.of_link(secret)
    assert found is not None
    assert found.id == display.id
    assert found.link_until_us is not None
    _, cookie = await displays.redeem(secret, seen)
    assert await accounts.authenticate_display(cookie)
    with pytest.raises(NotFound):
        await displays.redeem(secret, seen)
    late = await displays.make_link(display.id)
    clock.advance(LINK_US / SECOND_US)
    assert displays.find(display.id).link_until_us is None
    with pytest.raises(NotFound):
        await displays.redeem(late, seen)


async def test_wrong_links_of_one_address_have_to_wait(
    accounts: Accounts, clock: FakeClock, seen: Seen
) -> None:
    displays = accounts.displays
    display = await displays.add("Kitchen", Shown(), created_by="anna")
    secret = await displays.make_link(display.id)
    for _ in range(FREE_PER_ADDRESS - 1):
        assert displays.of_link("wrong", seen.address) is None
    with pytest.raises(NotFound):
        await displays.redeem("wrong", seen)
    # Now the right one waits as well: else waiting would tell which one is.
    with pytest.raises(TooManyAttempts) as refused:
        await displays.redeem(secret, seen)
    assert refused.value.retry_after_s > 0
    with pytest.raises(TooManyAttempts):
        displays.of_link(secret, seen.address)
    assert displays.of_link(secret, "192.0.2.77") is not None  # others are not kept out
    clock.advance(FIRST_WAIT_S)
    assert displays.of_link("wrong", seen.address) is None
    with pytest.raises(TooManyAttempts):  # twice as long now
        displays.of_link(secret, seen.address)
    clock.advance(2 * FIRST_WAIT_S)
    _, cookie = await displays.redeem(secret, seen)
    assert await accounts.authenticate_display(cookie)


async def test_names_are_kept_apart_and_displays_are_bounded(accounts: Accounts) -> None:
    displays = accounts.displays
    kitchen = await displays.add("Kitchen", Shown(), created_by="anna")
    with pytest.raises(Conflict):
        await displays.add("kitchen ", Shown(), created_by="anna")
    hall = await displays.add("Hall", Shown(), created_by="anna")
    with pytest.raises(Conflict):
        await displays.change(hall.id, "KITCHEN", Shown())
    assert (await displays.change(kitchen.id, "KITCHEN", Shown())).name == "KITCHEN"
    for wrong in ("", "x" * 65, "a:b"):
        with pytest.raises(InvalidInput):
            await displays.add(wrong, Shown(), created_by="anna")
    for number in range(MAX_DISPLAYS - 2):
        await displays.add(f"number {number}", Shown(), created_by="anna")
    with pytest.raises(Conflict):
        await displays.add("one more", Shown(), created_by="anna")


async def test_a_list_of_cameras_is_not_empty(accounts: Accounts) -> None:
    with pytest.raises(InvalidInput):
        await accounts.displays.add("Kitchen", Shown(cameras=frozenset()), created_by="anna")


async def test_a_display_of_a_wall_follows_it(
    accounts: Accounts, database: Database, clock: FakeClock, seen: Seen
) -> None:
    walls: dict[str, ShownWall] = {"w": ShownWall("Yard", (DOOR, YARD))}

    async def saved() -> Mapping[str, ShownWall]:
        return walls

    with pytest.raises(InvalidInput):
        await paired(accounts, seen, Shown(wall_id="w"))  # no walls here
    accounts.displays.walls = saved
    display_id, cookie = await paired(accounts, seen, Shown(wall_id="w"))
    assert (await known(accounts, cookie)).cameras == frozenset({DOOR, YARD})
    await accounts.tick()
    with accounts.revocations.subscribe() as revocations:
        await accounts.tick()
        assert told(revocations) == []
        again = Accounts(database, clock)  # a start: nothing has been asked yet
        again.displays.walls = saved
        await again.start(serving=False)
        assert (await known(again, cookie)).cameras == frozenset({DOOR, YARD})
        await again.stop()
        walls["w"] = ShownWall("Yard", (YARD,))
        await accounts.tick()
        assert told(revocations) == [Revocation(Ended.DISPLAY, display_id)]
        assert (await known(accounts, cookie)).cameras == frozenset({YARD})
        del walls["w"]
        await accounts.tick()
        assert told(revocations) == [Revocation(Ended.DISPLAY, display_id)]
    assert (await known(accounts, cookie)).cameras == frozenset()


async def test_a_start_ends_nothing_before_the_walls_can_be_asked(
    accounts: Accounts, database: Database, clock: FakeClock, seen: Seen
) -> None:
    """The pages take up to a minute on a slow board; what time does goes on meanwhile."""

    async def saved() -> Mapping[str, ShownWall]:
        return {"w": ShownWall("Yard", (DOOR, YARD))}

    accounts.displays.walls = saved
    _, cookie = await paired(accounts, seen, Shown(wall_id="w"))
    again = Accounts(database, clock)
    await again.start(serving=False)
    try:
        await again.tick()
        again.displays.walls = saved
        assert (await known(again, cookie)).cameras == frozenset({DOOR, YARD})
        with again.revocations.subscribe() as revoked:
            await again.tick()
            assert told(revoked) == []
    finally:
        await again.stop()


async def test_an_older_release_in_between_takes_none_away(
    tmp_path: Path, clock: FakeClock
) -> None:
    """It has no such access; its replica keeps what it does not know for the one that comes."""
    folder = tmp_path / "data"
    await lay_new_database(folder)
    cookie = ""
    for number in range(2):
        database = closed_database(folder, clock)
        await database.open(exclusive=True)
        await load_identity(database, clock)
        replica = Replica(database, CredentialCipher([Fernet.generate_key()], "the test"))
        await replica.open()
        accounts = Accounts(database, clock)
        await accounts.start(serving=False)
        if number == 0:
            seen = Seen(clock.utc_us(), "10.0.0.7", "a tablet", is_secure=True)
            _, cookie = await paired(accounts, seen, Shown(cameras=frozenset({DOOR})))
        else:
            assert (await known(accounts, cookie)).cameras == frozenset({DOOR})
        await accounts.stop()
        await database.close()
        if number == 0:
            clock.advance(60)
            await closed_database(folder, clock).downgrade("0014")
