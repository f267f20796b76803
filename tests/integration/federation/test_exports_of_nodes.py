"""An export of footage that lies on several nodes is one file, made by the node that was asked."""

import asyncio
import io
from pathlib import Path
from typing import Any

import av
import pytest

from falconeye.accounts.model import Role
from falconeye.base.times import SECOND_US, rfc3339
from falconeye.sources.demo_picture import read_barcode
from falconeye.storage.export.export_layout import ExportOrder
from tests.clocked_footage import FRAME_US
from tests.integration.api.test_exports import finished
from tests.integration.federation.footage_nodes import FootageNode, footage_nodes, shared_camera
from tests.integration.federation.test_playback_of_nodes import Shared
from tests.integration.federation.test_playback_of_nodes import shared as shared  # noqa: PLC0414 - the fixture

pytestmark = pytest.mark.timeout(60)


async def exported(node: FootageNode, shared: Shared, **window: str) -> dict[str, Any]:
    answer = await node.served.operator.post(f"{shared.path}/export", json=shared.window | window)
    assert answer.status_code == 202, answer.text
    return await finished(node.served.operator, answer.json()["id"])


def codes(data: bytes) -> list[int | None]:
    """The wall times (ms) that the pictures carry."""
    with av.open(io.BytesIO(data), mode="r") as container:
        return [
            read_barcode(bytes(frame.reformat(format="gray").planes[0]), 320, 320)
            for frame in container.decode(video=0)
        ]


async def sidecar(node: FootageNode, job: dict[str, Any]) -> Any:
    answer = await node.served.operator.get(f"/api/jobs/{job['id']}/sidecar")
    return answer.json()


def lose(shared: Shared) -> None:
    """The second node was heard, and is not any more."""
    peer = shared.one.known.peers.get(shared.two.keys.node_id)
    assert peer is not None
    peer.heard_us = shared.one.served.services.clock.monotonic_us()
    shared.one.known.who.silent.add(shared.two.keys.node_id)


async def test_the_footage_of_two_nodes_is_one_file(shared: Shared) -> None:
    for node in (shared.one, shared.two):
        job = await exported(node, shared)
        assert (job["state"], job["export"]["parts"]) == ("complete", 1), job
        data = (await node.served.operator.get(f"/api/jobs/{job['id']}/result")).content
        found = await asyncio.to_thread(codes, data)
        first = shared.from_us // 1000 % 2**32
        assert found == [first + index * FRAME_US // 1000 for index in range(360)]
        told = await sidecar(node, job)
        (hole,) = told["gaps"]  # behind the last
        assert hole["from"] == rfc3339(shared.from_us + 36 * SECOND_US)
        assert unnamed(told) == stretches(
            shared, (shared.one, 0, 12), (shared.two, 12, 30), (shared.one, 30, 36)
        )
        assert told["unreachable_nodes"] == []
        sheet = (await node.served.operator.get(f"/api/jobs/{job['id']}/sheet")).text
        assert sheet.count(f"pi-1, id {shared.one.keys.node_id}") == 2
        assert sheet.count(f", id {shared.two.keys.node_id}") == 1
        if node is shared.one:
            assert [one["name"] for one in told["nodes"]] == ["pi-1", "pi-2", "pi-1"]


def unnamed(told: Any) -> list[dict[str, str]]:
    """The second node of these tests calls itself as the first one does."""
    return [{name: one[name] for name in ("id", "from", "to")} for one in told["nodes"]]


def stretches(shared: Shared, *wanted: tuple[FootageNode, float, float]) -> list[dict[str, str]]:
    """As a sidecar has them; seconds from the beginning."""
    return [
        {
            "id": node.keys.node_id,
            "from": rfc3339(shared.from_us + round(begin * SECOND_US)),
            "to": rfc3339(shared.from_us + round(end * SECOND_US)),
        }
        for node, begin, end in wanted
    ]


async def test_from_the_middle_of_one_node_to_the_middle_of_the_other(shared: Shared) -> None:
    span = {
        "from": rfc3339(shared.from_us + 7 * SECOND_US),
        "to": rfc3339(shared.from_us + 17 * SECOND_US),
    }
    job = await exported(shared.one, shared, **span)
    data = (await shared.one.served.operator.get(f"/api/jobs/{job['id']}/result")).content
    found = await asyncio.to_thread(codes, data)
    wanted = [(shared.from_us + index * FRAME_US) // 1000 % 2**32 for index in range(70, 170)]
    assert found[-100:] == wanted
    assert job["export"]["gaps"] == 0
    told = unnamed(await sidecar(shared.one, job))
    assert told == stretches(shared, (shared.one, 7, 12), (shared.two, 12, 17))


async def test_a_job_that_is_taken_up_waits_until_the_others_can_be_heard(shared: Shared) -> None:
    """At a start nobody was heard yet: what they have would be left out, though they are there."""
    silent = shared.one.known.who.silent
    silent.add(shared.two.keys.node_id)
    exports = shared.one.served.services.exports
    assert exports.elsewhere is not None
    order = ExportOrder(shared.camera_id, "", shared.from_us, shared.to_us)
    asked = asyncio.ensure_future(exports.elsewhere.sources(order))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not asked.done()
    silent.clear()
    told = await asked
    assert ([len(part) for part in told.parts], list(told.silent)) == ([3], [])
    lose(shared)
    assert list((await exports.elsewhere.sources(order)).silent) == ["pi-2"]  # at once


async def test_what_a_silent_node_may_hold_is_told_as_missing(shared: Shared) -> None:
    lose(shared)
    job = await exported(shared.one, shared)
    assert job["state"] == "complete"
    assert job["export"]["unreachable_nodes"] == ["pi-2"]
    papers = await sidecar(shared.one, job)
    assert papers["unreachable_nodes"] == ["pi-2"]
    assert unnamed(papers) == stretches(shared, (shared.one, 0, 36))
    gaps = papers["gaps"]
    assert gaps[0]["from"] == rfc3339(shared.from_us + 12 * SECOND_US)
    assert gaps[0]["to"] == rfc3339(shared.from_us + 24 * SECOND_US)
    assert "no answer from pi-2" in gaps[0]["detail"]
    sheet = await shared.one.served.operator.get(f"/api/jobs/{job['id']}/sheet")
    assert "no answer from pi-2" in sheet.text
    assert "These nodes did not answer, and may have more of it: pi-2" in sheet.text
    hole = {
        "from": rfc3339(shared.from_us + 14 * SECOND_US),
        "to": rfc3339(shared.from_us + 20 * SECOND_US),
    }
    answer = await shared.one.served.operator.post(f"{shared.path}/export", json=hole)
    assert answer.status_code == 503
    assert "pi-2" in answer.json()["detail"]


async def test_footage_that_goes_while_it_is_read_is_told_as_missing(shared: Shared) -> None:
    media = shared.two.served.services.settings.media_dir
    files = await asyncio.to_thread(lambda: sorted(media.rglob("*.mp4")))
    await asyncio.to_thread(files[1].unlink)
    job = await exported(shared.one, shared)
    assert job["state"] == "complete"
    gaps = (await sidecar(shared.one, job))["gaps"]
    (lost, _) = gaps  # one segment, and what is behind the last
    assert "pi-2" in lost["detail"]
    assert lost["from"] == rfc3339(shared.from_us + 18 * SECOND_US)
    assert lost["to"] == rfc3339(shared.from_us + 24 * SECOND_US)


async def test_the_other_node_looks_again_at_who_asks(shared: Shared) -> None:
    """It does not know this token: there is nothing of it, and no job."""
    client = await shared.one.served.client(Role.OPERATOR, cameras=frozenset({shared.camera_id}))
    hole = {
        "from": rfc3339(shared.from_us + 14 * SECOND_US),
        "to": rfc3339(shared.from_us + 20 * SECOND_US),
    }
    async with client:
        answer = await client.post(f"{shared.path}/export", json=hole)
    assert answer.status_code == 503


async def test_cameras_of_several_nodes_are_one_zip(tmp_path: Path) -> None:
    async with footage_nodes(tmp_path, "pi-1", "pi-2") as (one, two):
        cameras = [await shared_camera([one, two]) for _ in range(2)]
        now_us = one.served.services.clock.utc_us()
        start_us = now_us // SECOND_US * SECOND_US - 60 * SECOND_US
        await one.record(cameras[0], start_us, 1)
        await two.record(cameras[1], start_us, 1)
        body = {
            "cameras": cameras,
            "from": rfc3339(start_us),
            "to": rfc3339(start_us + 6 * SECOND_US),
        }
        answer = await one.served.operator.post("/api/exports", json=body)
        assert answer.status_code == 202, answer.text
        job = await finished(one.served.operator, answer.json()["id"])
        assert (job["state"], job["export"]["parts"], job["export"]["gaps"]) == (
            "complete",
            2,
            0,
        ), job


async def test_a_change_of_node_within_a_segment_repeats_nothing(tmp_path: Path) -> None:
    async with footage_nodes(tmp_path, "pi-1", "pi-2") as (one, two):
        camera_id = await shared_camera([one, two])
        now_us = one.served.services.clock.utc_us()
        start_us = now_us // SECOND_US * SECOND_US - 60 * SECOND_US
        await one.record(camera_id, start_us, 1)  # 0 to 6 s
        await two.record(camera_id, start_us + 6 * SECOND_US, 2)  # 6 to 18 s
        await one.record(camera_id, start_us + 14 * SECOND_US, 2)  # 14 to 26 s
        pair = Shared(one, two, camera_id, start_us, start_us + 26 * SECOND_US)
        for node in (one, two):
            job = await exported(node, pair)
            assert (job["state"], job["export"]["gaps"]) == ("complete", 0), job
            data = (await node.served.operator.get(f"/api/jobs/{job['id']}/result")).content
            first = start_us // 1000 % 2**32
            wanted = [first + index * FRAME_US // 1000 for index in range(260)]
            assert await asyncio.to_thread(codes, data) == wanted
            told = unnamed(await sidecar(node, job))
            ids = [each.keys.node_id for each in (one, two, one)]
            assert [stretch["id"] for stretch in told] == ids
            assert [each["to"] for each in told[:-1]] == [each["from"] for each in told[1:]]
