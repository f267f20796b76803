"""Each node may be reached below a path of its own: what one shows of another carries its own."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from falconeye.accounts.model import Role
from falconeye.base.times import HOUR_US
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from falconeye.web.base_path import BASE_PATH_HEADER
from falconeye.web.peers import gathering
from tests.clock import START_US
from tests.integration.api.test_recordings import footage
from tests.integration.lists.conftest import PATIENCE_S, Two, two_members, until

pytestmark = pytest.mark.timeout(40)
OWN, OTHERS = "/falconeye", "/attic/eye"
_ADDRESS: Final = re.compile(r'\s(?:href|src|action|hx-[a-z:-]+|data-[a-z-]+)="(/[^"]*)"')


@pytest.fixture
async def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    monkeypatch.setattr(gathering, "LIMIT_S", PATIENCE_S)
    async with two_members(tmp_path, OWN, OTHERS) as both:
        yield both


def addresses(page: str) -> list[str]:
    found = _ADDRESS.findall(page)
    assert len(found) > 10
    return found


async def test_a_page_of_another_node_leads_below_the_path_of_the_one_that_was_asked(
    below: Two,
) -> None:
    at = {"node": below.node_id(below.two)}
    async with below.at(below.two, below.one.admin) as there:
        for path in ("/about", "/doctor", "/storage"):
            for client, base, other in ((below.one.admin, OWN, OTHERS), (there, OTHERS, OWN)):
                answer = await client.get(base + path, params=at)
                assert answer.status_code == 200, answer.text
                found = addresses(answer.text)
                outside = [each for each in found if not f"{each}/".startswith(f"{base}/")]
                assert outside == []
                assert f'"{other}' not in answer.text


async def test_a_redirect_of_another_node_does_so_too(below: Two) -> None:
    page = await below.one.admin.post(
        f"{OWN}/cameras/found/look", params={"node": below.node_id(below.two)}
    )
    assert page.status_code == 303, page.text
    assert page.headers["location"].startswith(f"{OWN}/cameras/found")


async def test_addresses_in_answers_of_all_nodes_carry_it_once(below: Two) -> None:
    answer = await below.one.admin.post("/api/cameras/", json={"name": "Door", "protocol": "demo"})
    camera = answer.json()
    assert camera["stream_url"] == f"{OWN}/api/cameras/{camera['id']}/stream"
    await until(lambda: len(below.two.services.cameras.list()) == 1)
    for number, node in enumerate((below.one, below.two)):
        await footage(node, START_US + number * HOUR_US, camera_id=camera["id"])
        job = Job(
            f"job{number}", "export", JobState.COMPLETE, camera["id"], "user", "u", "ann",
            START_US, {"camera_name": "Door", "from_us": 0, "to_us": 1}, ended_us=START_US,
        )  # fmt: skip
        await JobStore(node.services.patient.database).add(job)
    async with below.at(below.two, below.one.admin) as there:
        for client, base in ((below.one.admin, OWN), (there, OTHERS)):
            listed = (await client.get("/api/recordings/")).json()
            urls = [each["download_url"] for each in listed["recordings"]]
            assert len(urls) == 2
            for url in urls:
                assert url.startswith(f"{base}/api/recordings/")
                assert (await client.get(url)).status_code == 200
                one = (await client.get(url.removesuffix("/download"))).json()
                assert one["download_url"] == url  # of its own node, or passed on
            jobs = (await client.get("/api/jobs/")).json()["jobs"]
            made = [each["result_url"] for each in jobs if each["kind"] == "export"]
            assert sorted(made) == [f"{base}/api/jobs/job{number}/result" for number in range(2)]


async def test_an_invitation_tells_its_path_below_it(below: Two) -> None:
    made = (await below.one.admin.post("/api/invitations/", json={"name": "Eve"})).json()
    assert made["path"].startswith(f"{OWN}/invitation/")
    assert made["url"] == below.one.url + made["path"]
    assert "Welcome, Eve" in (await below.one.nobody.get(made["path"])).text


async def test_only_a_peer_is_believed_on_it(below: Two) -> None:
    page = await below.one.admin.get("/about", headers={BASE_PATH_HEADER: "/evil"})
    assert "/evil" not in page.text
    of_other = await below.one.admin.get(
        "/about", params={"node": below.node_id(below.two)}, headers={BASE_PATH_HEADER: "/evil"}
    )
    assert of_other.status_code == 200
    assert "/evil" not in of_other.text
    assert Role.ADMIN.value in of_other.text
