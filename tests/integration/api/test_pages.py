"""What pages take and say, by HTTP, without a browser."""

import pytest

from falconeye.base.errors import Unavailable
from tests.integration.api.conftest import Served
from tests.integration.api.test_recordings import footage

pytestmark = pytest.mark.timeout(30)


async def actions(served: Served) -> list[str]:
    """The audit log, the oldest first."""
    entries, _total = await served.services.accounts.audit.list()
    return [entry.action for entry in reversed(entries)]


async def test_an_act_has_one_name_in_the_audit_log_whichever_way_it_was_done(
    served: Served,
) -> None:
    body = {"name": "Gate", "protocol": "demo", "record": "off"}
    camera = (await served.admin.post("/api/cameras/", json=body)).json()
    path = f"/cameras/{camera['id']}"
    for action in ("start", "restart", "stop"):
        answer = await served.operator.post(f"{path}/action", data={"action": action})
        assert answer.status_code == 303, answer.text
        assert (await served.operator.post(f"/api{path}/{action}")).status_code == 200
    did = ["camera.started", "camera.restarted", "camera.stopped"]
    assert await actions(served) == ["camera.added", *(name for name in did for _way in "pi")]


async def test_what_could_not_be_written_down_is_written_down_the_next_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/recordings/{await footage(served)}/download"

    async def fails(*_values: object) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(served.services.accounts.audit._store, "add", fails)
        assert (await served.viewer.get(path)).status_code == 503
    assert (await served.viewer.get(path)).status_code == 200
    assert (await served.viewer.get(path)).status_code == 200
    assert await actions(served) == ["recording.downloaded"]


async def test_cameras_deleted_at_once_are_written_down_one_by_one(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("A", "B", "C"):
        await served.admin.post("/api/cameras/", json={"name": name, "protocol": "demo"})
    store = served.services.cameras._store
    delete, doomed = store.delete, [camera.config for camera in served.services.cameras.list()]

    async def fails_at_the_third(camera_id: str) -> None:
        if camera_id == doomed[2].id:
            raise Unavailable("the disk is full")
        await delete(camera_id)

    monkeypatch.setattr(store, "delete", fails_at_the_third)
    assert (await served.admin.delete("/api/settings/cameras/all")).status_code == 503
    entries, _total = await served.services.accounts.audit.list()
    gone = [entry.object_id for entry in entries if entry.action == "camera.deleted"]
    assert gone == [doomed[1].id, doomed[0].id]
