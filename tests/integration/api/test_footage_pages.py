"""The pages of recorded footage by HTTP: which day, which cameras, and who may."""

from datetime import UTC, datetime, timedelta
from html import unescape

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.storage.stores.event_store import CameraEvent
from falconeye.web import pages
from tests.integration.api.conftest import Served
from tests.integration.api.test_recordings import footage

pytestmark = pytest.mark.timeout(30)


async def cameras(served: Served, *names: str) -> list[str]:
    ids = []
    for name in names:
        body = {"name": name, "protocol": "demo", "start": False}
        ids.append((await served.admin.post("/api/cameras/", json=body)).json()["id"])
    return ids


def shown(answer: httpx.Response) -> str:
    """The ids that the page plays, in order."""
    assert answer.status_code == 200, answer.text
    return answer.text.split('data-many="')[1].split('"')[0]


async def test_named_cameras_are_shown_in_their_order_and_once(served: Served) -> None:
    a, b, c = await cameras(served, "A", "B", "C")
    viewer = served.viewer
    assert shown(await viewer.get(f"/footage?cameras={c},{a},{c},")) == f"{c},{a}"
    assert shown(await viewer.get(f"/footage?camera={b}&camera={a}")) == f"{b},{a}"


async def test_without_names_the_first_four_that_may_be_seen(served: Served) -> None:
    ids = await cameras(served, *"ABCDE")
    assert shown(await served.viewer.get("/footage")) == ",".join(ids[:4])
    limited = await served.client(Role.VIEWER, cameras=frozenset(ids[3:]))
    async with limited:
        page = await limited.get("/footage")
        assert shown(page) == ",".join(ids[3:])
        assert ids[0] not in page.text


async def test_who_may_not_see_one_sees_none(served: Served) -> None:
    a, b = await cameras(served, "A", "B")
    limited = await served.client(Role.VIEWER, cameras=frozenset({a}))
    live_only = await served.client(Role.VIEWER, live_only=True)
    async with limited, live_only:
        assert (await limited.get(f"/footage?cameras={a}")).status_code == 200
        assert (await limited.get(f"/footage?cameras={a},{b}")).status_code == 403
        # Whether there is such a camera is nobody's business who may not see it.
        assert (await limited.get("/footage?cameras=nothing")).status_code == 403
        assert (await live_only.get("/footage")).status_code == 403
    assert (await served.nobody.get("/footage")).status_code in {303, 401}


async def test_what_cannot_be_shown_is_said(served: Served) -> None:
    ids = await cameras(served, *"ABCDE")
    for query, status, words in (
        (f"cameras={','.join(ids)}", 422, "At most four cameras"),
        ("cameras=nothing", 404, ""),
        (f"cameras={ids[0]}&at=noon", 422, "A moment looks like"),
        (f"cameras={ids[0]}&day=yesterday", 422, "A day looks like"),
        (f"cameras={'x' * 300}", 422, ""),
    ):
        answer = await served.viewer.get(f"/footage?{query}")
        assert answer.status_code == status, (query, answer.status_code)
        assert words in answer.text


async def test_without_cameras_it_says_so(served: Served) -> None:
    answer = await served.viewer.get("/footage")
    assert answer.status_code == 200
    assert "No camera yet" in answer.text


async def test_a_moment_has_its_day_in_the_zone_of_the_site(served: Served) -> None:
    (camera_id,) = await cameras(served, "A")
    today = datetime.now(UTC)
    for path in (f"/cameras/{camera_id}/footage", f"/footage?cameras={camera_id}"):
        join = "&" if "?" in path else "?"
        for moment in (today, today + timedelta(days=400), datetime(2000, 1, 1, tzinfo=UTC)):
            text = (await served.viewer.get(f"{path}{join}at={moment:%Y-%m-%dT%H:%M:%SZ}")).text
            # Never a day before the camera or after today, however far off the moment is.
            assert 'data-day="' in text
            day = datetime.fromisoformat(text.split('data-day="')[1][:10]).date()
            assert abs((day - today.date()).days) <= 1


async def test_a_day_with_more_than_is_listed_says_so(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages.footage, "ROWS", 2)
    monkeypatch.setattr(pages.footage, "EVENTS", 2)
    (camera,) = await cameras(served, "A")
    address = f"/cameras/{camera}/footage"
    begin = (await served.viewer.get(address)).text.partition('data-from="')[2].partition('"')[0]
    for index in range(4):
        start_us = int(begin) + index * 5_000_000
        _ = await footage(served, start_us, camera_id=camera)
        await served.services.events.add(CameraEvent(camera, start_us, start_us, "motion"))
    page = (await served.viewer.get(address)).text
    assert page.count('id="recording-') == 2
    link, words = (
        page.partition("earlier recordings of this day")[0].rpartition('<a href="')[2].split('">')
    )
    assert words == "2 "
    listed = (await served.viewer.get(unescape(link))).text
    assert listed.count('id="recording-') == 4
    assert "Earlier events of this day are left out." in page


async def test_a_recording_is_protected_and_let_go_on_its_page(served: Served) -> None:
    made = await footage(served)
    page, rule = f"/recordings/{made}", f"/recordings/{made}/protection"
    assert "Protect" not in (await served.viewer.get(page)).text
    assert (await served.viewer.post(rule, data={"protected": "1"})).status_code == 403
    assert 'aria-label="Protect"' in (await served.operator.get(page)).text
    answer = await served.operator.post(rule, data={"protected": "1"})
    assert answer.status_code == 303
    told = (await served.admin.get(answer.headers["location"])).text
    assert "The recording is protected" in told
    assert "Take protection away" in told
    assert f"{page}/delete" not in told
    assert "protected</span>" in (await served.viewer.get("/recordings")).text
    assert (await served.viewer.get(f"/api{page}")).json()["protected"]
    assert (await served.admin.post(f"{page}/delete")).status_code == 409
    answer = await served.operator.post(rule, data={"protected": "0"})
    assert "is not protected any more" in (await served.admin.get(answer.headers["location"])).text
    assert "protected</span>" not in (await served.viewer.get("/recordings")).text
    assert (await served.admin.post(f"{page}/delete")).status_code == 303
