"""Who may see one camera learns nothing of another: not by lists, not by ids, not by asking for it.

Two cameras record; one is called by a word that stands nowhere else. Whoever is limited to the
other one reads every address that there is, and asks for the hidden one wherever an address or a
body takes a camera.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from falconeye.accounts.model import Role
from tests.integration.api.conftest import Served, serve
from tests.integration.api.test_exports import finished, two_cameras
from tests.integration.safety.needs import TABLE, Need, may_use

pytestmark = pytest.mark.timeout(150)
WORD: Final = "Quixotry"  # in the name of the hidden camera, and in all that is said of it
REFUSED: Final = frozenset({403, 404})
# By which names addresses take cameras in their query.
IN_QUERIES: Final = (("camera_id",), ("camera", "cameras", "ids"))
ENDLESS: Final = frozenset(
    {"/events", "/api/cameras/{camera_id}/stream", "/api/cameras/{camera_id}/live.mp4"}
)


@dataclass(slots=True)
class House:
    """Both cameras, and what there is of the hidden one."""

    served: Served
    seen: str
    hidden: str
    recording: str
    job: str
    protection: str
    span: dict[str, str]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        yield await furnished(served)


async def furnished(served: Served) -> House:
    """The hidden camera has a recording, an event, a protected time, an export and a pause."""
    (seen, hidden), span = await two_cameras(served)
    path, admin = f"/api/cameras/{hidden}", served.admin
    await ok(admin.patch(path, json={"name": f"{WORD} attic", "location": WORD}))
    await ok(admin.post(f"{path}/events", json={"kind": "motion", "label": WORD}))
    kept = await ok(admin.post(f"{path}/protections", json={**span, "reason": WORD}))
    asked = await ok(admin.post(f"{path}/export", json=span))
    job = await finished(admin, asked["id"])
    assert job["state"] == "complete"
    found = await ok(admin.get("/api/recordings/", params={"camera_id": hidden}))
    recording = found["recordings"][0]["id"]
    return House(served, seen, hidden, recording, job["id"], str(kept["id"]), span)


async def ok(asked: Any) -> Any:
    answer: httpx.Response = await asked
    assert answer.status_code < 300, answer.text
    return answer.json()


def filled(path: str, camera: str, house: House) -> str:
    """The address of a route with the things of the hidden camera."""
    ids = {
        "{camera_id}": camera, "{recording_id}": house.recording, "{job_id}": house.job,
        "{protection_id}": house.protection,
    }  # fmt: skip
    for name, value in ids.items():
        path = path.replace(name, value)
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


async def read(client: httpx.AsyncClient, path: str, address: str, **query: str) -> str:
    """What is answered, the headers with it; of what has no end the first bytes."""
    async with client.stream("GET", address, params=query) as answer:
        assert answer.status_code != 500, address
        if path in ENDLESS and answer.status_code == 200:
            body = await anext(answer.aiter_bytes(), b"")
        else:
            body = await answer.aread()
    return body.decode("utf-8", "replace") + str(answer.headers)


async def limited(house: House, role: Role) -> httpx.AsyncClient:
    return await house.served.client(role, cameras=frozenset({house.seen}))


async def test_no_list_and_no_page_tells_of_it(house: House) -> None:
    for role in Role:
        assert await told_of(house, role) == []
    # Others are told: else this test would find nothing whatever was said.
    path = "/api/cameras/{camera_id}/events"
    for address in ("/", "/api/cameras", "/recordings", "/storage", f"/cameras/{house.hidden}"):
        assert WORD in await read(house.served.admin, address, address), address
    assert WORD in await read(house.served.admin, path, filled(path, house.hidden, house))


async def told_of(house: House, role: Role) -> list[str]:
    """The addresses that tell of the hidden camera."""
    mistakes: list[str] = []
    async with await limited(house, role) as client:
        for (method, path), need in TABLE.items():
            if method != "GET" or not may_use(need, role.value, camera=True, listed=True):
                continue
            address = filled(path, house.seen, house)
            told = await read(client, path, address)
            if WORD in told or (house.hidden in told and house.hidden not in address):
                mistakes.append(address)
            for names in IN_QUERIES:  # what was asked may be repeated; its name may not be told
                told = await read(client, path, address, **dict.fromkeys(names, house.hidden))
                mistakes += [f"{address}?{names}"] if WORD in told else []
    return mistakes


async def test_what_is_of_it_is_not_to_be_had_by_its_id(house: House) -> None:
    """Every route with an id: nothing is read, nothing is changed."""
    for role in Role:
        mistakes = await had_by_id(house, role)
        assert not mistakes, "\n".join(mistakes)
    kept = await ok(house.served.admin.get(f"/api/recordings/{house.recording}"))
    assert kept["camera_id"] == house.hidden
    camera = await ok(house.served.admin.get(f"/api/cameras/{house.hidden}"))
    assert camera["name"].startswith(WORD)


async def had_by_id(house: House, role: Role) -> list[str]:
    mistakes: list[str] = []
    ids = ("{camera_id}", "{recording_id}", "{job_id}")
    async with await limited(house, role) as client:
        for (method, path), need in TABLE.items():
            if method == "WS" or not any(name in path for name in ids):
                continue
            camera = house.hidden
            takes_json = path.startswith("/api/") and method not in {"GET", "HEAD"}
            sent: dict[str, Any] = {"json" if takes_json else "data": {}}
            answer = await client.request(method, filled(path, camera, house), **sent)
            # Screens have a cookie of their own: no other credential counts there.
            refused = {401} if need is Need.SCREEN else REFUSED
            if answer.status_code not in refused:
                mistakes.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    return mistakes


async def test_what_names_it_in_a_body_is_refused(house: House) -> None:
    both = [house.seen, house.hidden]
    made = {"camera_id": house.hidden, "file_path": "a.mp4", "start_time": house.span["from"]}
    async with await limited(house, Role.OPERATOR) as client:
        for cameras in ([house.hidden], both):
            asked = {**house.span, "cameras": cameras}
            assert (await client.post("/api/exports", json=asked)).status_code in REFUSED
        assert (await client.post("/api/recordings/", json=made)).status_code in {*REFUSED, 422}
        form = {"cameras": both, "camera": house.hidden, "from": house.span["from"]}
        page = await client.post("/exports", data=form | {"to": house.span["to"]})
        assert page.status_code in {*REFUSED, 422}
        assert WORD not in page.text
    async with await limited(house, Role.ADMIN) as client:
        deleted = {"camera": house.hidden, "camera_id": house.hidden, **house.span}
        page = await client.post("/storage/delete", data=deleted)
        assert page.status_code in {*REFUSED, 422}
        assert WORD not in page.text
    found = await ok(house.served.admin.get("/api/recordings/", params={"camera_id": house.hidden}))
    assert found["count"]
