"""Changes of one camera that overlap: it ends as the last of them says, and records."""

import asyncio
from typing import Any

import pytest

from falconeye.cameras.registry import Camera, CameraRegistry
from tests.integration.api.conftest import Served

LOOK_S = 0.05


async def recording(served: Served, path: str) -> None:
    """Wait until the camera's recorder writes."""
    async with asyncio.timeout(8):
        while (await served.viewer.get(f"{path}/recording/status")).json()["status"] == "idle":  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


async def demo(served: Served) -> str:
    body: dict[str, Any] = {"name": "Demo", "protocol": "demo", "start": True}
    camera = (await served.admin.post("/api/cameras/", json=body)).json()
    path = f"/api/cameras/{camera['id']}"
    await recording(served, path)
    return path


async def test_a_camera_restarted_twice_at_once_goes_on_recording(served: Served) -> None:
    path = await demo(served)
    answers = await asyncio.gather(*(served.admin.post(f"{path}/restart") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    await recording(served, path)


async def test_a_stop_and_a_start_at_once_leave_no_camera_without_a_recorder(
    served: Served,
) -> None:
    path = await demo(served)
    await asyncio.gather(served.admin.post(f"{path}/stop"), served.admin.post(f"{path}/start"))
    if (await served.viewer.get(path)).json()["status"] == "stopped":
        await served.admin.post(f"{path}/start")
    await recording(served, path)


async def test_changes_at_once_are_all_kept(served: Served) -> None:
    path = await demo(served)
    await asyncio.gather(
        served.admin.patch(path, json={"location": "yard"}),
        served.admin.patch(path, json={"name": "Gate"}),
        served.admin.post(f"{path}/restart"),
    )
    camera = (await served.viewer.get(path)).json()
    assert (camera["location"], camera["name"]) == ("yard", "Gate")
    await recording(served, path)


async def test_all_means_those_that_are_there_and_run_when_their_turn_comes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first is restarted the second is stopped, the third deleted; then all are."""
    cameras = served.services.cameras
    ids = []
    for name in "abcd":
        body: dict[str, Any] = {"name": name, "protocol": "demo", "start": True}
        ids.append((await served.admin.post("/api/cameras/", json=body)).json()["id"])
    restart, delete = CameraRegistry.restart, CameraRegistry.delete

    async def restart_slowly(self: CameraRegistry, camera_id: str) -> Camera:
        if camera_id == ids[0]:
            await cameras.stop(ids[1], by="Anna")
            await delete(self, ids[2])
        return await restart(self, camera_id)

    monkeypatch.setattr(CameraRegistry, "restart", restart_slowly)
    answer = await served.admin.post("/api/settings/restart-all")
    assert (answer.status_code, answer.json()["count"]) == (200, 2)
    assert cameras.get(ids[1]).config.stopped_by == "Anna"

    async def delete_slowly(self: CameraRegistry, camera_id: str) -> None:
        if camera_id == ids[0]:
            await delete(self, ids[1])
        await delete(self, camera_id)

    monkeypatch.setattr(CameraRegistry, "delete", delete_slowly)
    answer = await served.admin.delete("/api/settings/cameras/all")
    assert (answer.status_code, cameras.list()) == (200, [])
