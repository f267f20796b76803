"""A USB camera: from the plug to the picture, and its CPU against ffmpeg and motion.

Camera and machine are emulated (`tests/vm`): the times tell what the emulated machine takes, which
is several times more than a small board; the ratios come from one run of it.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Any, Final

from tests.benchmarks.figures import Plan, Result
from tests.vm.machine import machine
from tests.vm.service import SLOW_S, installed
from tests.vm.usb_cameras import UsbCamera
from tests.vm.usb_service import UsbService, is_gone, node_at

NAME = "usb"
_LOOK_S: Final = 0.02
_SIZE, _FPS = (640, 480), 5
_ASKED: Final = {"resolution": "640x480", "framerate": _FPS, "pixel_format": "MJPG"}
_RESTS_S: Final = 13  # by then nothing is encoded any more that nobody wants
_TICKS_PER_S: Final = 100  # USER_HZ of x86-64
_PORTS: Final = itertools.count(9000)  # a port that was used is not free at once
# As VideoEncoder: what differs is who does it.
_X264: Final = (
    f"-c:v libx264 -preset ultrafast -tune zerolatency -crf 26 -g {2 * _FPS} -pix_fmt yuv420p"
)
_MOTION: Final = f"""\
daemon off
log_level 4
video_device {{device}}
video_params palette=8
width {_SIZE[0]}
height {_SIZE[1]}
framerate {_FPS}
picture_output off
webcontrol_port 0
target_dir /srv/video/motion
movie_codec mp4
movie_max_time 60
"""


def measure(plan: Plan) -> Result:
    """In one virtual machine: times first, then CPU in alternation."""
    result = Result(NAME, f"USB camera, emulated: MJPEG {_SIZE[0]}×{_SIZE[1]} at {_FPS} per s")
    with (
        tempfile.TemporaryDirectory() as folder,
        machine(Path(folder), packages=("ffmpeg", "motion")) as guest,
        installed(guest) as service,
    ):
        usb = UsbService(service)
        try:
            camera = usb.plug(0, serial="SN1", fps=str(_FPS), sizes=["x".join(map(str, _SIZE))])
            _times(result, usb, camera, plan.runs(5, 2))
            _cpu(result, usb, plan.runs(5, 2), plan.seconds(20, 10))
        finally:
            usb.clear()
    result.note(
        "Machine, USB bus and camera are emulated by QEMU without KVM: 5 to 10 times slower."
    )
    return result


# -- times -----------------------------------------------------------------------------------


def _times(result: Result, usb: UsbService, camera: UsbCamera, runs: int) -> None:
    _pull(usb, camera)
    found, told = [], []
    for _ in range(runs):
        pulled_in = time.perf_counter()
        camera.plug()
        candidates = _until(usb, "/api/candidates/", lambda said: said["total"] == 1)
        found.append(time.perf_counter() - pulled_in)
        told.append(_seen_s(candidates) - _initialised_s(usb))
        _pull(usb, camera)
        _until(usb, "/api/candidates/", lambda said: said["total"] == 0)
    result.add("udev knows of it → found camera", "s", told, budget=2)
    result.add("plug → found camera, the kernel's part and the question included", "s", found)

    camera.plug()
    node_at(usb.machine, 0)
    door = usb.add_usb("Door", 0, **_ASKED)
    usb.runs(door)
    shown, recorded = [], []
    for _ in range(runs):
        _pull(usb, camera)
        usb.is_told(door, "device_missing")
        pulled_in = time.perf_counter()
        camera.plug()
        _until(usb, f"/api/cameras/{door}", lambda said: said["online"])
        shown.append(time.perf_counter() - pulled_in)
        _until(usb, f"/api/cameras/{door}", lambda said: said["recording"])
        recorded.append(time.perf_counter() - pulled_in)
    result.add("plug → picture, of a camera that was added", "s", shown)
    result.add("plug → recorded", "s", recorded)
    usb.remove(usb.forgotten(door))


def _pull(usb: UsbService, camera: UsbCamera) -> None:
    camera.unplug()
    is_gone(usb.machine, camera.port)


def _until(usb: UsbService, path: str, good: Callable[[Any], bool]) -> Any:
    """The first good answer, asked for often."""
    end_s = time.monotonic() + SLOW_S
    while not good(said := usb.json(path)):
        if time.monotonic() > end_s:
            msg = f"{path} stays {said}"
            raise TimeoutError(msg)
        time.sleep(_LOOK_S)
    return said


def _seen_s(candidates: Any) -> float:
    """When it was found, by the guest's clock."""
    return datetime.fromisoformat(candidates["candidates"][0]["evidence"][0]["seen_at"]).timestamp()


def _initialised_s(usb: UsbService) -> float:
    """When udev knew of it, by the same clock."""
    node = node_at(usb.machine, 0)
    asked = "udevadm info -q property --property=USEC_INITIALIZED --value"
    clocks = 'python3 -c "import time; print(time.time() - time.monotonic())"'
    return float(usb.machine.shell(clocks)) + int(usb.machine.shell(f"{asked} {node}")) / 1e6


# -- CPU -------------------------------------------------------------------------------------


def _cpu(result: Result, usb: UsbService, runs: int, window_s: float) -> None:
    """Live: one viewer of its JPEGs, nothing is recorded. Recorded: H.264, nobody watches."""
    used: dict[str, list[float]] = {}
    for _ in range(runs):
        for name, running in _PROGRAMS.items():
            with running(usb) as process:
                used.setdefault(name, []).append(_share(usb, process, window_s))
    idle = mean(used.pop("idle"))
    ours = {name: [share - idle for share in used[name]] for name in ("live", "recorded")}
    for name, words in (("live", "live only, one viewer"), ("recorded", "recorded")):
        result.add(f"{words}: CPU, FalconEye", "ms/s", ours[name])
        for program in ("ffmpeg", "motion"):
            theirs = used[f"{name} by {program}"]
            result.add(f"{words}: CPU, {program}", "ms/s", theirs)
            ratios = [one / other for one, other in zip(ours[name], theirs, strict=True)]
            result.add(f"{words}: CPU, FalconEye / {program}", "×", ratios)
    result.note(f"FalconEye's is beyond that of the same node without a camera ({idle:.0f} ms/s).")
    result.note(
        "motion decodes each picture to look for motion, and encodes JPEGs for its viewers anew;"
        " ffmpeg hands the camera's own on, as FalconEye does. Each records by libx264."
    )


def _share(usb: UsbService, process: str, window_s: float) -> float:
    """CPU of a process in the guest over a while, in ms per s."""
    # In the guest: a question from outside would blur the window.
    ticks = f"awk '{{print $14 + $15}}' /proc/{process}/stat; cut -d' ' -f1 /proc/uptime"
    said = usb.machine.shell(f"{ticks}; sleep {window_s}; {ticks}", limit_s=window_s + 60).split()
    before, begun_s, after, ended_s = map(float, said)
    return (after - before) / _TICKS_PER_S / (ended_s - begun_s) * 1000


@contextmanager
def _idle(usb: UsbService) -> Iterator[str]:
    yield usb.unit("MainPID")


@contextmanager
def _live(usb: UsbService) -> Iterator[str]:
    with _added(usb, record="off") as door, _viewer(usb, 8900, f"/api/cameras/{door}/stream"):
        usb.machine.shell(f"sleep {_RESTS_S}")
        yield usb.unit("MainPID")


@contextmanager
def _recorded(usb: UsbService) -> Iterator[str]:
    with _added(usb, record="continuous") as door:
        usb.runs(door)
        yield usb.unit("MainPID")


@contextmanager
def _added(usb: UsbService, *, record: str) -> Iterator[str]:
    door = usb.add_usb("Door", 0, record=record, **_ASKED)
    try:
        _until(usb, f"/api/cameras/{door}", lambda said: said["online"])
        yield door
    finally:
        usb.remove(usb.forgotten(door))


@contextmanager
def _live_ffmpeg(usb: UsbService) -> Iterator[str]:
    port = next(_PORTS)
    out = f"-c:v copy -f mpjpeg -listen 1 http://127.0.0.1:{port}/"
    with _ffmpeg(usb, out) as process, _viewer(usb, port, "/"):
        yield process


@contextmanager
def _recorded_ffmpeg(usb: UsbService) -> Iterator[str]:
    out = f"{_X264} -movflags frag_keyframe+empty_moov -y /srv/video/ffmpeg.mp4"
    with _ffmpeg(usb, out) as process:
        usb.machine.until("test -s /srv/video/ffmpeg.mp4; echo $?", "0")
        yield process


@contextmanager
def _ffmpeg(usb: UsbService, out: str) -> Iterator[str]:
    size = "x".join(map(str, _SIZE))
    read = f"-f v4l2 -input_format mjpeg -video_size {size} -framerate {_FPS}"
    command = f"ffmpeg -nostdin -loglevel error {read} -i {node_at(usb.machine, 0)} {out}"
    with _started(usb, command) as process:
        yield process


@contextmanager
def _live_motion(usb: UsbService) -> Iterator[str]:
    port = next(_PORTS)
    words = f"movie_output off\nemulate_motion off\nstream_port {port}\nstream_maxrate 100\n"
    with _motion(usb, words) as process, _viewer(usb, port, "/"):
        yield process


@contextmanager
def _recorded_motion(usb: UsbService) -> Iterator[str]:
    words = "movie_output on\nemulate_motion on\nstream_port 0\n"
    with _motion(usb, words) as process:
        usb.machine.until("find /srv/video/motion -size +8k -newer /run/motion.conf | wc -l", "1")
        yield process


@contextmanager
def _motion(usb: UsbService, words: str) -> Iterator[str]:
    text = _MOTION.format(device=node_at(usb.machine, 0)) + words
    usb.machine.shell(f"rm -rf /srv/video/motion; cat > /run/motion.conf << 'END'\n{text}END\n")
    with _started(usb, "motion -n -c /run/motion.conf") as process:
        yield process


@contextmanager
def _started(usb: UsbService, command: str) -> Iterator[str]:
    """A program in the guest; its process id."""
    process = usb.machine.shell(f"setsid {command} > /run/other.log 2>&1 & echo $!")
    try:
        yield process
        usb.machine.shell(f"kill -0 {process} || {{ cat /run/other.log; exit 1; }}")
    finally:
        usb.machine.shell(f"kill -INT {process}; tail --pid={process} -f /dev/null", may_fail=True)


@contextmanager
def _viewer(usb: UsbService, port: int, path: str) -> Iterator[None]:
    """A reader in the guest. What does not serve pictures yet is asked again."""
    login = usb.client.headers["authorization"]
    lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {login}", "", "")
    asked = "".join(f"{line}\\r\\n" for line in lines)
    read = f"exec 3<>/dev/tcp/127.0.0.1/{port} && printf '{asked}' >&3 && cat <&3 >> /run/viewed"
    usb.machine.shell(": > /run/viewed")
    reader = usb.machine.shell(
        f'setsid bash -c "while :; do {read}; sleep 0.2; done" > /dev/null 2>&1 & echo $!'
    )
    try:
        # Pictures, and not an error's page.
        usb.machine.until("test $(stat -c %s /run/viewed) -gt 20000; echo $?", "0")
        yield
    finally:
        usb.machine.shell(f"kill -- -{reader}")


_PROGRAMS: Final = {
    "idle": _idle,
    "live": _live,
    "live by ffmpeg": _live_ffmpeg,
    "live by motion": _live_motion,
    "recorded": _recorded,
    "recorded by ffmpeg": _recorded_ffmpeg,
    "recorded by motion": _recorded_motion,
}
