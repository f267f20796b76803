"""A virtual machine with Debian, systemd and FalconEye as the README installs it.

Its second serial port is a root shell, its USB disk can be pulled, USB cameras plugged in, and port
8900 of it is a port of the host's loopback.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.vm.image import make_image
from tests.vm.qemu import EMULATED
from tests.vm.usb_cameras import SHARE, CameraOption, UsbCamera, UsbPorts, make_share

HOST = "10.0.2.2"  # the host's loopback, as the guest sees it
BOOT_S = 240.0
_END = "@@ended"
_SAY_UP, _UP = "echo @@$((6 * 7))", "@@42"  # which the terminal's echo of the question is not
_NETWORK = (
    "udevadm settle; card=$(ls /sys/class/net | grep -v lo);"
    " ip link set lo up; ip link set $card up;"
    " ip address add 10.0.2.15/24 dev $card; ip route add default via 10.0.2.2;"
    f" mkdir -p {SHARE}; mount -t 9p -o trans=virtio,version=9p2000.L,ro share {SHARE}"
)
_STICK = {
    "driver": "usb-storage", "bus": "usb.0", "drive": "stick", "id": "stick", "serial": "FOOTAGE1",
}  # fmt: skip


class Machine:
    """One that runs. Its calls block."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: Path, port: int) -> None:
        self._process = process
        self._monitor = _Monitor(control)
        self._said = b""
        self._asked = 0
        self._ports = UsbPorts(self.shell, HOST)
        self.url = f"http://127.0.0.1:{port}"

    def shell(self, command: str, *, limit_s: float = 120.0, may_fail: bool = False) -> str:
        """What a root shell prints; the exit code must be 0."""
        self._asked += 1
        end = f"{_END} {self._asked}"  # an answer that came too late is not that of the next one
        self._say(f"{{ {command}\n}} 2>&1 < /dev/null; code=$?; echo; echo {end} $code\n")
        printed: list[str] = []
        while not (line := self._line(limit_s)).startswith(f"{end} "):
            if line.startswith(f"{_END} "):
                printed.clear()
            elif line != _UP:  # of a question before
                printed.append(line)
        text = "\n".join(printed).strip()
        code = int(line.split()[2])
        assert code == 0 or may_fail, f"{command}: {code}\n{text}"
        return text

    def wait_booted(self) -> None:
        """What is said before its shell listens is lost."""
        end_s = time.monotonic() + BOOT_S
        while time.monotonic() < end_s:
            self._say(f"\nstty raw -echo; echo; {_SAY_UP}\n")
            with contextlib.suppress(TimeoutError):
                while self._line(2.0) != _UP:
                    pass
                self.shell(_NETWORK)
                return
        raise AssertionError(f"the machine does not start: {self._said!r}")

    def until(self, command: str, wanted: str, limit_s: float = 120.0) -> None:
        """Wait until a command prints that."""
        end_s = time.monotonic() + limit_s
        while (said := self.shell(command, may_fail=True)) != wanted:
            assert time.monotonic() < end_s, f"{command}: {said!r}, not {wanted!r}"
            time.sleep(0.5)

    def pull_disk(self) -> None:
        """The USB disk, out of its port."""
        self._monitor.tell("device_del", id=_STICK["id"])
        self.until("ls -1 /dev/disk/by-label", "root")

    def plug_disk(self) -> None:
        """The same one, in again."""
        self._monitor.tell("device_add", **_STICK)
        self.until("ls -1 /dev/disk/by-label", "footage\nroot")

    def plug_camera(self, port: int, **options: CameraOption) -> UsbCamera:
        """A new one, in this port (0 to 7): see `UsbPorts.plug`."""
        return self._ports.plug(port, **options)

    def unplug_cameras(self) -> None:
        """All that are plugged in, for good."""
        self._ports.clear()

    def cut_power(self) -> None:
        """What was not flushed is lost; it comes again at once, and boots."""
        self._monitor.tell("set-action", reboot="reset")
        self._monitor.tell("system_reset")
        self._monitor.wait_for("RESET")
        self._said = b""
        self.wait_booted()

    def close(self) -> None:
        """As when the power goes."""
        self._ports.close()
        self._monitor.close()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _say(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(words.encode())
        self._process.stdin.flush()

    def _line(self, limit_s: float) -> str:
        end_s = time.monotonic() + limit_s
        output = self._process.stdout
        assert output is not None
        while b"\n" not in self._said:
            ready, _, _ = select.select([output], [], [], max(0.0, end_s - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the machine says nothing; so far: {self._said!r}")
            more = os.read(output.fileno(), 65536)
            assert more, "the machine has ended"
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")


class _Monitor:
    """QMP, the protocol of QEMU's control socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rw")
        self._happened: list[str] = []
        json.loads(self._file.readline())  # its greeting
        self.tell("qmp_capabilities")

    def tell(self, command: str, **arguments: Any) -> None:
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        while "return" not in (answer := json.loads(self._file.readline())):  # between: events
            assert "error" not in answer, (command, answer)
            self._happened.append(answer["event"])

    def wait_for(self, event: str) -> None:
        """That it happens, or has since this was waited for the last time."""
        while event not in self._happened:
            self._happened.append(json.loads(self._file.readline())["event"])
        self._happened.clear()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def machine(folder: Path, packages: Sequence[str] = ()) -> Iterator[Machine]:
    """Made in `folder` and started; its disks forget what was written. CannotBeHad.

    `packages`: of Debian, beside those that the tests need.
    """
    make_image(folder, packages)
    share = make_share(folder / "share")
    disk, control, port = folder / "stick.img", folder / "control", _free_port()
    process = subprocess.Popen(
        [
            *EMULATED, "-m", "1536", "-serial", f"file:{folder / 'console.log'}",
            "-serial", "stdio", "-qmp", f"unix:{control},server=on,wait=off",
            "-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd.img"),
            "-append", "console=ttyS0 quiet panic=-1 systemd.show_status=0",
            "-drive", f"file={folder / 'root.img'},if=none,id=root,format=raw,snapshot=on",
            "-device", "virtio-blk-pci,drive=root", "-device", "qemu-xhci,id=usb",
            "-blockdev", f"driver=file,filename={disk},node-name=stick",
            "-device", ",".join(f"{key}={value}" for key, value in _STICK.items()),
            "-virtfs", f"local,path={share},mount_tag=share,security_model=none,readonly=on",
            "-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:8900",
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        _wait_for(control)
        made = Machine(process, control, port)
    except BaseException:
        process.kill()
        process.wait()
        raise
    try:
        made.wait_booted()
        yield made
    except BaseException:
        console = (folder / "console.log").read_text(errors="replace")
        print(f"the machine's console:\n{console[-4000:]}", file=sys.stderr)  # noqa: T201
        raise
    finally:
        made.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _wait_for(control: Path) -> None:
    end_s = time.monotonic() + 30
    while not control.exists():
        assert time.monotonic() < end_s, "QEMU does not start"
        time.sleep(0.05)
