"""Pauses in the language of who looks: pages translate them, the API's English stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from falconeye.config.schedule import DAYS
from falconeye.web import i18n, said
from tests.integration.api.conftest import Served, serve

pytestmark = pytest.mark.timeout(30)
GERMAN = {"accept-language": "de"}
TEXTS = {
    "paused by {who} until switched on": "von {who} pausiert, bis jemand einschaltet",
    "paused by {who} until {until}": "von {who} bis {until} pausiert",
    "paused by its schedule until switched on": "nach Plan pausiert, bis jemand einschaltet",
    "paused by its schedule until {until}": "nach Plan bis {until} pausiert",
}


def compile_german(folder: Path) -> None:
    catalog = Catalog(locale="de")
    for text, translated in TEXTS.items():
        catalog.add(text, translated)
    directory = folder / "de" / "LC_MESSAGES"
    directory.mkdir(parents=True)
    with (directory / "falconeye.mo").open("wb") as file:
        write_mo(file, catalog)


def forget_catalogues() -> None:
    i18n.available_languages.cache_clear()
    i18n.packed.cache_clear()
    i18n.translations.cache_clear()
    said._book.cache_clear()
    said._said.cache_clear()


@pytest.fixture
async def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    await asyncio.to_thread(compile_german, tmp_path / "locale")
    monkeypatch.setattr(i18n, "LOCALE_DIR", tmp_path / "locale")
    forget_catalogues()
    async with AsyncExitStack() as stack:
        stack.callback(forget_catalogues)
        yield await serve(stack, tmp_path)


async def paused(served: Served, **how: object) -> str:
    """The path of a camera that is paused by a person."""
    body = {"name": "Door", "protocol": "demo", "start": True}
    camera = (await served.admin.post("/api/cameras/", json=body)).json()
    answer = await served.operator.post(f"/api/cameras/{camera['id']}/privacy", json=how)
    assert answer.status_code == 200, answer.text
    return f"/cameras/{camera['id']}"


async def test_a_device_has_a_language_of_its_own(german: Served) -> None:
    """The cookie goes before the browser's wish, of a page and of what changes on it."""
    path = await paused(german)
    words = "pausiert, bis jemand einschaltet"
    assert words not in (await german.viewer.get(path)).text
    cookie = {"cookie": "falconeye_language=de"}
    assert words in (await german.viewer.get(path, headers=cookie)).text
    english = {"cookie": "falconeye_language=en", **GERMAN}
    assert words not in (await german.viewer.get(path, headers=english)).text
    unknown = {"cookie": "falconeye_language=xx", **GERMAN}
    assert words in (await german.viewer.get(path, headers=unknown)).text
    page = (await german.viewer.get("/settings")).text
    assert 'name="language"' in page
    answer = await german.viewer.post("/settings/language", data={"language": "de"})
    assert answer.status_code == 303, answer.text
    assert "falconeye_language=de" in answer.headers["set-cookie"]
    answer = await german.viewer.post("/settings/language", data={"language": ""})
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    answer = await german.viewer.post("/settings/language", data={"language": "../de"})
    assert answer.status_code == 422, answer.text


async def first_event(served: Served, query: str) -> str:
    """What an open page is sent first: all that it shows."""
    async with served.viewer.stream("GET", f"/events?{query}", headers=GERMAN) as answer:
        text = ""
        async for chunk in answer.aiter_text():
            text += chunk
            if "pausiert" in text or "paused by" in text:
                break
    return text


async def test_a_pause_is_said_in_the_language_of_who_looks(german: Served) -> None:
    path = await paused(german)
    number = path.rpartition("/")[2]
    words = "on operator [] pausiert, bis jemand einschaltet"
    for address in ("/", path):
        page = (await german.viewer.get(address, headers=GERMAN)).text
        assert f"V{words}" in page, address
        assert "aused by" not in page, address
        english = (await german.viewer.get(address)).text
        assert "Paused by operator [] until switched on." in english, address
    for query in ("page=wall", f"page=camera&camera={number}"):
        sent = await first_event(german, query)
        assert f"V{words}" in sent, query
        assert "aused by" not in sent, query
    answer = await german.viewer.get(f"/api{path}", headers=GERMAN)
    assert answer.json()["reason"] == "paused by operator [] until switched on"
    listed = (await german.viewer.get("/api/cameras/", headers=GERMAN)).json()
    assert listed["cameras"][0]["reason"] == "paused by operator [] until switched on"


async def test_until_when_is_in_the_sites_time(german: Served) -> None:
    path = await paused(german, until="2099-07-01T16:00:00Z")
    page = (await german.viewer.get(path, headers=GERMAN)).text
    assert "Von operator [] bis 2099-07-01 18:00 pausiert" in page


async def test_a_schedule_pauses_in_the_same_words(german: Served) -> None:
    body = {"name": "Door", "protocol": "demo", "start": True,
            "privacy_schedule": {day: ["00:00-24:00"] for day in DAYS}}  # fmt: skip
    camera = (await german.admin.post("/api/cameras/", json=body)).json()
    page = (await german.viewer.get(f"/cameras/{camera['id']}", headers=GERMAN)).text
    assert "Nach Plan pausiert, bis jemand einschaltet" in page
    english = (await german.viewer.get(f"/cameras/{camera['id']}")).text
    assert "Paused by its schedule until switched on." in english
