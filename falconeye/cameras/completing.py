"""What of a new or changed camera has to be asked first: its USB port, its ONVIF service."""

from collections.abc import Mapping
from typing import Any, Final

from falconeye.base.errors import Conflict
from falconeye.cameras.identity.onvif_address import resolved, resolved_changes
from falconeye.cameras.usb import named, named_changes
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import CameraConfig, Protocol

_ASKED_WITH: Final = ("username", "password", "metadata")  # what a device was asked by, or adds to


async def completed(new: NewCamera) -> NewCamera:
    """With what the device itself tells; InvalidInput or Unavailable where it does not."""
    return await (named(new) if new.protocol is Protocol.USB else resolved(new))


async def completed_changes(config: CameraConfig, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Likewise for changes of a stored camera."""
    return await resolved_changes(config, await named_changes(config, changes))


def refuse_outdated(
    before: CameraConfig, present: CameraConfig, changes: Mapping[str, Any]
) -> None:
    """Conflict where somebody changed meanwhile what `completed_changes` would put back.

    A device may take half a minute to answer.
    """
    for name in _ASKED_WITH:
        if name in changes and getattr(before, name) != getattr(present, name):
            msg = "the camera was changed while it was asked: look at it again"
            raise Conflict(msg)
