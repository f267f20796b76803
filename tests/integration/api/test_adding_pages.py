"""Found cameras of the network by page: the login that they want, their picture, then added."""

import re
from html import unescape

import pytest

from falconeye.accounts.model import Role
from falconeye.base.errors import NotFound
from falconeye.base.times import SECOND_US
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol, RecordMode
from falconeye.web.proposals import KEPT_US, MAX_KEPT, Proposals
from tests.clock import FakeClock
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import found, onvif_site
from tests.integration.api.test_found_cameras import dome
from tests.integration.api.test_pages import actions
from tests.peers.onvif_device import PASSWORD, USER

pytestmark = pytest.mark.timeout(30)
LOGIN = {"username": USER, "password": PASSWORD, "allow_local": "true"}


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falconeye.cameras.trial.MEASURE_S", 0.2)


def word_in(page: str) -> str:
    match = re.search(r'name="proposal" value="([^"]+)"', page)
    assert match, page
    return match[1]


async def test_a_camera_says_what_it_wants_shows_its_picture_and_is_added(served: Served) -> None:
    with onvif_site() as site:
        path = f"/cameras/found/{found(served, site.finding())}"
        page = (await served.admin.get(f"{path}/add")).text
        assert "Ask the camera" in page
        assert f'href="{path}/by-address"' in page
        asked = await served.admin.post(f"{path}/look-into", data={"allow_local": "true"})
        assert "panel-busy" in asked.text
        wrong = await served.admin.post(f"{path}/look-into", data=LOGIN | {"password": "wr0ng-one"})
        assert "The camera refuses this user name or password" in wrong.text
        assert f'value="{USER}"' in wrong.text
        assert "wr0ng-one" not in wrong.text
        ready = await served.admin.post(
            f"{path}/look-into", data=LOGIN, headers={"hx-request": "true"}
        )
        assert ready.text.lstrip().startswith('<div id="look-into"')
        assert "data:image/jpeg;base64," in ready.text
        assert "H.264 320" in ready.text  # of the small picture
        assert PASSWORD not in ready.text
        form = {"proposal": word_in(ready.text), "name": "Gate", "record": "manual"}
        shown = sum(not each.good for each in site.device.logins)
        added = await served.admin.post(f"{path}/add-looked-into", data=form)
        assert added.status_code == 303, added.text
        (camera,) = served.services.cameras.list()
        config = camera.config
        assert added.headers["location"] == f"/cameras/{config.id}?done=added"
        assert (config.name, config.record, config.audio) == ("Gate", RecordMode.MANUAL, False)
        assert (config.protocol, config.source_url) == (Protocol.ONVIF, site.stream("main"))
        assert sum(not each.good for each in site.device.logins) == shown == 1
        assert (await actions(served))[-2:] == ["camera.tested", "camera.added"]
        again = await served.admin.post(f"{path}/add-looked-into", data=form)
        assert again.status_code == 404
        assert "look into the camera again" in again.text
        # Its form is that of a camera with an address.
        edit = f"/cameras/{config.id}/edit"
        assert site.stream("main") in unescape((await served.admin.get(edit)).text)
        changed = {"name": "Gate 2", "source_url": site.stream("main"), "record": "manual",
                   "sub_url": site.stream("sub"), "username": USER, "transport": "auto",
                   "allow_local": "true"}  # fmt: skip
        saved = await served.admin.post(edit, data=changed)
        assert saved.status_code == 303, saved.text
        assert served.services.cameras.get(config.id).config.name == "Gate 2"


async def test_a_proposal_is_that_of_who_asked(served: Served) -> None:
    with onvif_site() as site:
        path = f"/cameras/found/{found(served, site.finding())}"
        ready = await served.admin.post(f"{path}/look-into", data=LOGIN)
        form = {"proposal": word_in(ready.text), "name": "Gate"}
        async with await served.client(Role.ADMIN, expires_at_us=2**53) as other:
            refused = await other.post(f"{path}/add-looked-into", data=form)
        assert refused.status_code == 404
        assert served.services.cameras.list() == []
        bad = await served.admin.post(f"{path}/add-looked-into", data=form | {"name": " "})
        assert bad.status_code == 422
        assert (
            await served.admin.post(f"{path}/add-looked-into", data=form)
        ).status_code == 303  # a wrong name loses nothing


async def test_what_cannot_be_reached_leads_to_its_address(served: Served) -> None:
    found_id = dome(served, address="127.0.0.1", port=9, url="http://127.0.0.1:9/onvif/x")
    path = f"/cameras/found/{found_id}"
    answer = await served.admin.post(f"{path}/look-into", data={"allow_local": "true"})
    assert "panel-bad" in answer.text
    assert f'href="{path}/by-address"' in answer.text
    assert 'name="proposal"' not in answer.text
    for act in ("look-into", "add-looked-into"):
        assert (await served.operator.post(f"{path}/{act}", data={})).status_code == 403


def test_proposals_end_and_are_bounded() -> None:
    clock, kept = FakeClock(), Proposals()
    new = NewCamera("Gate", Protocol.RTSP, "rtsp://192.168.1.9/1")
    first = kept.keep(new, "anna", clock)
    words = [kept.keep(new, "anna", clock) for _ in range(MAX_KEPT)]
    with pytest.raises(NotFound):
        kept.get(first, "anna", clock)
    assert kept.get(words[0], "anna", clock) == new
    clock.advance(KEPT_US / SECOND_US)
    with pytest.raises(NotFound):
        kept.get(words[0], "anna", clock)
