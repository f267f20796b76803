"""The audit log of two nodes is one at each, in list, page and file."""

import csv
import io
import json
from dataclasses import replace

import pytest

from falconeye.storage.stores.audit_store import AuditEntry, AuditStore
from tests.clock import START_US
from tests.integration.api.conftest import Served
from tests.integration.lists.conftest import Two

pytestmark = pytest.mark.timeout(40)


async def noted(node: Served, count: int, *, shift: int) -> None:
    """Entries of every second moment, so that those of two nodes alternate."""
    store = AuditStore(node.services.patient.database)
    for number in range(count):
        at_us = START_US + 2 * number + shift
        await store.add(AuditEntry(at_us, "user", "u", "ann", "test.done", "test", str(at_us), "",
                                   "192.0.2.9"))  # fmt: skip


async def test_entries_of_all_nodes_are_one_log(nodes: Two) -> None:
    await noted(nodes.one, 5, shift=0)
    await noted(nodes.two, 5, shift=1)
    only = {"action": "test.done"}
    listed = (await nodes.one.admin.get("/api/audit/", params=only)).json()
    assert [int(each["object_id"]) - START_US for each in listed["entries"]] == [*range(9, -1, -1)]
    assert [each["node_name"] for each in listed["entries"]] == ["pi-2", "pi-1"] * 5
    assert (listed["total"], listed["unreachable_nodes"]) == (10, [])
    part = await nodes.one.admin.get("/api/audit/", params={**only, "limit": 3, "offset": 4})
    assert part.json()["entries"] == listed["entries"][4:7]
    file = await nodes.one.admin.get("/api/audit/download", params=only)
    assert [json.loads(line) for line in file.text.splitlines()] == listed["entries"]
    page = (await nodes.one.admin.get("/audit", params=only)).text
    assert page.count("on pi-2") == 5
    assert (await nodes.one.operator.get("/api/audit/")).status_code == 403


async def test_entries_of_a_clock_that_was_ahead_are_on_a_page(nodes: Two) -> None:
    """Noted in between, dated years ahead and in 1970: each is told once, in list and file."""
    await noted(nodes.one, 3, shift=0)
    await noted(nodes.two, 2, shift=1)
    await noted(nodes.two, 1, shift=10**15)
    await noted(nodes.two, 1, shift=-START_US)
    await noted(nodes.two, 2, shift=5)
    only = {"action": "test.done"}
    found: list[int] = []
    for offset in range(0, 10, 2):
        part = await nodes.one.admin.get(
            "/api/audit/", params={**only, "limit": 2, "offset": offset}
        )
        found += [int(each["object_id"]) - START_US for each in part.json()["entries"]]
    assert found == [10**15, 7, 5, 4, 3, 2, 1, 0, -START_US]
    file = await nodes.one.admin.get("/api/audit/download", params=only)
    told = [int(json.loads(line)["object_id"]) - START_US for line in file.text.splitlines()]
    assert told == found


async def test_more_than_a_node_tells_at_once_is_in_the_file(
    nodes: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.web.peers.audit.MAX_PART", 4)
    await noted(nodes.two, 11, shift=0)
    file = await nodes.one.admin.get("/api/audit/download", params={"action": "test.done"})
    told = [int(json.loads(line)["object_id"]) - START_US for line in file.text.splitlines()]
    assert told == [*range(20, -1, -2)]


async def test_a_silent_node_is_named(nodes: Two) -> None:
    await noted(nodes.one, 1, shift=0)
    nodes.silence(nodes.two)
    only = {"action": "test.done"}
    listed = (await nodes.one.admin.get("/api/audit/", params=only)).json()
    assert (listed["total"], listed["unreachable_nodes"]) == (1, ["pi-2"])
    page = (await nodes.one.admin.get("/audit")).text
    assert "Entries of nodes that do not answer are not in this list: pi-2." in page
    file = await nodes.one.admin.get("/api/audit/download", params=only)
    assert "falconeye-audit-without-pi-2.jsonl" in file.headers["content-disposition"]
    assert len(file.text.splitlines()) == 1


async def test_the_filter_offers_what_stands_in_any_log(nodes: Two) -> None:
    log = AuditStore(nodes.two.services.patient.database)
    await log.add(
        AuditEntry(START_US, "user", "u", "eve", "only.theirs", "thing", "1", "", "192.0.2.9")
    )
    await noted(nodes.one, 1, shift=0)

    async def offered(**query: str) -> str:
        answer = await nodes.one.admin.get("/audit", params=query)
        assert answer.status_code == 200, answer.text
        return answer.text

    page = await offered()
    for word in ("only.theirs", "eve", "thing", "test.done", "ann", "test"):
        assert page.count(f'<option value="{word}">') == 1, word
    assert "1 entry" in await offered(actor="eve", action="only.theirs", object_kind="thing")
    assert (await nodes.one.nobody.post("/peer/audit/words", json={})).status_code == 404
    nodes.silence(nodes.two)
    page = await offered()
    assert "only.theirs" not in page
    assert "nodes that do not answer is not among these choices: pi-2." in page


async def test_all_cameras_connect_anew_at_all_nodes_and_who_is_silent_is_named(nodes: Two) -> None:
    told = (await nodes.one.admin.post("/api/settings/restart-all")).json()
    assert (told["count"], told["unreachable_nodes"]) == (0, [])
    entries = (await nodes.one.admin.get("/api/audit/")).json()["entries"]
    restarted = [one["node_name"] for one in entries if one["action"] == "cameras.restarted"]
    assert sorted(restarted) == ["pi-1", "pi-2"]
    nodes.silence(nodes.two)
    told = (await nodes.one.admin.post("/api/settings/restart-all")).json()
    assert told["unreachable_nodes"] == ["pi-2"]
    page = (await nodes.one.admin.post("/settings/cameras/restart")).text
    assert "did not restart theirs: pi-2." in page


async def test_a_camera_and_a_spreadsheet_are_those_of_all_nodes(nodes: Two) -> None:
    for node, name in ((nodes.one, "door"), (nodes.two, "door_20261120100000-pi-2")):
        log = AuditStore(node.services.patient.database)
        entry = AuditEntry(START_US, "user", "u", "ann", "test.done", "camera", name, "", "")
        await log.add(entry)
        await log.add(replace(entry, object_id="yard"))
    only = {"camera_id": "door"}
    listed = (await nodes.one.admin.get("/api/audit/", params=only)).json()
    assert {one["object_id"] for one in listed["entries"]} == {"door", "door_20261120100000-pi-2"}
    assert listed["total"] == 2
    file = await nodes.one.admin.get("/api/audit/download", params={**only, "form": "csv"})
    rows = list(csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"), newline="")))
    assert [row["node_name"] for row in rows] == [one["node_name"] for one in listed["entries"]]
