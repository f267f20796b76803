"""Who watches live stands in the audit log, once an hour; without the log live goes on."""

import asyncio
import logging

import pytest

from falconeye.base.errors import Unavailable
from falconeye.base.times import HOUR_US
from falconeye.storage.stores.audit_store import AuditEntry
from falconeye.web.audit_once import STATE_KEY, DownloadAudit
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import until
from tests.integration.api.test_live import control, socket


async def online(served: Served) -> str:
    body = {"name": "Door", "protocol": "demo", "start": True}
    answer = await served.admin.post("/api/cameras/", json=body)
    camera_id: str = answer.json()["id"]
    await until(served, f"/api/cameras/{camera_id}", lambda camera: camera["online"])
    return camera_id


async def watched(served: Served) -> list[tuple[str, str]]:
    entries, _ = await served.services.accounts.audit.list()
    return [(one.who_name, one.detail) for one in entries if one.action == "live.viewed"]


@pytest.mark.timeout(60)
async def test_who_watches_is_noted_once_an_hour(served: Served) -> None:
    camera_id = await online(served)
    path = f"/api/cameras/{camera_id}/snapshot.jpg"
    for _ in range(3):
        assert (await served.viewer.get(path)).status_code == 200
    first = await watched(served)
    assert [detail for _, detail in first] == ["Door, still"]
    assert (await served.operator.get(path)).status_code == 200
    assert len(await watched(served)) == 2
    async with served.viewer.stream("GET", f"/api/cameras/{camera_id}/live.mp4") as live:
        assert live.status_code == 200
    assert len(await watched(served)) == 2  # whichever way it is watched
    known: DownloadAudit = served.app.state[STATE_KEY]
    for key, at_us in known._known.items():
        known._known[key] = at_us - HOUR_US
    assert (await served.viewer.get(path)).status_code == 200
    assert [name for name, _ in await watched(served)].count(first[0][0]) == 2


@pytest.mark.timeout(60)
async def test_a_log_that_cannot_be_written_ends_no_live_view(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    camera_id = await online(served)
    path = f"/api/cameras/{camera_id}/snapshot.jpg"

    async def fails(*_values: object) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(served.services.accounts.audit._store, "add", fails)
        assert (await served.viewer.get(path)).status_code == 200
    assert "live.viewed is not in the audit log: the disk is full" in caplog.text
    assert await watched(served) == []
    assert (await served.viewer.get(path)).status_code == 200
    assert len(await watched(served)) == 1


@pytest.mark.timeout(60)
async def test_a_socket_is_noted_and_its_pictures_do_not_wait_for_that(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera_id = await online(served)
    store, written = served.services.accounts.audit._store, asyncio.Event()
    add = store.add

    async def slowly(entry: AuditEntry) -> None:
        await written.wait()
        await add(entry)

    monkeypatch.setattr(store, "add", slowly)
    async with socket(served, camera_id, served.viewer, "?stream=main") as live:
        _ = await control(live, "hello")
        while not isinstance(await live.recv(), bytes):
            pass
        assert await watched(served) == []
        written.set()
        async with asyncio.timeout(10):
            while not await watched(served):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert [detail for _, detail in await watched(served)] == ["Door, video"]
