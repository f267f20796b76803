"""What a file of another recorder holds: cameras, and all that is not taken over."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from typing_extensions import override

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import redact_text
from falconeye.base.secret import Secret
from falconeye.config.addresses import normalised_address
from falconeye.config.camera import Protocol, RecordMode, Transport

MAX_BYTES = 1 << 20  # of a file
MAX_CAMERAS = 256
MAX_KEY = 300  # characters


class ImportKind(StrEnum):
    """Whose file it is."""

    MOTIONEYE = "motioneye"
    FRIGATE = "frigate"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of the file that is not taken over, and why. Names keys, never their values."""

    key: str  # where it stands: "mqtt", "cameras.yard", "camera-2.conf"
    reason: str
    line: int | None = None  # where known, from 1

    @override
    def __str__(self) -> str:
        place = self.key if self.line is None else f"{self.key} (line {self.line})"
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ImportedCamera:
    """One camera as the file has it. Its addresses hold no user info.

    They may hold a login in their parameters: show `address` and `sub_address` instead.
    """

    name: str
    protocol: Protocol
    source_url: str | None = field(default=None, repr=False)  # of network cameras
    sub_url: str | None = field(default=None, repr=False)
    username: str | None = None
    password: Secret | None = None
    device_path: str | None = None  # of USB cameras, on the machine that the file comes from
    onvif_host: str | None = None  # without brackets
    onvif_port: int | None = None
    resolution: str | None = None  # "640x480": what was asked of the device
    framerate: int | None = None  # pictures/s, the same
    transport: Transport = Transport.AUTO
    record: RecordMode = RecordMode.CONTINUOUS  # `notes` say where it is not the same as there
    enabled: bool = True  # it ran there
    location: str = ""
    node_name: str | None = None  # the node it is meant for, where the file says so
    notes: tuple[str, ...] = ()  # what of it is not taken over, in words
    missing: tuple[str, ...] = ()  # what must be given before it can be used, in words
    variables: tuple[str, ...] = ()  # those of `read_import` that would give it

    @property
    def key(self) -> str:
        """The same for the same camera in any file: by its address, else its device, else name.

        Printable, without logins, at most 300 characters.
        """
        key = self._own_key()
        if len(key) <= MAX_KEY:
            return key
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        return f"{key[: MAX_KEY - len(digest) - 1]}…{digest}"

    def _own_key(self) -> str:
        if self.source_url is not None:
            try:
                return normalised_address(self.source_url)
            except InvalidInput:
                return f"name:{self.name}"  # a part of the address is missing
        if self.device_path is not None:
            return f"usb:{self.device_path}"
        return f"name:{self.name}"

    @property
    def onvif_url(self) -> str | None:
        """Its device service, at the place that ONVIF gives it (Core specification, 5.1.1)."""
        if self.onvif_host is None:
            return None
        host = f"[{self.onvif_host}]" if ":" in self.onvif_host else self.onvif_host
        return f"http://{host}:{self.onvif_port or 80}/onvif/device_service"

    @property
    def address(self) -> str | None:
        """`source_url` without any login, or the device."""
        return redact_text(self.source_url) if self.source_url else self.device_path

    @property
    def sub_address(self) -> str | None:
        """`sub_url` without any login."""
        return redact_text(self.sub_url) if self.sub_url else None

    @property
    def device_hint(self) -> str | None:
        """How udev called the USB camera, maker, model and serial: the same on any machine.

        "046d_C525_A1B2C3" of "/dev/v4l/by-id/usb-046d_C525_A1B2C3-video-index0"; None for names
        such as "/dev/video0", which say nothing.
        """
        head, found, name = (self.device_path or "").partition("/by-id/")
        if not head or not found:
            return None
        return name.removeprefix("usb-").rpartition("-video-index")[0] or None


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """All of one file. No two cameras have the same `key`."""

    kind: ImportKind
    cameras: tuple[ImportedCamera, ...]
    left_out: tuple[LeftOut, ...]
