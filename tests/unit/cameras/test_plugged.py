"""What is plugged in, and which camera it may be."""

from typing import Any

from falconeye.cameras.found.plugged import Offer, evidence_of, offers
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.devices.udev import CsiModule, Plugged
from falconeye.devices.usb_camera import UsbCamera, with_unique_serials
from falconeye.discovery.evidence import Way
from tests.unit.devices.test_identity import PORTS, camera


def config(identity: str, name: str = "Garage", **values: Any) -> CameraConfig:
    return CameraConfig(
        id=name, name=name, protocol=Protocol.USB, source_url=None, created_at_us=0,
        updated_at_us=0, device_identity=identity, **values,
    )  # fmt: skip


def present(*cameras: UsbCamera) -> tuple[UsbCamera, ...]:
    return tuple(with_unique_serials(cameras))


def test_twins_are_two_findings() -> None:
    cameras = present(camera(0, PORTS[0], serial="1"), camera(2, PORTS[1], serial="1"))
    found = list(evidence_of(Plugged(cameras), 7))
    assert len({each.key for each in found}) == len({each.device_identity for each in found}) == 2
    assert all(each.way is Way.USB and each.usable for each in found)


def test_a_module_is_named_and_not_usable() -> None:
    module = CsiModule("/dev/video0", "unicam", "platform-fe801000.csi")
    (found,) = evidence_of(Plugged((), (module,)), 7)
    assert (found.way, found.usable, found.note) == (Way.CSI, False, "csi")


def test_a_camera_without_serial_on_another_port_is_offered() -> None:
    garage = config(f"usb:046d:0825:port:{PORTS[0]}")
    (moved,) = present(camera(4, PORTS[1]))
    assert offers([garage], [moved]) == [Offer("Garage", moved.identity, "/dev/video4")]
    there, _ = present(camera(0, PORTS[0]), moved)
    assert offers([garage], [there, moved]) == []


def test_a_device_that_is_another_camera_is_not_offered() -> None:
    garage = config(f"usb:046d:0825:port:{PORTS[0]}")
    yard = config(f"usb:046d:0825:port:{PORTS[1]}", "Yard")
    cameras = present(camera(4, PORTS[1]), camera(5, PORTS[2]))
    assert [each.device_path for each in offers([garage, yard], cameras)] == ["/dev/video5"]


def test_one_with_a_serial_follows_by_itself() -> None:
    garage = config("usb:046d:0825:serial:SN1")
    assert offers([garage], present(camera(4, PORTS[1]))) == []


def test_each_of_those_that_claim_to_be_a_camera_is_offered() -> None:
    """Two with the serial that a camera is known by: nobody guesses which of them it is."""
    garage = config("usb:046d:0825:serial:0001")
    twins = present(camera(0, PORTS[0], serial="0001"), camera(2, PORTS[1], serial="0001"))
    assert offers([garage], twins) == [
        Offer("Garage", twins[0].identity, "/dev/video0"),
        Offer("Garage", twins[1].identity, "/dev/video2"),
    ]
    settled = config(twins[1].identity)
    assert offers([settled], twins) == []
