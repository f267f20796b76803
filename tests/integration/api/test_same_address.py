"""Two cameras of one address, as they come of two nodes that did not hear each other."""

import sqlite3
from contextlib import closing

import pytest

from falconeye.accounts.model import Role
from tests.integration.api.conftest import Served

URL = "rtsp://192.0.2.10/main"


@pytest.fixture
async def twins(served: Served) -> tuple[str, str]:
    """The ids of two cameras with one address, and a third one has another."""
    made = {}
    for name, url in (("Door", URL), ("Gate", URL + "2"), ("Yard", URL + "3")):
        body = {"name": name, "protocol": "rtsp", "source_url": url}
        answer = await served.admin.post("/api/cameras/", json=body)
        assert answer.status_code == 201, answer.text
        made[name] = answer.json()["id"]
    file = served.services.settings.data_dir / "falconeye.sqlite3"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "UPDATE cameras SET (source_url, address_key) ="
            " (SELECT source_url, address_key FROM cameras WHERE name = 'Door')"
            " WHERE name = 'Gate'"
        )
    await served.services.cameras.reload()
    return made["Door"], made["Gate"]


async def test_both_are_kept_flagged_and_one_can_be_removed(
    served: Served, twins: tuple[str, str]
) -> None:
    door, gate = twins
    listed = (await served.viewer.get("/api/cameras/")).json()["cameras"]
    assert {one["name"]: one["same_address"] for one in listed} == {
        "Door": [gate], "Gate": [door], "Yard": [],
    }  # fmt: skip
    assert (await served.viewer.get(f"/api/cameras/{gate}")).json()["same_address"] == [door]
    page = (await served.admin.get(f"/cameras/{door}", headers={"accept": "text/html"})).text
    assert "The camera “Gate” has the same address" in page
    assert f'href="/cameras/{gate}/delete"' in page
    seen = (await served.viewer.get(f"/cameras/{door}", headers={"accept": "text/html"})).text
    assert "The camera “Gate” has the same address" in seen
    assert f"/cameras/{gate}/delete" not in seen
    assert (await served.admin.delete(f"/api/cameras/{gate}")).status_code == 200
    assert (await served.viewer.get(f"/api/cameras/{door}")).json()["same_address"] == []
    page = (await served.admin.get(f"/cameras/{door}", headers={"accept": "text/html"})).text
    assert "has the same address" not in page


async def test_who_may_not_see_the_other_hears_nothing_of_it(
    served: Served, twins: tuple[str, str]
) -> None:
    door, gate = twins
    async with await served.client(Role.VIEWER, cameras=frozenset({door})) as limited:
        assert (await limited.get(f"/api/cameras/{door}")).json()["same_address"] == []
        page = (await limited.get(f"/cameras/{door}", headers={"accept": "text/html"})).text
        assert "Gate" not in page
        assert gate not in page
