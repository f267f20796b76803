"""Who a device says it is, asked in as few words as can be, to know the camera again.

GetEndpointReference is open to all (ONVIF Core, access class PRE_AUTH), so it is asked without the
login first; many want it all the same. The serial number (GetDeviceInformation) is asked only where
there is no endpoint reference to compare.
"""

import contextlib
from dataclasses import dataclass

from falconeye.base.secret import Secret
from falconeye.onvif.address import Reached, resolve
from falconeye.onvif.definitions import Service, shared_definitions
from falconeye.onvif.errors import (
    OnvifFault,
    OnvifLoginNeeded,
    OnvifNotSupported,
    OnvifUnreadable,
    own_words,
)
from falconeye.onvif.identity import read_endpoint_reference
from falconeye.onvif.login import Login
from falconeye.onvif.services import Services
from falconeye.onvif.session import Session
from falconeye.onvif.threads import CodecThreads

_NO_CLOCK = (OnvifFault, OnvifLoginNeeded, OnvifNotSupported, OnvifUnreadable)


@dataclass(frozen=True, slots=True)
class Claims:
    """What it told; None for what it did not, or was not asked for."""

    endpoint_reference: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """Where a device service is, by an IP address, and the login that it may be shown."""

    address: str
    port: int
    path: str
    tls: bool
    username: str | None
    password: Secret | None
    allow_local: bool


async def ask_claims(door: Door, *, reference: bool, serial: bool, limit_s: float) -> Claims:
    """`reference`, `serial`: what is to be compared. An OnvifError where it does not answer.

    `limit_s` bounds each exchange, of which there are one to five.
    """
    (peer,) = await resolve(door.address, door.port, allow_local=door.allow_local)
    reached = Reached(door.address, peer, door.tls)
    threads = CodecThreads()
    try:
        definitions = await threads.run(shared_definitions)
        logins = [None, _login(door)] if door.username or door.password else [None]
        for login in logins:
            session = Session(
                definitions, reached, reached.url(door.path), login, threads, limit_s=limit_s
            )
            try:
                return await _ask(session, reference=reference, serial=serial)
            except OnvifLoginNeeded:
                if login is logins[-1]:
                    raise
            finally:
                await session.close()
    finally:
        threads.release()
    raise AssertionError  # the last try returns or raises


async def _ask(session: Session, *, reference: bool, serial: bool) -> Claims:
    services = Services(session)
    if session.has_login:
        with contextlib.suppress(*_NO_CLOCK):
            await session.read_clock()
    told = await read_endpoint_reference(services) if reference else None
    if told is not None or not serial:
        return Claims(endpoint_reference=told)
    answer = await services.call(Service.DEVICE, "GetDeviceInformation")
    return Claims(serial=own_words(getattr(answer, "SerialNumber", "")) or None)


def _login(door: Door) -> Login:
    return Login(door.username or "", door.password or Secret(""))
