"""Cameras that come and go: at this node's ports."""

import asyncio
import contextlib

from falconeye.cameras.registry import CameraRegistry
from falconeye.devices.present import USB_DEVICES, UsbDevices
from falconeye.devices.udev import Plugged


class Finding:
    """Follows what is plugged in and tells the cameras that wait for it."""

    def __init__(
        self, cameras: CameraRegistry, video_devices: str = "", devices: UsbDevices = USB_DEVICES
    ) -> None:
        """`video_devices`: patterns of those that are no USB cameras, apart by commas."""
        self._cameras = cameras
        self._allowed = tuple(filter(None, (each.strip() for each in video_devices.split(","))))
        self._devices = devices

    async def start(self) -> None:
        """Begin to follow."""
        loop = asyncio.get_running_loop()

        def changed(_plugged: Plugged) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: the node is gone
                loop.call_soon_threadsafe(self._cameras.hurry)

        await asyncio.to_thread(self._devices.start, changed, self._allowed)

    async def stop(self) -> None:
        """Follow no longer."""
        await asyncio.to_thread(self._devices.stop)
