"""What of a new or changed camera has to be asked first: its USB port, its ONVIF service."""

from collections.abc import Mapping
from typing import Any

from falconeye.cameras.onvif_address import resolved, resolved_changes
from falconeye.cameras.usb import named, named_changes
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import CameraConfig, Protocol


async def completed(new: NewCamera) -> NewCamera:
    """With what the device itself tells; InvalidInput or Unavailable where it does not."""
    return await (named(new) if new.protocol is Protocol.USB else resolved(new))


async def completed_changes(config: CameraConfig, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Likewise for changes of a stored camera."""
    return await resolved_changes(config, await named_changes(config, changes))
