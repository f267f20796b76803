"""Exports by HTTP: asked for, made, downloaded, resumed, cancelled; whose they are."""

import asyncio
import contextlib
import hashlib
import io
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from falconeye.accounts.audit import AuditLog
from falconeye.accounts.model import Role
from falconeye.base.errors import Unavailable
from falconeye.base.times import SECOND_US, rfc3339, to_us
from falconeye.jobs import exporting
from falconeye.jobs.export_hashes import note_hashes
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_result import Export
from falconeye.web import pages, streamed_form
from tests.clocked_footage import Piece, record
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import demo, until
from tests.integration.api.test_recordings import footage

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
            assert (await client.get("/api/jobs/")).json()["jobs"] == []
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


async def two_cameras(served: Served) -> tuple[list[str], dict[str, str]]:
    """The ids of two cameras, and a span in which both have footage."""
    first, span = await recorded(served)
    second, late = await recorded(served)
    ids = [path.rpartition("/")[2] for path in (first, second)]
    end = (datetime.fromisoformat(late["from"]) + timedelta(seconds=1)).isoformat()
    return ids, {"from": span["from"], "to": end}


async def test_several_cameras_are_one_zip(served: Served) -> None:
    ids, span = await two_cameras(served)
    asked = await served.operator.post("/api/exports", json=span | {"cameras": [*ids, ids[0]]})
    assert asked.status_code == 202, asked.text
    assert [camera["id"] for camera in asked.json()["export"]["cameras"]] == ids
    job = await finished(served.operator, asked.json()["id"])
    assert job["state"] == "complete", job
    whole = await served.operator.get(job["result_url"])
    assert whole.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        names = archive.namelist()
        films = {name: archive.read(name) for name in names if name.endswith(".mp4")}
    assert [name.rpartition(".")[2] for name in names] == ["mp4", "json", "mp4", "json", "txt"]
    sheet = await served.operator.get(job["sheet_url"])
    assert sheet.headers["content-type"] == "text/plain; charset=utf-8"
    assert job["export"]["file_name"].replace(".zip", ".txt") in sheet.headers[
        "content-disposition"
    ].replace("%2B", "+")
    for film in films.values():
        assert f"SHA-256   {hashlib.sha256(film).hexdigest()}\r\n" in sheet.text
    for word in ("asked", "complete", "downloaded"):
        assert len(await audited(served, f"export.{word}")) == 2  # for each camera


async def test_of_several_cameras_all_must_be_allowed(served: Served) -> None:
    ids, span = await two_cameras(served)
    one = await served.client(Role.OPERATOR, cameras=frozenset({ids[0]}))
    limited = await served.client(Role.ADMIN, cameras=frozenset({ids[0]}))
    try:
        body = span | {"cameras": ids}
        assert (await one.post("/api/exports", json=body)).status_code == 403
        assert (await served.viewer.post("/api/exports", json=body)).status_code == 403
        job = (await served.operator.post("/api/exports", json=body)).json()
        assert (await limited.get(f"/api/jobs/{job['id']}")).status_code == 404
        assert (await limited.get("/api/jobs/")).json()["count"] == 0
        job = await finished(served.operator, job["id"])
        asked = {"sha256": job["export"]["sha256"]}
        assert (await one.get("/api/exports/check", params=asked)).json()["known"] is False
        found = (await served.operator.get("/api/exports/check", params=asked)).json()
        assert (found["known"], [camera["id"] for camera in found["cameras"]]) == (True, ids)
    finally:
        await one.aclose()
        await limited.aclose()
    for wrong in ([], ["none"], ids * 20, "x"):
        answer = await served.operator.post("/api/exports", json=span | {"cameras": wrong})
        assert answer.status_code in {404, 422}, wrong
    assert (await served.operator.post("/api/exports", json=span)).status_code == 422


async def test_a_file_of_which_the_log_does_not_say_all_yet_is_told_to_nobody_it_should_not_be(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entries come one by one, after the export is there; the disk may refuse some."""
    noted = asyncio.Event()

    async def first_only(audit: AuditLog, job_id: str, made: Export) -> None:
        await note_hashes(audit, job_id, replace(made, files=made.files[:1]))
        noted.set()

    monkeypatch.setattr(exporting, "note_hashes", first_only)
    ids, span = await two_cameras(served)
    job = (await served.operator.post("/api/exports", json=span | {"cameras": ids})).json()
    job = await finished(served.operator, job["id"])
    asked = {"sha256": job["export"]["sha256"]}
    await noted.wait()
    found = (await served.operator.get("/api/exports/check", params=asked)).json()
    assert (found["known"], [camera["id"] for camera in found["cameras"]]) == (True, ids)
    one = await served.client(Role.OPERATOR, cameras=frozenset({ids[0]}))
    try:
        assert (await one.get("/api/exports/check", params=asked)).json()["known"] is False
    finally:
        await one.aclose()


async def test_a_file_is_checked_also_after_it_was_deleted_here(served: Served) -> None:
    path, span = await recorded(served)
    job = (await served.operator.post(f"{path}/export", json=span)).json()
    job = await finished(served.operator, job["id"])
    data = (await served.operator.get(job["result_url"])).content
    found = (await served.operator.post("/api/exports/check", content=data)).json()
    made = job["export"]
    assert (found["known"], found["kept"]) == (True, True)
    assert (found["file_name"], found["size_bytes"]) == (made["file_name"], made["size_bytes"])
    assert (found["start_time"], found["end_time"]) == (made["start_time"], made["end_time"])
    assert found["cameras"] == [{"id": path.rpartition("/")[2], "name": "Demo"}]
    changed = data[:-1] + bytes([data[-1] ^ 1])
    answer = (await served.operator.post("/api/exports/check", content=changed)).json()
    assert answer == answer | {"known": False, "file_name": None}
    assert (await served.operator.delete(f"/api/jobs/{job['id']}")).status_code == 200
    spaced = " ".join([made["sha256"][:32].upper(), made["sha256"][32:]])
    found = (await served.operator.get("/api/exports/check", params={"sha256": spaced})).json()
    assert (found["known"], found["kept"], found["file_name"]) == (True, False, made["file_name"])
    asked = {"sha256": "12"}
    assert (await served.operator.get("/api/exports/check", params=asked)).status_code == 422
    for client, status in ((served.viewer, 403), (served.nobody, 401)):
        assert (await client.post("/api/exports/check", content=data)).status_code == status


async def test_what_the_audit_log_did_not_take_the_jobs_know(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: Any) -> None:
        raise Unavailable("the database is full")

    path, span = await recorded(served)
    monkeypatch.setattr(exporting, "note_hashes", refuse)
    job = (await served.operator.post(f"{path}/export", json=span)).json()
    job = await finished(served.operator, job["id"])
    asked = {"sha256": job["export"]["sha256"]}
    found = (await served.operator.get("/api/exports/check", params=asked)).json()
    assert (found["known"], found["file_name"]) == (True, job["export"]["file_name"])


async def test_the_page_checks_a_file_in_a_form(served: Served) -> None:
    path, span = await recorded(served)
    job = (await served.operator.post(f"{path}/export", json=span)).json()
    job = await finished(served.operator, job["id"])
    data = (await served.operator.get(job["result_url"])).content
    address = "/exports/check"
    for files, words in (
        ({"sha256": (None, b""), "file": ("a.mp4", data)}, "It is an export of this node"),
        ({"file": ("a.mp4", data + b"x")}, "No export of this node"),
        ({"sha256": (None, job["export"]["sha256"].encode())}, "It is an export of this node"),
        ({"sha256": (None, b""), "file": ("", b"")}, "Choose a file, or give its SHA-256."),
        ({"sha256": (None, b"12")}, "64 digits"),
        ({"sha256": (None, b"1" * 9000)}, "too long"),
        # A file beside a hash of another one, which a browser kept in its field.
        (
            {"sha256": (None, job["export"]["sha256"].encode()), "file": ("a.mp4", data + b"x")},
            "give one of them",
        ),
        (
            {"sha256": (None, job["export"]["sha256"].encode()), "file": ("a.mp4", data)},
            "It is an export of this node",
        ),
    ):
        answer = await served.operator.post(address, files=files)
        assert words in answer.text, files
    for body, kind in (
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"a=1", "text/plain"),
        (b"--x\r\nname: " + b"n" * 9000, "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 9,
            "multipart/form-data; boundary=x",
        ),
    ):
        headers = {"content-type": kind}
        answer = await served.operator.post(address, content=body, headers=headers)
        assert answer.status_code == 400, answer.text


async def test_more_files_than_are_hashed_at_once_wait(served: Served) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()
    coming = 0

    async def slow() -> AsyncIterator[bytes]:
        nonlocal coming
        yield b"x"
        coming += 1
        if coming == 2:
            begun.set()
        await goes_on.wait()
        yield b"y"

    address = "/api/exports/check"
    first = [asyncio.create_task(served.operator.post(address, content=slow())) for _ in range(2)]
    await begun.wait()
    async with asyncio.timeout(5):
        while (await served.operator.post(address, content=b"x")).status_code != 503:
            pass  # both have not arrived there yet
    goes_on.set()
    for answer in await asyncio.gather(*first):
        assert answer.json()["sha256"] == hashlib.sha256(b"xy").hexdigest()
    assert (await served.operator.post(address, content=b"x")).status_code == 200


async def test_a_file_that_only_trickles_holds_up_nobody(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte came in time, and two such files kept everybody else from checking one."""
    monkeypatch.setattr(streamed_form, "IDLE_S", 0.5)
    over = asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        while not over.is_set():
            yield b"x"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.02)

    address = "/api/exports/check"
    both = [asyncio.create_task(served.operator.post(address, content=trickle())) for _ in range(2)]
    async with asyncio.timeout(10):
        for status in (503, 200):  # both have come; then both were given up
            while (await served.operator.post(address, content=b"x")).status_code != status:
                pass
    over.set()
    for answer in await asyncio.gather(*both):
        assert (answer.status_code, "stopped coming" in answer.text) == (503, True)


async def test_the_page_lists_all_of_them_in_parts(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages.jobs, "ROWS", 2)
    path, span = await recorded(served)
    ids = []
    for _ in range(3):
        job = (await served.operator.post(f"{path}/export", json=span)).json()
        ids.append((await finished(served.operator, job["id"]))["id"])
    for address in ("/jobs", "/jobs/list"):
        first = (await served.operator.get(address)).text
        assert [f'id="export-{one}"' in first for one in ids] == [False, True, True]
        assert '<a class="button" rel="next" href="/jobs?offset=2">' in first
        second = (await served.operator.get(f"{address}?offset=2")).text
        assert [f'id="export-{one}"' in second for one in ids] == [True, False, False]
        assert '<a class="button" rel="prev" href="/jobs?offset=0">' in second
        assert 'rel="next"' not in second


async def test_the_hour_that_comes_twice_is_exported_as_it_was_linked(served: Served) -> None:
    """The fields have no zone: 02:30 of the night in which clocks are set back is two instants."""
    zone = {"site_time_zone": "Europe/Vienna"}
    assert (await served.admin.patch("/api/settings/", json=zone)).status_code == 200
    body = {"name": "Gate", "protocol": "demo", "start": False}
    camera = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    for hour in ("00", "01"):
        begin = datetime.fromisoformat(f"2025-10-26T{hour}:30:00+00:00")
        _ = await footage(served, to_us(begin), gops=4, camera_id=camera)
        span = {"from": begin.isoformat(), "to": (begin + timedelta(seconds=3)).isoformat()}
        page = await served.operator.get("/exports", params={"camera": camera, **span})
        fields = dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', page.text))
        assert fields["from"] == "2025-10-26T02:30:00"
        fields["from"] = fields["from"].removesuffix(":00")  # as browsers send it
        asked = await served.operator.post("/exports", data=fields | {"camera": camera})
        assert asked.status_code == 303, asked.text
        job = (await served.operator.get("/api/jobs/")).json()["jobs"][0]
        assert datetime.fromisoformat(job["export"]["asked_from"]) == begin
        assert datetime.fromisoformat(job["export"]["asked_to"]) == begin + timedelta(seconds=3)
        other = fields | {"camera": camera, "from": "2025-10-26T03:00"}  # changed by hand
        assert (await served.operator.post("/exports", data=other)).status_code == 422
        assert (await finished(served.operator, job["id"]))["state"] == "complete"


async def test_no_copy_of_what_needs_none(served: Served) -> None:
    path, span = await recorded(served)
    job = (await served.operator.post(f"{path}/export", json=span)).json()
    job = await finished(served.operator, job["id"])
    assert job["export"]["has_hevc"] is False
    address = f"/api/jobs/{job['id']}/h264"
    assert (await served.operator.post(address)).status_code == 409
    assert (await served.viewer.post(address)).status_code == 403


async def test_a_time_of_which_only_the_small_picture_was_recorded_is_said_to_be_so(
    served: Served,
) -> None:
    """An export takes the full picture: a small one in its place would pass for it."""
    answer = await served.admin.post(
        "/api/cameras/", json={"name": "Door", "protocol": "demo", "start": False}
    )
    camera_id = answer.json()["id"]
    now_us = served.services.clock.utc_us() // SECOND_US * SECOND_US
    start_us = now_us - 60 * SECOND_US
    run_id = served.footage.begin_run(camera_id, StreamKind.SUB, start_us)
    piece = Piece(start_us, 4, 0)
    await record(
        served.footage, camera_id, run_id, piece, kind=StreamKind.SUB, run_end=RunEnd.CAMERA_OFFLINE
    )
    span = {"from": rfc3339(start_us), "to": rfc3339(start_us + 4 * SECOND_US)}
    answer = await served.operator.post(f"/api/cameras/{camera_id}/export", json=span)
    assert (answer.status_code, "only the small picture" in answer.text) == (404, True), answer.text
    page = await served.operator.post("/exports", data={"camera": camera_id, **span})
    assert page.status_code == 404
    assert "Of that time only the small picture was recorded" in unescape(page.text)
    link = unescape(page.text.partition("What there is of that time")[0].rpartition('href="')[2])
    shown = await served.operator.get(link.partition('"')[0])
    assert shown.status_code == 200
    assert 'data-day="' in shown.text
