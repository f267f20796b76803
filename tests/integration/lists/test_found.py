"""Found cameras of two nodes: each once, with who sees it; added at a node that does."""

import re
from collections.abc import AsyncIterator

import pytest

from falconeye.accounts.model import Role
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.service import Discovery
from tests.integration.api.conftest import Served
from tests.integration.lists.conftest import Two, until
from tests.peers.ignored_ids import RememberedIds

pytestmark = pytest.mark.timeout(40)


def found(node: Served, address: str, mac: str, name: str = "Yard") -> str:
    """A camera of the network that the node sees; its id."""
    candidates = node.services.finding.candidates
    seen_us = node.services.clock.utc_us()
    url = f"rtsp://{address}:554/"
    assert candidates.note(
        Evidence(Way.SCAN, address, seen_us, name, address=address, port=554, mac=mac, url=url)
    )
    return next(one.id for one in candidates.list() if one.mac == mac)


BOTH, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:02"


async def test_a_camera_that_several_nodes_see_is_one_row(nodes: Two) -> None:
    both = found(nodes.one, "192.0.2.1", BOTH)
    assert found(nodes.two, "192.0.2.1", BOTH) == both
    theirs = found(nodes.two, "192.0.2.2", THEIRS, "Gate")
    listed = (await nodes.one.operator.get("/api/candidates/")).json()
    assert {each["id"]: each["nodes"] for each in listed["candidates"]} == {
        both: ["pi-1", "pi-2"], theirs: ["pi-2"],
    }  # fmt: skip
    assert (listed["total"], listed["unreachable_nodes"]) == (2, [])
    page = (await nodes.one.admin.get("/cameras/found")).text
    assert "seen by pi-1, pi-2" in page
    at_two = f"?node={nodes.node_id(nodes.two)}"
    assert f'href="/cameras/found/{theirs}/add{at_two}"' in page
    assert f'href="/cameras/found/{both}/add"' in page
    nodes.silence(nodes.two)
    page = (await nodes.one.admin.get("/cameras/found")).text
    assert "What nodes that do not answer have found is not in this list: pi-2." in page
    listed = (await nodes.one.operator.get("/api/candidates/")).json()
    assert listed["unreachable_nodes"] == ["pi-2"]
    assert (await nodes.one.viewer.get("/api/candidates/")).status_code == 403


async def test_what_is_done_to_it_is_done_where_it_is_seen(nodes: Two) -> None:
    theirs = found(nodes.two, "192.0.2.2", THEIRS, "Gate")
    at = {"node": nodes.node_id(nodes.two)}
    form = (await nodes.one.admin.get(f"/cameras/found/{theirs}/add", params=at)).text
    assert f"/cameras/found/{theirs}/look-into?node={at['node']}" in form
    assert (await nodes.one.admin.get(f"/cameras/found/{theirs}/add")).status_code == 404
    answer = await nodes.one.operator.post(f"/api/candidates/{theirs}/ignore", params=at)
    assert answer.json()["ignored"] is True
    listed = nodes.two.services.finding.candidates.list()
    assert [one.ignored for one in listed] == [True]
    answer = await nodes.one.operator.post(
        f"/cameras/found/{theirs}/action", params=at, data={"action": "show"}
    )
    assert answer.status_code == 303, answer.text
    assert [one.ignored for one in nodes.two.services.finding.candidates.list()] == [False]


async def test_a_camera_gets_an_owner_that_reaches_it(nodes: Two) -> None:
    """Only one sees it: it is not given to the other, whatever the settings say."""
    answer = await nodes.one.admin.patch("/api/settings/", json={"default_recorder_node": "pi-1"})
    assert answer.status_code == 200, answer.text
    await until(lambda: nodes.two.services.stored_settings.current.default_recorder_node == "pi-1")
    both = found(nodes.one, "192.0.2.1", BOTH)
    assert found(nodes.two, "192.0.2.1", BOTH) == both
    theirs = found(nodes.two, "192.0.2.2", THEIRS, "Gate")
    at = {"node": nodes.node_id(nodes.two)}
    who = next(
        one.id for one in nodes.one.services.accounts.tokens.list() if one.role is Role.ADMIN
    )
    owners = {}
    for candidate, address in ((theirs, "192.0.2.2"), (both, "192.0.2.1")):
        new = NewCamera("Gate", Protocol.RTSP, source_url=f"rtsp://{address}/", start=False)
        services = nodes.two.services
        word = services.proposals.keep(new, who, services.clock)
        form = {"proposal": word, "name": address, "record": "off"}
        answer = await nodes.one.admin.post(
            f"/cameras/found/{candidate}/add-looked-into", params=at, data=form
        )
        assert answer.status_code == 303, answer.text
        # What it leads to is known here by then.
        camera_id = answer.headers["location"].partition("?")[0].rpartition("/")[2]
        owners[address] = nodes.one.services.cameras.get(camera_id).config.owner_id
    assert owners == {"192.0.2.2": at["node"], "192.0.2.1": nodes.node_id(nodes.one)}


def counted(page: str) -> int:
    """The number beside "Found" in the navigation."""
    found = re.search(r'id="found-link".*?</a>', page, re.DOTALL)
    assert found is not None
    number = re.search(r"<strong>(\d+)</strong>", found[0])
    return 0 if number is None else int(number[1])


async def test_the_number_in_the_navigation_is_that_of_the_page(nodes: Two) -> None:
    """Nobody is asked for it: it comes with the beats, and also to pages that the other shows."""
    for node in (nodes.one, nodes.two):
        _ = found(node, "192.0.2.1", BOTH)
    theirs = found(nodes.two, "192.0.2.2", THEIRS, "Gate")

    async def is_told() -> bool:
        return counted((await nodes.one.admin.get("/recordings")).text) == 2

    await until(is_told)
    page = (await nodes.one.admin.get("/cameras/found")).text
    assert (page.count(">New</span>"), counted(page)) == (2, 2)
    storage = await nodes.one.admin.get("/storage", params={"node": nodes.node_id(nodes.two)})
    assert counted(storage.text) == 2
    async with nodes.at(nodes.two, nodes.one.admin) as at_two:
        assert counted((await at_two.get("/recordings")).text) == 2
    assert "found-link" not in (await nodes.one.viewer.get("/recordings")).text
    answer = await nodes.one.operator.post(
        f"/api/candidates/{theirs}/ignore", params={"node": nodes.node_id(nodes.two)}
    )
    assert answer.status_code == 200

    async def is_ignored() -> bool:
        return counted((await nodes.one.admin.get("/recordings")).text) == 1

    await until(is_ignored)
    _ = found(nodes.two, "192.0.2.3", "02:00:00:00:00:03", "Attic")
    nodes.silence(nodes.two)  # its part is on no page either
    assert counted((await nodes.one.admin.get("/recordings")).text) == 1


async def test_an_open_page_hears_of_what_others_find(nodes: Two) -> None:
    # It comes with the next beat, which is about as long a wait as a client's own limit.
    async with nodes.one.admin.stream("GET", "/events", timeout=None) as stream:
        assert stream.status_code == 200
        _ = found(nodes.two, "192.0.2.2", THEIRS, "Gate")
        lines = stream.aiter_lines()
        async for line in lines:
            if "found-link" in line and "<strong>1</strong>" in line:
                break
        else:
            pytest.fail("the page was told nothing")


@pytest.fixture
async def scanning(nodes: Two, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discovery]:
    """The second node looks on loopback."""
    discovery = Discovery(nodes.two.services.clock, RememberedIds(), loopback=True)
    discovery._watch.start()
    monkeypatch.setattr(nodes.two.services.finding, "discovery", discovery)
    yield discovery
    if discovery.scan_now is not None:
        await discovery.scan_now.cancel()
    await discovery._tasks.stop()
    await discovery._watch.stop()


async def test_a_scan_of_another_node_is_followed_and_ended_from_here(
    nodes: Two, scanning: Discovery
) -> None:
    theirs = nodes.node_id(nodes.two)
    at = {"node": theirs}
    begun = await nodes.one.operator.post(
        "/cameras/found/scan", params=at, data={"networks": "127.0.1.0/24"}
    )
    assert begun.status_code == 303, begun.text
    scan = scanning.scan_now
    assert scan is not None
    assert scan.state.value == "running"
    page = (await nodes.one.operator.get("/cameras/found")).text
    state, cancel = (
        f"/cameras/found/scan?node={theirs}",
        f"/cameras/found/scan/cancel?node={theirs}",
    )
    for text in (page, (await nodes.one.operator.get("/cameras/found/scan", params=at)).text):
        assert f'id="scan-state{theirs}"' in text  # the page's element is the answer's
        assert f'hx-get="{state}"' in text
        assert f'action="{cancel}"' in text
        assert "pi-2: 127.0.1.0/24" in text
        assert "<progress" in text
    assert 'id="scan-state"' in page  # this node's own
    assert (await nodes.one.viewer.post(cancel)).status_code == 403
    ended = await nodes.one.operator.post(cancel)
    assert (ended.status_code, ended.headers["location"]) == (
        303, "/cameras/found?done=scan-cancelled",
    )  # fmt: skip
    assert scan.state.value == "cancelled"
    page = (await nodes.one.operator.get("/cameras/found")).text
    assert "cancelled." in page
    assert cancel not in page


async def test_all_nodes_look_at_once(nodes: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    for node in (nodes.one, nodes.two):
        finding = node.services.finding

        async def look(name: str = nodes.name(node)) -> None:
            looked.append(name)

        monkeypatch.setattr(finding, "look_at_ports", look)
    answer = await nodes.one.operator.post("/cameras/found/look")
    assert answer.status_code == 303
    assert sorted(looked) == ["pi-1", "pi-2"]
