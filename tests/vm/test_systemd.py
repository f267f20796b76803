"""The service as the README installs it, under a real systemd, its footage on a USB disk."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from falconeye.storage.volumes.mount_lines import DROP_IN, mount_lines
from falconeye.storage.volumes.mounts import Mount
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer
from tests.vm.image import UUID
from tests.vm.machine import HOST, Machine

pytestmark = [pytest.mark.fault, pytest.mark.root, pytest.mark.timeout(600)]
SLOW_S = 240.0  # the machine is emulated: Python starts in 20 s
COMMAND = "/opt/falconeye/bin/falconeye"
LINES = mount_lines(
    Path("/srv/video"), Mount(Path("/srv/video"), "/dev/sda", "ext4", "8:0", read_only=False), UUID
)
# What a person types for a disk of its own: see the README, "Install on a node".
INSTALL = f"""
mkdir -p /srv/video /etc/systemd/system/falconeye.service.d
cat > '/etc/systemd/system/{LINES.unit_name}' << 'END'
{LINES.unit}
END
cat > {DROP_IN} << 'END'
{LINES.drop_in}
END
echo 'media_dir = "/srv/video"' > /etc/falconeye.toml
systemctl daemon-reload && systemctl enable --now {LINES.unit_name}
chown falconeye: /srv/video
systemctl enable --now falconeye
"""


class Recorder:
    """The service in the machine, with one camera."""

    def __init__(self, machine: Machine, client: httpx.Client, camera: str) -> None:
        self.machine = machine
        self.client = client
        self.camera = camera

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

    def records(self) -> None:
        """Wait until it does."""
        self.until(f"/api/cameras/{self.camera}", lambda camera: camera["recording"])

    def gaps(self) -> list[str]:
        """Why there is none of the time since the camera was added, in order."""
        found = self.json(f"/api/cameras/{self.camera}/timeline")
        return [gap["reason"] for gap in found["gaps"] if gap["from"] != found["from"]]

    def unit(self, name: str) -> str:
        """A property of the service."""
        return self.machine.shell(f"systemctl show --value -p {name} falconeye")


@pytest.fixture(scope="module")
def recorder(virtual_machine: Machine) -> Iterator[Recorder]:
    virtual_machine.until("ls -1 /dev/disk/by-label", "footage\nroot")
    virtual_machine.shell(INSTALL, limit_s=SLOW_S)
    token = virtual_machine.shell(f"{COMMAND} token add test --role admin", limit_s=SLOW_S)
    headers = {"authorization": f"Bearer {token.splitlines()[-1]}"}
    with (
        ReplayServer() as server,
        httpx.Client(
            base_url=virtual_machine.url, headers=headers, timeout=60, trust_env=False
        ) as client,
    ):
        server.add("door", video=video_clip(), audio=audio_clip())
        url = server.url("door").replace("127.0.0.1", HOST)
        body = {"name": "Door", "protocol": "rtsp", "source_url": url, "start": True}
        answer = client.post("/api/cameras/", json=body)
        assert answer.status_code == 201, answer.text
        made = Recorder(virtual_machine, client, answer.json()["id"])
        made.records()
        yield made


def test_the_hardened_service_records_to_a_disk_of_its_own(recorder: Recorder) -> None:
    machine, pid = recorder.machine, recorder.unit("MainPID")
    assert machine.shell(f"ps -o user= -p {pid}") == "falconeye"
    assert machine.shell(f"awk '/CapEff/ {{print $2}}' /proc/{pid}/status") == "0" * 16
    assert recorder.unit("NRestarts") == "0"
    assert machine.shell("find /srv/video -name '*.mp4' | wc -l") != "0"
    assert machine.shell("find /var/lib/falconeye -name '*.mp4' | wc -l") == "0"
    found = json.loads(machine.shell(f"{COMMAND} doctor --json", limit_s=SLOW_S, may_fail=True))
    wrong = [each for each in found["findings"] if each["level"] == "fail"]
    assert wrong == []


def test_a_disk_that_is_pulled_and_put_back_is_recorded_to_again(recorder: Recorder) -> None:
    """Nothing is written below its mount point, and nobody has to start anything again."""
    machine = recorder.machine
    recorder.until(  # there is a closed file, and one that grows
        "/api/recordings/", lambda found: found["recordings"][0]["duration_seconds"] > 65
    )
    machine.pull_disk()
    recorder.until(f"/api/cameras/{recorder.camera}", lambda camera: not camera["recording"])
    machine.until("mountpoint -q /srv/video; echo $?", "32")  # systemd takes it off
    assert machine.shell("ls -A /srv/video") == ""
    assert recorder.json(f"/api/cameras/{recorder.camera}")["online"]
    machine.plug_disk()
    machine.until("mountpoint -q /srv/video; echo $?", "0")
    recorder.records()
    recorder.until("/api/storage/volumes", lambda found: found["volumes"][0]["present"])
    assert set(recorder.gaps()) == {"disk_error"}
    assert recorder.unit("NRestarts") == "0"


def test_a_service_that_hangs_is_started_again(recorder: Recorder) -> None:
    machine = recorder.machine
    machine.shell(f"kill -STOP {recorder.unit('MainPID')}")
    machine.until("systemctl show --value -p NRestarts falconeye", "1", SLOW_S)
    recorder.records()
    assert "node_crashed" in recorder.gaps()
    assert "Watchdog timeout" in machine.shell("journalctl -u falconeye -o cat --no-pager")


def test_what_it_recorded_is_whole(recorder: Recorder) -> None:
    machine = recorder.machine
    machine.shell("systemctl stop falconeye")
    assert (recorder.unit("Result"), recorder.unit("ExecMainStatus")) == ("success", "0")
    said = machine.shell(f"{COMMAND} check --json", limit_s=SLOW_S, may_fail=True)
    assert json.loads(said)["problems"] == []
    machine.shell("systemctl start falconeye", limit_s=SLOW_S)
    recorder.records()
    assert "node_stopped" in recorder.gaps()
