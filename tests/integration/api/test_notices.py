"""Notices by HTTP, and on their way out: to a real receiver, with the real application."""

import asyncio
import json
from typing import Any

import pytest

from falconeye.accounts.model import Role
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores.notice_store import Notice, NoticeStore
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import LOOK_S, demo, until
from tests.peers.http_receiver import http_receiver

pytestmark = pytest.mark.timeout(30)


async def patch(served: Served, **settings: Any) -> dict[str, Any]:
    answer = await served.admin.patch("/api/settings/", json=settings)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_notices_are_listed_to_those_who_may_see_the_camera(served: Served) -> None:
    since_us = served.services.clock.utc_us()
    store = NoticeStore(served.services.alerts._store._database)
    await store.save(
        [
            Notice("1", "a", "Yard", since_us, GapReason.DISK_FULL, until_us=since_us + 1),
            Notice("2", "b", "Gate", since_us + 1, GapReason.CAMERA_OFFLINE, "no answer"),
        ]
    )
    found = (await served.viewer.get("/api/notices/")).json()
    assert (found["total"], [each["id"] for each in found["notices"]]) == (2, ["2", "1"])
    assert found["notices"][0].keys() == {
        "id", "camera_id", "camera_name", "volume_id", "volume_path", "since", "until",
        "reason", "detail", "sent", "node_name", "node_id",
    }  # fmt: skip
    for query, ids in (("active=true", ["2"]), ("active=false", ["1"]), ("offset=1", ["1"])):
        found = (await served.viewer.get(f"/api/notices/?{query}")).json()
        assert [each["id"] for each in found["notices"]] == ids
    assert (await served.viewer.get("/api/notices/?active=perhaps")).status_code == 422
    async with await served.client(Role.ADMIN, cameras=frozenset({"a"})) as limited:
        found = (await limited.get("/api/notices/")).json()
        assert (found["total"], found["notices"][0]["camera_name"]) == (1, "Yard")
    async with await served.client(Role.VIEWER, live_only=True) as live:
        assert (await live.get("/api/notices/")).status_code == 403
    assert (await served.nobody.get("/api/notices/")).status_code == 401


async def test_the_page_links_to_cameras_that_are_there(served: Served) -> None:
    here = (await demo(served)).rpartition("/")[2]
    since_us = served.services.clock.utc_us()
    over_us = since_us + 1
    store = NoticeStore(served.services.alerts._store._database)
    await store.save(
        [
            Notice("1", here, "Yard", since_us, GapReason.DISK_FULL, until_us=over_us),
            Notice("2", "deleted", "Gate", since_us, GapReason.DISK_FULL, until_us=over_us),
        ]
    )
    page = (await served.viewer.get("/notices")).text
    assert ("Yard" in page, "Gate" in page) == (True, True)
    assert (f"/cameras/{here}" in page, "/cameras/deleted" in page) == (True, False)


async def test_only_admins_see_and_test_where_notices_go(served: Served) -> None:
    for client in (served.viewer, served.operator):
        assert (await client.get("/api/notices/channels")).status_code == 403
        answer = await client.post("/api/notices/test", json={"channel": "webhook"})
        assert answer.status_code == 403
    assert (await served.admin.get("/api/notices/channels")).json() == {"channels": []}
    answer = await served.admin.post("/api/notices/test", json={"channel": "webhook"})
    assert answer.status_code == 404


async def test_every_channel_can_be_tested_and_says_what_came_back(served: Served) -> None:
    async with http_receiver() as receiver:
        shown = await patch(
            served,
            notify_urls=[receiver.url("/apprise", "json")],
            webhook_url=receiver.url("/hook/secret-id"),
            webhook_secret="a secret of sixteen",
            heartbeat_url=receiver.url("/beat"),
        )
        base = receiver.url("")
        assert (shown["webhook_url"], shown["webhook_secret"]) == (f"{base}/***", "***")
        assert shown["notify_urls"] == ["json://***"]
        refused = await served.admin.post("/api/notices/test", json={"channel": "webhook"})
        assert refused.json()["ok"] is False
        assert "no address of a single host" in refused.json()["answer"]
        assert receiver.received == []
        _ = await patch(served, notify_allow_local=True)
        channels = (await served.admin.get("/api/notices/channels")).json()
        for channel in channels["channels"]:
            answer = await served.admin.post("/api/notices/test", json={"channel": channel["id"]})
            assert answer.json()["ok"] is True, answer.text
        apprise, hook, beat = receiver.received
        assert (apprise.path, hook.path, beat.path) == ("/apprise", "/hook/secret-id", "/beat")
        assert (hook.method, beat.method) == ("POST", "GET")
        assert json.loads(hook.body)["kind"] == "test"
        assert "x-falconeye-signature" in hook.headers
        receiver.status = 503
        answer = await served.admin.post("/api/notices/test", json={"channel": "webhook"})
        assert answer.json() == {"ok": False, "answer": "it answered 503 Said"}
    states = {
        each["id"]: each
        for each in (await served.admin.get("/api/notices/channels")).json()["channels"]
    }
    assert states["webhook"]["problem"] == "it answered 503 Said"
    assert states["webhook"]["tried"]
    assert states["webhook"]["delivered"]
    assert "secret-id" not in str(states)


async def test_what_a_receiver_refuses_is_given_up_and_said(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.alerts.channel.REFUSED_TRIES", 1)
    alerts = served.services.alerts
    async with http_receiver() as receiver:
        receiver.status = 413
        url = receiver.url("/hook")
        _ = await patch(served, webhook_url=url, notify_allow_local=True)
        _ = await alerts.channels()
        alerts._outside.put(alerts._message())
        async with asyncio.timeout(10):
            while not (state := (await alerts.channels())[0]).refused:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
    assert (state.waiting, state.problem) == (0, "it answered 413 Said")
    (told,) = (await served.admin.get("/api/notices/channels")).json()["channels"]
    assert (told["refused"], told["dropped"]) == (1, 0)
    page = (await served.admin.get("/settings/notices")).text
    assert "<dt>Given up, refused</dt><dd>1</dd>" in page
    metrics = (await served.viewer.get("/metrics")).text
    lost = 'falconeye_notice_messages_lost_total{channel="webhook",why='
    assert f'{lost}"refused"}} 1.0' in metrics
    assert f'{lost}"too_many"}} 0.0' in metrics


async def test_metrics_tell_what_should_record_and_does(served: Served) -> None:
    path = await demo(served)
    camera_id = path.rpartition("/")[2]
    off_id = (await demo(served, record="off", name="Off")).rpartition("/")[2]

    _ = await until(served, f"{path}/timeline", lambda found: found["spans"])
    counted = "not_recorded_seconds_total", "off"
    async with asyncio.timeout(10):  # the node looks once a second
        ids = {camera_id: "on", off_id: "off"}
        while counted not in (found := await figures(served, ids)):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
    assert found["recording_expected", "on"][1] == found["recorded", "on"][1] == 1
    assert found["recording_expected", "off"][1] == found["recorded", "off"][1] == 0
    labels, seconds = found[counted]
    assert 'reason="recording_off"' in labels
    assert seconds > 0


async def figures(
    served: Served, cameras: dict[str, str]
) -> dict[tuple[str, str], tuple[str, float]]:
    """The labels and the value of each metric of coverage, by its name and the camera's."""
    found = {}
    for line in (await served.viewer.get("/metrics")).text.splitlines():
        name, _, rest = line.partition("{")
        labels, _, value = rest.rpartition(" ")
        if name.startswith(("falconeye_camera_record", "falconeye_camera_not")):
            (owner,) = (cameras[each] for each in cameras if each in labels)
            found[name.removeprefix("falconeye_camera_"), owner] = labels, float(value)
    return found
