"""The list of days with footage by HTTP."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.accounts.model import Role
from falconeye.base.times import DAY_US, HOUR_US, to_us
from falconeye.storage.tables.node import CAMERAS
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import demo, until
from tests.integration.api.test_footage_pages import cameras
from tests.integration.api.test_recordings import footage

pytestmark = pytest.mark.timeout(30)


async def test_an_hour_with_footage_opens_it(served: Served) -> None:
    (camera,) = await cameras(served, "A")
    noon_us = to_us(datetime.now(UTC)) // DAY_US * DAY_US - 40 * DAY_US + 12 * HOUR_US
    await served.services.timelines._database.write(partial(_add_at, camera, noon_us - DAY_US))
    await served.services.cameras.reload()
    _ = await footage(served, noon_us, camera_id=camera)
    at = datetime.fromtimestamp(noon_us / 1e6, UTC)
    day = (await served.viewer.get(f"/cameras/{camera}/footage?day={at:%F}")).text
    (months,) = re.findall(r'href="(/footage/days\?[^"]*)"', day)
    page = (await served.viewer.get(unescape(months))).text
    (hour,) = re.findall(r'href="([^"]*hour=1)"', page)
    opened = await served.viewer.get(unescape(hour))
    assert opened.status_code == 200
    assert f'data-day="{at:%F}"' in opened.text
    assert f"at={at:%FT%H:%M:%S}.000Z" in hour
    assert page.count(f'datetime="{at:%F}"') == 1
    # A month without footage has its days, and no hour.
    now = (await served.viewer.get(f"/footage/days?cameras={camera}")).text
    assert "hour=1" not in now
    assert f"/cameras/{camera}/footage?day=" in now


async def _add_at(camera_id: str, at_us: int, connection: AsyncConnection) -> None:
    mine = CAMERAS.c.id == camera_id
    await connection.execute(update(CAMERAS).where(mine).values(created_at_us=at_us))


async def test_a_day_that_a_clock_was_ahead_for_is_there(served: Served) -> None:
    (camera,) = await cameras(served, "A")
    noon_us = to_us(datetime.now(UTC)) // DAY_US * DAY_US + 400 * DAY_US + 12 * HOUR_US
    _ = await footage(served, noon_us, camera_id=camera)
    at = datetime.fromtimestamp(noon_us / 1e6, UTC)
    address = f"/footage/days?cameras={camera}"
    assert f"month={at:%Y-%m}" in (await served.viewer.get(address)).text
    page = (await served.viewer.get(f"{address}&month={at:%Y-%m}")).text
    (hour,) = re.findall(r'href="([^"]*hour=1)"', page)
    assert re.findall(r"footage\?day=([0-9-]*)", page) == [f"{at:%F}"] * 2  # its row, and the head
    assert f'data-day="{at:%F}"' in (await served.viewer.get(unescape(hour))).text
    # A month between has nothing; one after it is that one.
    between = datetime.now(UTC).replace(day=28) + timedelta(days=10)
    answer = await served.viewer.get(f"{address}&month={between:%Y-%m}")
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    assert f"month={at:%Y-%m}" in (await served.viewer.get(f"{address}&month=9999-01")).text


async def test_a_camera_that_was_added_by_a_clock_ahead_has_today(served: Served) -> None:
    (camera,) = await cameras(served, "A")
    ahead_us = to_us(datetime.now(UTC)) + 40 * DAY_US
    await served.services.timelines._database.write(partial(_add_at, camera, ahead_us))
    await served.services.cameras.reload()
    page = await served.viewer.get(f"/footage/days?cameras={camera}")
    assert page.status_code == 200, page.headers.get("location")
    assert len(re.findall(r"footage\?day=([0-9-]*)", page.text)) >= 1
    assert (await served.viewer.get(f"/cameras/{camera}/footage")).status_code == 200


async def test_footage_that_is_being_written_is_there(served: Served) -> None:
    path = await demo(served)
    _ = await until(served, f"{path}/timeline", lambda found: found["spans"])
    camera = path.rpartition("/")[2]
    assert "hour=1" in (await served.viewer.get(f"/footage/days?cameras={camera}")).text


async def test_who_may_not_see_one_sees_none(served: Served) -> None:
    a, b = await cameras(served, "A", "B")
    limited = await served.client(Role.VIEWER, cameras=frozenset({a}))
    live_only = await served.client(Role.VIEWER, live_only=True)
    async with limited, live_only:
        own = await limited.get("/footage/days")
        assert own.status_code == 200
        assert a in own.text
        assert b not in own.text
        assert (await limited.get(f"/footage/days?cameras={a},{b}")).status_code == 403
        assert (await limited.get("/footage/days?cameras=nothing")).status_code == 403
        assert (await live_only.get("/footage/days")).status_code == 403
    assert (await served.nobody.get("/footage/days")).status_code in {303, 401}


async def test_what_cannot_be_shown_is_said(served: Served) -> None:
    ids = await cameras(served, *"ABCDE")
    for query, status, words in (
        (f"cameras={','.join(ids)}", 422, "At most four cameras"),
        ("cameras=nothing", 404, ""),
        (f"cameras={ids[0]}&month=november", 422, "A month looks like"),
        (f"cameras={ids[0]}&month=2026-13", 422, "A month looks like"),
        (f"cameras={ids[0]}&month=9999-12", 200, "Days with footage"),
        (f"cameras={ids[0]}&month=0001-01", 200, "Days with footage"),
    ):
        answer = await served.viewer.get(f"/footage/days?{query}")
        assert answer.status_code == status, (query, answer.status_code)
        assert words in answer.text
    assert (await served.viewer.get("/footage/days")).status_code == 200


async def test_without_cameras_it_says_so(served: Served) -> None:
    answer = await served.viewer.get("/footage/days")
    assert answer.status_code == 200
    assert "No camera yet" in answer.text
