"""USB cameras and disks that come after the start, in a pod with exactly the mounts of k3s/.

First of the folder: the service that the other files install takes the same port and disk.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from falconeye.storage.volumes.id_file import ID_FILE
from tests.vm.machine import Machine
from tests.vm.pod import Pod, start_pod
from tests.vm.service import SLOW_S, Service
from tests.vm.usb_pictures import jpegs
from tests.vm.usb_service import UsbService, is_gone, node_at

pytestmark = [pytest.mark.fault, pytest.mark.root, pytest.mark.timeout(900)]
ALL = set(jpegs((320, 240)))
ASKED = {"resolution": "320x240", "framerate": 5}
DISK = "/data/falcon-eye/disk"
RULE = "/run/udev/rules.d/99-named.rules"
ANOTHER = "Cam of another name"
RENAMED = f'SUBSYSTEM=="video4linux", ENV{{ID_V4L_PRODUCT}}="{ANOTHER}"'
SCAN = "/api/nodes/scan/cameras"
VOLUMES = "/api/storage/volumes"


@pytest.fixture(scope="module")
def pod(virtual_machine: Machine) -> Iterator[Pod]:
    made = start_pod(virtual_machine)
    yield made
    print(made.log()[-4000:])  # noqa: T201 - shown where a test failed
    made.remove()


@pytest.fixture(scope="module")
def service(virtual_machine: Machine, pod: Pod) -> Iterator[Service]:
    """The pod's, in the place of systemd's."""
    with httpx.Client(base_url=virtual_machine.url, timeout=60, trust_env=False) as client:
        asked = Service(virtual_machine, client)
        asked.until("/healthz", lambda said: said["status"] == "ok")
        token = pod.run("token", "add", "test", "--role", "admin", limit_s=SLOW_S)
        client.headers["authorization"] = f"Bearer {token.splitlines()[-1]}"
        yield asked


@pytest.fixture
def usb(service: Service) -> Iterator[UsbService]:
    made = UsbService(service)
    yield made
    made.clear()


@pytest.fixture
def disk(virtual_machine: Machine) -> Iterator[str]:
    """The command that mounts the USB disk on the host; it is empty again afterwards."""
    virtual_machine.until("ls -1 /dev/disk/by-label", "footage\nroot")
    mount = f"mount /dev/disk/by-label/footage {DISK}"
    yield mount
    clear = f"find {DISK} -xdev -mindepth 1 -not -name lost+found -delete"
    virtual_machine.shell(f"umount -l {DISK} 2> /dev/null; {mount} && {clear} && umount {DISK}")


def shows_pictures(usb: UsbService, camera: str) -> None:
    """Wait until it is online; its pictures advance."""
    usb.until(f"/api/cameras/{camera}", lambda now: now["online"])
    seen = set(usb.pictures(camera, 6))
    assert seen <= ALL
    assert len(seen) == 6


def named(said: dict[str, Any]) -> list[str]:
    """The cameras of a scan."""
    return [one["device_name"] for one in said["cameras"]]


def test_the_pod_gets_ready(service: Service) -> None:
    """By the key and the password of its Secret, without an API server."""
    (node,) = service.until("/api/nodes/", lambda nodes: nodes[0]["ready"])
    assert node["name"] == "recorder"


def test_a_camera_that_is_plugged_in_later_is_found_and_shows_pictures(usb: UsbService) -> None:
    assert usb.json(SCAN)["cameras"] == []
    usb.plug(0, serial="SN1")
    (found,) = usb.until(SCAN, lambda said: said["cameras"])["cameras"]
    assert found["device_path"] == node_at(usb.machine, 0)
    assert "SN1" in found["identity"]
    shows_pictures(usb, usb.add_usb("Door", 0, **ASKED))


def test_what_udev_alone_knows_is_heard_of(usb: UsbService) -> None:
    """A look at /sys every two seconds finds what is plugged in; of this only an event tells.

    So udev's events reach the pod, and udev's files are those of this moment.
    """
    usb.plug(0, serial="SN1")
    usb.until(SCAN, lambda said: named(said) == ["HD Webcam"])
    machine, node = usb.machine, node_at(usb.machine, 0)
    rename = f"udevadm control --reload && udevadm trigger --settle --action=change -y {node[5:]}"
    machine.shell(f"mkdir -p {RULE.rpartition('/')[0]}; echo '{RENAMED}' > {RULE}; {rename}")
    try:
        usb.until(SCAN, lambda said: named(said) == [ANOTHER])
    finally:
        machine.shell(f"rm {RULE}; udevadm control --reload")


def test_one_that_is_pulled_is_told_and_goes_on_in_another_port(usb: UsbService) -> None:
    camera = usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    shows_pictures(usb, door)
    camera.unplug()
    usb.is_told(door, "device_missing")
    assert not usb.camera(door)["online"]
    is_gone(usb.machine, 0)
    camera.plug(3)
    shows_pictures(usb, door)
    assert usb.camera(door)["device_path"] == node_at(usb.machine, 3)


def test_a_disk_that_is_mounted_later_becomes_a_volume_and_may_be_taken_away(
    service: Service, disk: str
) -> None:
    machine = service.machine
    machine.shell(f"mkdir -p {DISK}")
    asked = {"path": DISK, "role": "record"}
    refused = service.client.post(VOLUMES, json=asked)
    assert (refused.status_code, "lie in each other" in refused.text) == (422, True)
    machine.shell(disk)
    answer = service.client.post(VOLUMES, json=asked)
    assert answer.status_code == 201, answer.text
    volume = answer.json()["volume"]
    assert volume["present"]
    assert volume["total_bytes"] == int(machine.shell(f"findmnt -bno SIZE {DISK}"))
    assert volume["id"] in machine.shell(f"cat {DISK}/{ID_FILE}")
    assert service.client.delete(f"{VOLUMES}/{volume['id']}").status_code == 200
    # What is taken away on the host is away inside, too: else it could not be taken away.
    machine.until(f"umount {DISK} 2> /dev/null; mountpoint -q {DISK}; echo $?", "32")
    mounts = service.json("/api/storage/mounts")["mounts"]
    assert DISK not in [one["path"] for one in mounts]
