"""USB cameras and FalconEye under a real kernel, udev and systemd; the cameras are emulated."""

import contextlib
import io
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import av
import pytest

from tests.peers.media_samples import split_nal_units
from tests.vm.machine import Machine
from tests.vm.service import COMMAND, SLOW_S, Service
from tests.vm.usb_cameras import UsbCamera
from tests.vm.usb_pictures import COUNT, access_units, jpegs
from tests.vm.usb_service import UsbService, is_gone, node_at

pytestmark = [pytest.mark.fault, pytest.mark.root, pytest.mark.timeout(600)]
SIZE = (320, 240)
ALL = set(jpegs(SIZE))
HALVES = ({"part": (0, COUNT // 2)}, {"part": (COUNT // 2, COUNT)})
ASKED = {"resolution": "320x240", "framerate": 5}
CYCLES = int(os.environ.get("USB_CYCLES", "20"))


@pytest.fixture
def usb(service: Service) -> Iterator[UsbService]:
    made = UsbService(service)
    yield made
    made.clear()


def recorded(usb: UsbService, camera: str) -> dict[str, Any]:
    """Its recording, once there are some seconds of it."""
    found: dict[str, Any] = usb.until(
        f"/api/recordings/?camera_id={camera}",
        lambda said: any(one["duration_seconds"] > 4 for one in said["recordings"]),
    )["recordings"][0]
    return found


@contextlib.contextmanager
def patient_systemd(machine: Machine) -> Iterator[None]:
    """It kills no service that does not end."""
    folder = "/run/systemd/system/falconeye.service.d"
    machine.shell(
        f"mkdir -p {folder}; printf '[Service]\\nTimeoutStopSec=900\\n' > {folder}/patient.conf;"
        " systemctl daemon-reload"
    )
    try:
        yield
    finally:
        machine.shell(f"rm {folder}/patient.conf; systemctl daemon-reload")


def test_a_camera_that_is_plugged_in_is_found(usb: UsbService) -> None:
    camera = usb.plug(0, serial="SN1")
    node = node_at(usb.machine, 0)
    found = usb.until(
        "/api/nodes/scan/cameras",
        lambda said: [one["device_path"] for one in said["cameras"]] == [node],
    )
    now_s = float(usb.machine.shell("cat /proc/uptime").split()[0])
    asked = "udevadm info -q property --property=USEC_INITIALIZED --value"
    waited_s = now_s - int(usb.machine.shell(f"{asked} {node}")) / 1e6
    print(f"found {waited_s:.2f} s after udev's event, the question included")  # noqa: T201
    assert "HD Webcam" in found["cameras"][0]["device_name"]
    assert found["total"] == 1  # the node beside it is none
    camera.unplug()
    usb.until("/api/nodes/scan/cameras", lambda said: said["cameras"] == [])


def test_its_pictures_go_to_viewers_as_they_are_and_are_recorded(usb: UsbService) -> None:
    usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    seen = usb.pictures(door, 6)
    assert set(seen) <= ALL
    assert len(set(seen)) == 6  # they advance
    recorded(usb, door)


def test_in_another_port_it_goes_on_under_its_name(usb: UsbService) -> None:
    camera = usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    camera.unplug()
    usb.is_told(door, "device_missing")
    assert not usb.camera(door)["online"]
    camera.plug(3)
    assert usb.runs(door)["device_path"] == node_at(usb.machine, 3)
    assert set(usb.pictures(door, 2)) <= ALL


def test_twins_without_a_serial_number_never_take_each_others_place(usb: UsbService) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    twins = [usb.plug(port, **HALVES[port]) for port in (0, 1)]
    ids = [usb.add_usb(f"Twin {port}", port, **ASKED) for port in (0, 1)]
    halves = [set(jpegs(SIZE)[slice(*half["part"])]) for half in HALVES]
    for turn in range(20):
        pulled = chance.sample((0, 1), chance.choice((1, 2)))
        for port in pulled:
            twins[port].unplug()
            is_gone(usb.machine, port)
        if turn % 7 == 3:
            usb.machine.shell("systemctl restart falconeye", limit_s=SLOW_S)
        chance.shuffle(pulled)
        for port in pulled:
            twins[port].plug()
            node_at(usb.machine, port)
        for camera, half in zip(ids, halves, strict=True):
            usb.runs(camera)
            assert set(usb.pictures(camera, 2)) <= half, (seed, turn)


def test_its_controls_are_set_and_set_again_where_it_has_forgotten_them(usb: UsbService) -> None:
    camera = usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    here = f"/api/cameras/{door}/controls"
    assert {one["key"] for one in usb.json(f"{here}/")} == set(camera.controls())
    assert usb.set_control(door, "brightness", -12).status_code == 200
    camera.wait_for("control brightness -12")
    assert usb.set_control(door, "brightness", 65).status_code == 400  # up to 64
    assert usb.set_control(door, "exposure_time_absolute", 300).status_code == 409
    assert usb.set_control(door, "auto_exposure", 1).status_code == 200
    assert usb.set_control(door, "exposure_time_absolute", 300).status_code == 200
    camera.quit()
    is_gone(usb.machine, 0)
    again = usb.plug(2, serial="SN1")  # as it left the factory
    usb.runs(door)
    wanted = {"brightness": -12, "auto_exposure": 1, "exposure_time_absolute": 300}
    for name, value in wanted.items():
        again.wait_for(f"control {name} {value}")
    assert again.controls() | wanted == again.controls()


def test_a_camera_that_stalls_is_noticed_by_the_threads_that_were_there(usb: UsbService) -> None:
    camera = usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    before = Counter(usb.threads())
    camera.forget()
    camera.stall()
    usb.is_told(door, "stalled")
    camera.wait_for("stopped")  # it is let go of, and tried again
    camera.wait_for("streaming")
    usb.is_told(door, "stalled", "reconnecting")
    assert not usb.camera(door)["online"]
    assert not Counter(usb.threads()) - before
    camera.resume()
    usb.runs(door)


def test_a_camera_that_another_program_reads_is_said_to_be_busy(usb: UsbService) -> None:
    camera = usb.plug(0, serial="SN1")
    node = node_at(usb.machine, 0)
    usb.machine.shell(
        f"setsid v4l2-ctl -d {node} --stream-mmap > /dev/null 2>&1 & echo $! > /run/reader"
    )
    camera.wait_for("streaming")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.is_told(door, "device_busy")
    usb.machine.shell("kill $(cat /run/reader)")
    usb.runs(door)


def test_a_camera_that_the_service_may_not_open_is_said_to_be_so(usb: UsbService) -> None:
    usb.plug(0, serial="SN1")
    node = node_at(usb.machine, 0)
    usb.machine.shell(f"chmod 600 {node}")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.is_told(door, "device_forbidden")
    usb.machine.shell(f"chmod 660 {node}")
    usb.runs(door)


def test_who_has_the_node_of_a_camera_that_is_away_is_not_set_in_its_place(
    usb: UsbService,
) -> None:
    camera = usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    node = node_at(usb.machine, 0)
    assert usb.client.post(f"/api/cameras/{door}/stop").is_success  # so that the number is free
    camera.unplug()
    is_gone(usb.machine, 0)
    stranger = usb.plug(1, product_id="0826", serial="SN2")
    assert node_at(usb.machine, 1) == node
    assert usb.set_control(door, "brightness", 60).status_code == 503
    assert stranger.controls()["brightness"] == 0


def test_damaged_pictures_do_not_end_a_camera(usb: UsbService) -> None:
    camera = usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    for damage in (camera.corrupt, camera.truncate, camera.short):
        damage(5)
        due = camera.sent() + 8
        while camera.sent() < due:
            usb.machine.shell("true")
        usb.runs(door)
        assert ALL & set(usb.pictures(door, 4))
    assert usb.camera(door)["streams"][0]["reconnects"] == 0


def test_h264_of_a_camera_is_recorded_as_it_is(usb: UsbService) -> None:
    usb.plug(0, serial="SN1", kinds=["H264", "MJPG"])
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    recording = recorded(usb, door)
    assert usb.client.post(f"/api/cameras/{door}/stop").is_success  # its file is closed
    usb.until(f"/api/recordings/{recording['id']}", lambda one: one["status"] != "recording")
    answer = usb.client.get(recording["download_url"])
    assert answer.status_code == 200
    own = {unit for data in access_units(SIZE) for unit in split_nal_units(data)}
    with av.open(io.BytesIO(answer.content), "r") as file:
        annex_b = av.BitStreamFilterContext("h264_mp4toannexb", file.streams.video[0])
        packets = [made for packet in file.demux(video=0) for made in annex_b.filter(packet)]
    assert len(packets) > 15
    slices = [
        unit
        for packet in packets
        for unit in split_nal_units(bytes(packet))
        if unit[0] & 31 in {1, 5}
    ]
    assert set(slices) <= own


@pytest.mark.timeout(600 + 10 * CYCLES)
def test_plugging_often_leaves_nothing_behind(usb: UsbService) -> None:
    """`make vm` does it 200 times."""
    camera = usb.plug(0, serial="SN1")
    door = usb.add_usb("Door", 0, **ASKED)
    usb.runs(door)
    threads, files = list[list[str]](), list[int]()
    for _ in range(CYCLES):
        usb.runs(door)
        threads.append(usb.threads())
        files.append(len(usb.open_files()))
        camera.unplug()
        is_gone(usb.machine, 0)
        usb.is_told(door, "device_missing")
        camera.plug()
    half = CYCLES // 2
    most = max(map(len, threads[:half]))
    more = [Counter(one) - Counter(threads[0]) for one in threads[half:] if len(one) > most]
    assert not more, more
    assert max(files[half:]) <= max(files[:half]), files
    assert not [name for name in usb.open_files() if "video" in name and "deleted" in name]


def test_a_camera_that_hangs_holds_up_neither_the_others_nor_the_end(usb: UsbService) -> None:
    hung: UsbCamera = usb.plug(0, serial="SN1")
    other = usb.plug(1, serial="SN2")
    door, yard = usb.add_usb("Door", 0, **ASKED), usb.add_usb("Yard", 1, **ASKED)
    usb.runs(door)
    usb.runs(yard)
    hung.hang()
    usb.is_told(door, "stalled", "reconnecting", "device_missing")
    before = other.sent()
    usb.runs(yard)
    assert set(usb.pictures(yard, 4)) <= ALL
    while other.sent() < before + 4:
        usb.machine.shell("true")
    # It ends itself; that the kernel keeps its last thread until the camera answers is no fault of
    # its own. systemd gives a process up after four times `TimeoutStopSec`, and one that it killed
    # looks the same: here it has time.
    process = usb.unit("MainPID")
    with patient_systemd(usb.machine):
        usb.machine.shell("systemctl stop --no-block falconeye")
        usb.machine.until(f"awk '/^State/ {{print $2}}' /proc/{process}/status", "Z")
        hung.wake()
        usb.machine.shell("systemctl stop falconeye")
    assert usb.unit("Result") == "success"
    said = usb.machine.shell(f"{COMMAND} check --json", limit_s=SLOW_S, may_fail=True)
    assert json.loads(said)["problems"] == []
    usb.machine.shell("systemctl start falconeye", limit_s=SLOW_S)
    usb.runs(door)
    usb.runs(yard)
