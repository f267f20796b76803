"""Files of other recorders by page and API: read, told, added; never with a login in an answer."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.cameras.found import imports
from falconeye.cameras.found.imports import MAX_FILES
from falconeye.discovery.imports.imported import MAX_BYTES
from falconeye.events.bus import CandidatesChanged
from tests.integration.api.conftest import Served
from tests.integration.api.test_pages import actions
from tests.unit.discovery.import_files import SECRET, backup, sample

pytestmark = pytest.mark.timeout(30)
API, PAGE = "/api/imports", "/cameras/found/import"
VARIABLE, PASSWORD = "FRIGATE_RTSP_PASSWORD", "p@ss/w#rd"
LIST = b"name,url,username,password\nYard,rtsp://10.0.0.9/main,eve,p-S3CRET\n"


def files(**contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", (name.replace("__", "."), data)) for name, data in contents.items()]


async def read(served: Served, *, status: int = 200, **contents: bytes) -> Any:
    answer = await served.admin.post(API, files=files(**contents))
    assert answer.status_code == status, answer.text
    return answer.json()


def planned(answer: Any) -> dict[str, tuple[str, str]]:
    return {
        camera["name"]: (camera["action"], camera["detail"])
        for file in answer["files"]
        for camera in file["cameras"]
    }


def config(served: Served, name: str) -> Any:
    return next(one.config for one in served.services.cameras.list() if one.config.name == name)


async def found(served: Served) -> dict[str, Any]:
    listed = (await served.admin.get("/api/candidates/")).json()["candidates"]
    return {one["name"]: one for one in listed}


async def test_cameras_of_a_list_show_up_among_the_found_ones_and_are_added(
    served: Served,
) -> None:
    answer = await read(served, cameras__csv=LIST)
    assert planned(answer) == {"Yard": ("add", "")}
    [yard] = answer["files"][0]["cameras"]
    assert (yard["address"], yard["has_login"]) == ("rtsp://10.0.0.9/main", True)
    row = (await found(served))["Yard"]
    assert (row["state"], row["evidence"][0]["way"]) == ("new", "import")
    assert served.services.cameras.list() == []
    added = (await served.admin.post(f"{API}/add", json={})).json()
    assert ([one["name"] for one in added["added"]], added["refused"]) == (["Yard"], [])
    made = config(served, "Yard")
    assert (made.username, made.password, made.started) == ("eve", Secret("p-S3CRET"), False)
    assert "Yard" not in await found(served)  # it is a camera now
    told = (await served.admin.get(API)).json()
    assert planned(told) == {"Yard": ("there", "added from this file")}
    assert await actions(served) == ["import.read", "camera.added"]


async def test_what_is_there_and_what_is_not_taken_over_is_told(served: Served) -> None:
    body = {"name": "Old", "protocol": "rtsp", "source_url": "rtsp://10.0.0.9:554/main"}
    assert (await served.admin.post("/api/cameras/", json=body)).status_code == 201
    answer = await read(served, config__yml=sample("frigate.yml"))
    told = planned(answer)
    assert told["Hof hinten"][0] == "left out"  # its password is a variable's
    assert VARIABLE in told["Hof hinten"][1]
    assert told["desk"] == ("left out", "a USB camera: add it from Found cameras")
    keys = {one["key"] for one in answer["files"][0]["left_out"]}
    assert {"mqtt", "my_own_key", "cameras.shed"} <= keys
    again = await served.admin.post(
        API, files=files(config__yml=sample("frigate.yml")), data={VARIABLE: PASSWORD}
    )
    assert planned(again.json())["Hof hinten"] == ("there", "as “Old”")
    assert PASSWORD not in again.text + str(answer)
    assert SECRET not in again.text + str(answer)


async def test_a_value_that_the_file_only_names_is_given_on_the_page(served: Served) -> None:
    await served.admin.post(PAGE, files=files(config__yml=sample("frigate.yml")))
    page = (await served.admin.get(PAGE)).text
    assert f'name="{VARIABLE}"' in page
    row = (await found(served))["Hof hinten"]
    assert (row["state"], row["note"]) == ("unusable", "incomplete")
    nothing = await served.admin.post(f"{PAGE}/values", data={"name": "config.yml", VARIABLE: ""})
    assert nothing.status_code == 422
    other = await served.admin.post(f"{PAGE}/values", data={"name": "config.yml", "FRIGATE_X": "y"})
    assert (other.status_code, "does not name FRIGATE_X" in other.text) == (422, True)
    gone = await served.admin.post(f"{PAGE}/values", data={"name": "b.yml", VARIABLE: "y"})
    assert gone.status_code == 404
    filled = await served.admin.post(
        f"{PAGE}/values", data={"name": "config.yml", VARIABLE: PASSWORD}
    )
    assert filled.status_code == 303
    page = (await served.admin.get(PAGE)).text
    assert f'name="{VARIABLE}"' not in page
    assert (await found(served))["Hof hinten"]["state"] == "new"
    everything = page + (await served.admin.get("/cameras/found")).text
    assert PASSWORD not in everything
    answer = await served.admin.post(f"{PAGE}/add", data={})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=imported")
    made = config(served, "Hof hinten")
    assert (made.password, made.sub_url) == (Secret(PASSWORD), "rtsp://10.0.0.9:554/sub")


async def test_one_camera_is_added_by_one_click_in_the_found_list(served: Served) -> None:
    await read(served, cameras__csv=LIST + b"Gate,rtsp://10.0.0.8/main,,\n")
    page = unescape((await served.admin.get("/cameras/found")).text)
    entry = page.split("Gate", 1)[1].split("</li>")[0]
    assert "Add as in the file" in entry
    word = re.search(r'name="camera" value="(\w+)"', entry)
    assert word
    assert "Add as in the file" not in (await served.operator.get("/cameras/found")).text
    form = {"camera": word[1], "start": "true"}
    assert (await served.operator.post(f"{PAGE}/add", data=form)).status_code == 403
    answer = await served.admin.post(f"{PAGE}/add", data=form)
    made = config(served, "Gate")
    assert answer.headers["location"] == f"/cameras/{made.id}?done=added"
    assert made.started
    assert set(await found(served)) & {"Gate", "Yard"} == {"Yard"}
    again = await served.admin.post(f"{PAGE}/add", data=form)
    assert (again.status_code, len(served.services.cameras.list())) == (409, 1)


async def test_only_who_adds_cameras_may_read_files(served: Served) -> None:
    limited = await served.client(Role.ADMIN, cameras=frozenset({"x"}))
    async with limited:
        for client in (served.operator, served.viewer, limited):
            for method, path in (
                ("POST", API), ("GET", API), ("DELETE", API), ("POST", f"{API}/add"),
                ("GET", PAGE), ("POST", PAGE), ("POST", f"{PAGE}/add"), ("POST", f"{PAGE}/values"),
                ("POST", f"{PAGE}/forget"),
            ):  # fmt: skip
                answer = await client.request(method, path)
                assert answer.status_code == 403, path
    assert (await served.nobody.post(API, files=files(a__csv=LIST))).status_code == 401


BOMB = b"a: &a [x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 122)
)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("letter.txt", b"Dear Eve, ...", "none of the files that can be read"),
        ("config.yml", b"\x00\x01\x02\x03", "this is no text file"),
        ("config.yml", b"\xff\xd8\xff\xe0JFIF", "this is not UTF-8"),
        ("config.yml", b"", "it is no configuration of Frigate"),
        ("config.yml", b"cameras: !!python/object:os.system {}", "tag"),
        ("config.yml", BOMB, "more than 50000 words"),
        ("config.yml", b"a: *p-S3CRET", "line 1"),
        ("list.csv", b"name,url\n" + b"x" * MAX_BYTES, "larger than 1 MB"),
        ("b.tar.gz", b"\x1f\x8b\x08damaged", "damaged"),
    ],
)
async def test_a_file_that_cannot_be_read_says_why(
    served: Served, name: str, content: bytes, why: str
) -> None:
    for path in (API, PAGE):
        answer = await served.admin.post(path, files=[("file", (name, content))])
        said = unescape(answer.text)
        assert answer.status_code == 422, said
        assert f"{name}: " in said
        assert why in said
        assert "S3CRET" not in said
    assert (await served.admin.get(API)).json()["files"] == []


async def test_a_form_without_a_file_and_one_that_is_too_large(served: Served) -> None:
    for path in (API, PAGE):
        empty = await served.admin.post(path, files=[("file", ("", b""))])
        assert (empty.status_code, "Choose a file" in empty.text) == (422, True)
        none = await served.admin.post(path, data={"file": "x"})
        assert none.status_code == 400
        many = await served.admin.post(path, files=[("file", ("a.csv", LIST))] * (MAX_FILES + 1))
        assert many.status_code == 400
        huge = b"x" * (2 * MAX_FILES * MAX_BYTES)
        assert (await served.admin.post(path, files=files(a__csv=huge))).status_code == 413


async def test_a_session_needs_the_token_of_its_form_before_the_files(served: Served) -> None:
    users = served.services.accounts.users
    await users.add("anna", Secret("a long pass phrase of hers"), Rights(Role.ADMIN))
    async with httpx.AsyncClient(base_url=served.url, timeout=8, trust_env=False) as browser:
        form = {"name": "anna", "password": "a long pass phrase of hers"}
        assert (await browser.post("/login", data=form)).status_code == 303
        refused = await browser.post(PAGE, files=files(a__csv=LIST))
        assert refused.status_code == 403
        page = (await browser.get(PAGE)).text
        token = re.search(r'name="_csrf" value="([^"]+)"', page)
        assert token
        taken = await browser.post(PAGE, data={"_csrf": token[1]}, files=files(a__csv=LIST))
        assert taken.status_code == 303


async def test_a_good_file_is_read_beside_a_bad_one(served: Served) -> None:
    answer = await served.admin.post(PAGE, files=files(cameras__csv=LIST, letter__txt=b"Dear"))
    assert answer.status_code == 422
    assert "letter.txt: " in answer.text
    assert "10.0.0.9" in answer.text
    told = await read(served, letter__txt=b"Dear", b__csv=LIST.replace(b"0.9", b"0.8"))
    assert [one["name"] for one in told["refused"]] == ["letter.txt"]
    assert [one["name"] for one in told["files"]] == ["cameras.csv", "b.csv"]


async def test_a_camera_in_two_files_is_added_once(served: Served) -> None:
    answer = await read(served, one__csv=LIST, two__csv=LIST.replace(b"Yard", b"Garden"))
    assert planned(answer) == {
        "Yard": ("add", ""),
        "Garden": ("left out", "as “Yard” in one.csv"),
    }
    both = await served.admin.post(
        API, files=[("file", ("one.csv", LIST)), ("file", ("one.csv", LIST))]
    )
    assert [file["name"] for file in both.json()["files"]] == ["one.csv", "two.csv", "2-one.csv"]
    added = (await served.admin.post(f"{API}/add", json={})).json()
    assert [one["name"] for one in added["added"]] == ["Yard"]


async def test_an_onvif_camera_is_added_by_name_only_and_says_why_it_is_not(
    served: Served,
) -> None:
    # TEST-NET-1 (RFC 5737): nobody is there.
    text = LIST + b"Dome,onvif://192.0.2.1:1,eve,pw\n"
    answer = await read(served, a__csv=text)
    page = (await served.admin.get(PAGE)).text
    assert "added one by one" in page
    added = (await served.admin.post(f"{API}/add", json={"start": False})).json()
    assert [one["name"] for one in added["added"]] == ["Yard"]
    dome = next(one for one in answer["files"][0]["cameras"] if one["name"] == "Dome")
    unknown = (await served.admin.post(f"{API}/add", json={"ids": ["none"]})).json()
    assert unknown["refused"][0]["reason"].startswith("this camera is not among the imported")
    assert dome["action"] == "add"
    assert (await served.admin.post(f"{API}/add", json={"all": 1})).status_code == 422


async def test_a_backup_of_motioneye_and_what_is_dropped_is_forgotten(served: Served) -> None:
    packed = backup(camera_1__conf=sample("motioneye-camera-1.conf"),
                    camera_2__conf=sample("motioneye-thread-2.conf"))  # fmt: skip
    answer = await read(served, backup__tar__gz=packed)
    assert answer["files"][0]["kind"] == "motioneye"
    assert any(one["way"] == "import" for row in (await found(served)).values()
               for one in row["evidence"])  # fmt: skip
    assert (await served.admin.post(f"{PAGE}/forget")).status_code == 303
    assert await found(served) == {}
    assert (await served.admin.get(API)).json()["files"] == []
    await read(served, backup__tar__gz=packed)
    assert (await served.admin.delete(API)).status_code == 204
    assert await found(served) == {}


async def test_what_nobody_adds_is_forgotten(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "KEPT_US", 200_000)
    with served.services.bus.subscribe() as changes:
        await read(served, cameras__csv=LIST)
        async for change in changes:
            if isinstance(change, CandidatesChanged) and not served.services.finding.imports.plan():
                break
    assert served.services.finding.candidates.list() == []
    assert (await served.admin.get(API)).json()["files"] == []


async def test_more_cameras_than_are_held_are_refused(served: Served) -> None:
    def many(count: int, net: int) -> bytes:
        rows = (f"c{number},rtsp://10.{net}.0.{number}/" for number in range(count))
        return "\n".join(("name,url", *rows)).encode()

    await read(served, one__csv=many(200, 1))
    more = await served.admin.post(API, files=files(two__csv=many(57, 2)))
    assert (more.status_code, "more than 256 cameras" in more.text) == (422, True)
    # The same file again takes its own place.
    assert len((await read(served, one__csv=many(220, 3)))["files"][0]["cameras"]) == 220
    for number in range(3, MAX_FILES + 3):
        answer = await served.admin.post(API, files=[("file", (f"{number}.csv", many(1, number)))])
    assert (answer.status_code, "8 files" in answer.text) == (422, True)
