"""Saved walls by HTTP: whose they are, what is on them; their pages, and the table."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.accounts.walls import MAX_CAMERAS
from falconeye.base.secret import Secret
from falconeye.events.bus import CameraStateChanged, Subscription
from falconeye.storage.stores import wall_store
from falconeye.web import sse
from falconeye.web.today import today_of
from tests.integration.api.conftest import Served

pytestmark = pytest.mark.timeout(30)
PASSWORD = "four words in a row"
NAMES = ("Attic", "Cellar", "Door", "Garage")


async def cameras(served: Served, *names: str) -> dict[str, str]:
    """Their ids by name; they never connect."""
    ids = {}
    for name in names or NAMES:
        body = {"name": name, "protocol": "demo", "start": False}
        ids[name] = str((await served.admin.post("/api/cameras/", json=body)).json()["id"])
    return ids


@asynccontextmanager
async def person(served: Served, name: str, rights: Rights) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who signed in, with the token of their pages."""
    users = served.services.accounts.users
    if name not in {user.name for user in users.list()}:
        await users.add(name, Secret(PASSWORD), rights)
    async with httpx.AsyncClient(base_url=served.url, timeout=8, trust_env=False) as client:
        answer = await client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303
        page = (await client.get("/walls/new")).text
        client.headers["x-csrf-token"] = page.split('name="_csrf" value="')[1].split('"')[0]
        yield client


async def saved(client: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    answer = await client.post("/api/walls/", json={"name": "House", **values})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def shown(client: httpx.AsyncClient, wall: str = "", more: str = "") -> list[str]:
    """The names on the wall of the page, in order."""
    answer = await client.get(f"/?wall={wall}{more}")
    assert answer.status_code == 200, answer.text
    return [unescape(name) for name in re.findall(r'class="tile-name"[^>]*>([^<]*)<', answer.text)]


async def test_a_wall_has_its_order_and_new_cameras_join_at_its_end(served: Served) -> None:
    ids = await cameras(served)
    order = [ids["Garage"], ids["Attic"], ids["Door"]]
    made = await saved(
        served.admin, shared=True, camera_ids=order, hidden=[ids["Door"]], size="4", cycle_s=30
    )
    assert made["cameras"] == [ids["Garage"], ids["Attic"], ids["Cellar"]]
    assert made["camera_ids"] == order
    assert (made["size"], made["cycle_s"], made["owner_id"]) == ("4", 30, None)
    ids |= await cameras(served, "Barn")
    assert await shown(served.viewer, made["id"]) == ["Garage", "Attic", "Barn", "Cellar"]
    assert await shown(served.viewer) == ["Attic", "Barn", "Cellar", "Door", "Garage"]
    path = f"/api/walls/{made['id']}"
    answer = await served.operator.patch(path, json={"takes_new": False, "hidden": []})
    assert answer.json()["cameras"] == order
    answer = await served.admin.delete(f"/api/cameras/{ids['Attic']}")
    assert answer.status_code == 200
    assert await shown(served.viewer, made["id"]) == ["Garage", "Door"]
    # Who arranges it anew takes the deleted one off it.
    answer = await served.operator.patch(path, json={"camera_ids": [ids["Door"], ids["Garage"]]})
    found = await served.services.accounts.walls.find(made["id"])
    assert found.camera_ids == (ids["Door"], ids["Garage"])
    answer = await served.operator.delete(path)
    assert (answer.status_code, answer.json()["id"]) == (200, made["id"])
    assert (await served.viewer.get(path)).status_code == 404
    assert (await served.viewer.get(f"/?wall={made['id']}")).status_code == 404
    entries, _ = await served.services.accounts.audit.list()
    did = [entry.action for entry in entries if entry.object_kind == "wall"]
    assert did == ["wall.deleted", "wall.changed", "wall.changed", "wall.added"]


async def test_an_own_wall_is_its_owners_alone(served: Served) -> None:
    await cameras(served)
    viewer = Rights(Role.VIEWER)
    async with person(served, "anna", viewer) as anna, person(served, "otto", viewer) as otto:
        mine = await saved(anna, name="Mine")
        path = f"/api/walls/{mine['id']}"
        assert (mine["shared"], mine["may_change"]) == (False, True)
        assert (await anna.patch(path, json={"name": "Still mine"})).json()["name"] == "Still mine"
        assert [one["name"] for one in (await anna.get("/api/walls/")).json()["walls"]] == [
            "Still mine"
        ]
        for other in (otto, served.admin, served.operator, served.viewer):
            assert (await other.get("/api/walls/")).json() == {"walls": [], "total": 0}
            for answer in (
                await other.get(path),
                await other.patch(path, json={"name": "Mine now"}),
                await other.delete(path),
                await other.get(f"/walls/{mine['id']}"),
                await other.post(f"/walls/{mine['id']}", data={"act": "save", "name": "x"}),
                await other.post(f"/walls/{mine['id']}/delete"),
                await other.get(f"/?wall={mine['id']}"),
            ):
                assert answer.status_code == 404, answer.text
        assert (await served.nobody.get(path)).status_code == 401
        assert "Still mine" in (await anna.get("/")).text
        assert "Still mine" not in (await otto.get("/")).text
        # What a person deletes with themselves.
        await served.services.accounts.users.remove("anna")
        assert await served.services.accounts.walls.list() == []


async def test_who_may_make_and_change_walls_for_everybody(served: Served) -> None:
    ids = await cameras(served)
    house = await saved(served.operator, shared=True)
    path = f"/api/walls/{house['id']}"
    clock = served.services.clock
    soon_us = clock.utc_us() + round(timedelta(days=1) / timedelta(microseconds=1))
    limited = [
        await served.client(Role.OPERATOR, cameras=frozenset({ids["Door"]})),
        await served.client(Role.OPERATOR, live_only=True),
        await served.client(Role.VIEWER, cameras=frozenset({ids["Door"]}), expires_at_us=soon_us),
        served.viewer,
    ]
    try:
        for client in limited:
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["may_change"]) == (200, False)
            for answer in (
                await client.patch(path, json={"name": "x"}),
                await client.delete(path),
                await client.post("/api/walls/", json={"name": "x", "shared": True}),
                await client.post("/api/walls/", json={"name": "a program's own"}),
            ):
                assert answer.status_code == 403, answer.text
        # Cameras that somebody may not see are no part of it, for them.
        narrow = await limited[0].get(path)
        assert narrow.json()["cameras"] == [ids["Door"]]
        assert await shown(limited[2], house["id"]) == ["Door"]
    finally:
        for client in limited[:3]:
            await client.aclose()
    async with person(served, "anna", Rights(Role.VIEWER)) as anna:
        assert (await anna.patch(path, json={"name": "x"})).status_code == 403
        mine = await saved(anna)
        answer = await anna.patch(f"/api/walls/{mine['id']}", json={"shared": True})
        assert answer.status_code == 403


async def test_who_made_a_wall_may_give_it_to_all_and_take_it_back(served: Served) -> None:
    rights = Rights(Role.OPERATOR)
    async with person(served, "anna", rights) as anna, person(served, "otto", rights) as otto:
        path = f"/api/walls/{(await saved(anna))['id']}"
        assert (await otto.get(path)).status_code == 404
        assert (await anna.patch(path, json={"shared": True})).json()["shared"]
        assert (await otto.patch(path, json={"name": "Ours"})).json()["may_change"]
        assert (await otto.patch(path, json={"shared": False})).status_code == 403
        assert (await served.operator.patch(path, json={"shared": False})).status_code == 403
        assert (await anna.patch(path, json={"shared": False})).json()["name"] == "Ours"
        assert (await otto.get(path)).status_code == 404


async def test_a_limited_person_arranges_what_they_see(served: Served) -> None:
    ids = await cameras(served)
    async with person(served, "anna", Rights(Role.VIEWER)) as anna:
        order = [ids["Garage"], ids["Cellar"], ids["Door"]]
        mine = await saved(anna, camera_ids=order, hidden=[ids["Cellar"]])
        accounts = served.services.accounts
        anna_id = accounts.users.find("anna").id
        seen = frozenset({ids["Door"], ids["Attic"]})
        await accounts.users.set_rights(anna_id, Rights(Role.VIEWER, seen))
    async with person(served, "anna", Rights(Role.VIEWER)) as anna:
        path = f"/api/walls/{mine['id']}"
        assert (await anna.get(path)).json()["cameras"] == [ids["Door"], ids["Attic"]]
        for unseen in (ids["Garage"], "no such camera"):
            answer = await anna.patch(path, json={"camera_ids": [unseen]})
            assert answer.status_code == 422
            assert "no such camera" in answer.json()["detail"]
        answer = await anna.patch(path, json={"camera_ids": [ids["Attic"], ids["Door"]]})
        assert answer.json()["camera_ids"] == [ids["Attic"], ids["Door"]]
        found = await accounts.walls.find(mine["id"])
        # What she may see again one day is where it was.
        assert found.camera_ids == (ids["Attic"], ids["Door"], ids["Garage"], ids["Cellar"])
        assert found.hidden == {ids["Cellar"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\u0007b"},
        {"name": "   "},
        {"size": "7"},
        {"cycle_s": 4},
        {"cycle_s": 3601},
        {"cycle_s": -1},
        {"shared": "yes"},
        {"camera_ids": ["x"] * (MAX_CAMERAS + 1)},
        {"camera_ids": "x"},
        {"colour": "red"},
        {"owner_id": "somebody"},
    ],
    ids=str,
)
async def test_what_no_wall_can_be_is_refused(served: Served, wrong: dict[str, Any]) -> None:
    made = await saved(served.admin, shared=True)
    answer = await served.admin.patch(f"/api/walls/{made['id']}", json=wrong)
    assert answer.status_code == 422, answer.text
    answer = await served.admin.post("/api/walls/", json={"name": "Other", "shared": True} | wrong)
    assert answer.status_code == 422, answer.text
    assert (await served.admin.get(f"/api/walls/{made['id']}")).json() == made


async def test_walls_are_bounded(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wall_store, "MAX_SHARED", 2)
    monkeypatch.setattr(wall_store, "MAX_OWN", 1)
    for _ in range(2):
        await saved(served.admin, shared=True)
    async with person(served, "anna", Rights(Role.ADMIN)) as anna:
        mine = await saved(anna)
        for shared in (True, False):
            answer = await anna.post("/api/walls/", json={"name": "x", "shared": shared})
            assert answer.status_code == 409
            assert "delete one first" in answer.json()["detail"]
        answer = await anna.patch(f"/api/walls/{mine['id']}", json={"shared": True})
        assert answer.status_code == 409


# -- the pages ------------------------------------------------------------------------------------


def field_of(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0]


async def test_a_wall_is_arranged_without_scripts(served: Served) -> None:
    ids = await cameras(served)
    async with person(served, "anna", Rights(Role.ADMIN)) as anna:
        page = (await anna.get("/walls/new")).text
        form = {"order": field_of(page, "order"), "hidden": field_of(page, "hidden"), "name": "All"}
        assert form["order"] == ",".join(ids[name] for name in NAMES)
        for act, name in (("first", "Door"), ("later", "Attic"), ("earlier", "Garage"),
                          ("later", "Cellar"), ("hide", "Cellar"), ("hide", "Door"),
                          ("show", "Door"), ("nonsense", "Door")):  # fmt: skip
            answer = await anna.post("/walls/new", data={**form, "act": f"{act}:{ids[name]}"})
            assert answer.status_code == 200
            form |= {one: field_of(answer.text, one) for one in ("order", "hidden")}
            assert 'value="All"' in answer.text
        assert await served.services.accounts.walls.list() == []
        order = [ids[name] for name in ("Door", "Garage", "Cellar", "Attic")]
        assert form["order"].split(",") == order
        assert form["hidden"] == ids["Cellar"]
        wrong = await anna.post("/walls/new", data={**form, "act": "save-new", "name": " "})
        assert wrong.status_code == 422
        assert "1 to 64 characters" in wrong.text
        extra = {"act": "save-new", "size": "4", "cycle_s": "10", "takes_new": "yes"}
        done = await anna.post("/walls/new", data={**form, **extra, "shared": "no"})
        assert done.status_code == 303, done.text
        (made,) = await served.services.accounts.walls.list()
        assert done.headers["location"] == f"/?wall={made.id}&done=saved"
        assert (made.size, made.cycle_s, made.shared, made.takes_new) == ("4", 10, False, True)
        assert await shown(anna, made.id) == ["Door", "Garage", "Attic"]
        # Only these, from now on; and another one of it for everybody.
        extra = {"act": "save", "size": "auto", "cycle_s": "0", "shared": "no", "name": "Three"}
        assert (await anna.post(f"/walls/{made.id}", data={**form, **extra})).status_code == 303
        await cameras(served, "Barn")
        assert await shown(anna, made.id) == ["Door", "Garage", "Attic"]
        page = (await anna.get(f"/walls/{made.id}")).text
        assert "Barn" in page
        extra = {"act": "save-new", "size": "auto", "cycle_s": "0", "shared": "yes", "name": "Two"}
        form = {"order": field_of(page, "order"), "hidden": field_of(page, "hidden")}
        assert (await anna.post(f"/walls/{made.id}", data={**form, **extra})).status_code == 303
        assert [one.name for one in await served.services.accounts.walls.list()] == ["Three", "Two"]
        assert (await anna.post(f"/walls/{made.id}/delete")).status_code == 303
        assert [one.name for one in await served.services.accounts.walls.list()] == ["Two"]


async def test_the_wall_needs_the_token_of_its_page(served: Served) -> None:
    async with person(served, "anna", Rights(Role.ADMIN)) as anna:
        mine = await saved(anna)
        del anna.headers["x-csrf-token"]
        for path in ("/walls/new", f"/walls/{mine['id']}", f"/walls/{mine['id']}/delete"):
            answer = await anna.post(path, data={"act": "save-new", "name": "x"})
            assert answer.status_code == 403
        assert len(await served.services.accounts.walls.list()) == 1


async def test_the_table_is_sorted_filtered_and_remembered(served: Served) -> None:
    ids = await cameras(served)
    demo = {"name": "Yard", "protocol": "demo", "record": "manual", "start": True}
    with served.services.bus.subscribe() as changes:
        ids["Yard"] = (await served.admin.post("/api/cameras/", json=demo)).json()["id"]
        await online(changes, ids["Yard"])

    async def rows(query: str) -> list[str]:
        answer = await served.viewer.get(f"/?{query}")
        assert answer.status_code == 200, answer.text
        return re.findall(r'<th scope="row"><a [^>]*>([^<]*)<', answer.text)

    every = [*NAMES, "Yard"]
    assert await rows("view=table") == every
    assert await rows("view=table&sort=-name") == every[::-1]
    assert await rows("view=table&sort=-state") == ["Yard", *NAMES]
    assert await rows("view=table&sort=nonsense&show=nonsense") == every
    for key in ("state", "recording", "rate", "picture", "gaps", "today", "node"):
        assert sorted(await rows(f"view=table&sort={key}")) == every
    assert await rows("view=table&show=online") == ["Yard"]
    assert await rows("view=table&show=offline") == list(NAMES)
    assert await rows("view=table&show=recording") == []
    # By a cookie of this device, so that it needs no script.
    assert await rows("") == every
    assert await rows("view=grid") == []
    assert await rows("") == []
    page = (await served.viewer.get("/?view=table&sort=rate")).text
    assert 'aria-sort="descending"' in page
    assert "<caption>" in page


async def test_a_wall_without_cameras_can_say_what_its_first_one_does(served: Served) -> None:
    """The first camera comes by an update, and its buttons need the place for their words."""
    assert 'id="wall-said"' in (await served.operator.get("/?view=grid")).text


async def test_a_table_stays_sorted_and_filtered_when_its_updates_begin(served: Served) -> None:
    await cameras(served)
    page = (await served.viewer.get("/?view=table&sort=-name&show=offline")).text
    updates = unescape(page.split('hx-sse:connect="')[1].split('"')[0])
    async with served.viewer.stream("GET", updates) as answer:
        text = ""
        async for line in answer.aiter_lines():
            text += line
            if not line and "wall-area" in text:
                break
    told = text.split('hx-target="#wall-area"')[1]
    assert re.findall(r'<th scope="row"><a [^>]*>([^<]*)<', told) == list(NAMES)[::-1]
    assert 'show=offline&amp;sort=-name" aria-current="true"' in told


async def online(changes: Subscription, camera_id: str) -> None:
    async with asyncio.timeout(20):
        async for event in changes:
            state = event.state if isinstance(event, CameraStateChanged) else None
            if state is not None and state.camera_id == camera_id and state.online:
                return


async def test_the_heading_counts_what_its_links_lead_to(served: Served) -> None:
    await cameras(served)
    page = (await served.viewer.get("/")).text
    counts = page.split('id="wall-counts"')[1].split("</ul>")[0]
    words = " ".join(re.sub(r"<[^>]*>", " ", counts).split())
    assert "0 of 4 online" in words
    assert "4 without a picture" in words
    assert "0 recording" in words
    assert "gaps today" in words
    assert "left" in words
    live_only = await served.client(Role.VIEWER, live_only=True)
    page = (await live_only.get("/")).text
    await live_only.aclose()
    counts = page.split('id="wall-counts"')[1].split("</ul>")[0]
    assert "gap" not in counts
    assert "left" not in counts


async def test_an_open_page_follows_a_wall_that_is_changed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "INTERVAL_S", 0.05)
    ids = await cameras(served)
    made = await saved(served.admin, shared=True)
    path = f"/api/walls/{made['id']}"
    query = f"/events?page=wall&layout=auto&number=1&wall={made['id']}&view=grid"
    async with served.viewer.stream("GET", query) as answer:
        lines = answer.aiter_lines()

        async def area() -> str:
            """The next message that shows the cameras anew."""
            text = ""
            async for line in lines:
                if line or "wall-area" not in text:
                    text = text + line if line else ""
                    continue
                return text.split('hx-target="#wall-area"')[1]
            raise AssertionError(text)

        assert "Attic" in await area()
        await served.operator.patch(path, json={"hidden": [ids["Attic"]]})
        text = await area()
        assert "Garage" in text
        assert "Attic" not in text
        await served.operator.delete(path)
        assert "This wall was deleted" in await area()


async def test_the_time_before_a_camera_was_added_is_no_gap(served: Served) -> None:
    demo = {"name": "Yard", "protocol": "demo", "start": True}
    with served.services.bus.subscribe() as changes:
        added = (await served.admin.post("/api/cameras/", json=demo)).json()
        async with asyncio.timeout(20):
            async for event in changes:
                if isinstance(event, CameraStateChanged) and event.state.recording:
                    break
    services = served.services
    days = await today_of(served.app, services).of(services.cameras.list())
    assert days[added["id"]].gaps == 0
