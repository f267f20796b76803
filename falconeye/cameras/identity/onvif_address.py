"""ONVIF cameras as a person names them: from the address of the device to those of its streams.

`falconeye.onvif` is loaded with the first of them: with its libraries it takes 14 MB.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from falconeye.base.errors import FalconEyeError, InvalidInput, Unavailable
from falconeye.base.redact import split_credentials
from falconeye.base.secret import Secret
from falconeye.cameras.identity.neighbours import NEIGHBOURS
from falconeye.cameras.views import NewCamera
from falconeye.config.addresses import DEFAULT_PORTS, origin
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.discovery.evidence import mac_address, plain_reference
from falconeye.discovery.ws_answers import DEFAULT_PATH

if TYPE_CHECKING:
    from falconeye.onvif.device import OnvifDevice
    from falconeye.onvif.errors import OnvifError
    from falconeye.onvif.identity import OnvifIdentity

ASK_S: Final = 30.0  # for all that a device is asked: each answer may take ten seconds
_SCHEMES: Final = frozenset({"onvif", "http", "https"})
_FORM: Final = "an ONVIF camera's address looks like onvif://192.168.1.20 or onvif://name:8000"
_OTHER_PORTS: Final = "many cameras have ONVIF at port 2020, 8000 or 8899: onvif://HOST:PORT"


@dataclass(frozen=True, slots=True)
class OnvifPlace:
    """Where a device service is; it holds no login."""

    host: str
    port: int
    tls: bool
    path: str

    @classmethod
    def of(cls, url: str, *, field: str = "source_url") -> "OnvifPlace":
        """From `onvif://host[:port]` or the service's own `http(s)` address; else InvalidInput."""
        try:
            clean = split_credentials(url.strip())[0]
            parts = urlsplit(clean)
            port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            raise InvalidInput(_FORM, field=field) from None
        is_plain = clean.isprintable() and not {" ", "@"}.intersection(clean)
        if parts.scheme not in _SCHEMES or port is None or not parts.hostname or not is_plain:
            raise InvalidInput(_FORM, field=field)
        path = parts.path if parts.path not in ("", "/") else DEFAULT_PATH
        return cls(parts.hostname, port, parts.scheme == "https", path)

    @property
    def url(self) -> str:
        """The service's address, in one spelling."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.path}"

    def device(
        self, username: str | None, password: Secret | None, *, allow_local: bool
    ) -> "OnvifDevice":
        """Our client for it, not yet connected; loads the library."""
        from falconeye.onvif.device import OnvifDevice  # noqa: PLC0415 - see above

        return OnvifDevice(
            self.host,
            self.port,
            username=username,
            password=password,
            tls=self.tls,
            allow_local=allow_local,
            path=self.path,
        )


@dataclass(frozen=True, slots=True)
class OnvifFound:
    """What a device told of its streams (URLs without credentials) and of itself."""

    onvif_url: str
    main_url: str
    sub_url: str | None
    endpoint_reference: str | None
    mac_address: str | None
    make: str
    model: str
    serial: str

    def into(self, new: NewCamera) -> NewCamera:
        """`new` with all of it."""
        return replace(
            new,
            protocol=Protocol.ONVIF,
            source_url=self.main_url,
            sub_url=new.sub_url or self.sub_url,
            onvif_url=self.onvif_url,
            endpoint_reference=self.endpoint_reference,
            mac_address=self.mac_address,
            metadata={**self.metadata, **(new.metadata or {})},
        )

    @property
    def metadata(self) -> dict[str, str]:
        """For a camera's own metadata: who made it, and what tells it from its like."""
        told = {"make": self.make, "model": self.model, "serial": self.serial}
        return {name: value for name, value in told.items() if value}


async def ask(
    place: OnvifPlace, username: str | None, password: Secret | None, *, allow_local: bool
) -> OnvifFound:
    """Connect, ask for streams and identity, disconnect; an OnvifError where that fails.

    The login is shown only if the camera asks for it, and once if it is wrong.
    """
    from falconeye.onvif.errors import OnvifTimeout  # noqa: PLC0415

    try:
        async with (
            asyncio.timeout(ASK_S),
            place.device(username, password, allow_local=allow_local) as device,
        ):
            main_url, sub_url = await _streams(device)
            identity = await device.identity()
            told = device.information
    except TimeoutError:
        words = f"{place.host} did not answer all that it was asked within {ASK_S:g} s"
        raise OnvifTimeout(words) from None
    return OnvifFound(
        place.url,
        main_url,
        sub_url,
        plain_reference(identity.endpoint_reference),
        _mac(place.host, identity),
        told.make,
        told.model,
        told.serial,
    )


def names_device(protocol: Protocol, url: str | None) -> bool:
    """Whether `url` of an ONVIF camera leads to the device rather than to a stream of it."""
    scheme = (url or "").strip().partition("://")[0].lower()
    return bool(url) and protocol is Protocol.ONVIF and scheme not in ("rtsp", "rtsps")


async def resolved(new: NewCamera) -> NewCamera:
    """With the streams and the identity of the device at its `onvif://` address; else as it is.

    InvalidInput or Unavailable say why there are none.
    """
    if not names_device(new.protocol, new.source_url):
        return new
    url, username, password = _with_login(new.source_url or "", new.username, new.password)
    place = OnvifPlace.of(url)
    found = await _asked(place, username, password, allow_local=new.allow_local)
    return found.into(replace(new, username=username, password=password))


async def resolved_changes(config: CameraConfig, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A change of the address to `onvif://…` as one to the streams of the device there.

    The stored login is shown to where the camera was only, else InvalidInput asks for it again.
    """
    if not names_device(config.protocol, changes.get("source_url")):
        return changes
    values = {**changes}
    url, username, password = _with_login(
        values["source_url"], values.get("username", config.username), values.get("password")
    )
    place = OnvifPlace.of(url)
    if password is None and config.password is not None and "password" not in changes:
        if config.onvif_url is None or origin(place.url) != origin(config.onvif_url):
            msg = "another camera address: enter the password again"
            raise InvalidInput(msg, field="password")
        password = config.password
    allow_local = values.get("allow_local", config.allow_local)
    found = await _asked(place, username, password, allow_local=allow_local)
    return values | {
        "source_url": found.main_url,
        "sub_url": values.get("sub_url", found.sub_url),
        "username": username,
        "password": password,
        "onvif_url": found.onvif_url,
        "endpoint_reference": found.endpoint_reference,
        "mac_address": found.mac_address,
        "metadata": {**config.metadata, **values.get("metadata", {}), **found.metadata},
    }


async def _streams(device: "OnvifDevice") -> tuple[str, str | None]:
    """By resolution; a camera that does not tell where its substream is has none."""
    from falconeye.onvif.errors import OnvifFault, OnvifNotSupported, OnvifUnreadable  # noqa: PLC0415
    from falconeye.onvif.profiles import choose_streams  # noqa: PLC0415

    main, sub = choose_streams(await device.profiles())
    main_url = await device.stream_url(main)
    try:
        sub_url = await device.stream_url(sub) if sub else None
    except (OnvifFault, OnvifNotSupported, OnvifUnreadable):
        sub_url = None
    return main_url, sub_url if sub_url != main_url else None


def _mac(host: str, identity: "OnvifIdentity") -> str | None:
    """What it uses with us, else what it tells if that is one only: of two we cannot know which."""
    told = [mac for text in identity.macs if (mac := mac_address(text))]
    return NEIGHBOURS.own_mac_of(host) or (told[0] if len(told) == 1 else None)


async def _asked(
    place: OnvifPlace, username: str | None, password: Secret | None, *, allow_local: bool
) -> OnvifFound:
    from falconeye.onvif.errors import OnvifError  # noqa: PLC0415

    try:
        return await ask(place, username, password, allow_local=allow_local)
    except OnvifError as error:
        failure = as_input(error, place)
    raise failure


def as_input(error: "OnvifError", place: OnvifPlace) -> FalconEyeError:
    """What a person who gave the address or the login is told."""
    from falconeye.onvif import errors  # noqa: PLC0415

    words = str(error)
    match error:
        case errors.OnvifLoginNeeded():
            return InvalidInput(f"{words}: enter those of the camera", field="username")
        case errors.OnvifLoginRefused():
            more = "; some makes keep users for ONVIF apart from those of their web page"
            return InvalidInput(words + more, field="password")
        case errors.OnvifNotPermitted():
            return InvalidInput(f"{words}; give a user with more rights", field="username")
        case errors.OnvifUnreachable() | errors.OnvifTimeout() | errors.OnvifClosed():
            is_usual = place.port in DEFAULT_PORTS.values() and is_address(place.host)
            return Unavailable(f"{words}; {_OTHER_PORTS}" if is_usual else words)
        case errors.OnvifUnreadable():
            return InvalidInput(f"{words}; is it an ONVIF camera?", field="source_url")
        case _:
            return InvalidInput(words, field="source_url")


def is_address(host: str) -> bool:
    """Whether it is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _with_login(
    url: str, username: str | None, password: Secret | None
) -> tuple[str, str | None, Secret | None]:
    """The login out of the address, unless it is given apart."""
    try:
        clean, user, secret = split_credentials(url.strip())
    except ValueError:
        raise InvalidInput(_FORM, field="source_url") from None
    if user is None or username:
        return clean, username or None, password
    return clean, user, Secret(secret) if secret is not None else password
