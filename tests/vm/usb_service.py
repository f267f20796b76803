"""FalconEye and its USB cameras, as the tests ask for them."""

from collections.abc import Iterator
from typing import Any

import httpx

from falconeye.storage.index.database import READERS
from tests.vm.machine import Machine
from tests.vm.service import Service
from tests.vm.usb_cameras import CameraOption, UsbCamera

BY_PATH = "/dev/v4l/by-path/platform-vhci_hcd.0-usb-0:{}:1.0-video-index0"  # ports count from 1
POOLS = {
    ("asyncio_", "uvloop_"): 6,  # the loop's executor: the guest has two processors
    ("Thread-",): 1 + READERS,  # aiosqlite's, one for each connection to the database
}


class UsbService(Service):
    """The service; what is added and plugged in is taken out again by `clear`."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.machine, service.client)
        self._added: list[str] = []

    def clear(self) -> None:
        self.machine.unplug_cameras()
        while self._added:
            self.remove(self._added.pop())

    def plug(self, port: int, **options: CameraOption) -> UsbCamera:
        """A camera that udev knows of, too."""
        camera = self.machine.plug_camera(port, **options)
        node_at(self.machine, port)
        return camera

    def add_usb(self, name: str, port: int, **words: Any) -> str:
        """The camera in that port; its id."""
        path = node_at(self.machine, port)
        made = self.add(name, protocol="usb", device_path=path, **words)
        self._added.append(made)
        return made

    def forgotten(self, camera: str) -> str:
        """The same id, which is not for `clear` to remove any more."""
        self._added.remove(camera)
        return camera

    def camera(self, camera: str) -> dict[str, Any]:
        found: dict[str, Any] = self.json(f"/api/cameras/{camera}")
        return found

    def runs(self, camera: str) -> dict[str, Any]:
        """Wait until pictures come, and are recorded."""
        found: dict[str, Any] = self.until(
            f"/api/cameras/{camera}", lambda now: now["online"] and now["recording"]
        )
        return found

    def is_told(self, camera: str, *reasons: str) -> None:
        """Wait until its state has one of these reasons."""
        self.until(f"/api/cameras/{camera}", lambda now: now["reason_code"] in reasons)

    def pictures(self, camera: str, count: int) -> list[bytes]:
        """The next ones of its MJPEG stream."""
        with self.client.stream("GET", f"/api/cameras/{camera}/stream") as answer:
            assert answer.status_code == 200, answer.status_code
            parts = _parts(answer.iter_bytes())
            return [next(parts) for _ in range(count)]

    def set_control(self, camera: str, key: str, value: int) -> httpx.Response:
        """The answer to that."""
        return self.client.put(f"/api/cameras/{camera}/controls/{key}", json={"value": value})

    def threads(self) -> list[str]:
        """Names of the service's threads, at most 15 letters each, in order; see `named_threads`.

        Without those of pools that grow when all of them work; each is held against its bound.
        """
        names = f"cat /proc/{self.unit('MainPID')}/task/*/comm 2> /dev/null || true"  # one may end
        told = self.machine.shell(names).splitlines()
        assert "falconeye" in told, told
        for begin, most in POOLS.items():
            pool = [name for name in told if name.startswith(begin)]
            assert len(pool) <= most, pool
            told = [name for name in told if name not in pool]
        return sorted(told)

    def open_files(self) -> list[str]:
        """Device nodes, sockets … that the service has open: what each leads to."""
        return self.machine.shell(
            f"find /proc/{self.unit('MainPID')}/fd -mindepth 1 -printf '%l\\n' 2> /dev/null || true"
        ).splitlines()


def node_at(machine: Machine, port: int) -> str:
    """Wait until udev has a camera there; its device node."""
    link = BY_PATH.format(port + 1)
    return machine.shell(f"udevadm wait --timeout=60 {link} && readlink -f {link}")


def is_gone(machine: Machine, port: int) -> None:
    """Wait until udev has no camera there."""
    machine.shell(f"udevadm wait --timeout=60 --removed {BY_PATH.format(port + 1)}")


def _parts(received: Iterator[bytes]) -> Iterator[bytes]:
    """Of multipart/x-mixed-replace, in which each part tells its length."""
    data = b""
    for more in received:
        data += more
        while b"\r\n\r\n" in data:
            head, _, rest = data.partition(b"\r\n\r\n")
            lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
            length = int(next(value for name, _, value in lines if name == b"content-length"))
            if len(rest) < length:
                break
            yield rest[:length]
            data = rest[length:]
