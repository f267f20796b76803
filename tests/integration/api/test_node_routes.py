"""Health, nodes, settings, and the OpenAPI document."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from falconeye.accounts.model import Role
from tests.integration.api.conftest import Served

SETTINGS = {
    "default_resolution", "default_framerate", "default_camera_node", "default_recorder_node",
    "k8s_namespace", "cleanup_interval", "creating_timeout_minutes", "node_ips", "chatbot",
}  # fmt: skip


async def test_health_is_open_and_names_nothing(served: Served) -> None:
    alive = await served.nobody.get("/healthz")
    ready = await served.nobody.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert (await served.nobody.get("/metrics")).status_code == 401


async def test_not_ready_while_the_volume_is_away(served: Served) -> None:
    volume = served.services.volumes.all[0]
    aside = volume.path.with_name("aside")
    await asyncio.to_thread(volume.path.rename, aside)
    await volume.open()
    answer = await served.nobody.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"detail": "not ready"})
    assert (await served.nobody.get("/healthz")).status_code == 200
    node = (await served.viewer.get("/api/nodes/pi-1")).json()
    assert node["ready"] is False
    await asyncio.to_thread(aside.rename, volume.path)
    await volume.open()
    assert (await served.nobody.get("/readyz")).status_code == 200


async def test_asking_for_readiness_hides_no_change_of_another_process(served: Served) -> None:
    database = served.status._database

    def commit() -> None:
        with closing(sqlite3.connect(database.path)) as connection, connection:
            connection.execute("CREATE TABLE elsewhere (x)")

    _ = await database.changed_elsewhere()
    await asyncio.to_thread(commit)
    assert (await served.nobody.get("/readyz")).status_code == 200
    assert await database.changed_elsewhere()


async def test_not_ready_when_the_database_is_closed(served: Served) -> None:
    await served.status._database.close()
    answer = await served.nobody.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"detail": "not ready"})
    await served.status._database.open(exclusive=True)


async def test_this_node_is_the_only_one(served: Served) -> None:
    nodes = (await served.viewer.get("/api/nodes/")).json()
    assert len(nodes) == 1
    assert nodes[0].keys() >= {"name", "ip", "ready", "taints", "labels", "architecture", "os"}
    assert (nodes[0]["name"], nodes[0]["ip"], nodes[0]["os"]) == ("pi-1", "127.0.0.1", "linux")
    assert (await served.viewer.get("/api/nodes/pi-1")).json() == nodes[0]
    assert (await served.viewer.get("/api/nodes/pi-2")).status_code == 404


async def test_settings_are_the_admins(served: Served) -> None:
    settings = (await served.admin.get("/api/settings/")).json()
    assert settings.keys() >= SETTINGS
    assert settings["chatbot"].keys() == {"api_key_configured", "enabled_tools", "available_tools"}
    assert settings["site_time_zone"] == "Europe/Vienna"
    changed = await served.admin.patch(
        "/api/settings/", json={"default_framerate": 25, "default_resolution": "1280x720"}
    )
    assert changed.status_code == 200
    assert (changed.json()["default_framerate"], changed.json()["default_resolution"]) == (
        25,
        "1280x720",
    )
    assert (await served.admin.get("/api/settings")).json() == changed.json()
    wrong: tuple[dict[str, Any], ...] = (
        {"default_framerate": 61},
        {"default_framerate": "15"},
        {"default_resolution": "big"},
        {"site_time_zone": "Mars/Olympus"},
        {"colour": 1},
        {"anthropic_api_key": "sk-secret"},
        {"chatbot_tools": []},
        {"import_root": "/"},
        {"data_dir": "/"},
        {"cleanup_interval": 9},
        {"cleanup_interval": 86_401},
        {"default_framerate": 30, "k8s_namespace": "Not A Name"},
    )
    for body in wrong:
        answer = await served.admin.patch("/api/settings/", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["detail"]
        assert "sk-secret" not in answer.text
    assert (await served.admin.get("/api/settings")).json() == changed.json()
    for client, code in ((served.nobody, 401), (served.viewer, 403), (served.operator, 403)):
        assert (await client.get("/api/settings/")).status_code == code
        assert (await client.patch("/api/settings/", json={})).status_code == code


async def test_what_the_node_sets_is_refused_with_the_place_to_set_it(served: Served) -> None:
    for name in ("import_root", "port"):
        answer = await served.admin.patch("/api/settings/", json={name: "/"})
        assert answer.status_code == 422
        assert f"FALCONEYE_{name.upper()}" in answer.json()["detail"]
        assert name not in (await served.admin.get("/api/settings/")).json()


async def test_the_unit_and_bounds_of_the_clean_up_are_documented(served: Served) -> None:
    document = (await served.viewer.get("/schema/openapi.json")).json()
    (answer,) = (
        schema for name, schema in document["components"]["schemas"].items()
        if name.endswith("SettingsAnswer")
    )  # fmt: skip
    interval = answer["properties"]["cleanup_interval"]
    assert (interval["minimum"], interval["maximum"]) == (10, 86_400)
    assert interval["description"].startswith("seconds")


async def test_all_cameras_are_restarted_or_deleted_at_once(served: Served) -> None:
    for number in range(3):
        body = {"name": f"C{number}", "protocol": "demo", "start": number == 0}
        assert (await served.admin.post("/api/cameras/", json=body)).status_code == 201
    for client in (served.viewer, served.operator):
        assert (await client.post("/api/settings/restart-all")).status_code == 403
        assert (await client.delete("/api/settings/cameras/all")).status_code == 403
    limited = await served.client(Role.ADMIN, cameras=frozenset({"one"}))
    async with limited:
        assert (await limited.delete("/api/settings/cameras/all")).status_code == 403
    restarted = await served.admin.post("/api/settings/restart-all")
    assert (restarted.status_code, restarted.json()["count"]) == (200, 1)
    deleted = await served.admin.delete("/api/settings/cameras/all")
    assert (deleted.status_code, deleted.json()["count"]) == (200, 3)
    assert (await served.viewer.get("/api/cameras/")).json()["total"] == 0


async def test_every_route_is_documented_with_its_role_and_errors(served: Served) -> None:
    document: dict[str, Any] = (await served.viewer.get("/schema/openapi.json")).json()
    operations = {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/api/") or path in {"/healthz", "/readyz", "/metrics"}
    }
    assert {
        ("get", "/api/cameras"),
        ("patch", "/api/cameras/{camera_id}"),
        ("post", "/api/cameras/{camera_id}/recording/start"),
        ("get", "/api/recordings/{recording_id}/download"),
        ("head", "/api/recordings/{recording_id}/download"),
        ("delete", "/api/settings/cameras/all"),
        ("get", "/api/nodes/{name}"),
        ("get", "/metrics"),
    } <= operations.keys()
    for (method, path), operation in operations.items():
        assert operation["summary"], path
        is_open = path in {"/healthz", "/readyz"}
        role = operation["x-falconeye-role"]
        assert role in ({"none"} if is_open else {"viewer", "operator", "admin"}), (method, path)
        assert is_open or {"401", "403"} <= operation["responses"].keys(), (method, path)
        assert "{" not in path or "404" in operation["responses"], (method, path)
