"""What the templates of cameras at USB ports get: what the device offers, and its controls."""

from dataclasses import dataclass

from falconeye.devices.v4l2_controls import Control


@dataclass(frozen=True, slots=True)
class DeviceMode:
    """A format and a size: `value` is "MJPG:1280x720"; either side empty where it is left open."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class DevicePart:
    """The device of a camera, and what it offers to choose from."""

    path: str  # now, or where it was last
    identity: str  # what it stays itself by
    port: str  # in words
    groups: tuple[tuple[str, tuple[DeviceMode, ...]], ...] = ()  # format → its sizes
    trouble: str = ""  # why it could not be asked: then sizes are typed


@dataclass(frozen=True, slots=True)
class ControlsPage:
    """The controls of a camera; `trouble`: why they cannot be had."""

    camera_id: str
    camera_name: str
    controls: tuple[Control, ...] = ()
    trouble: str = ""
