"""The service as the README installs it, under a real systemd, its footage on a USB disk."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from falconeye.storage.volumes.mount_lines import drop_in_path
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer
from tests.vm.machine import HOST
from tests.vm.service import COMMAND, SLOW_S, Service

pytestmark = [pytest.mark.fault, pytest.mark.root, pytest.mark.timeout(600)]


class Recorder(Service):
    """The service, with one camera."""

    def __init__(self, service: Service, camera: str) -> None:
        super().__init__(service.machine, service.client)
        self.camera = camera

    def records(self) -> None:
        """Wait until it does."""
        self.until(f"/api/cameras/{self.camera}", lambda camera: camera["recording"])

    def gaps(self) -> list[str]:
        """Why there is none of the time since the camera was added, in order."""
        found = self.json(f"/api/cameras/{self.camera}/timeline")
        return [gap["reason"] for gap in found["gaps"] if gap["from"] != found["from"]]


@pytest.fixture(scope="module")
def recorder(service: Service) -> Iterator[Recorder]:
    with ReplayServer() as server:
        server.add("door", video=video_clip(), audio=audio_clip())
        url = server.url("door").replace("127.0.0.1", HOST)
        made = Recorder(service, service.add("Door", protocol="rtsp", source_url=url, start=True))
        made.records()
        yield made
        service.remove(made.camera)


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


def test_what_it_logs_has_fields(recorder: Recorder) -> None:
    text = recorder.machine.shell(
        "journalctl -u falconeye -o json --no-pager LOGGER=falconeye.node"
    )
    entries = [json.loads(line) for line in text.splitlines()]
    for entry in entries:
        assert entry["NODE"] == "recorder"
        assert entry["CODE_FILE"].endswith("/falconeye/node.py")
        assert entry["SYSLOG_IDENTIFIER"] == "falconeye"
    assert {"6"} <= {entry["PRIORITY"] for entry in entries}
    of_camera = f"journalctl -u falconeye -o cat --no-pager CAMERA_ID={recorder.camera}"
    assert recorder.camera in recorder.machine.shell(of_camera)


def test_after_a_power_cut_it_starts_and_records_by_itself(recorder: Recorder) -> None:
    known = [one["id"] for one in recorder.json("/api/recordings/")["recordings"]]
    crashes = recorder.gaps().count("node_crashed")
    recorder.machine.cut_power()
    recorder.records()
    assert recorder.unit("NRestarts") == "0"
    found = recorder.json("/api/recordings/")["recordings"]
    assert set(known) <= {one["id"] for one in found}
    assert recorder.gaps().count("node_crashed") == crashes + 1
    assert recorder.machine.shell("findmnt -no TARGET /srv/video") == "/srv/video"


def test_what_it_recorded_is_whole(recorder: Recorder) -> None:
    machine = recorder.machine
    machine.shell("mkdir /srv/more; chown falconeye: /srv/more")
    said = machine.shell(f"{COMMAND} storage add /srv/more --on-root", limit_s=SLOW_S)
    assert f"wrote {drop_in_path(Path('/srv/more'))}" in said
    machine.shell("systemctl stop falconeye")
    assert (recorder.unit("Result"), recorder.unit("ExecMainStatus")) == ("success", "0")
    said = machine.shell(f"{COMMAND} check --json", limit_s=SLOW_S, may_fail=True)
    assert json.loads(said)["problems"] == []
    machine.shell(f"{COMMAND} uninstall-service", limit_s=SLOW_S)
    assert recorder.unit("LoadState") == "not-found"
    said = machine.shell(f"{COMMAND} install-service", limit_s=SLOW_S)
    assert said.endswith("it runs\nnext: sudo " + COMMAND + " setup-link"), said
    recorder.records()
    assert "node_stopped" in recorder.gaps()
    # As the service sees the disks: those that were added, and no other place.
    seen = f"nsenter -m -t {recorder.unit('MainPID')} touch"
    machine.shell(f"{seen} /srv/more/mine /srv/video/mine && rm /srv/more/mine /srv/video/mine")
    assert "Read-only" in machine.shell(f"{seen} /srv/mine", may_fail=True)
    recorder.until("/api/storage/volumes", lambda found: _are_there(found["volumes"]))


def _are_there(volumes: Sequence[Mapping[str, Any]]) -> bool:
    return len(volumes) == 2 and all(one["present"] for one in volumes)
