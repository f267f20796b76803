"""Footage whose time has not come, because a clock was ahead: in the API and on the pages."""

import pytest

from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.web import i18n
from tests.integration.api.conftest import Served
from tests.integration.api.test_footage_pages import cameras
from tests.integration.api.test_recordings import footage

pytestmark = pytest.mark.timeout(30)


async def test_it_stands_beside_what_is_known(served: Served) -> None:
    (camera,) = await cameras(served, "Door")
    path = f"/api/cameras/{camera}"
    start_us = served.services.clock.utc_us() // SECOND_US * SECOND_US + 3 * DAY_US
    _ = await footage(served, start_us, 4, camera)
    all_of_it = {"from": rfc3339(start_us - 4 * DAY_US), "to": rfc3339(start_us + DAY_US)}
    found = (await served.viewer.get(f"{path}/timeline", params=all_of_it)).json()
    assert found["spans"] == []
    (span,) = found["ahead"]
    begin, end = rfc3339(start_us), rfc3339(start_us + 4 * SECOND_US)
    assert (span["from"], span["to"], span["stream"]) == (begin, end, "main")
    assert found["to"] < begin
    assert all(gap["to"] <= found["to"] for gap in found["gaps"])
    # As far as it was asked for, and only then.
    assert (await served.viewer.get(f"{path}/timeline")).json()["ahead"] == []
    half = {"from": rfc3339(start_us + SECOND_US), "to": rfc3339(start_us + 2 * SECOND_US)}
    found = (await served.viewer.get(f"{path}/timeline", params=half)).json()
    (span,) = found["ahead"]
    assert {name: span[name] for name in half} == half
    assert (found["spans"], found["gaps"]) == ([], [])
    # All of it is there: the list does not wait for more.
    whole = {"from": begin, "to": rfc3339(start_us + 3600 * SECOND_US)}
    text = (await served.viewer.get(f"{path}/playback.m3u8", params=whole)).text
    assert text.count("#EXTINF") == 4
    assert "#EXT-X-ENDLIST" in text


async def test_the_pages_of_days_lead_there(served: Served) -> None:
    (camera, other) = await cameras(served, "Door", "Gate")
    zone = served.services.stored_settings.zone
    now_us = served.services.clock.utc_us()
    start_us = now_us // SECOND_US * SECOND_US + 3 * DAY_US
    today, day = (i18n.local(us, zone).date().isoformat() for us in (now_us, start_us))
    _ = await footage(served, start_us, 4, camera)
    link = f'href="/cameras/{camera}/footage?at={rfc3339(start_us).replace(":", "%3A")}"'
    for path in (f"/cameras/{camera}/footage", f"/footage?cameras={camera},{other}"):
        join = "&" if "?" in path else "?"
        page = (await served.viewer.get(path)).text
        assert f'data-day="{today}"' in page
        assert link in page
        later = (await served.viewer.get(f"{path}{join}day={day}")).text
        assert f'data-day="{day}"' in later
        assert "<td>recorded</td>" in later
        # Not a day further, and not without it.
        beyond = (await served.viewer.get(f"{path}{join}day=2999-01-01")).text
        assert f'data-day="{day}"' in beyond
    alone = (await served.viewer.get(f"/cameras/{other}/footage?day={day}")).text
    assert f'data-day="{today}"' in alone
    assert "dated later" not in alone
