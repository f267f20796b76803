"""What machines tell of themselves, from copies of their files."""

import resource
import subprocess
import time
from pathlib import Path

import pytest

from falconeye.doctor import machine
from falconeye.doctor.finding import Finding, Level, worst


def found(root: Path, server: int | None = None) -> dict[str, Finding]:
    return {finding.subject: finding for finding in machine.examine(server, root)}


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def meminfo(root: Path, free_kb: int, swap_free_kb: int = 0, swap_kb: int = 0) -> None:
    text = f"MemTotal: 1000000 kB\nMemAvailable: {free_kb} kB\nSwapTotal: {swap_kb} kB\n"
    write(root, "proc/meminfo", f"{text}SwapFree: {swap_free_kb} kB\nHugePages_Total: 0\n")


@pytest.mark.parametrize(
    ("free_kb", "level"), [(500_000, Level.OK), (100_000, Level.WARN), (20_000, Level.FAIL)]
)
def test_memory(tmp_path: Path, free_kb: int, level: Level) -> None:
    meminfo(tmp_path, free_kb)
    memory = found(tmp_path)["memory"]
    assert memory.level is level
    assert bool(memory.advice) is (level is not Level.OK)
    assert "swap" not in found(tmp_path)


def test_swap(tmp_path: Path) -> None:
    meminfo(tmp_path, 500_000, swap_kb=100_000, swap_free_kb=90_000)
    assert found(tmp_path)["swap"].level is Level.OK
    meminfo(tmp_path, 500_000, swap_kb=100_000, swap_free_kb=10_000)
    assert found(tmp_path)["swap"].level is Level.WARN


@pytest.mark.parametrize(("degrees", "level"), [(50, Level.OK), (80, Level.WARN), (90, Level.FAIL)])
def test_temperature_is_that_of_the_hottest(tmp_path: Path, degrees: int, level: Level) -> None:
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", f"{degrees}000\n")
    write(tmp_path, "sys/class/thermal/thermal_zone1/temp", "40000\n")
    write(tmp_path, "sys/class/thermal/thermal_zone2/temp", "asleep\n")
    temperature = found(tmp_path)["temperature"]
    assert (temperature.level, temperature.words) == (level, f"{degrees} °C")


@pytest.mark.parametrize(
    ("bits", "level", "words"),
    [
        ("0", Level.OK, "never"),
        ("50000", Level.WARN, "since its start it was too little voltage, throttled"),
        ("50005", Level.FAIL, "now too little voltage, throttled"),
    ],
)
def test_throttling_of_a_pi(tmp_path: Path, bits: str, level: Level, words: str) -> None:
    write(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits}\n")
    throttling = found(tmp_path)["throttling"]
    assert throttling.level is level
    assert words in throttling.words


@pytest.mark.parametrize(
    "path",
    [
        "soc/soc:firmware",  # Raspberry Pi OS, up to a Pi 4
        "soc@107c000000/soc@107c000000:firmware",  # a Pi 5
        "axi/axi:firmware",
        "firmware",
    ],
)
def test_throttling_is_found_wherever_the_firmware_is(tmp_path: Path, path: str) -> None:
    write(tmp_path, f"sys/devices/platform/{path}/get_throttled", "50005\n")
    assert found(tmp_path)["throttling"].level is Level.FAIL


@pytest.mark.parametrize(("alarm", "level"), [("0", Level.OK), ("1", Level.FAIL)])
def test_a_kernel_of_debian_tells_of_the_voltage_alone(
    tmp_path: Path, alarm: str, level: Level
) -> None:
    for number, name in enumerate(("cpu_thermal", "rpi_volt")):
        write(tmp_path, f"sys/class/hwmon/hwmon{number}/name", f"{name}\n")
        write(tmp_path, f"sys/class/hwmon/hwmon{number}/in0_lcrit_alarm", f"{alarm}\n")
    throttling = found(tmp_path)["throttling"]
    assert (throttling.level, "voltage" in throttling.words) == (level, True)
    write(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "asleep\n")
    assert "throttling" not in found(tmp_path)


def program(root: Path, name: str, script: str) -> None:
    write(root, f"usr/bin/{name}", f"#!/bin/sh\n{script}\n")
    (root / "usr/bin" / name).chmod(0o755)


def test_the_program_of_the_firmware_is_asked_where_no_kernel_tells(tmp_path: Path) -> None:
    program(tmp_path, "vcgencmd", "echo throttled=0x50000")
    throttling = found(tmp_path)["throttling"]
    assert (throttling.level, "since its start" in throttling.words) == (Level.WARN, True)


def test_it_is_said_where_the_service_may_not_ask_the_firmware(tmp_path: Path) -> None:
    """`DevicePolicy=closed` of the unit."""
    program(tmp_path, "vcgencmd", 'echo "Can\'t open device file: /dev/vcio" >&2; exit 255')
    throttling = found(tmp_path)["throttling"]
    assert throttling.level is Level.WARN
    assert "Can't open device file: /dev/vcio" in throttling.words
    assert "DeviceAllow=/dev/vcio rw" in throttling.advice


def test_what_a_machine_does_not_tell_is_left_out(tmp_path: Path) -> None:
    assert set(found(tmp_path)) == {"synchronised"}


def test_the_limit_of_the_recorder_is_told_not_that_of_a_shell(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["sh", "-c", "ulimit -n 100; read _ # falconeye"], stdin=subprocess.PIPE
    ) as recorder:
        write(tmp_path, f"proc/{recorder.pid}/cmdline", "falconeye\0serve\0")
        write(tmp_path, "proc/1/cmdline", "init")
        wait_for_limit(recorder.pid, 100)
        limit = found(tmp_path, recorder.pid)["open files"]
        assert (limit.level, "at most 100" in limit.words) == (Level.WARN, True)
        assert "open files" not in found(tmp_path, 1)  # it is in a container
        recorder.kill()


def wait_for_limit(pid: int, files: int) -> None:
    while resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] != files:
        time.sleep(0.01)


def test_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "dev/video0", "")
    device = str(tmp_path / "dev/video0")
    assert found(tmp_path)[device].level is Level.OK
    monkeypatch.setattr(machine.os, "access", lambda *_: False)  # type: ignore[attr-defined]
    assert "group 'video'" in found(tmp_path)[device].advice


def test_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "clock_is_synchronised", lambda: False)
    assert "timedatectl" in found(tmp_path)["synchronised"].advice


def test_the_worst_of_all() -> None:
    findings = [Finding("machine", "x", level, "") for level in (Level.OK, Level.WARN)]
    assert worst(findings) is Level.WARN
    assert worst([]) is Level.OK
