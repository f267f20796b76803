"""Storage by HTTP: disks on real mounts, what cameras take, times deleted; API and page alike."""

import os
import re
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.base.times import HOUR_US, SECOND_US, rfc3339
from falconeye.storage.volumes.volume_facts import Role as VolumeRole
from falconeye.storage.volumes.volumes import adopt
from falconeye.web.pages.camera_trial import disk_room
from tests.clocked_footage import SEGMENT_S, record_hole_and_change
from tests.integration.api.conftest import Served
from tests.integration.api.test_exports import finished
from tests.integration.api.test_recordings import footage
from tests.integration.web_security.site import csrf_in

pytestmark = pytest.mark.timeout(60)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
VOLUMES = "/api/storage/volumes"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted file system."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


async def json_of(client: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def with_footage(served: Served) -> tuple[str, int]:
    """A camera with footage of ten minutes ago; its id and the beginning."""
    body = {"name": "Door", "protocol": "demo", "start": False}
    camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    start_us = served.services.clock.utc_us() // SECOND_US * SECOND_US - 600 * SECOND_US
    await record_hole_and_change(served.footage, camera_id, start_us)
    return camera_id, start_us


async def test_disks_and_cameras_are_told_with_their_numbers(served: Served) -> None:
    camera_id, start_us = await with_footage(served)
    found = await json_of(served.viewer, "/api/storage")
    (volume,) = found["volumes"]
    assert (volume["is_media_dir"], volume["role"], volume["present"]) == (True, "record", True)
    assert volume["records"]
    (camera,) = found["cameras"]
    assert camera["camera_id"] == camera_id
    assert camera["bytes"] == volume["footage_bytes"] == camera["by_volume"][volume["id"]] > 0
    assert camera["oldest"] == rfc3339(start_us)
    assert sum(day["bytes"] for day in camera["days"]) == camera["bytes"]
    # Who may see other cameras only learns nothing of this one.
    async with await served.client(Role.VIEWER, cameras=frozenset({"another"})) as limited:
        found = await json_of(limited, "/api/storage")
        assert found["cameras"] == []
        page = await limited.get("/storage")
        assert "Door" not in page.text


async def test_a_second_disk_for_recording_is_no_room_while_the_first_takes_all(
    served: Served, tmp_path: Path
) -> None:
    """It waits for the day on which the first cannot be written to; neither fills it nor frees it.

    So footage that lies there goes for no room, but that of a camera which grows does.
    """
    services = served.services
    start_us = services.clock.utc_us() // SECOND_US * SECOND_US - 600 * SECOND_US
    database = services.storage.changes._database
    await adopt(database, tmp_path / "spare", services.clock.utc_us(), VolumeRole.RECORD)
    await services.volumes.reload()
    first, spare = services.volumes.all
    first.role = VolumeRole.ARCHIVE  # as if it were away, which is looked at every few seconds
    strayed, _ = await with_footage(served)
    first.role = VolumeRole.RECORD
    body = {"name": "Yard", "protocol": "demo", "start": False}
    growing = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    for hours in range(1, 4):
        _ = await footage(served, start_us - hours * HOUR_US, 20, growing)
    found = await json_of(served.viewer, "/api/storage")
    here, beside = found["volumes"]
    assert (here["records"], beside["records"]) == (True, False)
    assert found["days_left"] == pytest.approx(here["full_in_days"], rel=0.01)
    assert beside["full_in_days"] is None
    cameras = {one["camera_id"]: one for one in found["cameras"]}
    assert list(cameras[strayed]["by_volume"]) == [spare.id]
    assert (cameras[strayed]["days_left"], cameras[strayed]["goes_by"]) == (None, None)
    assert cameras[growing]["days_left"] == pytest.approx(found["days_left"], rel=0.01)
    spare.role = VolumeRole.LEAVING  # now its footage goes where the room is short
    found = await json_of(served.viewer, "/api/storage")
    cameras = {one["camera_id"]: one for one in found["cameras"]}
    assert cameras[strayed]["days_left"] == pytest.approx(found["days_left"], rel=0.01)


async def test_a_new_camera_is_told_the_room_of_the_disks_that_fill(
    served: Served, tmp_path: Path
) -> None:
    """Footage on a disk that takes none makes no room; an archive does."""
    services = served.services
    database = services.storage.changes._database
    await adopt(database, tmp_path / "spare", services.clock.utc_us(), VolumeRole.RECORD)
    await services.volumes.reload()
    first, spare = services.volumes.all
    _ = await with_footage(served)
    first.role = VolumeRole.ARCHIVE
    _ = await footage(served, services.clock.utc_us() - HOUR_US, 20, "another")
    first.role = VolumeRole.RECORD
    here, beside = (await json_of(served.viewer, "/api/storage"))["volumes"]
    assert here["footage_bytes"] > 0 < beside["footage_bytes"]
    room = await disk_room(services, without=None)
    assert room is not None
    assert (room.disks, room.footage_bytes) == (1, here["footage_bytes"])
    assert room.total_bytes == here["total_bytes"]
    spare.role = VolumeRole.ARCHIVE
    room = await disk_room(services, without=None)
    assert room is not None
    every = here["footage_bytes"] + beside["footage_bytes"]
    assert (room.disks, room.footage_bytes) == (2, every)
    assert room.total_bytes == here["total_bytes"] + beside["total_bytes"]
    spare.role, first.role = VolumeRole.RECORD, VolumeRole.LEAVING
    room = await disk_room(services, without=None)
    assert room is not None
    assert (room.disks, room.footage_bytes) == (1, beside["footage_bytes"])


async def test_a_disk_tells_how_it_grows_and_what_exports_take(served: Served) -> None:
    camera_id, start_us = await with_footage(served)
    # Growth is known of what is there for an hour.
    for hours in range(1, 4):
        _ = await footage(served, start_us - hours * HOUR_US, 20, camera_id)
    span = {"from": rfc3339(start_us), "to": rfc3339(start_us + 10 * SECOND_US)}
    answer = await served.operator.post(f"/api/cameras/{camera_id}/export", json=span)
    assert answer.status_code == 202, answer.text
    done = await finished(served.operator, answer.json()["id"])
    found = await json_of(served.viewer, "/api/storage")
    (volume,) = found["volumes"]
    assert volume["bytes_per_day"] == found["bytes_per_day"] > 0
    assert volume["full_in_days"] == pytest.approx(found["days_left"], rel=0.01)
    assert volume["export_bytes"] == done["export"]["size_bytes"] > 0
    (alone,) = (await json_of(served.viewer, VOLUMES))["volumes"]
    for name in ("export_bytes", "footage_bytes"):
        assert alone[name] == volume[name]
    assert alone["bytes_per_day"] == pytest.approx(volume["bytes_per_day"], rel=0.01)
    words = " ".join(re.sub(r"<[^>]*>", " ", (await served.viewer.get("/storage")).text).split())
    assert "Grows by" in words
    assert "Exports" in words.partition("Who takes how much")[2].partition("Other data")[0]


async def test_what_the_service_needs_is_shown_also_without_a_line_for_fstab(
    served: Served, tmp_path: Path
) -> None:
    """Of a directory on the root file system, or in memory."""
    _ = await add_archive(served, tmp_path / "archive")
    page = unescape((await served.admin.get("/storage")).text)
    assert f'ReadWritePaths="-{tmp_path / "archive"}"' in page
    viewers = unescape((await served.viewer.get("/storage")).text)
    assert "ReadWritePaths" not in viewers


async def test_only_admins_change_disks(served: Served) -> None:
    for client, status in ((served.nobody, 401), (served.operator, 403), (served.viewer, 403)):
        for answer in (
            await client.post(VOLUMES, json={"path": "/srv/x"}),
            await client.patch(f"{VOLUMES}/1", json={"role": "archive"}),
            await client.delete(f"{VOLUMES}/1"),
            await client.get("/api/storage/mounts"),
        ):
            assert answer.status_code == status


async def test_what_is_no_mounted_disk_is_refused(served: Served, tmp_path: Path) -> None:
    for path in (
        "relative",
        "/no/such/directory",
        "/proc",
        "/dev/shm",  # noqa: S108 - mounted and writable, but not for data
        str(tmp_path),
        str(tmp_path / "data"),
    ):
        answer = await served.admin.post(VOLUMES, json={"path": path})
        assert answer.status_code == 422, path
        assert answer.json()["detail"]
    for body in ({}, {"path": "/x", "role": "leaving"}, {"path": "/x", "format": True}):
        assert (await served.admin.post(VOLUMES, json=body)).status_code in {400, 422}
    assert (await served.admin.delete(f"{VOLUMES}/none")).status_code == 404
    answer = await served.admin.patch(f"{VOLUMES}/none", json={"role": "archive"})
    assert answer.status_code == 404
    (media,) = (await json_of(served.admin, VOLUMES))["volumes"]
    for change in (
        served.admin.patch(f"{VOLUMES}/{media['id']}", json={"role": "leaving"}),
        served.admin.delete(f"{VOLUMES}/{media['id']}"),
    ):
        assert (await change).status_code == 409


@needs_root
@pytest.mark.root
async def test_a_disk_is_added_emptied_and_removed(served: Served, disk: Path) -> None:
    _ = await with_footage(served)
    mounts = (await json_of(served.admin, "/api/storage/mounts"))["mounts"]
    assert "in_memory" in next(one for one in mounts if one["path"] == str(disk))["against"]
    answer = await served.admin.post(VOLUMES, json={"path": str(disk)})
    assert answer.status_code == 201, answer.text
    added = answer.json()
    assert {"in_memory", "small"} <= set(added["cautions"])
    assert f'ReadWritePaths="-{disk}"' in added["drop_in"]
    volume_id = added["volume"]["id"]
    assert (added["volume"]["role"], added["volume"]["present"]) == ("archive", True)
    assert (await served.admin.post(VOLUMES, json={"path": str(disk)})).status_code == 409
    mounts = (await json_of(served.admin, "/api/storage/mounts"))["mounts"]
    assert "in_use" in next(one for one in mounts if one["path"] == str(disk))["against"]
    one = f"{VOLUMES}/{volume_id}"
    assert (await served.admin.patch(one, json={"role": "record"})).json()["role"] == "record"
    metrics = (await served.admin.get("/metrics")).text
    assert f'falconeye_volume_role{{role="record",volume="{volume_id}"}} 1.0' in metrics
    answer = await served.admin.delete(one)
    assert answer.status_code == 200, answer.text
    assert len((await json_of(served.viewer, VOLUMES))["volumes"]) == 1
    log = await served.services.accounts.audit.list(limit=10)
    assert [entry.action for entry in log[0]][:3] == [
        "volume.removed", "volume.changed", "volume.added",
    ]  # fmt: skip


async def add_archive(served: Served, path: Path) -> str:
    """By hand: a folder of the tests is no mounted disk."""
    services = served.services
    database = services.storage.changes._database
    row = await adopt(database, path, services.clock.utc_us(), VolumeRole.ARCHIVE)
    await services.volumes.reload()
    return row.volume_id


async def test_a_dead_disk_is_forgotten_and_the_time_line_tells(
    served: Served, tmp_path: Path
) -> None:
    volume_id = await add_archive(served, tmp_path / "archive")
    served.services.volumes.all[0].missing = "away"
    camera_id, start_us = await with_footage(served)
    served.services.volumes.all[0].missing = None
    one = f"{VOLUMES}/{volume_id}"
    for query in ({}, {"forget": "true"}):
        answer = await served.admin.delete(one, params=query)
        assert answer.status_code == 409, query
    (tmp_path / "archive").rename(tmp_path / "gone")
    page = await served.admin.get(f"/storage/volumes/{volume_id}/remove")
    assert page.status_code == 200
    await served.services.volumes.all[1].look()
    page = await served.admin.get(f"/storage/volumes/{volume_id}/remove")
    assert "Forget its footage" in page.text
    answer = await served.admin.delete(one, params={"forget": "true"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["forgotten"] == 4
    to_us = start_us + SEGMENT_S * SECOND_US
    query = {"from": rfc3339(start_us), "to": rfc3339(to_us)}
    # The camera was added after that time: the index itself is asked.
    found = await served.services.timelines.read(camera_id, start_us, to_us)
    assert [(gap.reason, gap.detail) for gap in found.gaps] == [("disk_removed", "admin []")]
    assert (await served.viewer.get(f"/api/cameras/{camera_id}/timeline", params=query)).is_success


# -- the page -------------------------------------------------------------------------------------


async def signed_in(served: Served, client: httpx.AsyncClient) -> str:
    """A session of an admin; the CSRF token of its pages."""
    await served.services.accounts.users.add("anna", Secret("four words here"), Rights(Role.ADMIN))
    answer = await client.post("/login", data={"name": "anna", "password": "four words here"})
    assert answer.status_code == 303
    return csrf_in((await client.get("/storage")).text)


async def test_the_page_without_scripts(served: Served, tmp_path: Path) -> None:
    camera_id, start_us = await with_footage(served)
    volume_id = await add_archive(served, tmp_path / "archive")
    async with httpx.AsyncClient(base_url=served.url, timeout=8, trust_env=False) as client:
        token = await signed_in(served, client)
        page = (await client.get("/storage")).text
        for words in ("Door", str(tmp_path / "archive"), "Add a disk", "Delete a time", "<svg"):
            assert words in page
        form = {"_csrf": token}
        wrong = await client.post("/storage/volumes", data={**form, "path": "/x", "role": "record"})
        assert wrong.status_code == 422
        assert "No such file" in wrong.text
        wrong = await client.post("/storage/volumes", data={**form, "path": "/x", "role": "all"})
        assert wrong.status_code == 422
        role = f"/storage/volumes/{volume_id}/role"
        done = await client.post(role, data={**form, "role": "leaving"})
        assert (done.status_code, done.headers["location"]) == (303, "/storage?done=saved")
        assert "It is empty and can be removed." in (await client.get("/storage")).text
        assert (await client.post(role, data={**form, "role": "all"})).status_code == 422
        remove = f"/storage/volumes/{volume_id}/remove"
        assert "Nothing lies on it" in (await client.get(remove)).text
        assert (await client.post(remove, data=form)).status_code == 303
        assert str(tmp_path / "archive") not in (await client.get("/storage")).text

        end_us = start_us + SEGMENT_S * SECOND_US
        span = {"camera": camera_id, "from": rfc3339(start_us), "to": rfc3339(end_us)}
        for missing in ("camera", "from", "to"):
            some = {"reason": "asked", **span, missing: ""}
            answer = await client.get("/storage/delete", params=some)
            assert answer.status_code == 422, missing
        answer = await client.get("/storage/delete", params={**span, "reason": "asked to"})
        assert answer.status_code == 200
        assert "Delete it" in answer.text
        answer = await client.post("/storage/delete", data={**form, **span, "reason": ""})
        assert answer.status_code == 422
        answer = await client.post("/storage/delete", data={**form, **span, "reason": "asked to"})
        assert answer.status_code == 303, answer.text
        found = await served.services.timelines.read(camera_id, start_us, end_us)
        assert [(gap.reason, gap.detail) for gap in found.gaps] == [
            ("deleted_by_person", "anna: asked to")
        ]


async def test_viewers_see_no_forms(served: Served) -> None:
    page = (await served.viewer.get("/storage")).text
    assert "Add a disk" not in page
    assert "Delete a time" not in page
    assert (await served.viewer.get("/storage/delete?camera=x")).status_code == 403


async def test_an_index_that_is_made_anew_is_told_and_nothing_is_done_by_half_of_it(
    served: Served,
) -> None:
    """After a restore: API, metrics, pages; deleting and exporting wait."""
    camera_id, start_us = await with_footage(served)
    assert (await json_of(served.viewer, "/api/storage"))["index"] is None
    index = served.services.storage.index
    index.since_us = start_us + 300 * SECOND_US
    index.begin(200)
    index.advance(84, start_us - 3600 * SECOND_US)
    assert (await json_of(served.viewer, "/api/storage"))["index"] == {
        "is_building": True,
        "is_cancelled": False,
        "files": 200,
        "files_done": 84,
        "complete_until": rfc3339(start_us - 3600 * SECOND_US),
        "missing_disks": [],
    }
    metrics = (await served.admin.get("/metrics")).text
    assert "falconeye_index_missing_files 116.0" in metrics
    span = {"from": rfc3339(start_us), "to": rfc3339(start_us + SEGMENT_S * SECOND_US)}
    path = f"/api/cameras/{camera_id}"
    exported = await served.admin.post(f"{path}/export", json=span)
    deleted = await served.admin.delete(f"{path}/footage", params={**span, "reason": "asked"})
    for answer in (exported, deleted):
        assert answer.status_code == 503, answer.text
        assert "being made anew (42% of the files" in answer.json()["detail"]
    async with httpx.AsyncClient(base_url=served.url, timeout=8, trust_env=False) as client:
        await signed_in(served, client)
        page = (await client.get("/jobs")).text
        assert "Makes the list of footage anew" in page
        assert "84 of 200 files" in page
        assert 'hx-trigger="every 2s"' in page
        assert "is being made anew from the files: 42 % done" in (await client.get("/")).text
    index.end(("/mnt/nas",))
    told = (await json_of(served.viewer, "/api/storage"))["index"]
    assert (told["is_building"], told["missing_disks"]) == (False, ["/mnt/nas"])
    assert (await served.admin.post(f"{path}/export", json=span)).status_code == 202
