"""A scan of the network by API and page; it asks loopback addresses only."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from falconeye.discovery.service import Discovery
from tests.integration.api.conftest import Served
from tests.peers.ignored_ids import RememberedIds
from tests.peers.site import HOST

NETWORK = "127.0.0.2/31"
HOST_ADDRESS, PORT = "127.0.0.3", 8554  # one of the ports that a scan knows


@pytest.fixture
def camera() -> Iterator[None]:
    """One that speaks RTSP and announces nothing."""
    what = {"address": HOST_ADDRESS, "onvif": [], "tcp": {PORT: "rtsp"}}
    program = [sys.executable, str(HOST), json.dumps(what)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdin is not None
        assert host.stdout.readline() == b"ready\n"
        yield
        host.stdin.close()
        host.wait(timeout=3)


@pytest.fixture
async def scanning(served: Served, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A node that looks on loopback, and whose cameras answer at the port of a real server."""
    discovery = Discovery(served.services.clock, RememberedIds(), loopback=True)
    discovery._watch.start()
    finding = served.services.finding
    monkeypatch.setattr(finding, "discovery", discovery)
    yield served
    if discovery.scan_now is not None:
        await discovery.scan_now.cancel()
    await discovery._tasks.stop()
    await discovery._watch.stop()


async def test_nothing_is_known_before_the_first(scanning: Served) -> None:
    assert (await scanning.admin.get("/api/nodes/scan/")).status_code == 404
    assert (await scanning.admin.delete("/api/nodes/scan/")).status_code == 404
    assert "Ask every address" in (await scanning.admin.get("/cameras/found")).text


@pytest.mark.usefixtures("camera")
async def test_what_answers_is_found_and_told(scanning: Served) -> None:
    begun = await scanning.operator.post("/api/nodes/scan/", json={"networks": [NETWORK]})
    assert (begun.status_code, begun.json()["networks"]) == (202, [NETWORK])
    again = await scanning.operator.post("/api/nodes/scan/", json={})
    assert again.status_code == 409
    page = await scanning.operator.post("/cameras/found/scan", data={"networks": NETWORK})
    assert (page.status_code, "running already" in page.text) == (409, True)
    scan = scanning.services.finding.discovery.scan_now
    assert scan is not None
    await scan.wait()
    told = (await scanning.viewer.get("/api/nodes/scan/")).status_code
    assert told == 403  # who may not test cameras need not know the network
    told = (await scanning.operator.get("/api/nodes/scan/")).json()
    assert (told["state"], told["hosts_done"], told["hosts_total"]) == ("done", 2, 2)
    assert [one["url"] for one in told["found"]] == [f"rtsp://{HOST_ADDRESS}:{PORT}/"]
    page = await scanning.operator.get("/cameras/found/scan")
    assert "2 of 2 addresses asked" in page.text
    assert "1 answers like a camera" in page.text
    assert "hx-trigger" not in page.text  # it is over: nobody asks again
    assert HOST_ADDRESS in (await scanning.operator.get("/cameras/found")).text


async def test_it_is_ended_by_page_and_api(scanning: Served) -> None:
    begun = await scanning.operator.post("/cameras/found/scan", data={"networks": NETWORK})
    assert begun.status_code == 303, begun.text
    assert "hx-trigger" in (await scanning.operator.get("/cameras/found/scan")).text
    ended = await scanning.operator.post("/cameras/found/scan/cancel")
    assert ended.status_code == 303
    assert (await scanning.operator.get("/api/nodes/scan/")).json()["state"] == "cancelled"
    begun = await scanning.operator.post("/api/nodes/scan/", json={"networks": [NETWORK]})
    assert begun.status_code == 202
    assert (await scanning.operator.delete("/api/nodes/scan/")).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"networks": ["8.8.8.0/24"]}, 422, "8.8.8.0/24"),
        ({"networks": ["10.0.0.0/8"]}, 422, "10.0.0.0/8"),
        ({"networks": ["garage"]}, 422, "looks like"),
        ({"networks": []}, 422, ""),
        ({"networks": ["192.168.7.0/24"], "insist": True}, 403, "admin"),
    ],
)
async def test_what_may_not_be_asked_is_refused(
    scanning: Served, body: dict[str, Any], status: int, words: str
) -> None:
    refused = await scanning.operator.post("/api/nodes/scan/", json=body)
    assert (refused.status_code, words in refused.json()["detail"]) == (status, True), refused.text
    typed = {"networks": " ".join(body["networks"]), "insist": str(body.get("insist", "")).lower()}
    if body["networks"]:
        page = await scanning.operator.post("/cameras/found/scan", data=typed)
        assert page.status_code == status, page.text
    assert scanning.services.finding.discovery.scan_now is None


async def test_a_node_that_is_not_to_look_asks_nobody(served: Served) -> None:
    served.services.finding._network = False
    refused = await served.admin.post("/api/nodes/scan/", json={})
    assert (refused.status_code, "switched off" in refused.json()["detail"]) == (400, True)
    assert "Ask every address" not in (await served.admin.get("/cameras/found")).text
