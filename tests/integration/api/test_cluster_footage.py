"""Time lines of several nodes: what pages and API say of footage here, there, and of silence."""

import re
from types import SimpleNamespace
from typing import NoReturn

import pytest
from sqlalchemy import update

from falconeye.base.times import MINUTE_US, rfc3339
from falconeye.federation.beat import Beat
from falconeye.federation.peer_clients import PeerClients
from falconeye.federation.peers import Peers
from falconeye.federation.ways import Ways
from falconeye.federation.who import Who
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import Gap, GapReason, Span
from falconeye.storage.ledger.told_coverage import Told
from falconeye.storage.tables.node import CAMERAS
from falconeye.web import timelines
from falconeye.web.peers.state import STATE_KEY
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import demo

pytestmark = pytest.mark.timeout(30)
OTHER = "22222222-2222-4222-8222-222222222222"


def _no_key() -> NoReturn:
    """The other node is told of, and never asked."""
    raise AssertionError


class Cluster:
    """The served node and one other, which told of the last hour and may be silent since."""

    def __init__(self, served: Served, path: str) -> None:
        self.served, self.path = served, path
        self.camera_id = path.rpartition("/")[2]
        services = served.services
        self.peers = Peers(services.node_id, services.clock)
        self.peers.follow({OTHER: "pi-2"})
        who = Who(services.node_id, self.peers, SimpleNamespace(), services.cameras, services.clock)  # type: ignore[arg-type]
        ways = Ways(PeerClients(services.node_id, _no_key, services.clock), self.peers)
        served.app.state[STATE_KEY] = SimpleNamespace(
            peers=self.peers, who=who, ways=ways, name="pi-1"
        )
        self.now_us = services.clock.utc_us()

    def at(self, minutes: float) -> int:
        return self.now_us + int(minutes * MINUTE_US)

    async def tells(self, footage: list[tuple[float, float]], gap: tuple[float, float]) -> None:
        spans = [Span(self.at(a), self.at(b), StreamKind.MAIN) for a, b in footage]
        gaps = [Gap(self.at(gap[0]), self.at(gap[1]), GapReason.DISK_FULL)]
        begin = min(self.at(gap[0]), *(span.from_us for span in spans))
        end = max(self.at(gap[1]), *(span.to_us for span in spans))
        told = Told(self.camera_id, begin, end, spans, gaps)
        await self.served.services.coverage.told.put(OTHER, [told], position="x 1")

    def hear(self) -> None:
        assert self.peers.hear(Beat(node_id=OTHER)) is not None

    async def page(self, path: str) -> str:
        answer = await self.served.viewer.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
async def cluster(served: Served) -> Cluster:
    path = await demo(served, record="off")
    made = Cluster(served, path)
    await aged(served, made.at(-60))
    await made.tells([(-50, -40), (-30, -10)], (-40, -30))
    return made


async def aged(served: Served, since_us: int) -> None:
    """The camera was added that long ago, and is the other node's."""
    change = update(CAMERAS).values(created_at_us=since_us, owner_id=OTHER)
    database = served.services.timelines._database
    await database.write(lambda connection: connection.execute(change))
    await served.services.cameras.reload()


async def test_a_silent_node_is_said_with_times_on_each_page(cluster: Cluster) -> None:
    window = {"from": rfc3339(cluster.at(-60)), "to": rfc3339(cluster.at(0))}
    answer = await cluster.served.viewer.get(f"{cluster.path}/timeline", params=window)
    line = answer.json()
    (untold,) = [gap for gap in line["gaps"] if "node" in gap]
    words = r"unknown, pi-2 unreachable since [^;]+; it holds \S+–\S+, \S+–\S+"
    assert re.fullmatch(words, untold["detail"]) or " 2" in untold["detail"], untold
    assert (untold["node"], untold["reason"]) == ("pi-2", "unknown")
    assert untold["from"] == rfc3339(cluster.at(-10))
    assert [hold["to"] for hold in untold["holds"]] == [
        rfc3339(cluster.at(-40)),
        rfc3339(cluster.at(-10)),
    ]
    assert [one["reason"] for one in line["gaps"] if one["from"] == rfc3339(cluster.at(-40))] == [
        "disk_full"
    ]
    assert {(span["node"], span["reachable"]) for span in line["spans"]} == {("pi-2", False)}
    (silent,) = [node for node in line["nodes"] if node["unreachable_since"]]
    assert (silent["id"], silent["name"]) == (OTHER, "pi-2")
    day = f"?at={rfc3339(cluster.at(-20))}"
    for page in (
        f"/cameras/{cluster.camera_id}/footage{day}",
        f"/footage{day}&cameras={cluster.camera_id}",
    ):
        shown = await cluster.page(page)
        assert "unknown, pi-2 unreachable since" in shown
        assert "; it holds" in shown
        assert "recorded by pi-2, unreachable since" in shown
        assert "because unknown" not in shown
    shown = await cluster.page(f"/footage/days?cameras={cluster.camera_id}")
    assert "pi-2 is unreachable since" in shown
    assert 'fill="none" stroke="var(--ok)"' in shown


async def test_what_a_node_that_is_heard_has_is_footage(cluster: Cluster) -> None:
    await cluster.tells([(-50, -40), (-30, -0.05)], (-40, -30))
    cluster.hear()
    window = {"from": rfc3339(cluster.at(-60)), "to": rfc3339(cluster.at(0))}
    answer = await cluster.served.viewer.get(f"{cluster.path}/timeline", params=window)
    line = answer.json()
    assert line["to"] == rfc3339(cluster.at(-0.05))  # up to what it told last
    assert not any("node" in gap for gap in line["gaps"])
    assert [(span["node"], span["nodes"], span["reachable"]) for span in line["spans"]] == [
        ("pi-2", [OTHER], True)
    ] * 2
    assert all(node["unreachable_since"] is None for node in line["nodes"])
    shown = await cluster.page(
        f"/cameras/{cluster.camera_id}/footage?at={rfc3339(cluster.at(-20))}"
    )
    assert "unreachable since" not in shown.replace("{node}, unreachable since", "")
    assert "the disk was full" in shown
    shown = await cluster.page(f"/footage/days?cameras={cluster.camera_id}")
    assert "unreachable" not in shown
    assert 'fill="var(--ok)"' in shown


async def test_what_is_too_much_to_list_is_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = {"from": rfc3339(cluster.at(-60)), "to": rfc3339(cluster.at(0))}
    monkeypatch.setattr(timelines, "MAX_PIECES", 3)
    answer = await cluster.served.viewer.get(f"{cluster.path}/timeline", params=window)
    assert answer.status_code == 422
    assert "too much happened" in answer.json()["detail"]
    monkeypatch.setattr(timelines, "MAX_PIECES", 10)
    answer = await cluster.served.viewer.get(f"{cluster.path}/timeline", params=window)
    assert answer.status_code == 200


async def test_a_node_without_peers_asks_for_nothing_more(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.peers.follow({})
    told = cluster.served.services.coverage.told
    monkeypatch.setattr(type(told), "read", None)  # whoever calls it fails
    answer = await cluster.served.viewer.get(f"{cluster.path}/timeline")
    assert answer.status_code == 200
    assert answer.json()["spans"] == []
    assert [node["name"] for node in answer.json()["nodes"]] == ["pi-1"]
    assert await cluster.page(f"/footage/days?cameras={cluster.camera_id}")
