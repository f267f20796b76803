"""Protected times by HTTP: made, listed, let go; API and page alike."""

import re
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.accounts.model import Role
from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.storage.segments.layout import recording_id
from falconeye.storage.tables.node import CAMERAS
from tests.integration.api.conftest import Served
from tests.integration.api.test_recordings import footage

pytestmark = pytest.mark.timeout(30)


async def camera(served: Served) -> tuple[str, int]:
    """Its path, and when its footage of 8 s began, a minute ago."""
    body = {"name": "Door", "protocol": "demo", "start": False}
    camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    start_us = served.services.clock.utc_us() // SECOND_US * SECOND_US - 60 * SECOND_US
    for number in range(2):
        _ = await footage(served, start_us + number * 4 * SECOND_US, 4, camera_id)
    return f"/api/cameras/{camera_id}", start_us


def span(start_us: int, from_s: float, to_s: float) -> dict[str, str]:
    moments = (rfc3339(start_us + round(second * SECOND_US)) for second in (from_s, to_s))
    return dict(zip(("from", "to"), moments, strict=True))


def words_of(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


async def test_a_time_is_protected_listed_and_let_go(served: Served) -> None:
    path, start_us = await camera(served)
    body: dict[str, Any] = {**span(start_us, 1, 2), "reason": "the fence"}
    answer = await served.operator.post(f"{path}/protections", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert {name: made[name] for name in body} == body
    assert made["by"].startswith("operator")
    listed = (await served.viewer.get(f"{path}/protections")).json()
    assert listed == {
        "protections": [made], "unreachable_nodes": [],
    }  # fmt: skip
    after = span(start_us, 2, 9)
    assert (await served.viewer.get(f"{path}/protections", params=after)).json() == {
        "protections": [], "unreachable_nodes": [],
    }  # fmt: skip
    query = {**span(start_us, 0, 8), "reason": "all of it"}
    answer = await served.admin.delete(f"{path}/footage", params=query)
    assert (answer.json()["deleted"], answer.json()["kept"]) == (1, 1)
    one = f"{path}/protections/{made['id']}"
    answer = await served.operator.delete(one)
    assert (answer.status_code, answer.json()) == (200, made)
    assert (await served.operator.delete(one)).status_code == 404
    answer = await served.admin.delete(f"{path}/footage", params=query)
    assert (answer.json()["deleted"], answer.json()["kept"]) == (1, 0)
    entries, _ = await served.services.accounts.audit.list(limit=10)
    words = {entry.action: entry.detail for entry in entries}
    told = f"{body['from']} to {body['to']}, the fence"
    assert words["footage.protected"] == words["footage.unprotected"] == told


async def test_the_time_line_tells_what_is_protected(served: Served) -> None:
    path, start_us = await camera(served)
    body = {**span(start_us, 1, 2), "reason": "the fence"}
    made = (await served.operator.post(f"{path}/protections", json=body)).json()
    whole = recording_id(path.rpartition("/")[2], start_us)
    answer = await served.operator.patch(f"/api/recordings/{whole}", json={"protected": True})
    assert answer.status_code == 200, answer.text
    recording = answer.json()
    # The camera was added after its footage; an event of a program may have the same name.
    event = {"kind": "protected", "label": "the alarm is on"}
    assert (await served.operator.post(f"{path}/events", json=event)).status_code == 201
    await _older(served, path, start_us)
    found = (await served.viewer.get(f"{path}/timeline", params=span(start_us, 0, 70))).json()
    assert [one for one in found["events"] if "to" in one] == [
        {
            "at": recording["start_time"],
            "kind": "protected",
            "to": recording["end_time"],
            "by": None,
            "reason": "",
            "recording_id": whole,
        },
        {
            "at": body["from"],
            "kind": "protected",
            "to": body["to"],
            "by": made["by"],
            "reason": "the fence",
            "recording_id": None,
        },
    ]
    after = span(start_us, 9, 12)
    found = (await served.viewer.get(f"{path}/timeline", params=after)).json()
    assert found["events"] == []
    for page in (f"{path.removeprefix('/api')}/footage", f"/footage?cameras={path[13:]}"):
        table = (await served.viewer.get(page)).text.partition('id="spans"')[2]
        words = words_of(table.partition("</table>")[0])
        assert f"protected by {made['by']}: the fence" in words
        assert words.count("protected") == 2


async def _older(served: Served, path: str, created_us: int) -> None:
    """As if the camera had been added then."""
    mine = CAMERAS.c.id == path.rpartition("/")[2]

    async def back(connection: AsyncConnection) -> None:
        values = {"created_at_us": created_us}
        await connection.execute(update(CAMERAS).where(mine).values(values))

    await served.services.timelines._database.write(back)
    await served.services.cameras.reload()


def _title(page: str) -> str:
    """The day that stands over the time line."""
    found = re.search(r'name="day"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_of_a_deleted_camera_it_stays_and_is_let_go(served: Served) -> None:
    path, start_us = await camera(served)
    answer = await served.operator.post(f"{path}/protections", json=span(start_us, 1, 2))
    made = answer.json()
    assert (await served.admin.delete(path)).status_code == 200
    assert (await served.admin.get(f"{path}/protections")).json() == {
        "protections": [made], "unreachable_nodes": [],
    }  # fmt: skip
    made_id = recording_id(path.rpartition("/")[2], start_us)
    recording = f"/api/recordings/{made_id}?delete_file=true"
    assert (await served.admin.delete(recording)).status_code == 409
    assert (await served.admin.delete(f"{path}/protections/{made['id']}")).status_code == 200
    assert (await served.admin.delete(recording)).status_code == 200


async def test_who_may_and_what_cannot_be(served: Served) -> None:
    path, start_us = await camera(served)
    body = span(start_us, 1, 2)
    assert (await served.viewer.post(f"{path}/protections", json=body)).status_code == 403
    assert (await served.nobody.get(f"{path}/protections")).status_code == 401
    async with await served.client(Role.OPERATOR, cameras=frozenset({"another"})) as limited:
        assert (await limited.post(f"{path}/protections", json=body)).status_code == 403
        assert (await limited.get(f"{path}/protections")).status_code == 403
    for wrong in (
        {},
        {"from": body["from"]},
        span(start_us, 2, 1),
        span(start_us, 1, 86_400),
        {**body, "from": "noon"},
        {**body, "reason": "two\nlines"},
        {**body, "all": True},
    ):
        answer = await served.operator.post(f"{path}/protections", json=wrong)
        assert answer.status_code in {400, 422}, wrong
    answer = await served.operator.post("/api/cameras/none/protections", json=body)
    assert answer.status_code == 404
    assert (await served.viewer.get("/api/cameras/none/protections")).status_code == 404


async def test_the_page_of_a_day_protects_and_lets_go(served: Served) -> None:
    path, start_us = await camera(served)
    page = f"{path.removeprefix('/api')}/footage"
    form = {**span(start_us, 1, 2), "reason": "the fence"}
    answer = await served.operator.post(f"{page}/protections", data=form)
    assert answer.status_code == 303, answer.text
    assert "done=footage-protected" in answer.headers["location"]
    shown = (await served.operator.get(answer.headers["location"])).text
    assert "the fence" in shown
    viewers = (await served.viewer.get(page)).text
    assert "the fence" in viewers
    assert "/protections" not in viewers
    (action,) = re.findall(r'action="(/cameras/[^"]+/protections/\d+/let-go)"', shown)
    assert (await served.viewer.post(action)).status_code == 403
    answer = await served.operator.post(action)
    assert answer.status_code == 303
    assert "the fence" not in (await served.viewer.get(page)).text
    answer = await served.operator.post(f"{page}/protections", data=span(start_us, 2, 1))
    assert answer.status_code == 422
    assert "This lies before the beginning." in answer.text
    # Of another day than today: what is wrong stands on the day that was meant.
    path, start_us = await camera(served)
    await _older(served, path, start_us - 3 * DAY_US)
    page = f"{path.removeprefix('/api')}/footage"
    answer = await served.operator.post(
        f"{page}/protections", data=span(start_us - 2 * DAY_US, 2, 1)
    )
    meant = rfc3339(start_us - 2 * DAY_US + 2 * SECOND_US)
    day = (await served.operator.get(page, params={"at": meant})).text
    assert _title(answer.text) == _title(day) != _title((await served.operator.get(page)).text)


async def test_the_page_of_a_recording_says_who_keeps_it_before_it_is_asked(served: Served) -> None:
    path, start_us = await camera(served)
    page = f"/recordings/{recording_id(path.rpartition('/')[2], start_us)}"
    before = (await served.admin.get(page)).text
    assert f"{page}/delete" in before
    body = {**span(start_us, 1, 2), "reason": "the fence"}
    made = (await served.operator.post(f"{path}/protections", json=body)).json()
    shown = (await served.admin.get(page)).text
    assert f"{page}/delete" not in shown
    assert "as long as a time of it is protected" in shown
    assert f"by {made['by']} the fence" in words_of(shown)
    question = await served.admin.get(f"{page}/delete")
    assert f"protected by {made['by']}: the fence" in words_of(question.text)
    assert ">Delete recording</button>" not in question.text
    dialog = await served.admin.get(f"{page}/delete", headers={"hx-request": "true"})
    assert "the fence" in dialog.text
    assert (await served.admin.post(f"{page}/delete")).status_code == 409
    # Of the time behind it there is nothing to say.
    other = f"/recordings/{recording_id(path.rpartition('/')[2], start_us + 4 * SECOND_US)}"
    assert "the fence" not in (await served.admin.get(other)).text
    (action,) = re.findall(r'action="(/cameras/[^"]+/let-go)"', shown)
    assert "let-go" not in (await served.viewer.get(page)).text
    answer = await served.operator.post(action, data={"recording": page.rpartition("/")[2]})
    assert answer.headers["location"].startswith(f"{page}?")
    assert f"{page}/delete" in (await served.admin.get(page)).text
    assert (await served.admin.post(f"{page}/delete")).status_code == 303


async def test_a_question_before_deletion_says_who_keeps_what(served: Served) -> None:
    path, start_us = await camera(served)
    camera_id = path.rpartition("/")[2]
    span_query = {"camera": camera_id, **span(start_us, 0, 8), "reason": "asked to"}
    question = await served.admin.get("/storage/delete", params=span_query)
    assert "protected" not in words_of(question.text).partition("Delete this time?")[2]
    whole = await served.admin.get(f"/cameras/{camera_id}/delete")
    assert "What is protected stays" not in whole.text
    body = {**span(start_us, 1, 2), "reason": "the fence"}
    made = (await served.operator.post(f"{path}/protections", json=body)).json()
    question = await served.admin.get("/storage/delete", params=span_query)
    assert f"protected by {made['by']}: the fence" in words_of(question.text)
    whole = await served.admin.get(f"/cameras/{camera_id}/delete")
    assert "What is protected stays" in whole.text


async def test_what_a_deleted_camera_left_protected_stands_on_the_page_of_storage(
    served: Served,
) -> None:
    path, start_us = await camera(served)
    camera_id = path.rpartition("/")[2]
    body = {**span(start_us, 1, 2), "reason": "the fence"}
    for given in (body, {**span(start_us, 5, 6), "reason": "the gate"}):
        assert (await served.operator.post(f"{path}/protections", json=given)).status_code == 201
    assert "the fence" not in (await served.admin.get("/storage")).text
    assert (await served.admin.delete(path)).status_code == 200
    shown = (await served.operator.get("/storage")).text
    told = words_of(shown).partition("Protected times of Front door")[2]
    assert told.index("the fence") < told.index("the gate")
    viewers = (await served.viewer.get("/storage")).text
    assert "the fence" in viewers
    assert "let-go" not in viewers
    async with await served.client(Role.OPERATOR, cameras=frozenset({"another"})) as limited:
        assert "the fence" not in (await limited.get("/storage")).text
    actions = re.findall(r'action="(/cameras/[^"]+/let-go)"', shown)
    assert len(actions) == 2
    assert (await served.viewer.post(actions[0])).status_code == 403
    # Also where nothing is left of its footage.
    await served.services.recordings.delete_camera_footage(camera_id, who="a rule")
    for action, reason in zip(actions, ("the fence", "the gate"), strict=True):
        assert reason in (await served.operator.get("/storage")).text
        answer = await served.operator.post(action)
        assert answer.headers["location"] == "/storage?done=footage-unprotected"
        assert reason not in (await served.operator.get("/storage")).text
    assert "Protected times of" not in (await served.operator.get("/storage")).text
