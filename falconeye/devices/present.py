"""The USB cameras of this node, as sources and pages ask for them; one for the process."""

import logging
import threading
from collections.abc import Callable, Sequence

from falconeye.devices.hotplug import Hotplug
from falconeye.devices.udev import Plugged, Udev
from falconeye.devices.usb_camera import Found, find

log = logging.getLogger(__name__)


class UsbDevices:
    """What is plugged in: followed while it runs, asked anew by `look`. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._allowed: tuple[str, ...] = ()
        self._udev: Udev | None = None
        self._plugged = Plugged()
        self._hotplug: Hotplug | None = None
        self._on_change: Callable[[Plugged], None] | None = None

    @property
    def plugged(self) -> Plugged:
        """As it was told last; does not wait."""
        return self._plugged

    def start(self, on_change: Callable[[Plugged], None], allowed: Sequence[str] = ()) -> None:
        """Follow; `on_change` is called from a thread, at once and at each change."""
        with self._lock:  # a source may look at this moment, and keep what allows less
            self._allowed = tuple(allowed)
            self._udev = None
        self._on_change = on_change
        self._hotplug = Hotplug(self._changed, allowed)
        self._hotplug.start()

    def stop(self) -> None:
        """Follow no longer; blocks for a moment."""
        if self._hotplug:
            self._hotplug.stop()
        self._hotplug = self._on_change = None

    def look(self) -> Plugged:
        """Ask udev now; blocks for some milliseconds. Empty where there is no libudev."""
        with self._lock:
            try:
                if self._udev is None:
                    self._udev = Udev(self._allowed)
                self._plugged = self._udev.plugged()
            except (ImportError, OSError) as error:  # hotplug tells it louder, once
                log.debug("the ports cannot be looked at: %s", error)
            return self._plugged

    def find(self, identity: str) -> Found:
        """The camera of that identity, asked now; InvalidInput where it is none."""
        return find(identity, self.look().cameras)

    def _changed(self, plugged: Plugged) -> None:
        self._plugged = plugged
        on_change = self._on_change  # `stop` may take it away meanwhile
        if on_change:
            on_change(plugged)


USB_DEVICES = UsbDevices()
