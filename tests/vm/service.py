"""FalconEye in the virtual machine, started by systemd as the README has it."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from falconeye.storage.volumes.mount_lines import mount_lines
from falconeye.storage.volumes.mounts import Mount
from tests.vm.image import UUID
from tests.vm.machine import Machine

SLOW_S = 240.0  # the machine is emulated: Python starts in 20 s
COMMAND = "/opt/falconeye/bin/falconeye"
LINES = mount_lines(
    Path("/srv/video"), Mount(Path("/srv/video"), "/dev/sda", "ext4", "8:0", read_only=False), UUID
)
_DRIVERS = "uvcvideo videobuf2_vmalloc videobuf2_memops videobuf2_v4l2 videobuf2_common videodev"
# What a person types for a disk of its own: see the README, "Install on a node".
INSTALL = f"""
mkdir -p /srv/video
cat > '/etc/systemd/system/{LINES.unit_name}' << 'END'
{LINES.unit}
END
echo 'media_dir = "/srv/video"' > /etc/falconeye.toml
systemctl daemon-reload && systemctl enable --now {LINES.unit_name}
{COMMAND} install-service --no-start
chown falconeye: /srv/video
systemctl start falconeye
"""


class Service:
    """The service, and an admin who asks it from the host."""

    def __init__(self, machine: Machine, client: httpx.Client) -> None:
        self.machine = machine
        self.client = client

    def add(self, name: str, **words: Any) -> str:
        """A camera; its id."""
        answer = self.client.post("/api/cameras/", json={"name": name, **words})
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    def remove(self, camera: str) -> None:
        answer = self.client.delete(f"/api/cameras/{camera}")
        assert answer.is_success, answer.text

    def json(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, path: str, good: Callable[[Any], bool]) -> Any:
        """Ask until the answer is good; while the service is away there is none."""
        end_s, found = time.monotonic() + SLOW_S, None
        while time.monotonic() < end_s:
            try:
                found = self.json(path)
            except httpx.HTTPError as error:
                found = error
            else:
                if good(found):
                    return found
            time.sleep(0.5)
        raise AssertionError(f"{path}: {str(found)[:2000]}")

    def unit(self, name: str) -> str:
        """A property of the service."""
        return self.machine.shell(f"systemctl show --value -p {name} falconeye")


@contextlib.contextmanager
def installed(machine: Machine) -> Iterator[Service]:
    """Installed and started; its footage goes to the USB disk.

    As on a machine in which there has been no camera yet: no driver is loaded.
    """
    machine.until("ls -1 /dev/disk/by-label", "footage\nroot")
    said = machine.shell(f"rmmod {_DRIVERS}", may_fail=True)  # those that are not loaded, too
    assert "videodev" not in machine.shell("cut -d' ' -f1 /proc/modules"), said
    machine.shell(INSTALL, limit_s=SLOW_S)
    token = machine.shell(f"{COMMAND} token add test --role admin", limit_s=SLOW_S)
    headers = {"authorization": f"Bearer {token.splitlines()[-1]}"}
    with httpx.Client(base_url=machine.url, headers=headers, timeout=60, trust_env=False) as client:
        yield Service(machine, client)
