"""The timeline of a camera by HTTP: footage, and gaps with their reasons."""

import re
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.accounts.model import Role
from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.storage.segments.clock_journal import Correction, take_over
from falconeye.storage.tables.ledger import uptimes
from falconeye.storage.tables.node import CAMERAS
from falconeye.web import i18n
from tests.clock import START_US
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import demo, until
from tests.integration.api.test_recordings import footage

pytestmark = pytest.mark.timeout(30)


async def timeline(served: Served, path: str, **query: str) -> dict[str, Any]:
    answer = await served.viewer.get(f"{path}/timeline", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def reasons(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(gap["reason"], gap["detail"]) for gap in found["gaps"]]


async def test_every_second_since_it_was_added_is_footage_or_a_gap(served: Served) -> None:
    path = await demo(served)
    found = await until(served, f"{path}/timeline", lambda found: found["spans"])
    assert found.keys() == {"camera_id", "from", "to", "nodes", "spans", "ahead", "gaps", "events"}
    assert (await served.operator.post(f"{path}/stop")).status_code == 200
    found = await until(
        served,
        f"{path}/timeline",
        lambda found: found["gaps"] and found["gaps"][-1]["reason"] == "camera_stopped",
    )
    assert reasons(found)[-1] == ("camera_stopped", "operator []")
    (span,) = found["spans"]
    assert (span["stream"], span["node"], span["kind"]) == ("main", "pi-1", "continuous")
    camera = (await served.viewer.get(path)).json()
    pieces = sorted((piece["from"], piece["to"]) for piece in (*found["spans"], *found["gaps"]))
    moments = [datetime.fromisoformat(moment) for piece in pieces for moment in piece]
    assert abs(moments[0] - datetime.fromisoformat(camera["created_at"])).total_seconds() < 0.5
    assert moments == sorted(moments)
    holes = [(b - a).total_seconds() for a, b in zip(moments[1::2], moments[2::2], strict=False)]
    assert all(hole < 0.5 for hole in holes)
    assert pieces[-1][1] == found["to"]


async def test_a_window_is_what_was_asked_for(served: Served) -> None:
    path = await demo(served, record="off")
    found = await until(served, f"{path}/timeline", lambda found: found["gaps"])
    middle_us = (served.services.clock.utc_us() + _us(found["from"])) // 2
    cut = await timeline(served, path, to=rfc3339(middle_us))
    assert cut["to"] == rfc3339(middle_us)
    assert all(gap["to"] <= cut["to"] for gap in cut["gaps"])
    years_on = {"from": "2090-01-01T00:00:00Z", "to": "2090-01-02T00:00:00Z"}
    later = await timeline(served, path, **years_on)
    assert (later["spans"], later["gaps"]) == ([], [])


def _us(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1_000_000)


async def test_what_cannot_be_answered(served: Served) -> None:
    path = await demo(served)
    now_us = served.services.clock.utc_us()
    for query, status in (
        ({"from": "yesterday"}, 422),
        ({"from": rfc3339(now_us), "to": rfc3339(now_us - 1_000_000)}, 422),
        ({"from": rfc3339(now_us - 400 * DAY_US)}, 422),
        ({"to": "2001-01-01T00:00:00Z"}, 200),
    ):
        answer = await served.viewer.get(f"{path}/timeline", params=query)
        assert answer.status_code == status, query
    assert (await served.viewer.get("/api/cameras/none/timeline")).status_code == 404
    assert (await served.nobody.get(f"{path}/timeline")).status_code == 401


async def test_who_sees_live_only_sees_no_timeline(served: Served) -> None:
    path = await demo(served)
    client = await served.client(Role.VIEWER, live_only=True)
    async with client:
        assert (await client.get(f"{path}/timeline")).status_code == 403


async def test_a_day_as_a_page(served: Served) -> None:
    path = await demo(served)
    page = f"{path.removeprefix('/api')}/footage"
    answer = await served.viewer.get(page)
    assert answer.status_code == 200
    assert "Not recorded" in answer.text
    assert (await served.viewer.get(f"{page}?day=2001-01-01")).status_code == 200
    assert (await served.viewer.get(f"{page}?day=tomorrow")).status_code == 422


async def test_where_the_clock_was_corrected(served: Served) -> None:
    path = await demo(served)
    camera = (await served.viewer.get(path)).json()
    added_us = _us(camera["created_at"])
    corrected = Correction(
        "boot", 0, -90 * SECOND_US, added_us - SECOND_US, added_us + 60 * SECOND_US
    )
    await served.services.timelines._database.write(partial(take_over, [corrected]))
    found = await until(served, f"{path}/timeline", lambda found: found["events"])
    assert found["events"] == [
        {
            "at": rfc3339(added_us - SECOND_US),
            "kind": "clock_corrected",
            "to": rfc3339(added_us + 60 * SECOND_US),
            "clock_offset_s": 90.0,
        }
    ]
    page = f"{path.removeprefix('/api')}/footage"
    answer = await served.viewer.get(page)
    assert "Clock corrected" in answer.text
    assert "1:30" in answer.text
    assert "ahead" in answer.text
    before = await timeline(served, path, to=rfc3339(added_us - 5 * SECOND_US))
    assert before["events"] == []


async def test_where_the_clock_was_set(served: Served) -> None:
    """Ahead, and back: what was recorded before and after is footage of one time."""
    body = {"name": "Demo", "protocol": "demo", "start": False}
    camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    path = f"/api/cameras/{camera_id}"
    for start_us, gops in ((START_US, 40), (START_US + 30 * SECOND_US, 20)):
        _ = await footage(served, start_us, gops, camera_id)
    await served.services.timelines._database.write(partial(_have_it_set, camera_id))
    await served.services.cameras.reload()
    moments = [rfc3339(START_US + seconds * SECOND_US) for seconds in range(60)]
    found = await timeline(served, path, **{"from": moments[0], "to": moments[59]})
    assert found["events"] == [
        {"at": moments[30], "kind": "recorded_twice", "to": moments[40]},
        {"at": moments[40], "kind": "clock_set", "to": moments[30], "step_s": -10.0},
        {"at": moments[50], "kind": "clock_set", "to": moments[55], "step_s": 5.0},
    ]
    day = moments[0][:10]
    answer = await served.viewer.get(f"{path.removeprefix('/api')}/footage?day={day}")
    words = " ".join(re.sub(r"<[^>]*>", "", answer.text).split())
    zone = served.services.stored_settings.zone
    begin, end = (
        f"{i18n.local(START_US + seconds * SECOND_US, zone):%H:%M:%S}" for seconds in (30, 40)
    )
    assert f"{end}the clock of the machine was set back by 0:10, to {begin}" in words
    assert f"{begin} – {end} was recorded twice: both are played, one after the other" in words
    assert "the clock of the machine was set ahead by 0:05" in words
    before = await timeline(served, path, **{"from": moments[0], "to": moments[29]})
    assert before["events"] == []


async def _have_it_set(camera_id: str, connection: AsyncConnection) -> None:
    """The camera is older than its footage, and the ledger knows of two seams."""
    mine = CAMERAS.c.id == camera_id
    await connection.execute(update(CAMERAS).where(mine).values(created_at_us=START_US))
    for second, step_s in ((30, -10), (55, 5)):
        from_us = START_US + second * SECOND_US
        step = {"from_us": from_us, "to_us": from_us + 1, "step_us": step_s * SECOND_US}
        await connection.execute(insert(uptimes).values(step))


async def test_footage_of_a_time_is_deleted_with_a_reason(served: Served) -> None:
    path = await demo(served)
    _ = await until(served, f"{path}/timeline", lambda found: found["spans"])
    found = await timeline(served, path)
    begin, end = found["spans"][0]["from"], found["to"]
    query = {"from": begin, "to": end, "reason": "a neighbour asked for it"}
    early = await served.admin.delete(f"{path}/footage", params=query)
    assert early.status_code == 409
    assert "still being written" in early.json()["detail"]
    assert (await served.operator.post(f"{path}/stop")).status_code == 200
    assert await served.footage.flush(5)
    for missing in ("from", "to", "reason"):
        some = {name: value for name, value in query.items() if name != missing}
        answer = await served.admin.delete(f"{path}/footage", params=some)
        assert answer.status_code in {400, 422}, missing
    assert (await served.operator.delete(f"{path}/footage", params=query)).status_code == 403
    answer = await served.admin.delete(f"{path}/footage", params=query)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["deleted"], answer.json()["kept"]) == (1, 0)
    found = await timeline(served, path)
    assert found["spans"] == []
    assert ("deleted_by_person", "admin []: a neighbour asked for it") in reasons(found)
