"""Nodes by HTTP: this one as it is, others as they are told of; API, page and its changes."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from falconeye import __version__
from falconeye.accounts.model import Role
from falconeye.base.errors import Unavailable
from falconeye.events.bus import NodesChanged
from falconeye.federation.report import NodeReport
from falconeye.federation.self_report import KEPT_US, SelfReport
from falconeye.web.api import nodes as node_routes
from falconeye.web.cluster import cluster_of
from tests.integration.api.conftest import Served
from tests.integration.api.other_nodes import Others, others

__all__ = ["others"]


async def own_report(served: Served) -> NodeReport:
    (own,) = await cluster_of(served.app).nodes()
    assert own.report is not None
    return own.report


async def test_this_node_tells_of_itself(served: Served) -> None:
    body = {"name": "Door", "protocol": "demo", "start": False}
    assert (await served.admin.post("/api/cameras/", json=body)).status_code == 201
    (node,) = (await served.viewer.get("/api/nodes/")).json()
    assert node["id"] == served.services.node_id
    assert (node["this_node"], node["reachable"], node["ready"]) == (True, True, True)
    assert node["version"] == __version__
    assert node["cpus"] == os.cpu_count()
    assert node["architecture"] in {"amd64", "arm64"}
    assert (node["labels"], node["taints"], node["kubernetes_told_at"]) == ({}, [], None)
    assert node["cameras"] == {"configured": 1, "recording": 0, "failing": 0}
    (disk,) = node["disks"]
    assert disk["path"] == str(served.services.volumes.all[0].path)
    assert 0 < disk["free_bytes"] <= disk["total_bytes"]
    assert 0 < node["memory_available_bytes"] < node["memory_total_bytes"]
    assert (await served.viewer.get(f"/api/nodes/{node['id']}")).json()["name"] == "pi-1"


async def test_the_report_fits_what_peers_read(served: Served) -> None:
    told = await own_report(served)
    assert NodeReport.parse(told.as_json()) == told
    assert told.boot_id
    assert told.started_at_us == served.services.started_at_us


async def test_who_asks_within_seconds_gets_the_same(served: Served) -> None:
    first, second = await asyncio.gather(own_report(served), own_report(served))
    assert first is second


async def test_a_disk_that_is_away_is_told(served: Served) -> None:
    volume = served.services.volumes.all[0]
    aside = volume.path.with_name("aside")
    await asyncio.to_thread(volume.path.rename, aside)
    await volume.open()
    told = await own_report(served)
    assert (told.is_ready, told.not_ready) == (False, ("no_disk",))
    assert [disk.is_present for disk in told.disks] == [False]
    page = unescape((await served.viewer.get("/nodes")).text)
    assert "Not ready: no disk takes footage." in page
    assert f"The disk {volume.path} is missing" in page
    await asyncio.to_thread(aside.rename, volume.path)
    await volume.open()


async def test_a_database_that_hangs_holds_no_report_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = asyncio.Event()

    async def hang() -> tuple[str, ...]:
        await hanging.wait()
        return ()

    (own,) = (cluster_of(served.app),)
    told: SelfReport = own._report  # type: ignore[attr-defined]
    monkeypatch.setattr("falconeye.federation.self_report._ANSWER_S", 0.05)
    parts = replace(told._parts, not_ready=hang, use=_HangingUse(hanging))  # type: ignore[arg-type]
    found = await SelfReport(parts).now()
    assert (found.is_ready, found.not_ready) == (False, ("database",))
    assert found.disks[0].is_present
    assert found.disks[0].days_left is None


class _HangingUse:
    def __init__(self, hanging: asyncio.Event) -> None:
        self._hanging = hanging

    async def cameras(self, _zone: object) -> None:
        await self._hanging.wait()


async def test_load_is_measured_and_pages_hear_of_it(served: Served) -> None:
    told: SelfReport = cluster_of(served.app)._report  # type: ignore[attr-defined]
    with served.services.bus.subscribe() as heard:
        async with SelfReport(told._parts).running() as report_:
            assert isinstance(await heard.get(), NodesChanged)
            first = await report_.now()
            assert (first.machine_load, first.process_load) == (None, None)  # within a second
    assert first.kubernetes.labels == {}
    assert KEPT_US == 5_000_000


# -- of several ------------------------------------------------------------------------------------


async def test_all_nodes_are_listed(served: Served, others: Others) -> None:
    found = {node["name"]: node for node in (await served.viewer.get("/api/nodes/")).json()}
    assert list(found) == ["pi-1", "pi-2", "nvr", "attic"]
    assert found["pi-2"]["ip"] == "192.168.1.21"
    assert (found["pi-2"]["ready"], found["attic"]["ready"]) == (True, False)
    assert found["attic"]["reachable"] is False
    assert found["attic"]["cameras"]["configured"] == 4  # as it was last heard
    assert found["pi-2"]["clock"]["difference_seconds"] == 0.003
    by_id = await served.viewer.get(f"/api/nodes/{others.others[1].node_id}")
    assert by_id.json() == found["nvr"]
    assert (await served.viewer.get("/api/nodes/x")).status_code == 404


@pytest.mark.usefixtures("others")
async def test_who_may_see_some_cameras_learns_no_count(served: Served) -> None:
    limited = await served.client(Role.VIEWER, cameras=frozenset({"one"}))
    async with limited:
        nodes = (await limited.get("/api/nodes/")).json()
        assert [node["cameras"] for node in nodes] == [None] * 4
        page = (await limited.get("/nodes")).text
    assert "4 cameras" not in page
    assert "4 cameras" in (await served.viewer.get("/nodes")).text


def scan_answer(**more: Any) -> dict[str, Any]:
    camera = {
        "device_path": "/dev/video0", "device_name": "C270", "node_name": "impostor",
        "node_ip": "8.8.8.8", "protocol": "usb", "identity": "usb:1",
    }  # fmt: skip
    answer = {
        "cameras": [camera], "network_cameras": [], "total": 1, "scanned_nodes": ["impostor"],
        "errors": [],
    }  # fmt: skip
    return {**answer, **more}


async def test_each_node_is_asked_what_is_at_its_ports(served: Served, others: Others) -> None:
    pi_2, nvr, _ = others.others
    others.answers = {
        pi_2.node_id: scan_answer(),
        nvr.node_id: Unavailable("it is stopping"),
    }
    answer = await served.operator.get("/api/nodes/scan/cameras?network=true")
    found = answer.json()
    assert [(one["node_name"], one["node_ip"]) for one in found["cameras"]] == [
        ("pi-2", "192.168.1.21")
    ]
    assert (found["total"], found["scanned_nodes"]) == (1, ["pi-1", "pi-2"])
    assert found["errors"] == ["nvr: it is stopping", "attic: it cannot be reached"]
    who = {name for name, _, _ in others.asked}
    assert who == {"operator []"}
    assert [(node, network) for _, node, network in others.asked] == [
        (pi_2.node_id, True), (nvr.node_id, True),
    ]  # fmt: skip


async def test_one_node_is_asked_by_name_or_id(served: Served, others: Others) -> None:
    pi_2 = others.others[0]
    others.answers = {pi_2.node_id: scan_answer(errors=["a port hangs"])}
    for name in ("pi-2", pi_2.node_id):
        found = (await served.operator.get(f"/api/nodes/scan/cameras?node={name}")).json()
        assert (found["scanned_nodes"], found["errors"]) == (["pi-2"], ["pi-2: a port hangs"])
    alone = (await served.operator.get("/api/nodes/scan/cameras?node=pi-1")).json()
    assert alone["scanned_nodes"] == ["pi-1"]
    assert len(others.asked) == 2


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {"cameras": "none"},
        scan_answer(cameras=[{}]),
        scan_answer(errors=["x" * 5000]),
        scan_answer(errors=["x"] * 1001),
    ],
)
async def test_an_answer_that_is_none_is_an_error(
    served: Served, others: Others, bad: object
) -> None:
    others.others = others.others[:1]
    others.answers = {others.others[0].node_id: bad}
    answer = await served.operator.get("/api/nodes/scan/cameras")
    assert answer.json()["errors"] == ["pi-2: its answer cannot be read"]


async def test_a_node_that_hangs_is_waited_for_no_longer_than_said(
    served: Served, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_routes, "SCAN_S", 0.05)
    others.others = others.others[:1]
    found = (await served.operator.get("/api/nodes/scan/cameras")).json()
    assert found["scanned_nodes"] == ["pi-1"]
    assert found["errors"] == ["pi-2: no answer in 0 s"]


async def test_a_viewer_may_not_scan(served: Served, others: Others) -> None:
    assert (await served.viewer.get("/api/nodes/scan/cameras")).status_code == 403
    assert others.asked == []


# -- the page --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("others")
async def test_the_page_says_since_when_a_node_is_away(served: Served) -> None:
    page = unescape((await served.viewer.get("/nodes")).text)
    assert re.search(
        r"Unreachable since <time [^>]*>(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d</time>", page
    )
    assert "What follows is from then." in page
    assert "4 nodes · 1 unreachable · 8 cameras, 8 recording" in page
    assert "A stranger asked" not in page  # for admins
    admins = unescape((await served.admin.get("/nodes")).text)
    assert "A stranger asked: its key is no node's of this cluster." in admins
    assert "/nodes/code" not in admins  # nothing can be done here
    assert (await served.nobody.get("/nodes")).status_code in {303, 401}


async def next_message(lines: AsyncIterator[str], holding: str) -> str:
    """The next message of the stream with that text."""
    block: list[str] = []
    async for line in lines:
        if line:
            block.append(line)
            continue
        if any(holding in one for one in block):
            return "\n".join(block)
        block = []
    raise AssertionError("the stream ended")


async def test_an_open_page_hears_of_changes(served: Served, others: Others) -> None:
    async with served.viewer.stream("GET", "/events?page=nodes") as answer:
        lines = answer.aiter_lines()
        first = await next_message(lines, "node-rows")
        assert "Unreachable" in first
        others.others = (replace(others.others[0], name="renamed"),)
        served.services.bus.publish(NodesChanged())
        changed = await next_message(lines, "node-rows")
    assert "renamed" in changed
    assert "Unreachable" not in changed


@pytest.mark.usefixtures("others")
async def test_other_pages_are_not_sent_nodes(served: Served) -> None:
    async with served.viewer.stream("GET", "/events?page=wall") as answer:
        text = await next_message(answer.aiter_lines(), "wall-area")
    assert "node-rows" not in text
