"""The emulated USB cameras are real ones to the kernel, udev and V4L2; FalconEye has no part."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.vm.machine import Machine
from tests.vm.usb_cameras import UsbCamera
from tests.vm.usb_pictures import access_units, jpegs

pytestmark = [pytest.mark.fault, pytest.mark.root, pytest.mark.timeout(600)]
SIZE = (320, 240)
BY_ID = "/dev/v4l/by-id/usb-LabCam_HD_Webcam{}-video-index0"
BY_PATH = "/dev/v4l/by-path/platform-vhci_hcd.0-usb-0:{}:1.0-video-index0"  # ports count from 1
NAMED = BY_ID.format("_SN1")
SIZED = "-v width=320,height=240,pixelformat={}"


@pytest.fixture
def machine(virtual_machine: Machine) -> Iterator[Machine]:
    yield virtual_machine
    virtual_machine.unplug_cameras()
    virtual_machine.shell("rm -f /run/frames /run/reader; udevadm settle")


def wait(machine: Machine, link: str) -> str:
    """Until udev has made that link; the node behind it."""
    return machine.shell(f"udevadm wait --timeout=60 {link} && readlink -f {link}")


def wait_gone(machine: Machine, link: str) -> None:
    machine.shell(f"udevadm wait --timeout=60 --removed {link}")


def frames(count: int, kind: str = "MJPG", link: str = NAMED) -> str:
    """The command that reads so many into /run/frames, one behind the other."""
    sized = SIZED.format(kind)
    return (
        f"v4l2-ctl -d {link} {sized} --stream-mmap --stream-count={count} --stream-to=/run/frames"
    )


def digest(machine: Machine) -> str:
    """Of what was read."""
    return machine.shell("sha256sum < /run/frames").split()[0]


def raw_picture(number: int) -> bytes:
    """YUYV, as the camera draws it."""
    luma = number * 4
    return bytes((luma, 128, 255 - luma, 128)) * (SIZE[0] * SIZE[1] // 2)


def begin_reading(machine: Machine, link: str = NAMED) -> None:
    """In the background: its pid in /run/reader."""
    machine.shell(
        f"setsid v4l2-ctl -d {link} {SIZED.format('MJPG')} --stream-mmap > /dev/null 2>&1 &"
        " echo $! > /run/reader"
    )


def test_a_camera_has_a_node_for_pictures_and_one_for_what_belongs_to_them(
    machine: Machine,
) -> None:
    machine.plug_camera(0, serial="SN1")
    node = wait(machine, NAMED)
    beside = wait(machine, NAMED.replace("index0", "index1"))
    assert wait(machine, BY_PATH.format(1)) == node
    told = machine.shell(f"udevadm info -q property {node}").splitlines()
    for wanted in (
        "ID_V4L_CAPABILITIES=:capture:", "ID_SERIAL_SHORT=SN1", "ID_VENDOR_ID=046d",
        "ID_MODEL_ID=0825", "ID_USB_DRIVER=uvcvideo", "ID_PATH=platform-vhci_hcd.0-usb-0:1:1.0",
    ):  # fmt: skip
        assert wanted in told
    assert (
        "ID_V4L_CAPABILITIES=:" in machine.shell(f"udevadm info -q property {beside}").splitlines()
    )


@pytest.mark.parametrize("kind", ["MJPG", "H264", "YUYV"])
def test_pictures_arrive_as_the_camera_has_them(machine: Machine, kind: str) -> None:
    camera = machine.plug_camera(
        0, serial="SN1", kinds=["MJPG", "H264", "YUYV"], sizes=["640x480", "320x240"], fps=[10, 5]
    )
    wait(machine, NAMED)
    machine.shell(f"{frames(12, kind)} && v4l2-ctl -d {NAMED} -p 5")
    sizes = machine.shell(f"v4l2-ctl -d {NAMED} --list-formats-ext")
    assert [sizes.count(word) for word in ("'MJPG'", "'H264'", "'YUYV'")] == [1, 1, 1]
    assert [sizes.count(word) for word in ("640x480", "(5.000 fps)", "(10.000 fps)")] == [3, 6, 6]
    camera.wait_for(f"streaming {kind} 320x240 10")
    camera.wait_for("stopped")
    wanted = {
        "MJPG": jpegs(SIZE),
        "H264": access_units(SIZE),
        "YUYV": [raw_picture(number) for number in range(12)],
    }
    assert digest(machine) == hashlib.sha256(b"".join(wanted[kind][:12])).hexdigest()


def test_twins_without_a_serial_number_differ_by_their_port_alone(machine: Machine) -> None:
    machine.plug_camera(0)
    machine.plug_camera(1)
    first, second = wait(machine, BY_PATH.format(1)), wait(machine, BY_PATH.format(2))
    assert first != second
    assert wait(machine, BY_ID.format("")) in {first, second}  # one name for two
    assert len(machine.shell("ls -1 /dev/v4l/by-id").splitlines()) == 2
    assert len(machine.shell("ls -1 /dev/v4l/by-path").splitlines()) == 4


def test_a_camera_obeys_and_remembers_its_controls(machine: Machine) -> None:
    camera = machine.plug_camera(0, serial="SN1")
    wait(machine, NAMED)
    machine.shell(f"v4l2-ctl -d {NAMED} -c brightness=-12,gain=7,auto_exposure=1")
    camera.wait_for("control brightness -12")
    camera.wait_for("control gain 7")
    machine.shell(f"v4l2-ctl -d {NAMED} -c exposure_time_absolute=300")
    camera.wait_for("control exposure_time_absolute 300")
    held = "v4l2-ctl -d {} -c white_balance_temperature=3000; echo $?"
    assert machine.shell(held.format(NAMED)).splitlines()[-1] != "0"  # its automatic has it
    machine.shell(f"v4l2-ctl -d {NAMED} -c white_balance_automatic=0,focus_automatic_continuous=0")
    machine.shell(f"v4l2-ctl -d {NAMED} -c white_balance_temperature=3000,focus_absolute=40")
    found = camera.controls()
    assert (found["white_balance_temperature"], found["focus_absolute"]) == (3000, 40)
    assert (found["contrast"], found["saturation"]) == (32, 64)
    camera.unplug()
    camera.plug()
    wait(machine, NAMED)
    assert "-12" in machine.shell(f"v4l2-ctl -d {NAMED} -C brightness")


def test_a_camera_that_stalls_ends_no_read_until_it_goes_on(machine: Machine) -> None:
    camera = machine.plug_camera(0, serial="SN1")
    wait(machine, NAMED)
    camera.stall()
    begin_reading(machine)
    camera.wait_for("streaming")
    machine.shell("sleep 1")  # the time of five pictures
    assert camera.sent() == 0
    camera.resume()
    while camera.sent() < 3:
        pass
    machine.shell("kill $(cat /run/reader)")
    camera.wait_for("stopped")


def test_damaged_pictures_arrive_damaged(machine: Machine) -> None:
    camera = machine.plug_camera(0, serial="SN1")
    wait(machine, NAMED)
    own = jpegs(SIZE)[:3]
    camera.truncate(1)
    machine.shell(frames(3))
    cut = (own[0][: len(own[0]) // 2], *own[1:])
    assert digest(machine) == hashlib.sha256(b"".join(cut)).hexdigest()
    camera.short(2)
    machine.shell(frames(3))
    cut = (own[0][:16], own[1][:16], own[2])
    assert digest(machine) == hashlib.sha256(b"".join(cut)).hexdigest()
    camera.corrupt(1)
    machine.shell(frames(3))
    assert machine.shell("stat -c %s /run/frames") == str(len(b"".join(own)))
    assert digest(machine) != hashlib.sha256(b"".join(own)).hexdigest()
    camera.truncate(1)
    machine.shell(frames(2, "YUYV"))
    wanted = raw_picture(1) + raw_picture(2)  # the driver drops what is not whole
    assert digest(machine) == hashlib.sha256(wanted).hexdigest()


def test_a_pulled_camera_ends_what_reads_it_and_keeps_its_name_in_another_port(
    machine: Machine,
) -> None:
    camera = machine.plug_camera(0, serial="SN1")
    wait(machine, NAMED)
    begin_reading(machine)
    camera.wait_for("streaming")
    camera.unplug()
    wait_gone(machine, NAMED)
    machine.until("test -e /proc/$(cat /run/reader); echo $?", "1")
    camera.plug(5)
    assert wait(machine, NAMED) == wait(machine, BY_PATH.format(6))
    machine.shell(frames(2))


def test_a_node_that_is_held_is_another_one_next_time(machine: Machine) -> None:
    camera = machine.plug_camera(0, serial="SN1")
    before = wait(machine, NAMED)
    machine.shell(f"setsid sleep infinity < {before} > /dev/null & echo $! > /run/reader")
    camera.unplug()
    wait_gone(machine, NAMED)
    camera.plug()
    after = wait(machine, NAMED)
    machine.shell("kill $(cat /run/reader)")
    assert after != before


def test_whoever_reads_a_camera_that_hangs_cannot_be_killed_until_it_wakes(
    machine: Machine,
) -> None:
    camera = machine.plug_camera(0, serial="SN1")
    wait(machine, NAMED)
    begin_reading(machine)
    camera.wait_for("streaming")
    camera.hang()
    machine.shell("kill -KILL $(cat /run/reader)")
    machine.until("awk '/State/ {print $2}' /proc/$(cat /run/reader)/status", "D")
    camera.wake()
    machine.until("test -e /proc/$(cat /run/reader); echo $?", "1")
    camera.wait_for("stopped")


def test_what_a_camera_cannot_do_is_said(machine: Machine) -> None:
    """A wrong option or a port that is taken fails the test that wanted it."""
    camera: UsbCamera = machine.plug_camera(0, serial="SN1")
    wait(machine, NAMED)
    with pytest.raises(AssertionError, match=r"Invalid argument|busy"):
        machine.plug_camera(0, serial="SN2")
    assert camera.sent() == 0
