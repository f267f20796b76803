"""Found cameras looked into: what is proposed, and how often a login is shown for it."""

import socket
import threading

import pytest

from falconeye.base.errors import NotFound, Unavailable
from falconeye.base.secret import Secret
from falconeye.cameras.found import adding
from falconeye.cameras.found.adding import Adding, Proposal, ProposalState
from falconeye.cameras.identity import onvif_address
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.discovery.evidence import Evidence, Way
from falconeye.events.camera_state import ReasonCode
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import found, onvif_site
from tests.peers.media_samples import video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.onvif_device import PASSWORD, USER
from tests.peers.replay_rtsp import ReplayServer


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falconeye.cameras.trial.MEASURE_S", 0.2)


class RefusesBySilence:
    """An RTSP camera that hangs up on each login, as some do in place of another 401."""

    def __init__(self) -> None:
        self.logins = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="hangs-up", daemon=True)

    def __enter__(self) -> "RefusesBySilence":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as requests:
                head: list[bytes] = []
                for line in requests:
                    head.append(line)
                    if line != b"\r\n":
                        continue
                    if any(one.startswith(b"Authorization") for one in head):
                        self.logins += 1
                        break
                    head.clear()
                    connection.sendall(
                        b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n"
                        b'WWW-Authenticate: Digest realm="x", nonce="y"\r\n\r\n'
                    )


async def look(
    served: Served, candidate_id: str, password: str | None = None, user: str = USER
) -> Proposal:
    looking = Adding(served.services.finding, served.services.cameras)
    return await looking.look_into(
        candidate_id,
        username=None if password is None else user,
        password=None if password is None else Secret(password),
        allow_local=True,
    )


def announced(url: str, **fields: object) -> Evidence:
    return Evidence(Way.MDNS, "x", 0, address="127.0.0.1", url=url, **fields)  # type: ignore[arg-type]


async def test_an_onvif_camera_is_proposed_with_all_that_is_stored_of_it(served: Served) -> None:
    with onvif_site(reversed_profiles=True) as site:
        candidate_id = found(served, site.finding(mac="00:1a:2b:3c:4d:5e"))
        proposal = await look(served, candidate_id, PASSWORD)
        assert (proposal.state, proposal.words) == (ProposalState.READY, "")
        new, main, sub = proposal.new, proposal.main, proposal.sub
        assert new
        assert main
        assert sub
        assert (new.source_url, new.sub_url) == (site.stream("main"), site.stream("sub"))
        assert (new.protocol, new.onvif_url) == (Protocol.ONVIF, site.device.xaddr)
        assert new.endpoint_reference == site.device.endpoint_reference
        assert new.mac_address == "00:1a:2b:3c:4d:5e"
        assert new.metadata == {"make": "Strict", "model": "S-1", "serial": "0815"}
        assert (main.width, sub.width) == (640, 320)
        assert main.picture
        camera = await served.services.cameras.add(new)
        assert camera.config.onvif_url == site.device.xaddr
        assert site.refusals == 0
        again = served.services.finding.candidates.get(candidate_id)
        assert again.camera_ids == (camera.config.id,)


@pytest.mark.parametrize("login", ["wsse", "digest", "both"])
async def test_a_wrong_password_is_shown_to_one_door_only(served: Served, login: str) -> None:
    with onvif_site(login=login) as site:
        # It announces its stream as well: that is not asked with the same login.
        found(served, announced(site.stream("main")))
        candidate_id = found(served, site.finding())
        assert len(served.services.finding.candidates.get(candidate_id).evidence) == 2
        proposal = await look(served, candidate_id, "wrong")
        assert proposal.state is ProposalState.LOGIN_REFUSED
        assert proposal.words == "the camera refuses this user name or password"
        assert site.refusals == 1


async def test_without_a_login_none_is_shown_and_one_is_wanted(served: Served) -> None:
    with onvif_site() as site:
        proposal = await look(served, found(served, site.finding()))
        assert proposal.state is ProposalState.LOGIN_NEEDED
        assert site.device.logins == []


async def test_where_the_streams_have_another_password_it_is_shown_twice_at_most(
    served: Served,
) -> None:
    with onvif_site(rtsp_password="another") as site:
        proposal = await look(served, found(served, site.finding()), PASSWORD)
        assert proposal.state is ProposalState.LOGIN_REFUSED
        assert proposal.main is not None
        assert proposal.main.reason_code is ReasonCode.PASSWORD_REFUSED
        assert site.refusals == 1  # never for the substream


async def test_a_substream_that_fails_is_left_out(served: Served) -> None:
    with onvif_site() as site:
        site.rtsp.cameras["sub"].faults.statuses["DESCRIBE"] = (404, "Not Found")
        proposal = await look(served, found(served, site.finding()), PASSWORD)
        assert proposal.state is ProposalState.READY
        assert proposal.new is not None
        assert proposal.new.sub_url is None
        assert proposal.sub is not None
        assert proposal.sub.reason_code is ReasonCode.NOT_FOUND


async def test_an_announced_path_counts_before_the_usual_ones_of_a_make(served: Served) -> None:
    with ReplayServer() as rtsp:
        rtsp.add("own", video=video_clip(gop=10))
        proposal = await look(served, found(served, announced(rtsp.url("own"), make="Hikvision")))
        assert proposal.state is ProposalState.READY
        assert proposal.new is not None
        assert proposal.new.source_url == rtsp.url("own")
        assert rtsp.cameras["own"].gate.attempts == 0


async def test_a_make_tells_where_streams_usually_are(served: Served) -> None:
    with ReplayServer() as rtsp:
        rtsp.add("stream1", video=video_clip(gop=10), login="digest")
        rtsp.add("stream2", video=video_clip(gop=10), login="digest")
        bare = f"rtsp://127.0.0.1:{rtsp.port}/"
        candidate_id = found(served, announced(bare, make="TP-Link Tapo"))
        first = await look(served, candidate_id)
        assert first.state is ProposalState.LOGIN_NEEDED
        second = await look(served, candidate_id, PASSWORD)
        assert second.state is ProposalState.READY
        assert second.new is not None
        assert (second.new.source_url, second.new.sub_url) == (bare + "stream1", bare + "stream2")


async def test_the_first_refusal_ends_the_search_for_a_path(served: Served) -> None:
    with ReplayServer() as rtsp:
        for name in ("stream1", "elsewhere"):
            rtsp.add(name, video=video_clip(gop=10), login="digest")
        found(served, announced(rtsp.url("elsewhere"), make="TP-Link Tapo"))
        bare = announced(f"rtsp://127.0.0.1:{rtsp.port}/")
        candidate_id = found(served, Evidence(Way.SCAN, "y", 0, address="127.0.0.1", url=bare.url))
        proposal = await look(served, candidate_id, "wrong")
        assert proposal.state is ProposalState.LOGIN_REFUSED
        assert sum(camera.gate.refused for camera in rtsp.cameras.values()) == 1


async def test_a_camera_that_hangs_up_on_a_login_is_not_shown_it_again(served: Served) -> None:
    with RefusesBySilence() as camera:
        bare = f"rtsp://127.0.0.1:{camera.port}/"
        found(served, announced(bare + "own", make="Hikvision"))
        candidate_id = found(served, Evidence(Way.SCAN, "y", 0, address="127.0.0.1", url=bare))
        proposal = await look(served, candidate_id, "wrong")
        assert proposal.state is ProposalState.UNREACHABLE
        assert camera.logins == 1


async def test_who_takes_his_time_at_each_question_does_not_keep_a_person_waiting(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onvif_address, "ASK_S", 0.3)
    with onvif_site(answers={"GetProfiles": "dribble"}) as site:
        candidate_id = found(served, site.finding())
        proposal = await look(served, candidate_id, PASSWORD)
        assert (proposal.state, "0.3 s" in proposal.words) == (ProposalState.UNREACHABLE, True)
        with pytest.raises(Unavailable, match=r"0\.3 s"):
            _ = await onvif_address.resolved(
                NewCamera(
                    "Yard", Protocol.ONVIF, site.address, username=USER,
                    password=Secret(PASSWORD), allow_local=True,
                )
            )  # fmt: skip


async def test_looking_into_a_camera_has_an_end(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "LOOK_S", 0.3)
    with ReplayServer() as rtsp:
        rtsp.add("own", video=video_clip(gop=10)).faults.mute_methods = frozenset({"DESCRIBE"})
        proposal = await look(served, found(served, announced(rtsp.url("own"))))
        assert proposal.state is ProposalState.UNREACHABLE
        assert "too long" in proposal.words


async def test_a_camera_of_pictures_by_http_is_tried_likewise(served: Served) -> None:
    with MjpegServer(login="digest") as camera:
        candidate_id = found(served, announced(camera.url()))
        assert (await look(served, candidate_id)).state is ProposalState.LOGIN_NEEDED
        refused = await look(served, candidate_id, "wrong")
        assert (refused.state, camera.gate.refused) == (ProposalState.LOGIN_REFUSED, 1)
        ready = await look(served, candidate_id, PASSWORD)
        assert ready.state is ProposalState.READY
        assert ready.new is not None
        assert (ready.new.protocol, ready.new.source_url) == (Protocol.HTTP, camera.url())


@pytest.mark.parametrize(
    ("strange", "state"),
    [
        ("html200", ProposalState.UNUSABLE),
        ("empty500", ProposalState.UNUSABLE),
        ("reset", ProposalState.UNREACHABLE),
    ],
)
async def test_a_device_that_answers_nonsense_is_told_as_that(
    served: Served, strange: str, state: ProposalState
) -> None:
    with onvif_site(login="none", answers={"GetDeviceInformation": strange}) as site:
        candidate_id = found(served, site.finding())
        proposal = await look(served, candidate_id)
        assert (proposal.state, proposal.new) == (state, None)
        assert proposal.words
        # What else tells of it is asked then.
        site.rtsp.add("open", video=video_clip(gop=10))
        found(served, announced(site.rtsp.url("open")))
        assert (await look(served, candidate_id)).state is ProposalState.READY


async def test_what_cannot_be_used_and_what_is_gone(served: Served) -> None:
    candidates = served.services.finding.candidates
    lock = Evidence(Way.MDNS, "h", 0, address="127.0.0.1", usable=False, note="homekit")
    proposal = await look(served, found(served, lock))
    assert (proposal.state, proposal.words) == (
        ProposalState.UNUSABLE, "this camera speaks HomeKit only",
    )  # fmt: skip
    bare = await look(served, found(served, Evidence(Way.SCAN, "p", 0, address="192.0.2.9")))
    assert bare.state is ProposalState.UNUSABLE
    away = Evidence(Way.USB, "port", 0, device_path="/dev/video99", device_identity="usb:1:2:x")
    assert (await look(served, found(served, away))).state is ProposalState.UNUSABLE
    candidates.drop(Way.SCAN)
    with pytest.raises(NotFound):
        await look(served, "0123456789abcdef")


async def test_this_machine_is_for_admins_only(served: Served) -> None:
    with onvif_site() as site:
        candidate_id = found(served, site.finding())
        looking = Adding(served.services.finding, served.services.cameras)
        proposal = await looking.look_into(candidate_id, username=USER, password=Secret(PASSWORD))
        assert proposal.state is not ProposalState.READY
        assert site.device.operations == []
