"""Whether this node reaches the cameras that others record: a connection to their port, no more.

Nothing is sent on it, no login least of all. Each camera is tried once a minute, and every ten
seconds while somebody else records it without pictures. The tries of many cameras are spread. None
goes to this node itself: what answers at 127.0.0.1 here is not what its owner has there.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.config.addresses import is_own_loopback, origin, stays_with_node
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.federation.name_lookup import addresses_of_name
from falconeye.federation.placement.ability import Probe

PERIOD_US: Final = 60 * SECOND_US
SOON_US: Final = 10 * SECOND_US
CONNECT_S: Final = 3.0
_JITTER: Final = 0.1  # of the period: nodes that started together do not ask together
_CONNECTS: Final = 4  # at once
_LOOKUPS: Final = 2  # names that are asked for at once; no address waits for them
_NETWORK: Final = frozenset({Protocol.RTSP, Protocol.HTTP, Protocol.ONVIF})

Connect = Callable[[str, int], Awaitable[bool]]


@dataclass(slots=True)
class _Target:
    host: str
    port: int
    due_us: int
    probe: Probe | None = None
    is_asked: bool = False


class Reaching:
    """Lives on the loop. `follow` is called each second; without peers never."""

    def __init__(self, clock: Clock, connect: Connect | None = None) -> None:
        """`connect(host, port)`: whether it answers; None: by TCP."""
        self._clock = clock
        self._connect = connect or self._try
        self._targets: dict[str, _Target] = {}
        self._tasks = TaskSet("reaching")
        self._connects = asyncio.Semaphore(_CONNECTS)
        self._lookups = asyncio.Semaphore(_LOOKUPS)

    def follow(self, configs: Mapping[str, CameraConfig], lacking: Set[str]) -> None:
        """Try those of `configs`, by id, that are due; of `lacking` ones sooner than of others."""
        now_us = self._clock.monotonic_us()
        for gone in set(self._targets) - set(configs):
            del self._targets[gone]
        for camera_id, config in configs.items():
            place = place_of(config)
            target = self._targets.get(camera_id)
            if place is None:
                _ = self._targets.pop(camera_id, None)
                continue
            if target is None or (target.host, target.port) != place:
                spread_us = 0 if camera_id in lacking else random.randrange(PERIOD_US // 4)  # noqa: S311 - no secret
                target = self._targets[camera_id] = _Target(*place, due_us=now_us + spread_us)
            if camera_id in lacking:
                last_us = target.probe.at_us if target.probe else now_us - SOON_US
                target.due_us = min(target.due_us, last_us + SOON_US)
            if now_us >= target.due_us and not target.is_asked:
                target.is_asked = True
                _ = self._tasks.start(self._ask(target), "probe")

    def probe(self, camera_id: str) -> Probe | None:
        """Of the last tries; None where there was none yet."""
        target = self._targets.get(camera_id)
        return target.probe if target else None

    async def stop(self) -> None:
        """Try no more."""
        await self._tasks.stop()

    async def _ask(self, target: _Target) -> None:
        try:
            is_reached = await self._connect(target.host, target.port)
        finally:
            now_us = self._clock.monotonic_us()
            target.is_asked = False
            target.due_us = now_us + int(PERIOD_US * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 - no secret
        before = target.probe
        is_same = before is not None and before.is_reached is is_reached
        since_us = before.since_us if is_same and before is not None else now_us
        target.probe = Probe(is_reached, since_us, now_us)

    async def _try(self, host: str, port: int) -> bool:
        """By TCP; a name by its first address that answers."""
        try:
            _ = ip_address(host)
        except ValueError:
            try:
                async with self._lookups:
                    found = await addresses_of_name(host, port)
            except (OSError, UnicodeError):
                return False
            named = [each.rpartition(":")[0].strip("[]") for each in found[:4]]
            hosts = [each for each in named if not is_own_loopback(each)]
        else:
            hosts = [host]
        async with self._connects:
            for each in hosts:
                if await answers(each, port):
                    return True
        return False


async def answers(host: str, port: int) -> bool:
    """Whether a connection to an IP address is taken within `CONNECT_S`; it is closed at once."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            transport, closing = await loop.create_connection(_Closing, host, port)
    except (OSError, UnicodeError):  # TimeoutError is one of the former
        return False
    transport.close()
    await closing.closed
    return True


class _Closing(asyncio.Protocol):
    """Reads nothing; its end can be awaited."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


def place_of(config: CameraConfig) -> tuple[str, int] | None:
    """Host and port where a network camera listens; None for all others, which nobody else has."""
    if config.protocol not in _NETWORK or config.source_url is None or stays_with_node(config):
        return None
    found = origin(config.source_url)
    if found is None:
        return None
    _, host, port = found
    return (host.strip("[]"), port) if host and port else None
