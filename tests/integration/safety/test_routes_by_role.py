"""Every route × every role × every limit × session, token and Basic, against a table of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import argon2
import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.web.security.access import routes_of
from tests.integration.api.conftest import Served, serve
from tests.integration.safety.asking import (
    Answered,
    Headers,
    ask,
    basic,
    bearer,
    browser,
    cookie,
)
from tests.integration.safety.needs import PEERS_ONLY, TABLE, Need, may_use

pytestmark = pytest.mark.timeout(90)
LISTED, UNLISTED = "front", "back"  # no such cameras: what is allowed ends in a 404, and harmless
FORM: Final = b"camera=front&cameras=front"  # for forms that name theirs
_PASSWORD: Final = "four words in a row"
_CHEAP: Final = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64,
    parallelism=1,
)  # fmt: skip
_SAFE: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody, and how they say who they are."""

    name: str
    headers: Headers
    role: str = ""  # empty: nobody
    listed_only: bool = False
    live_only: bool = False
    in_person: bool = False  # by a session

    def may(self, need: Need, path: str, camera: str) -> bool:
        return may_use(
            need,
            self.role,
            camera="{camera_id}" in path,
            listed=camera == LISTED if self.listed_only else None,
            live_only=self.live_only,
            in_person=self.in_person,
        )


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        yield await serve(stack, tmp_path)


def every_route(served: Served) -> list[tuple[str, str]]:
    """(method, path) with `{camera_id}` for a parameter; what ends the session comes last."""
    formats = {route.path: route.path_format for route in served.app.routes}
    found = [(method, formats[path]) for method, path, _ in routes_of(served.app)]
    return sorted(found, key=lambda route: route[1] == "/logout")


def address(path: str, camera: str) -> str:
    """An address of the route: nothing by any of these ids is there."""
    parts = path.replace("{camera_id}", camera).split("/")
    return "/".join("1" if part.startswith("{") else part for part in parts)


async def askers(served: Served) -> list[Asker]:
    """Nobody, then each role with each limit, by session, by token and by Basic."""
    found = [
        Asker("nobody", []),
        Asker("an unknown token", bearer("fe_unknown")),
        Asker("an unknown session", browser("unknown")),
    ]
    past_us = served.services.clock.utc_us() - 1
    for role in Role:
        for name, limits in _limits():
            called = f"{role.value} {name}"
            session = await _session(served, called, role, limits)
            token, _ = await served.services.accounts.tokens.add(called, role, **limits)  # type: ignore[arg-type]
            for way, headers in (
                ("session", browser(session)),
                ("token", bearer(token)),
                ("basic", basic(token)),
            ):
                found.append(
                    Asker(
                        f"{called} by {way}",
                        headers,
                        role.value,
                        listed_only="cameras" in limits,
                        live_only="live_only" in limits,
                        in_person=way == "session",
                    )
                )
        ended, _ = await served.services.accounts.tokens.add(
            f"{role.value} ended", role, expires_at_us=past_us
        )
        session = await _session(served, f"{role.value} ended", role, {})
        user = served.services.accounts.users.find(f"{role.value} ended")
        await served.services.accounts.users.set_rights(
            user.id, Rights(role, expires_at_us=past_us)
        )
        found += [
            Asker(f"{role.value} past the date by session", browser(session)),
            Asker(f"{role.value} past the date by token", bearer(ended)),
            Asker(f"{role.value} past the date by basic", basic(ended)),
        ]
    return found


def _limits() -> Iterator[tuple[str, dict[str, object]]]:
    yield "without limits", {}
    yield "of one camera", {"cameras": frozenset({LISTED})}
    yield "of live pictures", {"live_only": True}
    yield "of one camera's live pictures", {"cameras": frozenset({LISTED}), "live_only": True}


async def _session(served: Served, name: str, role: Role, limits: dict[str, object]) -> str:
    accounts = served.services.accounts
    await accounts.users.add(name, Secret(_PASSWORD), Rights(role, **limits))  # type: ignore[arg-type]
    session, who = await accounts.login(name, _PASSWORD, "127.0.0.1")
    await accounts.confirm(who, _PASSWORD, "127.0.0.1")  # else the password is asked for again
    return session


def is_page(path: str) -> bool:
    """Whether people see what is at the address: who is nobody is led to where one signs in."""
    return not path.startswith(("/api/", "/schema/", "/metrics", "/static/", "/healthz", "/readyz"))


def wrong(asker: Asker, path: str, allowed: bool, found: Answered) -> str:
    """What is wrong with an answer; empty where it is as it should be."""
    to_login = found.status == 303 and found.location.startswith("/login")
    if path.startswith(("/login", "/setup")):  # there a wrong password or link is told so
        return "was refused" if found.status in {403, 500} else ""
    if found.status == 500:
        return "broke"
    if allowed:
        refused = found.status in {401, 403} or (to_login and path != "/logout")
        return "was refused" if refused else ""
    # Below /display no other credential than a display's counts.
    if asker.role and not path.startswith("/display/api/"):
        return "" if found.status == 403 else "was not refused by 403"
    if found.status == 401 or (found.status == 403 and path.endswith("/live")):
        return ""
    return "" if is_page(path) and to_login else "was not asked to sign in"


def cheap_passwords(served: Served) -> None:
    """Argon2 would take most of the time; how it is used has tests of its own."""
    accounts = served.services.accounts
    accounts._hasher.close()
    accounts._hasher = accounts.users._hasher = PasswordHasher(_CHEAP)


async def test_every_route_has_its_row_and_every_row_its_route(served: Served) -> None:
    """A new route: say in `needs.py` who may use it, by what it does, not by what it declares."""
    found = {route for route in every_route(served) if not route[1].startswith(PEERS_ONLY)}
    assert sorted(found - set(TABLE)) == []
    assert sorted(set(TABLE) - found) == []


async def test_every_route_for_everybody(served: Served) -> None:
    cheap_passwords(served)
    mistakes: list[str] = []
    count = 0
    everybody = await askers(served)
    for method, path in every_route(served):
        cameras = (LISTED, UNLISTED) if "{camera_id}" in path else (LISTED,)
        for asker in everybody:
            for camera in cameras if asker.listed_only else cameras[:1]:
                where = address(path, camera)
                found = await ask(served.app, method, where, asker.headers, FORM)
                count += 1
                if path.startswith(PEERS_ONLY):
                    what = "" if found.status == 404 else "is there"
                else:
                    allowed = asker.may(TABLE.get((method, path), Need.ADMINISTER), path, camera)
                    what = wrong(asker, path, allowed, found)
                if what:
                    mistakes.append(f"{method} {path} ({camera}) {what}: {asker.name}, {found}")
    assert not mistakes, "\n".join([f"{len(mistakes)} of {count}", *mistakes[:60]])
    assert count > 5000


async def test_a_session_alone_changes_nothing(served: Served) -> None:
    """Without the token of a page, and from another site's page: for every route that is unsafe."""
    cheap_passwords(served)
    session = await _session(served, "anna", Role.ADMIN, {})
    own = browser(session)
    foreign = [(b"origin", b"http://evil.example"), (b"sec-fetch-site", b"cross-site")]
    mistakes: list[str] = []
    for method, path in every_route(served):
        if method in _SAFE or path.startswith(PEERS_ONLY):
            continue
        where = address(path, LISTED)
        tries = [
            ("another site's page", [*own, *foreign[:1]]),
            ("its own words", [*own, foreign[1]]),
        ]
        if method != "WS" and TABLE.get((method, path), Need.ADMINISTER) is not Need.NOTHING:
            tries.append(("no token", cookie(session)))
        for name, headers in tries:
            found = await ask(served.app, method, where, headers)
            if found.status == 400:  # it reads its form by itself, which has to be one
                found = await ask(served.app, method, where, headers, upload=True)
            if found.status != 403:
                mistakes.append(f"{method} {path} with {name}: {found.status}")
    assert not mistakes, "\n".join(mistakes)
    assert (await ask(served.app, "GET", "/api/cameras", own)).status == 200


async def test_asking_ends_what_it_began(served: Served) -> None:
    """Nothing of an endless answer is left once whoever asked has gone."""
    token, _ = await served.services.accounts.tokens.add("wall", Role.VIEWER)
    before = asyncio.all_tasks()
    assert (await ask(served.app, "GET", "/events", bearer(token))).status == 200
    await asyncio.sleep(0)
    assert not asyncio.all_tasks() - before
