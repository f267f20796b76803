"""One ONVIF camera: who it is, its streams, its movement, its events.

Loaded when the first such camera is used: with the libraries it takes 14 MB and a third of a
second of a core, once for all cameras.
"""

from types import TracebackType
from typing import Final, Self

from falconeye.base.backoff import Backoff
from falconeye.base.secret import Secret
from falconeye.onvif.address import Reached, resolve
from falconeye.onvif.definitions import Service, shared_definitions
from falconeye.onvif.errors import (
    OnvifFault,
    OnvifLoginNeeded,
    OnvifNotPermitted,
    OnvifNotSupported,
    OnvifUnreachable,
    OnvifUnreadable,
    own_words,
)
from falconeye.onvif.events import OnvifEvents
from falconeye.onvif.identity import OnvifIdentity, OnvifInformation, read_identity
from falconeye.onvif.login import Login
from falconeye.onvif.profiles import OnvifProfile, choose_streams, ptz_profile, read_profiles
from falconeye.onvif.ptz import OnvifPtz, read_abilities
from falconeye.onvif.services import Services
from falconeye.onvif.session import CALL_S, Session, Stranger, nobody
from falconeye.onvif.streams import OnvifStream, OnvifStreams
from falconeye.onvif.threads import CodecThreads

DEFAULT_PATH: Final = "/onvif/device_service"
_TCP: Final = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}  # RTP inside RTSP
_LACKING: Final = (OnvifFault, OnvifNotSupported, OnvifNotPermitted, OnvifUnreadable)


class OnvifDevice:
    """A camera at `host` and `port`; `async with OnvifDevice(…) as device` connects and closes.

    Its methods raise an OnvifError (see `errors`), each within seconds. A login that was refused
    is not sent again by this object. `host` is a name or an address; `allow_local` lets it be this
    machine or a link-local address.
    """

    def __init__(
        self,
        host: str,
        port: int = 80,
        *,
        username: str | None = None,
        password: Secret | None = None,
        tls: bool = False,
        allow_local: bool = False,
        path: str = DEFAULT_PATH,
        limit_s: float = CALL_S,
    ) -> None:
        """`limit_s` bounds each exchange with the camera, from connecting to the last byte."""
        self.stranger: Stranger = nobody  # set before `connect` by who knows the camera
        self._limit_s = limit_s
        self._host, self._port, self._path = host, port, path
        self._tls, self._allow_local = tls, allow_local
        self._username, self._password = username, password
        self._threads = CodecThreads()
        self._services: Services | None = None
        self._information: OnvifInformation | None = None
        self._profiles: list[OnvifProfile] = []

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Find the camera, its clock, how it wants the login, and its services.

        Call it once; after an error close the object and make another.
        """
        peers = await resolve(self._host, self._port, allow_local=self._allow_local)
        definitions = await self._threads.run(shared_definitions)
        for number, peer in enumerate(peers):
            reached = Reached(self._host, peer, self._tls)
            url = reached.url(self._path)
            session = Session(
                definitions,
                reached,
                url,
                self._login(),
                self._threads,
                limit_s=self._limit_s,
                stranger=self.stranger,
            )
            self._services = Services(session)
            try:
                await _read_clock(session)
            except OnvifUnreachable as error:
                if error.connected or number == len(peers) - 1:
                    raise
                await session.close()
            else:
                break
        await self._introduce(self._connected)

    async def close(self) -> None:
        """End what is under way and let go of the threads; may be called twice."""
        try:
            if self._services is not None:
                await self._services.session.close()
        finally:
            self._threads.release()

    @property
    def information(self) -> OnvifInformation:
        """What the camera says of itself; after `connect`."""
        assert self._information is not None  # noqa: S101 - `connect` sets it
        return self._information

    @property
    def clock_offset_s(self) -> float | None:
        """The camera's clock minus ours in seconds; None where it does not tell its time."""
        clock = self._connected.session.clock
        return clock.offset.total_seconds() if clock.is_known else None

    async def identity(self) -> OnvifIdentity:
        """What tells this camera from all others, as far as it says it."""
        return await read_identity(self._connected)

    async def profiles(self) -> list[OnvifProfile]:
        """All with a picture, the largest first."""
        answer = await self._connected.call(Service.MEDIA, "GetProfiles")
        self._profiles = read_profiles(answer)
        if not self._profiles:
            raise OnvifNotSupported("the camera names no profile with a picture")
        return self._profiles

    async def streams(self) -> OnvifStreams:
        """Main stream and substream of the first lens."""
        main, sub = choose_streams(self._profiles or await self.profiles())
        return OnvifStreams(await self.stream(main), await self.stream(sub) if sub else None)

    async def stream(self, profile: OnvifProfile) -> OnvifStream:
        """Where the video of `profile` is, and its snapshot where there is one."""
        return OnvifStream(
            profile, await self.stream_url(profile), await self.snapshot_url(profile)
        )

    async def stream_url(self, profile: OnvifProfile) -> str:
        """RTSP over TCP, at the host by which we reach the camera, without credentials."""
        parameters = {"StreamSetup": _TCP, "ProfileToken": profile.token}
        answer = await self._connected.call(Service.MEDIA, "GetStreamUri", parameters)
        announced = str(getattr(answer, "Uri", None) or "")
        return self._connected.session.reached.of_media(announced, ("rtsp", "rtsps"))

    async def snapshot_url(self, profile: OnvifProfile) -> str | None:
        """A JPEG by HTTP, likewise; None where the camera has none."""
        try:
            parameters = {"ProfileToken": profile.token}
            answer = await self._connected.call(Service.MEDIA, "GetSnapshotUri", parameters)
            announced = str(getattr(answer, "Uri", None) or "")
            return self._connected.session.reached.of_media(announced, ("http", "https"))
        except _LACKING:
            return None

    async def ptz(self, source: str | None = None) -> OnvifPtz:
        """To move the lens `source` (the first one by default); OnvifNotSupported without."""
        services = self._connected
        services.require(Service.PTZ)
        profiles = self._profiles or await self.profiles()
        lens = choose_streams(profiles)[0].source if source is None else source
        profile = ptz_profile(profiles, lens)
        if profile is None:
            raise OnvifNotSupported("the camera cannot be moved")
        return OnvifPtz(services, profile, await read_abilities(services, profile))

    @property
    def has_events(self) -> bool:
        """Whether the camera names a service for events."""
        return self._connected.has(Service.EVENTS)

    def events(self, backoff: Backoff | None = None) -> OnvifEvents:
        """Its events, to be iterated; OnvifNotSupported where the camera has none.

        `backoff` may outlive the connection, so that another one asks as seldom.
        """
        self._connected.require(Service.EVENTS)
        return OnvifEvents(self._connected, backoff=backoff)

    @property
    def _connected(self) -> Services:
        assert self._services is not None  # noqa: S101 - `connect` comes first
        return self._services

    def _login(self) -> Login | None:
        if self._username is None and self._password is None:
            return None
        password = self._password or Secret("")
        return Login(self._username or "", password, takes_basic=self._tls)

    async def _introduce(self, services: Services) -> None:
        """The first call that asks for the login: who it is. Then what it has."""
        answer = await services.call(Service.DEVICE, "GetDeviceInformation")
        self._information = OnvifInformation(
            make=own_words(getattr(answer, "Manufacturer", "")),
            model=own_words(getattr(answer, "Model", "")),
            firmware=own_words(getattr(answer, "FirmwareVersion", "")),
            serial=own_words(getattr(answer, "SerialNumber", "")),
            hardware=own_words(getattr(answer, "HardwareId", "")),
        )
        if not services.session.clock.is_known and services.session.has_login:
            await _read_clock(services.session, with_login=True)  # for the times of events
        await services.load()


async def _read_clock(session: Session, *, with_login: bool = False) -> None:
    """As far as the camera tells it; only one that does not answer is an error here."""
    try:
        await session.read_clock(with_login=with_login)
    except (OnvifFault, OnvifLoginNeeded, OnvifNotSupported, OnvifUnreadable):
        return  # it tells its time later, or never: taken to be right
