"""What a source connects to: a checked address, the login, and what is wanted of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial
from urllib.parse import SplitResult, urlsplit, urlunsplit

from falconeye.base.errors import InvalidInput
from falconeye.base.peers import Peer
from falconeye.base.secret import Secret
from falconeye.config.addresses import DEFAULT_PORTS
from falconeye.config.camera import CameraConfig, Protocol, Transport
from falconeye.config.device import DeviceWish, Overlay
from falconeye.media.samples import StreamKind
from falconeye.sources.interrupt import Interrupt

SCHEMES = ("rtsp", "rtsps", "http", "https", "demo")
MAX_URL_CHARACTERS = 2048
_AT_SIGN = (
    "user and password belong into their own fields; an @ that is part of the path is written %40"
)


def _utc() -> tzinfo:
    return UTC


def _anyone(_address: str, _interrupt: Interrupt) -> None:
    """Any device will do."""


@dataclass(frozen=True, slots=True)
class SourceTarget:
    """One stream of one camera. `url` passed `check_url` and holds no credentials."""

    camera_id: str
    kind: StreamKind
    url: str
    username: str | None = None
    password: Secret | None = None
    transport: Transport = Transport.AUTO
    audio: bool = True
    allow_local: bool = False  # loopback and link-local addresses are allowed
    framerate: int | None = None  # pictures/s asked of sources that encode
    # Of a camera at a USB port, as it is wanted now: a control is changed while it runs.
    device: Callable[[], DeviceWish] | None = None
    # Called with the address that answers, in the source's thread, before a login is shown.
    # SourceFailure: it is another device's, or that is not known yet. An interrupt ends its waits.
    recognise: Callable[[str, Interrupt], None] = _anyone
    overlay: Overlay = Overlay.NONE  # written into pictures that are encoded here
    name: Callable[[], str] = str  # what the camera is called now, for that
    zone: Callable[[], tzinfo] = _utc  # the site's, for that

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme


def source_target(config: CameraConfig, kind: StreamKind) -> SourceTarget:
    """The target of a camera's main or substream; InvalidInput where it has no usable address."""
    if config.protocol is Protocol.USB:
        return _device_target(config, kind)
    is_main = kind is StreamKind.MAIN
    field = "source_url" if is_main else "sub_url"
    url = config.source_url if is_main else config.sub_url
    if not url:
        raise InvalidInput("this camera has no address for that stream", field=field)
    return SourceTarget(
        camera_id=config.id,
        kind=kind,
        url=check_url(url, field=field),
        username=config.username,
        password=config.password,
        transport=config.transport,
        audio=config.audio,
        allow_local=config.allow_local,
        framerate=config.framerate,
        overlay=config.overlay,
        name=lambda: config.name,
    )


def _device_target(config: CameraConfig, kind: StreamKind) -> SourceTarget:
    if config.device_identity is None or kind is not StreamKind.MAIN:
        raise InvalidInput("this camera has no such stream", field="device_path")
    return SourceTarget(
        camera_id=config.id,
        kind=kind,
        url=f"usb:{config.device_identity}",
        framerate=config.framerate,
        overlay=config.overlay,
        name=lambda: config.name,
        device=partial(device_wish, config),
    )


def device_wish(config: CameraConfig) -> DeviceWish:
    """What is wanted of a USB camera."""
    width, _, height = (config.resolution or "").partition("x")
    return DeviceWish(
        identity=config.device_identity or "",
        pixel_format=config.pixel_format,
        resolution=(int(width), int(height)) if width and height else None,
        controls=dict(config.device_controls),
    )


def check_url(url: str, *, field: str = "source_url") -> str:
    """`url` with scheme and host in lower case; InvalidInput says what is wrong with it.

    It must not hold credentials any more (`base.redact.split_credentials` takes them off).
    """
    parts = _split(url, field)
    if parts.scheme == "demo":
        return "demo:"
    if not parts.hostname:
        raise InvalidInput("the address names no host", field=field)
    if "@" in url:  # after the host, too: "rtsp://admin:12/34@camera/" leads to a host "admin"
        raise InvalidInput(_AT_SIGN, field=field)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return urlunsplit(parts._replace(netloc=netloc, fragment=""))


def host_and_port(url: str) -> tuple[str, int]:
    """Where a checked network URL leads."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def recognise(target: SourceTarget, url: str, peer: Peer, interrupt: Interrupt) -> None:
    """SourceFailure where `peer`, who answers for `url`, is not the camera.

    Where a camera redirects to, others may be: it says so itself.
    """
    if host_and_port(url)[0] == host_and_port(target.url)[0]:
        target.recognise(peer.address, interrupt)


def _split(url: str, field: str) -> SplitResult:
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidInput("the address is too long", field=field)
    if any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidInput("the address holds spaces or control characters", field=field)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(
            "the address cannot be read: check host and port", field=field
        ) from error
    if port == 0:
        raise InvalidInput("port 0 cannot be connected to", field=field)
    if parts.scheme not in SCHEMES:
        raise InvalidInput(
            f"an address begins with {', '.join(f'{s}://' for s in SCHEMES[:-1])} or is demo:",
            field=field,
        )
    return parts
