"""A device's controls as they are wished: brightness, focus, exposure."""

import logging
from collections.abc import Mapping

from falconeye.devices import v4l2_controls

log = logging.getLogger(__name__)


def set_controls(descriptor: int, wanted: Mapping[str, int]) -> None:
    """Set those that differ; what the device does not take is logged.

    Switches and menus first: while an automatic is on, what it governs cannot be set, and what it
    lets go of becomes something else than it was.
    """
    if not wanted:
        return
    for kinds in ({"switch", "menu"}, {"number"}):
        for control in v4l2_controls.controls(descriptor, wanted):
            value = wanted[control.key]
            if control.kind not in kinds or value == control.value or not control.is_active:
                continue
            try:
                _ = v4l2_controls.set_control(descriptor, control.id, value)
            except OSError as error:
                log.info("the camera does not take %s = %d: %s", control.key, value, error.strerror)
