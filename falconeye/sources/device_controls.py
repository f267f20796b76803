"""A device's controls as they are wished: brightness, focus, exposure."""

import logging
from collections.abc import Mapping

from falconeye.devices import v4l2

log = logging.getLogger(__name__)


def set_controls(descriptor: int, wanted: Mapping[str, int]) -> None:
    """Set those that differ; what the device does not take is logged.

    Switches and menus first: while an automatic is on, what it governs cannot be set.
    """
    if not wanted:
        return
    known = v4l2.controls(descriptor)
    for control in sorted(known, key=lambda one: one.kind == "number"):
        value = wanted.get(control.key)
        if value is None or value == control.value:
            continue
        try:
            _ = v4l2.set_control(descriptor, control.id, value)
        except OSError as error:
            log.info("the camera does not take %s = %d: %s", control.key, value, error.strerror)
