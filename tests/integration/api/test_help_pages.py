"""The help by HTTP: who may read it, where pages lead to it, what a search may contain."""

import re
from html import unescape

import pytest

from falconeye.accounts.model import Role
from falconeye.web.help.topics import TOPICS
from tests.integration.api.conftest import Served

pytestmark = pytest.mark.timeout(30)


async def test_a_viewer_reads_every_topic_and_nobody_none(served: Served) -> None:
    contents = (await served.viewer.get("/help")).text
    for topic in TOPICS:
        assert f'href="/help/{topic.key}"' in contents
        answer = await served.viewer.get(f"/help/{topic.key}")
        assert answer.status_code == 200, answer.text
        assert f"<h1>{topic.title.replace(chr(39), '&#39;')}</h1>" in answer.text
        refused = await served.nobody.get(f"/help/{topic.key}")
        assert refused.status_code in {303, 401}
    assert (await served.nobody.get("/help")).status_code in {303, 401}


async def test_who_sees_live_pictures_alone_may_read_it(served: Served) -> None:
    async with await served.client(Role.VIEWER, live_only=True) as limited:
        assert (await limited.get("/help/states")).status_code == 200


@pytest.mark.parametrize("topic", ["nothing", "parts", "%2e%2e%2fbase", "first-steps.html"])
async def test_what_is_no_topic_is_not_found(served: Served, topic: str) -> None:
    assert (await served.viewer.get(f"/help/{topic}")).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["<script>alert(1)</script>", '" onfocus="alert(1)', "{{ 7*7 }}", "%s %d %(user)s", "\x00",
     "a" * 5000, "\u202edisk", "disk " * 50],
)  # fmt: skip
async def test_a_search_shows_what_was_typed_as_text(served: Served, query: str) -> None:
    answer = await served.viewer.get("/help", params={"q": query})
    assert answer.status_code == 200
    (shown,) = re.findall(r'name="q" value="([^"]*)"', answer.text)
    assert unescape(shown) == " ".join(query.split())[:100].strip()
    assert "<script>alert" not in answer.text
    assert "49" not in shown


async def test_a_search_leads_to_a_section(served: Served) -> None:
    page = (await served.viewer.get("/help", params={"q": "disk too slow"})).text
    assert 'href="/help/gaps#disk_too_slow"' in page
    nothing = (await served.viewer.get("/help", params={"q": "xylophone"})).text
    assert "Nothing was found" in nothing


async def test_every_page_leads_to_its_help(served: Served) -> None:
    for path, target in (
        ("/", "/help/live#wall"),
        ("/storage", "/help/storage"),
        ("/notices", "/help/notices"),
        ("/nodes", "/help/nodes"),
        ("/settings/backup", "/help/backup"),
        ("/doctor", "/help/troubleshooting#doctor"),
        ("/help/gaps", "/help"),
    ):
        page = (await served.admin.get(path)).text
        assert f'href="{target}" aria-label="Help"' in page, path


async def test_a_state_leads_to_its_words(served: Served) -> None:
    body = {"name": "Gate", "protocol": "demo", "start": False}
    camera = (await served.admin.post("/api/cameras/", json=body)).json()
    for path in ("/", f"/cameras/{camera['id']}"):
        page = (await served.viewer.get(path)).text
        assert 'href="/help/states#stopped_by_user"' in page, path


async def test_the_sign_in_page_helps_in_short(served: Served) -> None:
    await served.admin.get("/api/cameras")
    link = await served.services.accounts.make_setup_link(served.url)
    form = {"name": "anna", "password": "correct horse battery"}
    answer = await served.nobody.post(link.removeprefix(served.url), data=form)
    assert answer.status_code == 303
    served.nobody.cookies.clear()
    page = (await served.nobody.get("/login")).text
    assert "falconeye user passwd NAME" in page
    assert 'href="/help' not in page
