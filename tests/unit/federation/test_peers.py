"""What is known of peers, and the exchange with them; the network is a function here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.cameras.views import Camera, StreamStats
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.federation.beat import Beat, CameraTold
from falconeye.federation.beats import Beats
from falconeye.federation.peers import HEARD_US, Peers
from falconeye.federation.placement.words import CameraWord
from falconeye.hub.meter import StreamMeter
from falconeye.media.samples import StreamKind
from tests.clock import FakeClock

MEMBERS = {"a": "pi-1", "b": "pi-2", "c": "pi-3"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
)


def peers_of(clock: FakeClock) -> Peers:
    peers = Peers("a", clock)
    peers.follow(MEMBERS)
    return peers


def test_a_node_is_none_of_its_peers_and_members_come_and_go() -> None:
    peers = peers_of(FakeClock())
    assert {peer.node_id for peer in peers} == {"b", "c"}
    peers.follow({"a": "pi-1", "c": "attic"})
    assert [(peer.node_id, peer.name) for peer in peers] == [("c", "attic")]
    assert peers.hear(Beat(node_id="b")) is None
    assert peers.hear(Beat(node_id="a")) is None


def test_heard_lasts_for_three_beats_or_until_it_says_good_bye() -> None:
    clock = FakeClock()
    peers = peers_of(clock)
    assert not peers.look()
    peer = peers.hear(Beat(node_id="b"))
    assert peer is not None
    assert [one.node_id for one in peers.look()] == ["b"]
    clock.advance((HEARD_US - 1) / 1_000_000)
    assert peer.is_heard(clock.monotonic_us())
    assert not peers.look()
    clock.advance(0.000001)
    assert not peer.is_heard(clock.monotonic_us())
    assert [one.node_id for one in peers.look()] == ["b"]
    _ = peers.hear(Beat(node_id="b"))
    assert list(peers.heard()) == [peer]
    _ = peers.hear(Beat(node_id="b", stopping=True))
    assert not list(peers.heard())
    assert [one.node_id for one in peers.look()] == []  # it came and went between two looks


def test_at_the_start_others_are_awaited_until_they_could_have_been_heard() -> None:
    clock = FakeClock()
    peers = peers_of(clock)
    _ = peers.hear(Beat(node_id="b"))
    assert [peers.is_awaited(node_id) for node_id in "bc"] == [False, True]
    clock.advance(HEARD_US / 1_000_000)
    assert not any(peers.is_awaited(node_id) for node_id in "abcd")


def test_a_camera_is_recorded_by_one_that_is_there_and_runs_it() -> None:
    clock = FakeClock()
    peers = peers_of(clock)
    told = {"status": "running", "recording": True}
    beat = Beat.parse({"node_id": "b", "cameras": {
        "door": told, "yard": {**told, "recording": False}, "gate": {**told, "runs": False},
    }})  # fmt: skip
    _ = peers.hear(Beat(node_id="c"))
    assert not peers.records("door")
    _ = peers.hear(beat)
    assert [one for one in ("door", "yard", "gate", "attic") if peers.records(one)] == ["door"]
    clock.advance(HEARD_US / 1_000_000)
    assert not peers.records("door")


def test_the_clock_of_a_peer_is_known_to_half_a_round_trip() -> None:
    clock = FakeClock()
    peers = peers_of(clock)
    sent_us = clock.monotonic_us()
    clock.advance(0.2)
    peer = peers.hear(Beat(node_id="b", time_us=clock.utc_us() + 3_000_000), sent_us=sent_us)
    assert peer is not None
    assert peer.offset_us == 3_100_000
    _ = peers.hear(Beat(node_id="b", time_us=1))  # told, not asked: nobody knows how old it is
    assert peer.offset_us == 3_100_000


@given(JSON)
def test_nothing_that_a_peer_tells_is_more_than_a_refusal(told: Any) -> None:
    try:
        beat = Beat.parse(told)
    except InvalidInput:
        return
    assert isinstance(beat, Beat)


def test_words_of_a_newer_release_are_left_out_or_errors_of_the_camera() -> None:
    told = {
        "node_id": "b",
        "mood": "good",
        "cameras": {"door": {"status": "dreaming", "reason_code": "bored", "streams": [
            {"kind": "main", "fps": 25.0, "smell": 3}, {"kind": "third"}]}},
    }  # fmt: skip
    camera = Beat.parse(told).cameras["door"]
    assert camera.state("door").status.value == "error"
    assert camera.state("door").reason_code.value == "camera_error"
    assert [stats.fps for stats in camera.stream_stats()] == [25.0]


@pytest.mark.parametrize(
    "bent",
    [
        {"node_id": "x" * 65},
        {"node_id": "b", "time_us": -1},
        {"node_id": "b", "cameras": {"c": {"status": "x" * 65}}},
        {"node_id": "b", "cameras": {"c": {"status": "error", "reason": "x" * 501}}},
        {"node_id": "b", "data_keys": ["k"] * 33},
    ],
)
def test_what_is_too_much_is_refused_with_its_place(bent: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="a node told what cannot be read"):
        _ = Beat.parse(bent)


def test_a_camera_that_floods_does_not_silence_its_node() -> None:
    """What a stream is measured at is the camera's doing; a beat that no peer reads is a death."""
    meter = StreamMeter()
    for picture in range(2_000):
        meter.add(100, picture * 250, picture=True)
    fps, bits_per_second = meter.rates(500_000)
    assert fps > 1_000
    words = "x" * 600
    stats = StreamStats(
        StreamKind.MAIN, True, words, words, words, 640, 480, fps, bits_per_second, 0, 0, 0, 0
    )
    config = CameraConfig("door", "Door", Protocol.RTSP, "rtsp://door", 0, 0)
    state = CameraState("door", CameraStatus.RUNNING, True, ReasonCode.NONE, "", 0, recording=True)
    camera = Camera(config, state, (stats,), None, None)
    told = CameraTold.of(camera, CameraWord(), is_standby=False)
    beat = Beat.parse(Beat(node_id="b", cameras={"door": told}).model_dump(mode="json"))
    (stream,) = beat.cameras["door"].stream_stats()
    assert stream.fps == 1_000
    assert stream.bits_per_second == bits_per_second
    assert stream.video == "x" * 500


class Network:
    """Peers that answer, or do not; what they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.news = asyncio.Event()
        self.dead: set[str] = set()
        self.liar: str | None = None

    def connect(self, node_id: str) -> "To":
        return To(self, node_id)


class To:
    def __init__(self, network: Network, node_id: str) -> None:
        self._network = network
        self._node_id = node_id

    async def request_json(
        self, method: str, path: str, body: Any = None, *, limit_s: float
    ) -> Any:
        assert (method, path) == ("POST", "/peer/beat")
        assert limit_s > 0
        self._network.told.append((self._node_id, body))
        self._network.news.set()
        if self._node_id in self._network.dead:
            raise Unavailable("no answer")
        is_liar = self._node_id == self._network.liar
        return Beat(node_id="z" if is_liar else self._node_id).model_dump(mode="json")


@pytest.fixture
async def beats() -> AsyncIterator[tuple[Beats, Network, Peers, list[str]]]:
    clock, network, heard = FakeClock(), Network(), list[str]()
    peers = peers_of(clock)

    async def tell() -> Beat:
        return Beat(node_id="a", time_us=7)

    async def hear(beat: Beat, sent_us: int | None) -> None:
        heard.append(beat.node_id)
        _ = peers.hear(beat, sent_us=sent_us)

    made = Beats(peers, network.connect, tell, hear, clock)
    yield made, network, peers, heard
    await made.stop()


async def told(network: Network, count: int) -> None:
    async with asyncio.timeout(5):
        while len(network.told) < count:
            network.news.clear()
            await network.news.wait()


async def test_every_peer_is_told_at_once_and_whenever_there_is_news(
    beats: tuple[Beats, Network, Peers, list[str]],
) -> None:
    made, network, peers, heard = beats
    made.follow()
    await told(network, 2)
    assert {node_id for node_id, _body in network.told} == {"b", "c"}
    made.poke()
    await told(network, 4)
    assert sorted(heard) == ["b", "b", "c", "c"]
    peers.follow({"a": "pi-1", "b": "pi-2"})
    made.follow()
    made.poke()
    await told(network, 5)
    assert network.told[-1][0] == "b"


async def test_who_does_not_answer_or_is_another_is_not_heard_and_says_why(
    beats: tuple[Beats, Network, Peers, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    made, network, peers, heard = beats
    network.dead, network.liar = {"b"}, "c"
    made.follow()
    await told(network, 2)
    await asyncio.sleep(0)
    assert heard == []
    assert [peer.refused for peer in peers] == ["no answer", "it says that it is z"]
    assert "node pi-2 is not heard: no answer" in caplog.text


async def test_a_good_bye_goes_to_those_that_are_there(
    beats: tuple[Beats, Network, Peers, list[str]],
) -> None:
    made, network, _peers, _heard = beats
    network.dead = {"c"}
    made.follow()
    await told(network, 2)
    network.told.clear()
    await made.stop()
    assert [(to, body["stopping"]) for to, body in network.told] == [("b", True)]


async def test_the_end_of_a_node_whose_database_is_gone_leaves_nothing_behind() -> None:
    clock, network = FakeClock(), Network()
    peers = peers_of(clock)
    is_gone = False

    async def tell() -> Beat:
        if is_gone:
            raise Unavailable("the disk does not answer")
        return Beat(node_id="a")

    async def hear(beat: Beat, sent_us: int | None) -> None:
        _ = peers.hear(beat, sent_us=sent_us)

    made = Beats(peers, network.connect, tell, hear, clock)
    made.follow()
    await told(network, 2)
    is_gone = True
    await made.stop()  # others notice by its silence
    assert len(network.told) == 2
    assert not [one for one in asyncio.all_tasks() if one.get_name().startswith("beats:")]
