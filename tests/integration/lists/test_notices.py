"""Notices of two nodes are one list at each."""

import re

import pytest

from falconeye.accounts.model import Role
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores.notice_store import (
    CERTIFICATE_SUBJECT,
    CertificateCause,
    Notice,
    NoticeStore,
    VolumeCause,
    volume_subject,
)
from tests.clock import START_US
from tests.integration.api.conftest import Served
from tests.integration.lists.conftest import Two, until

pytestmark = pytest.mark.timeout(40)
MINUTE_US = 60_000_000


async def noted(node: Served, *notices: Notice) -> None:
    await NoticeStore(node.services.patient.database).save(notices)


def notice(name: str, minute: int, camera: str = "door") -> Notice:
    since_us = START_US + minute * MINUTE_US
    return Notice(name, camera, camera, since_us, GapReason.CAMERA_OFFLINE, until_us=since_us + 1)


async def test_notices_of_all_nodes_are_one_list(nodes: Two) -> None:
    await noted(nodes.one, *(notice(f"a{n}", 2 * n) for n in range(4)))
    await noted(nodes.two, *(notice(f"b{n}", 2 * n + 1) for n in range(3)))
    listed = (await nodes.one.viewer.get("/api/notices/")).json()
    assert [each["id"] for each in listed["notices"]] == ["a3", "b2", "a2", "b1", "a1", "b0", "a0"]
    assert [each["node_name"] for each in listed["notices"][:2]] == ["pi-1", "pi-2"]
    assert listed["notices"][1]["node_id"] == nodes.node_id(nodes.two)
    assert (listed["total"], listed["unreachable_nodes"]) == (7, [])
    pages = [
        (await nodes.one.viewer.get("/api/notices/", params={"limit": 3, "offset": offset})).json()
        for offset in (0, 3, 6)
    ]
    assert [each for page in pages for each in page["notices"]] == listed["notices"]
    async with nodes.at(nodes.two, nodes.one.viewer) as theirs:
        assert (await theirs.get("/api/notices/")).json() == listed
    page = (await nodes.one.viewer.get("/notices")).text
    assert page.index("on pi-1") < page.index("on pi-2")


async def test_a_silent_node_is_named(nodes: Two) -> None:
    await noted(nodes.two, notice("b", 1))
    nodes.silence(nodes.two)
    listed = (await nodes.one.viewer.get("/api/notices/")).json()
    assert (listed["notices"], listed["unreachable_nodes"]) == ([], ["pi-2"])
    page = (await nodes.one.viewer.get("/notices")).text
    assert "Notices of nodes that do not answer are not in this list: pi-2." in page


async def test_the_notice_of_a_disk_leads_to_the_node_that_has_it(nodes: Two) -> None:
    for node, name in ((nodes.one, "here"), (nodes.two, "there")):
        disk = Notice(name, volume_subject(name), f"/mnt/{name}", START_US, VolumeCause.MISSING)
        await noted(node, disk)
    page = (await nodes.one.viewer.get("/notices")).text
    links = re.findall(r'<a class="when" href="([^"]+)"', page)
    assert sorted(links) == ["/storage", f"/storage?node={nodes.node_id(nodes.two)}"]
    there = await nodes.one.viewer.get(max(links))
    assert (there.status_code, "Storage of pi-2" in there.text) == (200, True)


async def test_the_notice_of_a_certificate_says_what_to_do(nodes: Two) -> None:
    words = "the key /etc/a does not belong to the certificate /etc/b"
    told = Notice(
        "a", CERTIFICATE_SUBJECT, "HTTPS", START_US, CertificateCause.UNUSABLE, detail=words
    )
    await noted(nodes.two, told)
    [listed] = (await nodes.one.viewer.get("/api/notices/")).json()["notices"]
    assert (listed["camera_id"], listed["volume_id"]) == (None, None)
    assert (listed["reason"], listed["detail"]) == ("certificate_unusable", words)
    page = (await nodes.one.viewer.get("/notices")).text
    assert "The new HTTPS certificate cannot be used: the one before it is still served." in page
    assert 'href="/help/https#certificate_unusable"' in page
    assert words in page
    german = (await nodes.one.viewer.get("/notices", headers={"accept-language": "de"})).text
    assert "Der Schlüssel /etc/a" in german or "der Schlüssel /etc/a" in german
    for cause in CertificateCause:
        assert f'id="{cause.value}"' in (await nodes.one.viewer.get("/help/https")).text


async def test_the_node_that_has_them_decides_who_sees_them(nodes: Two) -> None:
    disk = Notice("disk", volume_subject("v"), "/mnt/a", START_US, VolumeCause.MISSING)
    await noted(nodes.two, notice("b", 1), notice("c", 2, "yard"), disk)
    async with await nodes.one.client(Role.VIEWER, cameras=("yard",)) as limited:
        listed = (await limited.get("/api/notices/")).json()
    assert [each["id"] for each in listed["notices"]] == ["c"]
    async with await nodes.one.client(Role.VIEWER, live_only=True) as watching:
        assert (await watching.get("/api/notices/")).status_code == 403
    answer = await nodes.one.nobody.post("/peer/notices", json={})
    assert answer.status_code == 404


async def test_every_page_tells_of_what_lasts_on_other_nodes(
    nodes: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting = [
        Notice("a", "door", "Front door", START_US, GapReason.CAMERA_OFFLINE),
        Notice("b", volume_subject("v"), "/mnt/a", START_US, VolumeCause.MISSING),
        Notice("c", CERTIFICATE_SUBJECT, "HTTPS", START_US, CertificateCause.ENDED),
    ]
    monkeypatch.setattr(nodes.two.services.alerts, "active", lambda _cameras=None: lasting)
    disk = "pi-2: The disk of /mnt/a is missing."
    certificate = "pi-2: The HTTPS certificate has ended: browsers refuse it."

    async def is_told() -> bool:
        text = (await nodes.one.viewer.get("/recordings")).text
        return all(each in text for each in ("Front door is not recorded.", disk, certificate))

    await until(is_told)
    async with nodes.at(nodes.two, nodes.one.viewer) as theirs:
        here = (await theirs.get("/recordings")).text
    assert "<span>The HTTPS certificate has ended: browsers refuse it." in here
    assert 'href="/help/https#certificate_ended"' in here
    assert here.count("The disk of") == 1  # to older releases what is of no camera is a disk
    async with await nodes.one.client(Role.VIEWER, cameras=("yard",)) as limited:
        text = (await limited.get("/recordings")).text
    assert "Front door" not in text
    assert disk not in text
    assert certificate not in text
    nodes.silence(nodes.two)  # nobody knows whether that lasts
    text = (await nodes.one.viewer.get("/recordings")).text
    assert "Front door is not recorded." not in text
