"""Cameras at this node's USB ports, as a person names and changes them."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from falconeye.base.errors import Conflict, InvalidInput, Unavailable
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.devices.present import USB_DEVICES, UsbDevices
from falconeye.devices.usb_camera import Found, Presence, UsbCamera, find, is_identity

DEFAULT_PATH = "/dev/video0"


async def named(new: NewCamera, devices: UsbDevices = USB_DEVICES) -> NewCamera:
    """With the identity of the device at its `device_path`, which may be any link to it.

    InvalidInput where no camera is there.
    """
    camera = await camera_at(new.device_identity or new.device_path or DEFAULT_PATH, devices)
    return replace(new, device_identity=camera.identity, device_path=camera.device_path)


async def named_changes(
    config: CameraConfig, changes: Mapping[str, Any], devices: UsbDevices = USB_DEVICES
) -> Mapping[str, Any]:
    """With the identity of the device that a change of `device_path` leads to."""
    if config.protocol is not Protocol.USB or "device_path" not in changes:
        return changes
    camera = await camera_at(changes["device_path"], devices)
    return {**changes, "device_identity": camera.identity, "device_path": camera.device_path}


async def camera_at(place: str, devices: UsbDevices = USB_DEVICES) -> UsbCamera:
    """The camera of a path, link or identity; InvalidInput where there is none, Conflict if two."""
    cameras = (await asyncio.to_thread(devices.look)).cameras
    if is_identity(place):
        found = find(place, cameras)
        if found.presence is Presence.CONFLICT:
            raise Conflict("several devices claim to be this camera: name it by its path")
        claimed = found.cameras if found.presence is Presence.PRESENT else ()
    else:
        path = await asyncio.to_thread(os.path.realpath, place)
        claimed = tuple(camera for camera in cameras if camera.device_path == path)
    if not claimed:
        there = ", ".join(f"{one.device_path} ({one.name})" for one in cameras) or "none"
        msg = f"there is no USB camera at {place}; those that are plugged in: {there}"
        raise InvalidInput(msg, field="device_path")
    return claimed[0]


async def present_path(config: CameraConfig, devices: UsbDevices = USB_DEVICES) -> str:
    """Where the camera is, asked now: whoever has the node that was its own last is another.

    Unavailable where it is not there, or where several claim to be it.
    """
    identity = config.device_identity or ""
    cameras = (await asyncio.to_thread(devices.look)).cameras
    found = find(identity, cameras) if is_identity(identity) else Found(Presence.MISSING)
    if found.presence is Presence.CONFLICT:
        raise Unavailable("several devices claim to be this camera: say which one it is")
    if found.presence is not Presence.PRESENT:
        raise Unavailable("the camera is not plugged in")
    return found.cameras[0].device_path


def current_path(config: CameraConfig, devices: UsbDevices = USB_DEVICES) -> str | None:
    """Where the camera is, else where it was last: to be shown, not to be opened; does not wait."""
    if config.device_identity is None or not is_identity(config.device_identity):
        return config.device_path
    found = find(config.device_identity, devices.plugged.cameras)
    if found.presence is not Presence.PRESENT:
        return config.device_path
    return found.cameras[0].device_path
