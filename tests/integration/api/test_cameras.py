"""Cameras by the API: fields, codes, roles, scopes, and no credential anywhere."""

import json
from typing import Any

from falconeye.accounts.model import Role
from falconeye.base.times import rfc3339
from tests.integration.api.conftest import Served

FIELDS = {
    "id", "name", "protocol", "location", "source_url", "device_path", "node_name", "status",
    "online", "reason_code", "reason", "resolution", "framerate", "metadata", "created_at",
    "updated_at", "stream_url", "control_url", "stream_port", "control_port", "deployment_name",
    "service_name", "k8s_status",
}  # fmt: skip
GATE = {
    "name": "Gate",
    "protocol": "rtsp",
    "source_url": "rtsp://bob:hunter2@192.0.2.10/main?token=swordfish2",
    "location": "yard",
    "metadata": {"floor": 1},
}


async def add(served: Served, **fields: Any) -> dict[str, Any]:
    answer = await served.admin.post("/api/cameras/", json={**GATE, **fields})
    assert answer.status_code == 201, answer.text
    camera: dict[str, Any] = answer.json()
    return camera


async def test_a_network_camera_is_added_stopped_with_all_fields(served: Served) -> None:
    camera = await add(served)
    assert camera.keys() >= FIELDS
    assert (camera["status"], camera["online"]) == ("stopped", False)
    assert camera["source_url"] == "rtsp://192.0.2.10/main?token=***"
    assert camera["stream_url"] == f"/api/cameras/{camera['id']}/stream"
    assert (camera["framerate"], camera["node_name"]) == (15, "pi-1")
    assert camera["created_at"].endswith("Z")
    for path in ("/api/cameras/", "/api/cameras"):
        listed = (await served.viewer.get(path)).json()
        assert listed == {"cameras": [camera], "total": 1}
    one = (await served.viewer.get(f"/api/cameras/{camera['id']}/")).json()
    assert one == camera


async def test_no_answer_holds_a_credential(served: Served) -> None:
    camera = await add(served, password="swordfish")
    path = f"/api/cameras/{camera['id']}"
    texts = [json.dumps(camera)]
    texts.extend(
        [
            (await served.admin.get(path)).text,
            (await served.admin.get(f"{path}/stream-info")).text,
            (await served.admin.post("/api/cameras/", json=GATE)).text,
            (await served.admin.patch(path, json={"source_url": "rtsp://bob:hunter2@["})).text,
            (await served.admin.patch(path, json={"password": ["hunter2"]})).text,
            (await served.admin.get("/metrics")).text,
            (await served.admin.delete(path)).text,
        ]
    )
    entries, _ = await served.services.accounts.audit.list()
    texts.append(str(entries))
    for text in texts:
        assert "hunter2" not in text
        assert "swordfish" not in text
        assert "swordfish2" not in text


async def test_lists_are_filtered_and_cut(served: Served) -> None:
    for number in range(3):
        await add(served, name=f"C{number}", source_url=f"rtsp://192.0.2.{number + 1}/")
    demo = await served.admin.post("/api/cameras/", json={"name": "Demo", "protocol": "demo"})
    assert demo.status_code == 201, demo.text

    async def names(query: str) -> tuple[list[str], int]:
        answer = (await served.viewer.get(f"/api/cameras/?{query}")).json()
        return [camera["name"] for camera in answer["cameras"]], answer["total"]

    assert await names("") == (["C0", "C1", "C2", "Demo"], 4)
    assert await names("protocol=rtsp") == (["C0", "C1", "C2"], 3)
    assert await names("protocol=rtsp&limit=1&offset=1") == (["C1"], 3)
    assert await names("status=running") == ([], 0)
    assert await names("status=stopped&node=pi-1&limit=2") == (["C0", "C1"], 4)
    assert await names("node=pi-2") == ([], 0)


async def test_bounds_of_lists_are_422(served: Served) -> None:
    for query in ("limit=0", "limit=1001", "limit=x", "offset=-1", "protocol=ftp", "status=gone"):
        answer = await served.viewer.get(f"/api/cameras/?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["detail"]


WRONG_BODIES = [
    (b'{"name":', ""),
    (b"[]", ""),
    (b'"x"', ""),
    (b"null", ""),
    (b'{"protocol":"rtsp"}', "name"),
    (b'{"name":"x","protocol":"ftp"}', "protocol"),
    (b'{"name":"x","protocol":"rtsp"}', "source_url"),
    (b'{"name":"x","protocol":"usb"}', "there is no USB camera"),
    (b'{"name":"x","protocol":"onvif","source_url":"ftp://h"}', "looks like onvif://"),
    (b'{"name":"x","protocol":"rtsp","source_url":"rtsp://h/","framerate":61}', "framerate"),
    (b'{"name":"x","protocol":"rtsp","source_url":"rtsp://h/","colour":1}', "colour"),
    (b'{"name":"x","protocol":"rtsp","source_url":"rtsp://[::1/"}', "source_url"),
    (b'{"name":"x","protocol":"rtsp","source_url":"file:///etc/passwd"}', ""),
    (b'{"name":"x","protocol":"demo","record":"schedule"}', "schedule"),
    (b'{"name":"x","protocol":"demo","schedule":{"mon":["8-9"]}}', "mon"),
    (b'{"name":"x","protocol":"demo","record":"event","pre_roll_s":61}', "pre_roll_s"),
    (b"\xff\xfe", ""),
]


async def test_wrong_bodies_are_refused_in_words(served: Served) -> None:
    for body, words in WRONG_BODIES:
        answer = await served.admin.post(
            "/api/cameras/", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code in {400, 422}, (body, answer.text)
        assert words in answer.json()["detail"], body
    assert not served.services.cameras.list()


async def test_the_same_address_twice_is_409(served: Served) -> None:
    await add(served)
    again = await served.admin.post(
        "/api/cameras/",
        json={**GATE, "source_url": "rtsp://alice:x@192.0.2.10:554/main?token=other"},
    )
    assert again.status_code == 409
    await add(served, source_url="rtsp://192.0.2.10/other")


async def test_an_address_of_another_kind_is_refused(served: Served) -> None:
    url = "http://192.0.2.10/video"
    wrong = await served.admin.post("/api/cameras/", json={**GATE, "source_url": url})
    assert (wrong.status_code, "rtsp" in wrong.json()["detail"]) == (422, True)
    await add(served)
    demo = await served.admin.post("/api/cameras/", json={"name": "Demo", "protocol": "demo"})
    path = f"/api/cameras/{demo.json()['id']}"
    taken = await served.admin.patch(path, json={"source_url": GATE["source_url"]})
    assert (taken.status_code, "demo" in taken.json()["detail"]) == (422, True)


async def test_a_login_within_the_address_is_hidden_and_kept(served: Served) -> None:
    url = "http://192.0.2.10/v.cgi?loginuse=bob&loginpas=hunter2&ch="
    camera = await add(served, protocol="http", source_url=f"{url}1")
    path = f"/api/cameras/{camera['id']}"
    shown = (await served.viewer.get(path)).json()["source_url"]
    assert shown == "http://192.0.2.10/v.cgi?loginuse=***&loginpas=***&ch=1"
    for sent, kept in ((shown, f"{url}1"), (f"{shown}2", f"{url}12")):
        answer = await served.admin.patch(path, json={"source_url": sent})
        assert (answer.status_code, answer.json()["source_url"]) == (200, sent)
        assert served.services.cameras.get(camera["id"]).config.source_url == kept
    elsewhere = shown.replace("192.0.2.10", "192.0.2.11")
    answer = await served.admin.patch(path, json={"source_url": elsewhere})
    assert (answer.status_code, "***" in answer.json()["detail"]) == (422, True)


async def test_changes_and_what_they_need(served: Served) -> None:
    camera = await add(served)
    path = f"/api/cameras/{camera['id']}"
    changed = await served.admin.patch(path, json={"name": "Door", "location": None})
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["location"]) == ("Door", "")
    assert changed.json()["has_password"]
    elsewhere = await served.admin.patch(path, json={"source_url": "rtsp://192.0.2.11/main"})
    assert elsewhere.status_code == 422
    assert "password again" in elsewhere.json()["detail"]
    again = await served.admin.patch(path, json={"source_url": "rtsp://eve:new@192.0.2.11/main"})
    assert again.status_code == 200
    config = served.services.cameras.get(camera["id"]).config
    assert config.password is not None
    assert (config.username, config.password.reveal()) == ("eve", "new")
    assert (await served.admin.patch(path, json={"name": None})).status_code == 422
    assert (await served.admin.patch("/api/cameras/none", json={})).status_code == 404


async def test_deleting_answers_message_and_id(served: Served) -> None:
    camera = await add(served)
    path = f"/api/cameras/{camera['id']}"
    answer = await served.admin.delete(path)
    assert answer.status_code == 200
    assert answer.json().keys() == {"message", "id"}
    assert answer.json()["id"] == camera["id"]
    assert (await served.admin.delete(path)).status_code == 404
    assert (await served.admin.delete(path, params={"delete_footage": "maybe"})).status_code == 422


async def test_start_and_stop_are_idempotent(served: Served) -> None:
    camera = await add(served)
    path = f"/api/cameras/{camera['id']}"
    for command in ("stop", "stop", "start", "start", "restart", "stop"):
        answer = await served.operator.post(f"{path}/{command}")
        assert answer.status_code == 200
        assert (answer.json()["status"] == "stopped") is (command == "stop")
    assert (await served.operator.post("/api/cameras/none/start")).status_code == 404
    assert (await served.operator.post(f"{path}/explode")).status_code == 404


async def test_an_unknown_camera_is_404(served: Served) -> None:
    paths = ("", "/stream-info", "/stream", "/snapshot.jpg", "/live.mp4", "/recording/status")
    for camera_id in ("none", "0b7e6f0e-6a54-4f9e-9d0c-0d6a1c1f8a11", "..%2f..%2fetc"):
        for path in paths:
            answer = await served.viewer.get(f"/api/cameras/{camera_id}{path}")
            assert answer.status_code == 404, answer.text
            assert answer.json()["detail"]


async def test_a_stopped_camera_gives_nothing_live(served: Served) -> None:
    camera = await add(served)
    path = f"/api/cameras/{camera['id']}"
    for name in ("stream", "snapshot.jpg", "live.mp4"):
        answer = await served.viewer.get(f"{path}/{name}")
        assert answer.status_code == 503, answer.text
        assert answer.json()["detail"]
    idle = (await served.viewer.get(f"{path}/recording/status")).json()
    assert idle["status"] == "idle"
    assert (await served.operator.post(f"{path}/recording/start")).status_code == 400
    assert (await served.viewer.get(f"{path}/snapshot.jpg?height=0")).status_code == 422
    info = (await served.viewer.get(f"{path}/stream-info")).json()
    assert info.keys() == {"id", "name", "stream_url", "control_url", "protocol", "status"}


async def test_roles(served: Served) -> None:
    camera = await add(served)
    path = f"/api/cameras/{camera['id']}"
    for client, codes in (
        (served.nobody, (401, 401, 401, 401, 401)),
        (served.viewer, (200, 403, 403, 403, 403)),
        (served.operator, (200, 200, 403, 403, 403)),
    ):
        answers = (
            await client.get(path),
            await client.post(f"{path}/stop"),
            await client.patch(path, json={"name": "x"}),
            await client.post("/api/cameras/", json=GATE),
            await client.delete(path),
        )
        assert tuple(answer.status_code for answer in answers) == codes
        assert all(answer.json()["detail"] for answer in answers if answer.status_code >= 400)


async def test_a_scope_hides_other_cameras(served: Served) -> None:
    mine = await add(served)
    other = await add(served, name="Other", source_url="rtsp://192.0.2.20/")
    limited = await served.client(Role.VIEWER, cameras=frozenset({mine["id"]}))
    async with limited:
        listed = (await limited.get("/api/cameras/")).json()
        assert ([camera["id"] for camera in listed["cameras"]], listed["total"]) == (
            [mine["id"]],
            1,
        )
        assert (await limited.get(f"/api/cameras/{other['id']}")).status_code == 403
        text = (await limited.get("/metrics")).text
        assert mine["id"] in text
        assert other["id"] not in text


async def test_what_changes_is_in_the_audit_log(served: Served) -> None:
    camera = await add(served)
    path = f"/api/cameras/{camera['id']}"
    await served.admin.patch(path, json={"location": "roof"})
    await served.operator.post(f"{path}/start")
    await served.operator.post(f"{path}/restart")
    await served.operator.post(f"{path}/stop")
    await served.admin.delete(path)
    entries, total = await served.services.accounts.audit.list()
    assert total == 6
    assert [entry.action for entry in reversed(entries)] == [
        "camera.added",
        "camera.changed",
        "camera.started",
        "camera.restarted",
        "camera.stopped",
        "camera.deleted",
    ]
    assert {entry.object_id for entry in entries} == {camera["id"]}
    assert {entry.address for entry in entries} == {"127.0.0.1"}
    assert entries[0].who_kind == "token"
    assert rfc3339(entries[0].at_us)


async def test_a_request_without_its_body_is_told_so(served: Served) -> None:
    answer = await served.admin.post("/api/cameras/")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the request has no body: it needs one of JSON"
