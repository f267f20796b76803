"""What pages take and say, by HTTP, without a browser."""

from html import unescape

import pytest

from falconeye.base.errors import Unavailable
from falconeye.base.times import DAY_US
from tests.clock import START_US
from tests.integration.api.conftest import Served
from tests.integration.api.test_recordings import footage

pytestmark = pytest.mark.timeout(30)


async def actions(served: Served) -> list[str]:
    """The audit log, the oldest first."""
    entries, _total = await served.services.accounts.audit.list()
    return [entry.action for entry in reversed(entries)]


async def test_every_status_can_be_filtered_by(served: Served) -> None:
    await footage(served)
    for status in ("recording", "stopped", "completed", "failed", "error", "nonsense"):
        answer = await served.viewer.get(f"/recordings?status={status}")
        assert answer.status_code == 200, (status, answer.text)


async def test_recordings_lead_to_the_next_one_however_far(served: Served) -> None:
    first = await footage(served, START_US)
    second = await footage(served, START_US + 3 * DAY_US)
    third = await footage(served, START_US + 3 * DAY_US + 3_600_000_000)
    for wanted, older, newer in ((first, "", second), (second, first, third), (third, second, "")):
        page = (await served.viewer.get(f"/recordings/{wanted}")).text
        for rel, beside in (("prev", older), ("next", newer)):
            link = f'href="/recordings/{beside}" rel="{rel}"'
            assert (link in page) is bool(beside), (wanted, rel)


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


async def test_an_export_without_a_beginning_says_so_at_its_field(served: Served) -> None:
    body = {"name": "Gate", "protocol": "demo"}
    camera = (await served.admin.post("/api/cameras/", json=body)).json()
    form = {"camera": camera["id"], "from": "", "to": "2026-11-20T14:00:00"}
    answer = await served.operator.post("/exports", data=form)
    assert answer.status_code == 422
    said = answer.text.split('id="from-error"')[1].split("</p>")[0]
    assert "A date and a time are needed." in said
    later = await served.operator.post("/exports", data=form | {"from": form["to"]})
    assert "Must lie after from." in later.text.split('id="to-error"')[1].split("</p>")[0]


async def test_a_refused_account_is_said_in_sentences(served: Served) -> None:
    link = await served.services.accounts.make_setup_link(served.url)
    form = {"name": "anna", "password": "short"}
    answer = await served.nobody.post(link.removeprefix(served.url), data=form)
    assert answer.status_code == 422
    said = unescape(answer.text.split('id="password-error"')[1].split("</p>")[0])
    words = said.rpartition(">")[2].strip()
    assert words[:1].isupper()
    assert words.endswith(".")


async def test_destinations_sent_back_as_they_were_are_no_change(served: Served) -> None:
    form = {"notify_urls": "json://10.0.0.1/a\r\njson://10.0.0.2/b", "notify_cooldown_minutes": "5"}
    saved = await served.admin.post("/settings/notices", data=form)
    assert saved.status_code == 303, saved.text
    before = await actions(served)
    page = (await served.admin.get("/settings/notices")).text
    shown = unescape(page.split("<textarea")[1].partition(">")[2].partition("</textarea>")[0])
    assert shown.count("\n") == 1
    form["notify_urls"] = shown.replace("\n", "\r\n")
    assert (await served.admin.post("/settings/notices", data=form)).status_code == 303
    assert await actions(served) == before


async def test_a_gigabyte_typed_is_a_gigabyte_kept(served: Served) -> None:
    for text, size in (("4.35", 4_350_000_000), ("1,001", 1_001_000_000), ("2.3", 2_300_000_000)):
        answer = await served.admin.post("/settings", data={"keep_bytes": text})
        assert answer.status_code == 303, answer.text
        assert served.services.stored_settings.current.keep_bytes == size


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
