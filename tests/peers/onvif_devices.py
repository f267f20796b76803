"""Our client for a camera of the tests."""

import asyncio
from collections.abc import Callable

from falconeye.base.backoff import Backoff
from falconeye.base.secret import Secret
from falconeye.onvif.device import OnvifDevice
from tests.peers.onvif_device import PASSWORD, USER, OnvifCamera


def device_of(
    camera: OnvifCamera,
    *,
    password: str | None = PASSWORD,
    limit_s: float = 5,
    tls: bool = False,
    host: str = "127.0.0.1",
) -> OnvifDevice:
    """Not yet connected; password None: no login is known."""
    return OnvifDevice(
        host,
        camera.port,
        username=None if password is None else USER,
        password=None if password is None else Secret(password),
        allow_local=True,
        limit_s=limit_s,
        tls=tls,
    )


async def until(camera: OnvifCamera, is_so: Callable[[], object]) -> None:
    """Wait for what happens in the camera's threads."""
    await asyncio.to_thread(camera.wait_until, is_so)


class NotedBackoff(Backoff):
    """Waits briefly, and notes how often."""

    def __init__(self) -> None:
        super().__init__(0.01, 0.1)
        self.waits: list[float] = []

    def next_s(self) -> float:
        self.waits.append(super().next_s())
        return self.waits[-1]
