"""Jobs by HTTP: what the node works on beside exports; who sees it, and who acts on it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.base.times import SECOND_US, rfc3339
from falconeye.jobs.node_works import RedateWork
from falconeye.jobs.outcomes import WorkOutcomes
from falconeye.jobs.system_work import Amount, SystemWork, WorkKind, WorkState
from falconeye.storage.backups.nightly import NightlyState
from falconeye.storage.export.export import Exports
from falconeye.storage.segments.redating import RedateState
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role as VolumeRole
from falconeye.storage.volumes.volumes import adopt
from falconeye.web.i18n import duration_text
from tests.integration.api.conftest import Served, serve
from tests.integration.api.test_exports import audited, finished
from tests.integration.api.test_storage import json_of, with_footage

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A node that does nothing by itself after its first round, but for what it is woken for."""
    monkeypatch.setattr("falconeye.storage.footage.ROUND_S", 3600.0)
    async with AsyncExitStack() as stack:
        yield await serve(stack, tmp_path)


async def leaving(served: Served, tmp_path: Path) -> Volume:
    """The first disk has footage, and is to be emptied onto another."""
    _ = await with_footage(served)
    services = served.services
    changes = services.storage.changes
    await adopt(changes._database, tmp_path / "other", services.clock.utc_us(), VolumeRole.ARCHIVE)
    await services.volumes.reload()
    first, _ = services.volumes.all
    first.role = VolumeRole.LEAVING
    return first


async def jobs_of(client: httpx.AsyncClient, **query: str) -> list[Any]:
    found = await json_of(client, "/api/jobs/", **query)
    jobs: list[Any] = found["jobs"]
    return jobs


async def test_a_move_is_paused_and_goes_on(served: Served, tmp_path: Path) -> None:
    source = await leaving(served, tmp_path)
    mover = served.services.storage.mover
    (move,) = await jobs_of(served.viewer)
    address = f"/api/jobs/{move['id']}"
    assert (move["kind"], move["subject"], move["acts"]) == ("move", str(source.path), ["pause"])
    assert move["files"] > 0
    paused = (await served.admin.post(f"{address}/pause")).json()
    assert (paused["state"], paused["acts"]) == ("paused", ["resume"])
    assert paused["owner"] == "admin []"
    assert await json_of(served.viewer, address) == paused
    volumes = (await json_of(served.viewer, "/api/storage/volumes"))["volumes"]
    assert [one["moves"]["paused_by"] for one in volumes] == ["admin []", None]
    page = (await served.viewer.get("/storage")).text
    assert "paused by admin []" in page
    assert not await mover.enforce()
    for act, client, status in (
        ("pause", served.admin, 409),
        ("retry", served.admin, 409),
        ("resume", served.operator, 403),
    ):
        assert (await client.post(f"{address}/{act}")).status_code == status
    assert (await served.admin.delete(address)).status_code == 409
    held = move["files"]
    resumed = (await served.admin.post(f"{address}/resume")).json()
    assert resumed["acts"] == ["pause"]
    while (moved := await json_of(served.viewer, address))["state"] != "complete":
        pass
    assert (moved["files_done"], moved["progress"], moved["error"]) == (held, 1.0, None)
    assert (await json_of(served.viewer, "/api/storage/volumes"))["volumes"][0][
        "footage_files"
    ] == 0
    for word in ("paused", "resumed"):
        (told,) = await audited(served, f"move.{word}")
        assert str(source.path) in told


async def forget_tokens(served: Served) -> None:
    """Those of the test's clients have names of their own in each process."""
    tokens = served.services.accounts.tokens
    for token in tokens.list():
        await tokens.remove(token.id)


async def test_what_the_node_did_is_told_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.storage.footage.ROUND_S", 3600.0)
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        source = await leaving(served, tmp_path)
        served.services.storage.mover.retry(source)
        while (moved := (await jobs_of(served.viewer))[0])["state"] != "complete":
            pass
        await forget_tokens(served)
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        (told,) = await jobs_of(served.viewer)
        for name in ("kind", "state", "subject", "files_done", "bytes_done", "ended_at", "error"):
            assert told[name] == moved[name], name
        assert (told["files_done"] > 0, told["acts"]) == (True, [])
        assert await json_of(served.viewer, f"/api/jobs/{told['id']}") == told
        assert (await served.admin.delete(f"/api/jobs/{told['id']}")).status_code == 409
        assert (await json_of(served.operator, "/api/jobs/"))["count"] == 1
        page = (await served.viewer.get("/jobs")).text
        assert f"Moves footage off {source.path}" in page
        assert f"{told['files_done']} files, " in page
        async with await served.client(Role.ADMIN, cameras=frozenset({"another"})) as limited:
            assert await jobs_of(limited) == []


async def test_a_move_that_the_end_of_the_node_broke_off_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.storage.footage.ROUND_S", 3600.0)
    monkeypatch.setattr("falconeye.storage.segments.move_rows.BATCH", 1)
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        source = await leaving(served, tmp_path)
        mover = served.services.storage.mover
        assert await mover._relieve(source)  # one file
        await forget_tokens(served)
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        (told,) = await jobs_of(served.viewer)
        assert (told["state"], told["files_done"]) == ("cancelled", 1)
        assert "it goes on by itself" in told["error"]


async def test_who_sees_it_and_who_acts(served: Served, tmp_path: Path) -> None:
    await leaving(served, tmp_path)
    (move,) = await jobs_of(served.operator)
    address = f"/api/jobs/{move['id']}"
    limited = await served.client(Role.ADMIN, cameras=frozenset({"another"}))
    live = await served.client(Role.VIEWER, live_only=True)
    try:
        assert await json_of(limited, "/api/jobs/") == {
            "jobs": [], "count": 0, "unreachable_nodes": [],
        }  # fmt: skip
        assert (await limited.get(address)).status_code == 404
        assert (await limited.delete(address)).status_code == 404
        assert (await limited.post(f"{address}/pause")).status_code == 403
        assert (await live.get("/api/jobs/")).status_code == 403
        assert "Moves footage off" not in (await limited.get("/jobs")).text
    finally:
        await limited.aclose()
        await live.aclose()
    for client, status in ((served.viewer, 403), (served.operator, 403)):
        for answer in (
            await client.delete(address),
            await client.post(f"{address}/pause"),
            await client.post(f"{address}/retry"),
            await client.post(f"/jobs/{move['id']}/action", data={"action": "pause"}),
        ):
            assert answer.status_code == status, answer.text
    assert served.services.storage.mover.state(served.services.volumes.all[0]).pause is None
    for client in (served.viewer, served.operator):
        page = (await client.get("/jobs")).text
        assert "Moves footage off" in page
        assert 'value="pause"' not in page
    for act in ("pause", "resume"):
        assert (await served.admin.post(f"/api/jobs/none/{act}")).status_code == 404


async def test_exports_and_system_work_are_one_list(served: Served, tmp_path: Path) -> None:
    await leaving(served, tmp_path)
    (camera,) = (await json_of(served.viewer, "/api/storage"))["cameras"]
    path = f"/api/cameras/{camera['camera_id']}"
    span = {"from": camera["oldest"], "to": rfc3339(served.services.clock.utc_us())}
    ids: list[str] = []
    for _ in range(2):
        job = (await served.operator.post(f"{path}/export", json=span)).json()
        ids.insert(0, (await finished(served.operator, job["id"]))["id"])
    every = await jobs_of(served.admin)
    assert [job["kind"] for job in every] == ["move", "export", "export"]
    wanted = [job["id"] for job in every]
    assert wanted[1:] == ids
    for limit in (1, 2, 3):
        found: list[str] = []
        while True:
            page = await json_of(
                served.admin, "/api/jobs/", limit=str(limit), offset=str(len(found))
            )
            assert page["count"] == 3
            if not page["jobs"]:
                break
            assert len(page["jobs"]) == min(limit, 3 - len(found))
            found += [job["id"] for job in page["jobs"]]
        assert found == wanted
    assert [job["kind"] for job in await jobs_of(served.viewer)] == ["move"]
    page = (await served.admin.get("/jobs")).text
    assert page.index("Moves footage off") < page.index(f'id="export-{ids[0]}"')
    assert "operator []" in page  # whose it is
    for job in every[1:]:
        assert f"SHA-256 <code>{job['export']['sha256']}</code>" in page  # whole, to be compared


async def test_an_index_that_is_made_anew_is_cancelled(served: Served) -> None:
    _, start_us = await with_footage(served)
    services = served.services
    index = services.storage.index
    index.since_us = start_us + 300 * SECOND_US
    index.begin(200)
    index.advance(84, start_us - 3600 * SECOND_US)
    (job,) = await jobs_of(served.viewer)
    assert (job["id"], job["progress"], job["acts"]) == ("index", 0.42, ["cancel"])
    answer = await served.admin.delete("/api/jobs/index")
    assert (answer.json()["state"], answer.json()["acts"]) == ("cancelled", ["retry"])
    assert (await served.admin.delete("/api/jobs/index")).status_code == 409
    told = (await json_of(served.viewer, "/api/storage"))["index"]
    assert (told["is_cancelled"], told["files_done"]) == (True, 84)
    page = (await served.viewer.get("/jobs")).text
    assert "cancelled at 42 %" in page
    assert (await served.admin.post("/api/jobs/index/retry")).json()["state"] == "processing"
    assert not index.is_cancelled
    assert len(await audited(served, "index.stopped")) == 1
    assert len(await audited(served, "index.retried")) == 1
    index.end(())
    assert await jobs_of(served.viewer) == []


async def test_a_long_deletion_is_told_and_cancelled(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera_id, start_us = await with_footage(served)
    deleter = served.services.timelines._store._deleter
    real, held, goes_on = deleter._delete, asyncio.Event(), asyncio.Event()
    monkeypatch.setattr("falconeye.storage.segments.retention.BATCH", 1)

    async def slow(doomed: Any) -> bool:
        gone = await real(doomed)
        held.set()
        await goes_on.wait()
        return bool(gone)

    monkeypatch.setattr(deleter, "_delete", slow)
    span = {"from": rfc3339(start_us), "to": rfc3339(start_us + 300 * SECOND_US)}
    deleting = asyncio.create_task(
        served.admin.delete(f"/api/cameras/{camera_id}/footage", params=span | {"reason": "asked"})
    )
    await held.wait()
    (job,) = await jobs_of(served.viewer)
    assert (job["kind"], job["subject"], job["state"]) == ("deletion", camera_id, "processing")
    assert job["owner"] == "admin []: asked"
    assert job["files"] > 1
    assert "Deletes footage of Door" in (await served.viewer.get("/jobs")).text
    assert (await served.admin.delete(f"/api/jobs/{job['id']}")).status_code == 200
    goes_on.set()
    answer = await deleting
    assert answer.status_code == 409
    assert f"1 of {job['files']} files are gone" in answer.json()["detail"]
    assert await jobs_of(served.viewer) == []
    (told,) = await audited(served, "footage.deleted")
    assert "cancelled" in told
    assert len(await audited(served, "deletion.stopped")) == 1


async def test_the_last_night_is_told_and_tried_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = served.services.backups
    assert await jobs_of(served.viewer) == []  # none are made
    monkeypatch.setattr(backups, "_is_on", True)
    backups.problem = "the disk is full"
    (job,) = await jobs_of(served.admin)
    assert (job["id"], job["state"], job["error"]) == ("backup", "failed", "the disk is full")
    (job,) = await jobs_of(served.viewer)
    assert (job["state"], job["error"]) == ("failed", "admins are told why")
    assert (await served.admin.post("/api/jobs/backup/retry")).status_code == 202
    assert backups._woken.is_set()
    await backups.look()
    await backups._note_newest()
    (job,) = await jobs_of(served.viewer)
    assert (job["state"], job["subject"]) == ("complete", "")
    (job,) = await jobs_of(served.admin)
    assert (job["state"], job["error"], job["acts"]) == ("complete", None, [])
    kept = backups.state.newest
    assert isinstance(backups.state, NightlyState)
    assert (job["bytes_done"], job["subject"]) == (kept[0].size_bytes, str(kept[0].path.parent))
    assert (await served.admin.post("/api/jobs/backup/retry")).status_code == 409
    page = (await served.viewer.get("/jobs")).text
    assert "Nightly backup" in page
    assert "hx-trigger" not in page.split('id="jobs"')[1].split(">")[0]  # nothing runs


async def test_re_dating_is_told(served: Served) -> None:
    adapter = served.services.works._adapters[WorkKind.REDATING]
    assert isinstance(adapter, RedateWork)
    redater = adapter._redater
    redater.state = RedateState(shift_us=-7200 * SECOND_US, since_us=1)
    (job,) = await jobs_of(served.viewer)
    assert (job["id"], job["state"], job["acts"]) == ("redating", "processing", [])
    assert (
        f"the clock was {duration_text(7200 * SECOND_US)} ahead"
        in (await served.viewer.get("/jobs")).text
    )
    redater.state = RedateState(shift_us=-7200 * SECOND_US, since_us=1, ended_us=2)
    (job,) = await jobs_of(served.viewer)
    assert (job["state"], job["progress"]) == ("complete", 1.0)


async def test_outcomes_before_the_last_of_each_work_stand_apart(served: Served) -> None:
    """Else the exports would stand below a hundred of them."""
    outcomes = served.services.works._outcomes
    assert isinstance(outcomes, WorkOutcomes)
    for number in (1, 2, 3):
        over = SystemWork(
            f"move-{number}", WorkKind.MOVE, WorkState.COMPLETE, subject="/mnt/a",
            files=Amount(number * 10), size_bytes=Amount(5), since_us=number, ended_us=number,
        )  # fmt: skip
        outcomes.note(over if number != 2 else replace(over, state=WorkState.CANCELLED))
    outcomes.note(SystemWork("index-4", WorkKind.INDEX, WorkState.FAILED, ended_us=4))
    await outcomes.flush()
    last, words, earlier = (await served.viewer.get("/jobs")).text.partition("2 earlier outcomes")
    assert words
    assert ("30 files" in last, "Makes the list" in last) == (True, True)
    assert [f"{count} files" in earlier for count in (30, 20, 10)] == [False, True, True]
    assert re.findall("<span>(done|failed|cancelled)</span>", earlier) == ["cancelled", "done"]
    assert "earlier outcome" not in (await served.viewer.get("/jobs/list")).text


async def test_the_page_acts_without_scripts(served: Served, tmp_path: Path) -> None:
    source = await leaving(served, tmp_path)
    (move,) = await jobs_of(served.admin)
    address = f"/jobs/{move['id']}/action"
    answer = await served.admin.post(address, data={"action": "pause"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?done=work-paused")
    assert served.services.storage.mover.state(source).pause is not None
    page = (await served.admin.get("/jobs?done=work-paused")).text
    assert "It is paused." in page
    assert 'value="resume"' in page
    again = await served.admin.post(address, data={"action": "pause"})
    assert again.status_code == 409
    assert "can be done now: resume" in again.text
    assert (await served.admin.post(address, data={"action": "remove"})).status_code == 400
    assert (await served.admin.post(address, data={"action": "resume"})).status_code == 303


async def test_a_made_export_is_deleted_only_after_a_question(served: Served) -> None:
    """Also when it was done the moment before somebody pressed Cancel."""
    camera_id, start_us = await with_footage(served)
    span = {"from": rfc3339(start_us), "to": rfc3339(start_us + SECOND_US)}
    job = (await served.operator.post(f"/api/cameras/{camera_id}/export", json=span)).json()
    job = await finished(served.operator, job["id"])
    address = f"/jobs/{job['id']}"
    answer = await served.operator.post(f"{address}/action", data={"action": "remove"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{address}/delete")
    assert (await served.operator.get(f"/api{address}")).json()["state"] == "complete"
    assert f'href="{address}/delete"' in (await served.operator.get("/jobs")).text
    question = (await served.operator.get(f"{address}/delete")).text
    assert "Delete this export?" in question
    assert job["export"]["file_name"] in question
    other = await served.client(Role.OPERATOR, cameras=frozenset({camera_id}))
    try:
        assert (await other.get(f"{address}/delete")).status_code == 404
        assert (await other.post(f"{address}/delete")).status_code == 404
    finally:
        await other.aclose()
    answer = await served.operator.post(f"{address}/delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?done=export-gone")
    for method in ("GET", "POST"):
        assert (await served.operator.request(method, f"{address}/delete")).status_code == 404
    assert len(await audited(served, "export.deleted")) == 1


async def test_what_still_runs_is_cancelled_and_not_asked_about(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera_id, start_us = await with_footage(served)
    begun = asyncio.Event()

    async def held(*_arguments: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Exports, "make", held)
    span = {"from": rfc3339(start_us), "to": rfc3339(start_us + SECOND_US)}
    job = (await served.operator.post(f"/api/cameras/{camera_id}/export", json=span)).json()
    await begun.wait()
    address = f"/jobs/{job['id']}"
    assert (await served.operator.get(f"{address}/delete")).status_code == 409
    assert (await served.operator.post(f"{address}/delete")).status_code == 409
    answer = await served.operator.post(f"{address}/action", data={"action": "remove"})
    assert answer.headers["location"] == "/jobs?done=export-gone"
    assert (await served.operator.get(f"/api{address}")).json()["state"] == "cancelled"
    answer = await served.operator.post(f"{address}/action", data={"action": "remove"})
    assert answer.headers["location"] == "/jobs?done=export-gone"  # there is nothing to lose
    assert (await served.operator.get(f"/api{address}")).status_code == 404


async def test_who_deletes_a_time_learns_which_exports_of_it_stay(served: Served) -> None:
    camera_id, start_us = await with_footage(served)
    other = {"name": "Yard", "protocol": "demo", "start": False}
    other_id = (await served.admin.post("/api/cameras/", json=other)).json()["id"]
    path = f"/api/cameras/{camera_id}"

    def span(from_s: int, to_s: int) -> dict[str, str]:
        begin, end = start_us + from_s * SECOND_US, start_us + to_s * SECOND_US
        return {"from": rfc3339(begin), "to": rfc3339(end)}

    ids = []
    for wanted in (span(0, 3), span(3, 6)):
        job = (await served.operator.post(f"{path}/export", json=wanted)).json()
        ids.append((await finished(served.operator, job["id"]))["id"])
    both = {"cameras": [other_id, camera_id]} | span(1, 2)
    zipped = (await served.operator.post("/api/exports", json=both)).json()
    zipped = await finished(served.operator, zipped["id"])
    asked = {"camera": camera_id, "reason": "asked"} | span(0, 3)
    page = (await served.admin.get("/storage/delete", params=asked)).text
    assert "Exports of this time stay" in page
    listed = page.split("<ul>")[1].split("</ul>")[0]
    assert listed.count("<li>") == 1 + (zipped["state"] == "complete")
    assert "operator []" in listed
    limited = await served.client(Role.ADMIN, cameras=frozenset({camera_id}))
    try:
        page = (await limited.get("/storage/delete", params=asked)).text
        assert ("1 more that you may not see" in page) is (zipped["state"] == "complete")
    finally:
        await limited.aclose()
    answer = await served.admin.delete(f"{path}/footage", params=span(0, 3) | {"reason": "asked"})
    assert answer.status_code == 200, answer.text
    left = {one["job_id"]: one for one in answer.json()["exports"]}
    assert ids[0] in left
    assert ids[1] not in left
    assert left[ids[0]]["file_name"].startswith("Door_20")
    assert (await served.operator.get(f"/api/jobs/{ids[0]}/result")).status_code == 200
    answer = await served.admin.delete(f"{path}/footage", params=span(600, 601) | {"reason": "x"})
    assert (answer.json()["exports"], answer.json()["other_exports"]) == ([], 0)
