"""The page of settings: all of them, their defaults and the way back; and all cameras at once."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.config.loading import SETTINGS
from falconeye.storage.stores.settings_reference import ON_THE_PAGE, SITE_SETTINGS
from tests.integration.api.conftest import Served


async def details(served: Served, action: str) -> list[str]:
    entries, _ = await served.services.accounts.audit.list()
    return [entry.detail for entry in entries if entry.action == action]


async def camera(served: Served, name: str, **more: Any) -> str:
    body = {"name": name, "protocol": "demo", **more}
    answer = await served.admin.post("/api/cameras/", json=body)
    assert answer.status_code == 201, answer.text
    camera_id: str = answer.json()["id"]
    return camera_id


async def test_every_setting_is_on_the_page_with_its_default(served: Served) -> None:
    page = unescape((await served.admin.get("/settings")).text)
    for one in ON_THE_PAGE:
        assert re.search(rf'<(input|select|textarea) id="{one.name}" name="{one.name}"', page), one
        assert page.count(one.text) >= 1, one.name
    for one in SITE_SETTINGS:
        assert one.label in page, one.name
    for name in SETTINGS:
        assert f"<code>{name}</code>" in page, name
    assert page.count("Default") >= len(ON_THE_PAGE)


async def test_what_others_may_not_change_they_do_not_see(served: Served) -> None:
    for client in (served.viewer, served.operator):
        page = (await client.get("/settings")).text
        assert "data_dir" not in page
        assert "keep_days" not in page
        for path in ("/settings/reset", "/settings/reset-all", "/settings/cameras/restart"):
            assert (await client.post(path)).status_code == 403, path
        assert (await client.get("/settings/cameras/delete")).status_code == 403
        assert (await client.get("/api/settings/reference")).status_code == 403
        assert (await client.post("/api/settings/reset", json={})).status_code == 403
    limited = await served.client(Role.ADMIN, cameras=frozenset({"one"}))
    async with limited:
        assert (await limited.post("/settings/cameras/delete")).status_code == 403
        assert "data_dir" not in (await limited.get("/settings")).text


async def test_a_form_saves_what_was_changed_and_the_log_says_from_what_to_what(
    served: Served,
) -> None:
    form = {
        "clock_format": "12h",
        "audit_keep_days": "",
        "cors_origins": "https://a.example\r\n\r\nhttps://b.example:81\r\n",
        "default_recorder_node": "pi-1",
        "default_framerate": "15",
    }
    answer = await served.admin.post("/settings", data=form)
    assert answer.status_code == 303, answer.text
    current = served.services.stored_settings.current
    assert (current.clock_format, current.audit_keep_days) == ("12h", None)
    assert current.cors_origins == ("https://a.example", "https://b.example:81")
    assert current.default_recorder_node == "pi-1"
    [words] = await details(served, "settings.changed")
    assert words == (
        "audit_keep_days: 365, then none; clock_format: 24h, then 12h; "
        "cors_origins: none, then https://a.example https://b.example:81; "
        "default_recorder_node: none, then pi-1"
    )
    again = await served.admin.post("/settings", data=form)
    assert again.status_code == 303
    assert len(await details(served, "settings.changed")) == 1


def fields_of(page: str) -> dict[str, str]:
    """What a browser sends of the form where nobody types anything."""
    form = page.split('action="/settings"')[1].split("</form>", maxsplit=1)[0]
    found = dict(re.findall(r'<input [^>]*name="([^"]*)" value="([^"]*)"', form))
    choices = re.findall(r'(?s)<select [^>]*name="([^"]*)".*?>(.*?)</select>', form)
    for name, inside in choices:
        found[name] = inside.split(" selected>")[0].rpartition('value="')[2].rstrip('"')
    texts = re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>([^<]*)</textarea>', form)
    return {name: unescape(value) for name, value in (*found.items(), *texts)}


async def test_a_form_that_was_open_for_long_takes_nothing_back(served: Served) -> None:
    sites = {"cors_origins": ["https://a.example", "https://b.example"]}
    await served.admin.patch("/api/settings/", json=sites)
    form = fields_of((await served.admin.get("/settings")).text)
    meanwhile = {"audit_keep_days": 100, "clock_format": "12h", "cors_origins": []}
    await served.admin.patch("/api/settings/", json=meanwhile)
    refused = await served.admin.post("/settings", data={**form, "audit_keep_days": "29"})
    assert refused.status_code == 422
    again = fields_of(refused.text)
    assert (again["clock_format"], again["was:clock_format"]) == ("24h", "24h")
    saved = await served.admin.post("/settings", data={**again, "audit_keep_days": "50"})
    assert saved.status_code == 303, saved.text
    current = served.services.stored_settings.current
    assert (current.audit_keep_days, current.clock_format) == (50, "12h")
    assert current.cors_origins == ()
    assert (await details(served, "settings.changed"))[0] == "audit_keep_days: 100, then 50"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("audit_keep_days", "29"),
        ("audit_keep_days", "soon"),
        ("clock_format", "13h"),
        ("cors_origins", "home.example"),
        ("keep_bytes", "0.5"),
        ("site_time_zone", "Mars/Olympus"),
        ("default_framerate", ""),
        ("cleanup_interval", "9"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    served: Served, name: str, typed: str
) -> None:
    before = served.services.stored_settings.current
    answer = await served.admin.post("/settings", data={name: typed, "keep_days": "7"})
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert served.services.stored_settings.current == before
    assert await details(served, "settings.changed") == []


async def test_one_setting_goes_back_to_its_default_or_all_of_them(served: Served) -> None:
    changed = {"default_framerate": 25, "keep_days": 7, "notify_cooldown_minutes": 60}
    assert (await served.admin.patch("/api/settings/", json=changed)).status_code == 200
    page = (await served.admin.get("/settings")).text
    assert 'form="reset" name="reset" value="keep_days"' in page
    assert 'name="reset" value="default_resolution"' not in page
    answer = await served.admin.post("/settings/reset", data={"reset": "keep_days"})
    assert answer.status_code == 303
    store = served.services.stored_settings
    assert (store.current.keep_days, store.current.default_framerate) == (None, 25)
    for name in ("", "notify_urls", "data_dir", "colour"):
        wrong = await served.admin.post("/settings/reset", data={"reset": name})
        assert wrong.status_code == 422, name
    question = unescape((await served.admin.get("/settings/reset-all")).text)
    assert "Pictures per second" in question
    assert "<td>25</td><td>15</td>" in question
    assert (await served.admin.post("/settings/reset-all")).status_code == 303
    assert store.current.default_framerate == 15
    assert store.current.notify_cooldown_minutes == 60  # of a page of its own
    assert (
        "All settings are as they were at first."
        in (await served.admin.get("/settings/reset-all")).text
    )


async def test_programs_reset_by_name(served: Served) -> None:
    changed = {"default_framerate": 25, "keep_days": 7, "notify_cooldown_minutes": 60}
    assert (await served.admin.patch("/api/settings/", json=changed)).status_code == 200
    one = await served.admin.post("/api/settings/reset", json={"names": ["keep_days"]})
    assert (one.status_code, one.json()["keep_days"]) == (200, None)
    assert one.json()["default_framerate"] == 25
    for names in (["colour"], ["agent_nodes_include"], [1]):
        wrong = await served.admin.post("/api/settings/reset", json={"names": names})
        assert wrong.status_code in {400, 422}, names
    rest = await served.admin.post("/api/settings/reset", json={})
    assert (rest.json()["default_framerate"], rest.json()["notify_cooldown_minutes"]) == (15, 60)


async def test_programs_are_told_what_each_is_for(served: Served) -> None:
    found = (await served.admin.get("/api/settings/reference")).json()
    assert [one["name"] for one in found["settings"]] == [one.name for one in SITE_SETTINGS]
    assert [one["name"] for one in found["node"]] == list(SETTINGS)
    keep = next(one for one in found["settings"] if one["name"] == "audit_keep_days")
    assert (keep["default"], keep["group"]) == (365, "audit")
    assert keep["text"]
    assert keep["allowed"]
    port = next(one for one in found["node"] if one["name"] == "port")
    assert port["value"] == str(served.services.settings.port)
    assert port["origin"] == "default"


async def test_all_cameras_are_restarted_from_the_page(served: Served) -> None:
    await camera(served, "A", start=True)
    await camera(served, "B")
    page = await served.admin.post("/settings/cameras/restart")
    assert page.status_code == 200
    assert "1 camera connects anew." in page.text
    told = (await served.admin.post("/api/settings/restart-all")).json()
    assert (told["count"], told["unreachable_nodes"]) == (1, [])


async def test_all_cameras_go_only_with_their_number_typed(served: Served) -> None:
    assert "There is no camera." in (await served.admin.get("/settings/cameras/delete")).text
    for name in ("Door", "Yard"):
        await camera(served, name)
    question = (await served.admin.get("/settings/cameras/delete")).text
    assert "2 cameras are deleted" in question
    assert "Door, Yard" in question

    async def send(**form: str) -> httpx.Response:
        return await served.admin.post("/settings/cameras/delete", data=form)

    for form in (
        {"footage": "keep"},
        {"footage": "keep", "count": "3"},
        {"footage": "keep", "count": "two"},
        {"count": "2"},
    ):
        answer = await send(**form)
        assert answer.status_code == 422, form
        assert "field-error" in answer.text
    assert (await served.viewer.get("/api/cameras/")).json()["total"] == 2
    answer = await send(footage="keep", count="2")
    assert answer.status_code == 303
    assert (await served.viewer.get("/api/cameras/")).json()["total"] == 0
    assert sorted(await details(served, "camera.deleted")) == [
        "Door, footage kept",
        "Yard, footage kept",
    ]


async def test_the_week_begins_where_the_site_has_it(served: Served) -> None:
    path = f"/cameras/{await camera(served, 'Door')}/schedules"

    async def days() -> list[str]:
        return re.findall(r'<input id="record-(\w+)"', (await served.admin.get(path)).text)

    assert await days() == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    await served.admin.patch("/api/settings/", json={"week_start": "sun"})
    assert await days() == ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    answer = await served.admin.post(path, data={"record-sat": "08:00-12:00"})
    assert answer.status_code == 303, answer.text
    assert (
        'id="record-sat" name="record-sat" value="08:00-12:00"'
        in (await served.admin.get(path)).text
    )
    assert (
        await served.admin.patch("/api/settings/", json={"week_start": "fri"})
    ).status_code == 422


async def test_twelve_hours_where_the_site_or_the_browser_wants_them(served: Served) -> None:
    await served.services.accounts.audit.record(None, "camera.added", "camera", "x", "Door")

    async def shown(**headers: str) -> str:
        page = (await served.admin.get("/audit", headers=headers)).text
        found = re.search(r"<time [^>]*>([^<]*)</time>", page)
        assert found
        assert ('data-clock="12h"' in page) == ("m" in found[1].lower())
        return found[1]

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", await shown())
    for wanted, language, is_twelve in (
        ("12h", "de-DE", True),
        ("24h", "en-US,en;q=0.9", False),
        ("auto", "en-US,en;q=0.9", True),
        ("auto", "de-DE,en-US;q=0.5", False),
        ("auto", "", False),
    ):
        await served.admin.patch("/api/settings/", json={"clock_format": wanted})
        text = await shown(**{"accept-language": language})
        assert bool(re.search(r" \d{1,2}:\d\d:\d\d [ap]m$", text.lower())) == is_twelve, (
            wanted,
            text,
        )
