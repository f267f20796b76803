"""Changes of one camera that overlap: it ends as the last of them says, and records."""

import asyncio
from typing import Any

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
