"""Connections to configured ONVIF cameras, for whoever needs one; refused logins are remembered.

Cameras lock accounts: a login that was refused is shown once in ten minutes, until it changes. Nor
is it shown to other hardware than the camera's own, where both are known.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from falconeye.base.clock import Clock
from falconeye.base.errors import NotFound, Unavailable
from falconeye.base.secret import Secret
from falconeye.cameras.identity.neighbours import NEIGHBOURS, stranger
from falconeye.cameras.identity.onvif_address import OnvifPlace
from falconeye.config.camera import CameraConfig
from falconeye.sources.login import REFUSED_US

if TYPE_CHECKING:
    from falconeye.onvif.device import OnvifDevice

# What a connection is made with: another one of it is another connection.
Access = tuple[str, str | None, Secret | None, bool, str | None]


def access_of(config: CameraConfig) -> Access | None:
    """None where the camera has no ONVIF service that is known."""
    if config.onvif_url is None:
        return None
    return (
        config.onvif_url,
        config.username,
        config.password,
        config.allow_local,
        config.mac_address,
    )


class OnvifLogins:
    """Lives on the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refused_us: dict[Access, int] = {}

    def wait_s(self, access: Access) -> float:
        """How long this login may not be shown again; 0 if it may."""
        refused_us = self._refused_us.get(access)
        if refused_us is None:
            return 0.0
        return max(refused_us + REFUSED_US - self._clock.monotonic_us(), 0) / 1e6

    def device(self, access: Access) -> "OnvifDevice":
        """Our client, not yet connected. Unavailable while its login may not be shown."""
        if self.wait_s(access):
            raise Unavailable("the camera refused the password; it is tried once in 10 minutes")
        url, username, password, allow_local, mac = access
        device = OnvifPlace.of(url).device(username, password, allow_local=allow_local)
        device.stranger = partial(stranger, mac, NEIGHBOURS)
        return device

    @asynccontextmanager
    async def noting(self, access: Access) -> AsyncIterator[None]:
        """Surrounds all that is asked of the camera."""
        from falconeye.onvif.errors import OnvifLoginRefused  # noqa: PLC0415 - loaded when needed

        try:
            yield
        except OnvifLoginRefused:
            now_us = self._clock.monotonic_us()
            self._refused_us = {  # what is over goes: passwords change, cameras go
                key: at_us for key, at_us in self._refused_us.items() if at_us + REFUSED_US > now_us
            }
            self._refused_us[access] = now_us
            raise


def need_access(config: CameraConfig) -> Access:
    """`access_of`, NotFound without."""
    access = access_of(config)
    if access is None:
        raise NotFound("this camera is not spoken to by ONVIF")
    return access
