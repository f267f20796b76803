"""Health and doctor of any node, from any other one; the page says whose they are."""

import re
from pathlib import Path

import pytest

from tests.integration.lists.conftest import Two

pytestmark = pytest.mark.timeout(40)


def heading(page: str) -> str:
    found = re.search(r"<h1>([^<]*)</h1>", page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("path", "words"), [("/about", "Health"), ("/doctor", "Doctor")])
async def test_it_is_of_the_node_that_is_named(
    nodes: Two, tmp_path: Path, path: str, words: str
) -> None:
    media = {node: str(tmp_path / node / "media") for node in ("one", "two")}
    choice = [(nodes.node_id(node), nodes.name(node)) for node in (nodes.one, nodes.two)]
    for query, name, mine, other in (
        ({}, "pi-1", "one", "two"),
        ({"node": choice[0][0]}, "pi-1", "one", "two"),
        ({"node": choice[1][0]}, "pi-2", "two", "one"),
        ({"node": "pi-2"}, "pi-2", "two", "one"),
    ):
        answer = await nodes.one.admin.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert heading(answer.text) == f"{words} of {name}"
        assert (media[mine] in answer.text, media[other] in answer.text) == (True, False)
        links = re.findall(rf'href="{path}\?node=([\w-]+)"( aria-current="page")?', answer.text)
        shown = [node_id for node_id, current in links if current]
        assert shown == [next(one for one, called in choice if called == name)]
        assert [node_id for node_id, _ in links][-2:] == [node_id for node_id, _ in choice]
    page = (await nodes.one.admin.get(path, params={"node": "pi-2"})).text
    ways = {"/about": "/doctor", "/doctor": "/about"}
    assert f'href="{ways[path]}?node={choice[1][0]}"' in page  # on, and back, stay at that node
    nodes.silence(nodes.two)
    away = await nodes.one.admin.get(path, params={"node": choice[1][0]})
    assert away.status_code == 503
    assert "The node pi-2 is unreachable since" in away.text


async def test_the_doctor_is_for_admins_at_every_node(nodes: Two) -> None:
    at = {"node": nodes.node_id(nodes.two)}
    for path in ("/doctor", "/doctor/bundle"):
        assert (await nodes.one.operator.get(path, params=at)).status_code == 403
        assert (await nodes.one.nobody.get(path, params=at)).status_code in {303, 401}
    bundle = await nodes.one.admin.get("/doctor/bundle", params=at)
    assert bundle.status_code == 200
    assert "falconeye-report-pi-2-" in bundle.headers["content-disposition"]
    assert (await nodes.one.viewer.get("/about", params=at)).status_code == 200
    assert (await nodes.one.viewer.get("/about", params={"node": "nowhere"})).status_code == 404
