"""Nobody gives away, lengthens or takes over an access that is more than their own."""

import itertools
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from falconeye.accounts.granting import require_grantable, require_reach
from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.accounts.users import Rights
from falconeye.base.errors import InvalidInput, NotAllowed
from falconeye.base.times import SECOND_US
from tests.integration.api.conftest import Served
from tests.integration.api.signed_in import PASSWORD, add_person, browser, sign_in

pytestmark = pytest.mark.timeout(60)

END = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
END_US = int(END.timestamp()) * SECOND_US
SOONER, LATER = (END - timedelta(hours=1)).isoformat(), (END + timedelta(hours=1)).isoformat()
THEIRS = "another long one"


@pytest.fixture
async def guest(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """An admin's program, until `END`."""
    client = await served.client(Role.ADMIN, expires_at_us=END_US)
    yield client
    await client.aclose()


def refused_for_the_end(answer: httpx.Response, status: int = 422) -> bool:
    return answer.status_code == status and "your own access ends on" in answer.json()["detail"]


def said_at(field: str, page: str) -> bool:
    said = re.search(rf'id="{field}-error".*?</p>', page, re.DOTALL)
    return said is not None and "Your own access ends on" in said[0]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/users/", {"name": "Otto", "password": THEIRS}),
        ("/api/invitations/", {"name": "Otto"}),
        ("/api/tokens/", {"name": "Otto"}),
        ("/api/displays/", {"name": "Otto"}),
    ],
)
async def test_what_is_made_ends_with_its_maker_at_the_latest(
    served: Served, guest: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    for ends in ({}, {"expires_at": None}, {"expires_at": LATER}):
        answer = await guest.post(path, json={**body, **ends})
        assert refused_for_the_end(answer), answer.text
    made = await guest.post(path, json={**body, "expires_at": END.isoformat()})
    assert made.status_code == 201, made.text
    one = f"{path.replace('invitations', 'users')}{made.json()['id']}"
    for later in (None, LATER):
        answer = await guest.patch(one, json={"expires_at": later})
        assert refused_for_the_end(answer), answer.text
    assert (await guest.patch(one, json={"expires_at": SOONER})).status_code == 200
    assert (await guest.patch(one, json={"expires_at": END.isoformat()})).status_code == 200
    assert (await served.admin.patch(one, json={"expires_at": LATER})).status_code == 200


async def test_what_was_longer_before_can_be_narrowed_only(
    served: Served, guest: httpx.AsyncClient
) -> None:
    otto = await add_person(served, "Otto", Role.OPERATOR)
    one = f"/api/users/{otto.id}"
    assert refused_for_the_end(await guest.patch(one, json={"role": "admin"}))
    assert (await guest.patch(one, json={"role": "viewer"})).status_code == 200
    assert refused_for_the_end(await guest.patch(one, json={"role": "operator"}))
    ended = await guest.patch(one, json={"role": "operator", "expires_at": SOONER})
    assert ended.status_code == 200, ended.text


async def test_no_way_leads_into_an_access_that_lasts_longer(
    served: Served, guest: httpx.AsyncClient
) -> None:
    otto = await add_person(served, "Otto", Role.ADMIN)
    answer = await guest.post(f"/api/users/{otto.id}/password", json={"password": THEIRS})
    assert refused_for_the_end(answer, 403), answer.text
    invited = (await served.admin.post("/api/invitations/", json={"name": "Ida"})).json()
    answer = await guest.post(f"/api/invitations/{invited['id']}/renew")
    assert refused_for_the_end(answer, 403), answer.text
    hall = (await served.admin.post("/api/displays/", json={"name": "Hall"})).json()
    answer = await guest.post(f"/api/displays/{hall['id']}/pairing", json={})
    assert refused_for_the_end(answer, 403), answer.text
    assert (await guest.patch(f"/api/displays/{hall['id']}", json={"name": "Gate"})).is_success
    assert (await guest.delete(f"/api/invitations/{invited['id']}")).status_code == 200


async def test_an_own_end_is_nothing_to_be_changed_by_oneself(served: Served) -> None:
    anna = await add_person(served, "Anna", Role.ADMIN, expires_at_us=END_US)
    await add_person(served, "Otto", Role.ADMIN)
    async with browser(served) as client:
        await sign_in(client, "Anna")
        confirmed = await client.post("/api/account/confirm", json={"password": PASSWORD})
        assert confirmed.status_code in {200, 204}, confirmed.text
        answer = await client.patch(f"/api/users/{anna.id}", json={"expires_at": None})
        assert refused_for_the_end(answer), answer.text
        for later in ("", LATER):
            own = {"role": "admin", "scope": "all", "expires_at": later}
            page = await client.post(f"/people/{anna.id}/rights", data=own)
            assert page.status_code == 422, page.text
            assert said_at("expires_at", page.text)
        stored = (await served.admin.get(f"/api/users/{anna.id}")).json()
        assert datetime.fromisoformat(stored["expires_at"]) == END
        form = {"name": "Ida", "role": "viewer", "scope": "all", "way": "link"}
        page = await client.post("/people/add", data=form)
        assert page.status_code == 422
        assert said_at("expires_at", page.text)
        page = await client.post("/people/tokens/add", data=form)
        assert (page.status_code, "Your own access ends on" in page.text) == (422, True)
        hall = {"name": "Hall", "what": "all", "password": PASSWORD}
        page = await client.post("/people/displays/add", data=hall)
        assert page.status_code == 422
        assert said_at("until", page.text)
        # With an end that is not later all of it is made.
        for path, more in (("/people/add", form), ("/people/tokens/add", form)):
            page = await client.post(path, data={**more, "expires_at": SOONER})
            assert page.status_code == 200, page.text
        # Nor does an account without an end come in from elsewhere.
        for path in ("/settings/backup/restore", "/nodes/code", "/nodes/join"):
            refused = await client.post(path, data={"password": PASSWORD})
            assert refused.status_code == 403, (path, refused.text)


async def test_a_backup_is_not_taken_away_by_who_has_an_end(served: Served) -> None:
    """It holds the keys of the node and of the cluster, which outlive every end date."""
    await add_person(served, "Anna", Role.ADMIN, expires_at_us=END_US)
    await add_person(served, "Otto", Role.ADMIN)
    form = {"password": PASSWORD, "passphrase": THEIRS, "again": THEIRS}
    async with browser(served) as client:
        await sign_in(client, "Anna")
        page = await client.post("/settings/backup", data=form)
        assert page.status_code == 403, page.text
        assert "An access with an end date may not: a backup holds keys" in page.text
        assert "attachment" not in page.headers.get("content-disposition", "")
    async with browser(served) as client:
        await sign_in(client, "Otto")
        page = await client.post("/settings/backup", data=form)
        # This node has no directory of data: it was to be made (`web_security/test_backup.py`).
        assert "No backup could be made" in page.text


LIMITS = [
    Rights(role, cameras, live_only=live, expires_at_us=ends)
    for role, cameras, live, ends in itertools.product(
        Role,
        (None, frozenset({"door"}), frozenset({"door", "yard"})),
        (False, True),
        (None, 10, 20),
    )
]


def holds_no_more(limit: Rights, wanted: Rights) -> bool:
    """Said a second time, by what each could see and do."""
    cameras = {"door", "yard", "of later"}
    roles = list(Role)
    return (
        roles.index(wanted.role) <= roles.index(limit.role)
        and (wanted.cameras or cameras) <= (limit.cameras or cameras)
        and not (limit.live_only and not wanted.live_only)
        and (wanted.expires_at_us or 99) <= (limit.expires_at_us or 99)
    )


@pytest.mark.parametrize("own", LIMITS)
def test_of_all_limits_nobody_gives_more_than_they_have(own: Rights) -> None:
    who = Principal(
        PrincipalKind.USER, "1", "anna", own.role, own.cameras, own.live_only, own.expires_at_us
    )
    for wanted in LIMITS:
        may = holds_no_more(own, wanted)
        if may:
            require_grantable(who, wanted)
            require_reach(who, wanted)
        else:
            with pytest.raises(InvalidInput) as refused:
                require_grantable(who, wanted)
            assert refused.value.field in {"role", "cameras", "live_only", "expires_at"}
            with pytest.raises(NotAllowed):
                require_reach(who, wanted)
        for before in LIMITS:
            if may or holds_no_more(before, wanted):
                require_grantable(who, wanted, before)
