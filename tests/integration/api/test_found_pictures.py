"""Pictures of found cameras: taken while somebody looks, without a login, giving way to people."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from falconeye.cameras.found import found_pictures
from falconeye.cameras.found.adding import Adding
from falconeye.cameras.found.found_pictures import FoundPictures, PictureState
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Evidence, Way
from falconeye.events.bus import CandidatesChanged
from falconeye.events.camera_state import ReasonCode
from falconeye.media.pictures import jpeg_to_frame
from tests.integration.api.conftest import Served
from tests.integration.api.devices import lay_ports
from tests.peers.manual_clock import ManualClock
from tests.peers.media_samples import video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.replay_rtsp import ReplayServer
from tests.unit.devices.test_identity import PORTS, camera

pytestmark = pytest.mark.timeout(30)
PAGE = "/cameras/found"


def local_pictures(served: Served, clock: Any = None) -> FoundPictures:
    """As the node's own, but they ask cameras at loopback, too."""
    services = served.services
    made = FoundPictures(
        services.cameras,
        clock or services.clock,
        lambda: services.bus.publish(CandidatesChanged()),
        allow_local=True,
    )
    made.start(network=True)
    services.finding.pictures = made
    return made


@pytest.fixture
async def pictures(served: Served) -> AsyncIterator[FoundPictures]:
    made = local_pictures(served)
    yield made
    await made.stop()


def note(served: Served, url: str, way: Way = Way.MDNS, key: str = "x") -> Candidate:
    candidates = served.services.finding.candidates
    assert candidates.note(Evidence(way, key, 0, name=key, address="127.0.0.1", url=url))
    return next(one for one in candidates.list() if any(e.key == key for e in one.evidence))


async def settled(served: Served, made: FoundPictures, candidate: Candidate) -> Any:
    """What there is once it is known."""
    with served.services.bus.subscribe() as changes:
        while (found := made.wish(candidate)).state is PictureState.COMING:
            async for change in changes:
                if isinstance(change, CandidatesChanged):
                    break
    return found


async def test_a_picture_is_taken_once_and_shown_in_the_row(
    served: Served, pictures: FoundPictures
) -> None:
    with ReplayServer() as server:
        door = server.add("door", video=video_clip(width=640, height=368, gop=10))
        candidate = note(served, server.url("door"))
        await served.admin.get("/api/candidates/")
        assert door.requests.get("DESCRIBE", 0) == 0  # nobody has looked at the page
        page = (await served.operator.get(PAGE)).text
        assert "A picture is being taken" in page
        assert (await settled(served, pictures, candidate)).state is PictureState.HERE
        page = (await served.operator.get(PAGE)).text
        shown = re.search(r'<img class="found-still"[^>]* src="([^"]+)" alt="Picture of x, ', page)
        assert shown
        answer = await served.operator.get(shown[1])
        assert answer.headers["content-type"] == "image/jpeg"
        frame = await asyncio.to_thread(jpeg_to_frame, answer.content)
        assert (frame.width, frame.height) == (314, 180)
        assert (await served.viewer.get(shown[1])).status_code == 403
        assert (await served.nobody.get(shown[1])).status_code in {303, 401}
        assert door.requests["DESCRIBE"] == 2  # ours, and that of libavformat behind it
    served.services.finding.candidates.gone(Way.MDNS, "x")
    other = note(served, "rtsp://127.0.0.1:1/x", key="y")
    nothing = await served.operator.get(f"{PAGE}/{other.id}/picture.jpg")
    assert nothing.status_code == 404
    assert (await settled(served, pictures, other)).reason is ReasonCode.CONNECTION_REFUSED
    assert "It gave no picture." in (await served.operator.get(PAGE)).text


@pytest.mark.parametrize("login", ["basic", "digest"])
async def test_no_login_is_ever_shown_for_a_picture(
    served: Served, pictures: FoundPictures, login: Any
) -> None:
    with MjpegServer(login=login) as server:
        candidate = note(served, server.url().replace("//", "//admin:right@"))
        found = await settled(served, pictures, candidate)
        assert (found.state, found.reason) == (PictureState.NONE, ReasonCode.PASSWORD_NEEDED)
        assert (server.gate.attempts, len(server.paths)) == (0, 1)
        assert "Its pictures need a login." in (await served.operator.get(PAGE)).text
        assert len(server.paths) == 1  # nor is it asked again


async def test_what_only_a_file_names_and_who_is_elsewhere_is_not_asked(
    served: Served, pictures: FoundPictures
) -> None:
    with MjpegServer() as server:
        imported = note(served, server.url(), Way.IMPORT)
        assert pictures.wish(imported).state is PictureState.NONE
        assert 'class="found-still"' not in (await served.operator.get(PAGE)).text
        served.services.finding.candidates.drop(Way.IMPORT)
        # Who announces another one's address is not the one to be asked.
        elsewhere = note(served, server.url(host="localhost"))
        assert pictures.wish(elsewhere).state is PictureState.NONE
        await pictures.stop()
        assert pictures.wish(note(served, server.url())).state is PictureState.NONE
        assert server.paths == []


async def test_the_network_is_not_asked_where_nobody_is_to_look_there(served: Served) -> None:
    made = FoundPictures(
        served.services.cameras, served.services.clock, lambda: None, allow_local=True
    )
    made.start(network=False)
    with MjpegServer() as server:
        assert made.wish(note(served, server.url())).state is PictureState.NONE
        assert server.paths == []
    await made.stop()


async def test_who_tries_or_adds_a_camera_comes_first(
    served: Served, pictures: FoundPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.cameras.trial.MEASURE_S", 0.2)
    with MjpegServer() as server:
        candidate = note(served, server.url("mute"))
        assert pictures.wish(candidate).state is PictureState.COMING
        new = NewCamera("Yard", Protocol.HTTP, server.url(), allow_local=True)
        while not server.paths:  # noqa: ASYNC110 - the server lives in a thread
            await asyncio.sleep(0.01)
        assert (await served.services.cameras.test(new)).ok
        found = await settled(served, pictures, candidate)
        assert (found.state, found.reason) == (PictureState.NONE, ReasonCode.DEVICE_BUSY)
        assert "It is busy: no picture now." in (await served.operator.get(PAGE)).text
        # One that is begun while a person's trial runs gives up at once.
        trial = asyncio.TaskGroup()
        async with trial:
            looking = Adding(served.services.finding, served.services.cameras)
            asked = trial.create_task(looking.look_into(candidate.id, allow_local=True))
            while len(server.paths) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            config = pictures._config(candidate)
            assert config
            assert await served.services.cameras.trials.glance(config, 180) is None
            assert len(server.paths) == 3
            asked.cancel()


async def test_two_at_most_are_asked_and_nobody_who_is_not_looked_at_any_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.cameras.trial.GLANCE_S", 0.5)
    clock = ManualClock()
    made = local_pictures(served, clock)
    # Of one host one is asked at a time: these are four devices.
    monkeypatch.setattr(made, "_device", lambda _config: asyncio.Lock())
    with ExitStack() as stack:
        servers = [stack.enter_context(MjpegServer()) for _ in range(4)]
        one = note(served, servers[0].url("mute"))
        rows = [
            replace(one, evidence=(replace(one.evidence[0], url=each.url("mute")),))
            for each in servers
        ]
        states = [made.wish(row).state for row in rows]
        assert states == [PictureState.COMING] * 4
        while sum(bool(each.paths) for each in servers) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        clock.advance_s(found_pictures.WISH_US / 1e6 + 1)
        assert (await settled(served, made, rows[0])).state is PictureState.NONE
        while made._wishes:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert [len(each.paths) for each in servers] == [1, 1, 0, 0]
    await made.stop()


async def test_a_usb_camera_that_cannot_be_opened_says_so(
    served: Served, pictures: FoundPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = lay_ports(monkeypatch)
    ports.plug(camera(4, PORTS[1]))
    await served.operator.post("/cameras/found/look")
    (row,) = served.services.finding.candidates.list()
    found = await settled(served, pictures, row)
    assert found.state is PictureState.NONE
    assert "It gave no picture." in (await served.operator.get(PAGE)).text
