"""When which camera's port is tried, with a connection that the test makes."""

import asyncio
from dataclasses import replace

import pytest

from falconeye.config.camera import CameraConfig, Protocol
from falconeye.federation.reaching import Reaching, place_of
from tests.clock import FakeClock


def config(name: str, url: str | None = None, protocol: Protocol = Protocol.RTSP) -> CameraConfig:
    return CameraConfig(name, name, protocol, url or f"rtsp://{name}/main", 0, 0)


class Network:
    """Who was tried, and who answers."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, int]] = []
        self.away: set[str] = set()

    async def connect(self, host: str, port: int) -> bool:
        self.tried.append((host, port))
        return host not in self.away


async def seconds(
    reaching: Reaching, clock: FakeClock, count: int, *configs: CameraConfig, lacking: str = ""
) -> None:
    for _ in range(count):
        clock.advance(1)
        reaching.follow({one.id: one for one in configs}, {lacking} if lacking else set())
        await asyncio.sleep(0)  # the tries that are due run in one go
        await asyncio.sleep(0)


async def test_each_camera_is_tried_once_a_minute_and_not_all_at_once() -> None:
    clock, network = FakeClock(), Network()
    reaching = Reaching(clock, network.connect)
    cameras = [config(f"10.0.0.{number}") for number in range(1, 41)]
    per_second = []
    for _ in range(20):
        before = len(network.tried)
        await seconds(reaching, clock, 1, *cameras)
        per_second.append(len(network.tried) - before)
    assert sorted(network.tried) == sorted((one.id, 554) for one in cameras)
    assert max(per_second) < len(cameras) // 2
    await seconds(reaching, clock, 600, *cameras)
    assert 9 * 40 <= len(network.tried) <= 13 * 40
    await reaching.stop()


async def test_a_camera_that_another_lacks_is_tried_sooner_and_its_series_is_told() -> None:
    clock, network = FakeClock(), Network()
    reaching = Reaching(clock, network.connect)
    door = config("10.0.0.1")
    await seconds(reaching, clock, 30, door)
    assert len(network.tried) == 1
    await seconds(reaching, clock, 31, door, lacking=door.id)
    assert len(network.tried) in {4, 5}
    probe = reaching.probe(door.id)
    assert probe is not None
    assert probe.is_reached
    assert probe.at_us - probe.since_us >= 30_000_000
    network.away.add("10.0.0.1")
    await seconds(reaching, clock, 10, door, lacking=door.id)
    probe = reaching.probe(door.id)
    assert probe is not None
    assert (probe.is_reached, probe.at_us - probe.since_us) == (False, 0)
    await reaching.stop()


async def test_one_that_moved_is_tried_at_its_new_address_and_one_that_left_is_forgotten() -> None:
    clock, network = FakeClock(), Network()
    reaching = Reaching(clock, network.connect)
    door = config("10.0.0.1")
    await seconds(reaching, clock, 20, door)
    moved = replace(door, source_url="rtsp://10.0.0.2:8554/main")
    network.away.add("10.0.0.2")
    await seconds(reaching, clock, 20, moved)
    assert network.tried[-1] == ("10.0.0.2", 8554)
    probe = reaching.probe(door.id)
    assert probe is not None
    assert not probe.is_reached
    await seconds(reaching, clock, 1)
    assert reaching.probe(door.id) is None
    await reaching.stop()


async def test_one_try_of_a_camera_at_a_time() -> None:
    clock = FakeClock()
    answer = asyncio.Event()
    tries = 0

    async def connect(_host: str, _port: int) -> bool:
        nonlocal tries
        tries += 1
        return await answer.wait()

    reaching = Reaching(clock, connect)
    door = config("10.0.0.1")
    await seconds(reaching, clock, 300, door, lacking=door.id)
    assert tries == 1
    answer.set()
    await seconds(reaching, clock, 2, door)
    assert reaching.probe(door.id) is not None
    await reaching.stop()


@pytest.mark.parametrize(
    ("url", "protocol", "place"),
    [
        ("rtsp://cam.lan/main", Protocol.RTSP, ("cam.lan", 554)),
        ("rtsps://[fd00::1]/main", Protocol.RTSP, ("fd00::1", 322)),
        ("http://10.0.0.1:8080/x", Protocol.HTTP, ("10.0.0.1", 8080)),
        ("demo:", Protocol.DEMO, None),
        ("rtsp://10.0.0.1:99999/x", Protocol.RTSP, None),
        ("rtsp://127.0.0.1:8554/x", Protocol.RTSP, None),
        ("http://localhost/x", Protocol.HTTP, None),
        (None, Protocol.USB, None),
    ],
)
def test_where_a_camera_listens(
    url: str | None, protocol: Protocol, place: tuple[str, int] | None
) -> None:
    assert place_of(CameraConfig("c", "c", protocol, url, 0, 0)) == place
