"""What a machine tells of itself: this one, and copies of files of others."""

import os
from pathlib import Path

from falconeye.federation.report import NodeReport
from falconeye.federation.self_report import look_at_machine


def write(root: Path, name: str, data: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_this_machine() -> None:
    found = look_at_machine(0, 0)
    assert found.memory_total_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found.memory_available_bytes is not None
    assert 0 < found.memory_available_bytes <= found.memory_total_bytes
    assert found.sample.cpu is not None
    assert found.sample.process_ns > 0
    assert NodeReport(addresses=found.addresses, model=found.model).addresses == found.addresses


def test_a_board_says_its_model_and_how_hot_it_is(tmp_path: Path) -> None:
    write(tmp_path, "proc/device-tree/model", b"Raspberry Pi 5 Model B Rev 1.0\0")
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", b"48200\n")
    write(tmp_path, "sys/class/thermal/thermal_zone1/temp", b"61750\n")
    write(tmp_path, "proc/meminfo", b"MemTotal: 8000 kB\nMemAvailable: 5000 kB\n")
    found = look_at_machine(0, 0, tmp_path)
    assert (found.model, found.temperature_c) == ("Raspberry Pi 5 Model B Rev 1.0", 61.75)
    assert (found.memory_total_bytes, found.memory_available_bytes) == (8_192_000, 5_120_000)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    write(tmp_path, "proc/device-tree/model", b"\xff\x1b[31mred\0")
    found = look_at_machine(0, 0, tmp_path)
    assert found.model == "\ufffd[31mred"
    assert (found.temperature_c, found.memory_total_bytes, found.sample.cpu) == (None, 0, None)


def test_a_sensor_that_tells_nonsense_is_no_sensor(tmp_path: Path) -> None:
    """-274000 is the kernel's word for "invalid"; a report with it would be none at all."""
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", b"-274000\n")
    assert look_at_machine(0, 0, tmp_path).temperature_c is None
    write(tmp_path, "sys/class/thermal/thermal_zone1/temp", b"65261850\n")
    write(tmp_path, "sys/class/thermal/thermal_zone2/temp", b"48200\n")
    found = look_at_machine(0, 0, tmp_path)
    assert found.temperature_c == 48.2
    assert NodeReport(temperature_c=found.temperature_c).temperature_c == 48.2
