"""USB cameras of the virtual machine: each a process in it, led by the host over a connection."""

import contextlib
import json
import shlex
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.vm.usb_pictures import write_pictures

SHARE: Final = "/mnt/share"  # where the guest sees what `make_share` made
LIMIT_S = 60.0  # the machine is emulated
_PEERS: Final = Path(__file__).parents[1] / "peers"
_PICTURES: Final = "pictures"
CameraOption = str | Sequence[str] | Sequence[int]


def make_share(folder: Path) -> Path:
    """What the guest needs for cameras: their program and their pictures."""
    peers = folder / "tests" / "peers"
    peers.mkdir(parents=True)
    for file in _PEERS.glob("usb_camera*.py"):
        shutil.copy(file, peers)
    write_pictures(folder / _PICTURES)
    return folder


class UsbPorts:
    """The ports of a machine: `shell` runs a command in it, `host` is the host as it sees it."""

    def __init__(self, shell: Callable[[str], str], host: str) -> None:
        self._shell = shell
        self._host = host
        self._cameras: list[UsbCamera] = []

    def plug(self, port: int, **options: CameraOption) -> "UsbCamera":
        """A new camera in it (0 to 7). Options are those of `tests.peers.usb_camera`:

        vendor_id, product_id (hexadecimal), manufacturer, product, serial (none: it has none),
        kinds (of MJPG, H264, YUYV), sizes (of `usb_pictures.SIZES`), fps,
        part (first and end of the JPEGs that it has).
        """
        words = ["python3", "-B", "-m", "tests.peers.usb_camera", "--port", str(port)]
        words += ["--pictures", f"{SHARE}/{_PICTURES}"]
        for name, value in options.items():
            values = [value] if isinstance(value, str) else map(str, value)
            words += ["--" + name.replace("_", "-"), *values]
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(LIMIT_S)
            there = f"/dev/tcp/{self._host}/{listening.getsockname()[1]}"
            self._shell(
                f"modprobe -a vhci_hcd uvcvideo; cd {SHARE};"
                f" setsid {shlex.join(words)} 0<> {there} >&0 2>> /run/usb-cameras.log &"
            )
            connection, _ = listening.accept()
        try:
            camera = UsbCamera(connection, self._shell, port)
        except BaseException:
            connection.close()
            raise
        self._cameras.append(camera)
        return camera

    def clear(self) -> None:
        """Pull them all for good."""
        while self._cameras:
            self._cameras.pop().quit()

    def close(self) -> None:
        """Without a word to the cameras: the machine's power goes."""
        for camera in self._cameras:
            camera.close()


class UsbCamera:
    """One that was plugged in. Its calls block; what it says is kept until it is waited for."""

    def __init__(self, connection: socket.socket, shell: Callable[[str], str], port: int) -> None:
        self._connection = connection
        self._shell = shell
        self._heard = b""
        self._said: list[str] = []
        self.port = port
        self.pid = int(self.wait_for("pid").split()[1])
        self.wait_for(f"plugged {port}")

    def unplug(self) -> None:
        self._tell("unplug")

    def plug(self, port: int | None = None) -> None:
        """In again: the same port, or another one."""
        self.port = self.port if port is None else port
        self._tell(f"plug {self.port}")

    def stall(self) -> None:
        """No more pictures, but still plugged in."""
        self._tell("stall")

    def resume(self) -> None:
        self._tell("resume")

    def corrupt(self, count: int) -> None:
        """Of the next pictures so many have other bytes in their middle."""
        self._tell(f"corrupt {count}")

    def truncate(self, count: int) -> None:
        """Of the next pictures so many are cut in half."""
        self._tell(f"truncate {count}")

    def short(self, count: int) -> None:
        """Of the next pictures so many have 16 bytes."""
        self._tell(f"short {count}")

    def controls(self) -> dict[str, int]:
        """All of them, by their V4L2 names."""
        found: dict[str, int] = json.loads(self._tell("controls").split(maxsplit=3)[3])
        return found

    def sent(self) -> int:
        """How many pictures the driver has taken since the camera was made."""
        return int(self._tell("controls").split()[2])

    def hang(self) -> None:
        """It answers nothing at all: who waits for it in the kernel cannot even be killed."""
        self._shell(f"kill -STOP {self.pid}")

    def wake(self) -> None:
        self._shell(f"kill -CONT {self.pid}")

    def quit(self) -> None:
        """Pull it for good, also one that hangs; its process ends. Once is enough."""
        if self._connection.fileno() < 0:
            return
        self.wake()
        self._tell("quit")
        self.close()

    def close(self) -> None:
        self._connection.close()

    def forget(self) -> None:
        """What it said until now is not waited for."""
        self._tell("controls")  # the answer comes behind all else
        self._said.clear()

    def wait_for(self, begin: str, limit_s: float = LIMIT_S) -> str:
        """The next line that begins so; those before it stay to be waited for."""
        end_s, seen = time.monotonic() + limit_s, 0
        while True:
            for number, line in enumerate(self._said[seen:], start=seen):
                if line.startswith(begin):
                    return self._said.pop(number)
            seen = len(self._said)
            self._hear(end_s - time.monotonic(), begin)

    def _tell(self, command: str) -> str:
        self._connection.sendall(f"{command}\n".encode())
        return self.wait_for(f"ok {command.partition(' ')[0]}")

    def _hear(self, limit_s: float, wanted: str) -> None:
        """At least one more piece of what it says."""
        self._connection.settimeout(max(0.001, limit_s))
        data = b""
        with contextlib.suppress(TimeoutError):
            data = self._connection.recv(65536)
        assert data, (
            f"the camera does not say {wanted!r} but {self._said};"
            f" {self._shell('tail -n 20 /run/usb-cameras.log')}"
        )
        *lines, self._heard = (self._heard + data).split(b"\n")
        self._said += [line.decode() for line in lines]
