"""Exports by HTTP: asked for, made, downloaded, resumed, cancelled; whose they are."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from falconeye.accounts.audit import AuditLog
from falconeye.accounts.model import Role
from falconeye.storage.export.export import Exports
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import demo, until

pytestmark = pytest.mark.timeout(30)


async def recorded(served: Served) -> tuple[str, dict[str, str]]:
    """A camera's path, and a span that has footage."""
    path = await demo(served)
    found = await until(
        served,
        f"{path}/timeline",
        lambda found: found["spans"] and _length_s(found["spans"][0]) > 1.5,
    )
    begin = datetime.fromisoformat(found["spans"][0]["from"]) + timedelta(seconds=0.5)
    return path, {"from": begin.isoformat(), "to": found["spans"][0]["to"]}


def _length_s(span: dict[str, str]) -> float:
    begin, end = (datetime.fromisoformat(span[name]) for name in ("from", "to"))
    return (end - begin).total_seconds()


async def finished(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    while True:
        answer = await client.get(f"/api/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        if job["state"] not in {"pending", "processing"}:
            return job
        await asyncio.sleep(0.02)


async def audited(served: Served, action: str) -> list[str]:
    log: AuditLog = served.services.accounts.audit
    entries, _ = await log.list()
    return [entry.detail for entry in entries if entry.action == action]


async def test_an_export_from_the_question_to_the_file(served: Served) -> None:
    path, span = await recorded(served)
    asked = await served.operator.post(f"{path}/export", json=span)
    assert asked.status_code == 202, asked.text
    job = asked.json()
    assert (job["kind"], job["state"], job["result_url"]) == ("export", "pending", None)
    job = await finished(served.operator, job["id"])
    assert (job["state"], job["progress"], job["error"]) == ("complete", 1, None)
    made = job["export"]
    whole = await served.operator.get(job["result_url"])
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "video/mp4"
    assert made["file_name"] in whole.headers["content-disposition"].replace("%2B", "+")
    assert len(whole.content) == made["size_bytes"]
    assert hashlib.sha256(whole.content).hexdigest() == made["sha256"]
    rest = await served.operator.get(
        job["result_url"],
        headers={"range": "bytes=1000-", "if-range": whole.headers["etag"]},
    )
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    sidecar = (await served.operator.get(job["sidecar_url"])).json()
    assert (sidecar["sha256"], sidecar["node"]) == (made["sha256"], "pi-1")
    assert sidecar["gaps"] == []
    (told,) = await audited(served, "export.complete")
    assert made["sha256"] in told
    assert len(await audited(served, "export.asked")) == 1
    assert len(await audited(served, "export.downloaded")) == 1
    listed = (await served.operator.get("/api/jobs/")).json()
    assert (listed["count"], listed["jobs"][0]["export"]["size_bytes"]) == (1, made["size_bytes"])


async def test_deleted_it_is_gone_with_its_file(served: Served) -> None:
    path, span = await recorded(served)
    job = (await served.operator.post(f"{path}/export", json=span)).json()
    job = await finished(served.operator, job["id"])
    media = served.services.settings.media_dir / "exports" / job["id"]
    assert await asyncio.to_thread(media.exists)
    assert (await served.operator.delete(f"/api/jobs/{job['id']}")).status_code == 200
    assert not await asyncio.to_thread(media.exists)
    for method, address in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("POST", "/retry")):
        answer = await served.operator.request(method, f"/api/jobs/{job['id']}{address}")
        assert answer.status_code == 404, (method, address)
    assert len(await audited(served, "export.deleted")) == 1


async def test_only_its_owner_and_admins_see_it(served: Served) -> None:
    path, span = await recorded(served)
    assert (await served.viewer.post(f"{path}/export", json=span)).status_code == 403
    assert (await served.nobody.post(f"{path}/export", json=span)).status_code == 401
    job = (await served.operator.post(f"{path}/export", json=span)).json()
    address = f"/api/jobs/{job['id']}"
    elsewhere = await served.client(Role.ADMIN, cameras=frozenset({"another"}))
    other = await served.client(Role.OPERATOR, cameras=frozenset({path.rsplit("/", 1)[1]}))
    try:
        for client in (other, elsewhere):
            for method, suffix in (
                ("GET", ""),
                ("DELETE", ""),
                ("GET", "/result"),
                ("GET", "/sidecar"),
                ("POST", "/retry"),
            ):
                answer = await client.request(method, address + suffix)
                assert answer.status_code == 404, (method, suffix)
            assert (await client.get("/api/jobs/")).json() == {"jobs": [], "count": 0}
        assert (await elsewhere.post(f"{path}/export", json=span)).status_code == 403
        assert (await served.admin.get(address)).status_code == 200
        assert (await served.admin.get("/api/jobs/")).json()["count"] == 1
        assert (await served.viewer.get(address)).status_code == 403
    finally:
        await other.aclose()
        await elsewhere.aclose()
    assert (await finished(served.operator, job["id"]))["state"] == "complete"


async def test_what_cannot_be_asked(served: Served) -> None:
    path, span = await recorded(served)
    for body, status in (
        ({}, 422),
        ({"from": span["from"]}, 422),
        ({"from": span["to"], "to": span["from"]}, 422),
        ({"from": "yesterday", "to": span["to"]}, 422),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-04T00:00:00Z"}, 422),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"}, 404),
        (span | {"more": 1}, 422),
    ):
        answer = await served.operator.post(f"{path}/export", json=body)
        assert answer.status_code == status, (body, answer.text)
    assert (await served.operator.post("/api/cameras/none/export", json=span)).status_code == 404


async def test_no_room_is_told_before_anything_is_written(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, span = await recorded(served)
    monkeypatch.setattr(served.services.volumes, "_floor_bytes", 1 << 60)
    answer = await served.operator.post(f"{path}/export", json=span)
    assert answer.status_code == 507
    assert "always kept free" in answer.json()["detail"]
    assert (await served.operator.get("/api/jobs/")).json()["count"] == 0


async def test_one_that_runs_is_cancelled_and_begins_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, span = await recorded(served)
    begun, goes_on = asyncio.Event(), asyncio.Event()
    real = Exports.make

    async def held(*arguments: Any) -> Any:
        begun.set()
        await goes_on.wait()
        return await real(*arguments)

    monkeypatch.setattr(Exports, "make", held)
    job = (await served.operator.post(f"{path}/export", json=span)).json()
    await begun.wait()
    running = (await served.operator.get(f"/api/jobs/{job['id']}")).json()
    assert running["state"] == "processing"
    assert (await served.operator.get(f"/api/jobs/{job['id']}/result")).status_code == 409
    cancelled = await served.operator.delete(f"/api/jobs/{job['id']}")
    assert cancelled.json()["state"] == "cancelled"
    assert len(await audited(served, "export.cancelled")) == 1
    goes_on.set()
    assert (await served.operator.post(f"/api/jobs/{job['id']}/retry")).status_code == 202
    assert (await finished(served.operator, job["id"]))["state"] == "complete"
