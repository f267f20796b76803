"""How busy a machine is, from counters that only grow, or should."""

from pathlib import Path

import pytest

from falconeye.federation.load import CpuTimes, Load, LoadMeter, LoadSample, read_cpu_times

SECOND_US = 1_000_000


def sample(
    at_s: float, busy: int, total: int, *, process_s: float = 0, written: int = 0
) -> LoadSample:
    cpu = CpuTimes(busy, total)
    return LoadSample(int(at_s * SECOND_US), cpu, int(process_s * 1e9), written)


def test_nothing_is_known_before_there_are_two_samples() -> None:
    meter = LoadMeter(cpus=4)
    assert meter.now() == Load()
    meter.add(sample(5, 10, 100))
    assert meter.now() == Load()
    meter.add(sample(5.2, 20, 180))
    assert meter.now() == Load()


def test_shares_are_of_all_processors() -> None:
    meter = LoadMeter(cpus=4)
    meter.add(sample(0, 100, 1000))
    meter.add(sample(10, 1100, 5000, process_s=10, written=5_000_000))
    load = meter.now()
    assert (load.machine, load.process, load.megabits_per_second) == (0.25, 0.25, 4.0)


def test_only_the_last_minute_counts() -> None:
    meter = LoadMeter(cpus=1)
    for at_s in range(0, 70, 10):
        meter.add(sample(at_s, at_s * 100, at_s * 100))  # all busy
    for at_s in range(70, 140, 10):
        meter.add(sample(at_s, 6000, at_s * 100))  # idle since
    assert meter.now().machine == 0.0


def test_a_sample_after_a_long_silence_still_has_one_to_compare_with() -> None:
    meter = LoadMeter(cpus=1)
    meter.add(sample(0, 0, 0))
    meter.add(sample(600, 30_000, 60_000))
    assert meter.now().machine == 0.5


def test_counters_that_go_back_make_no_nonsense() -> None:
    meter = LoadMeter(cpus=1)
    meter.add(sample(0, 100, 1000, written=900))
    meter.add(sample(10, 90, 1800, written=100))  # idle time jumped; a disk was taken away
    assert (meter.now().machine, meter.now().megabits_per_second) == (0.0, 0.0)
    meter.add(sample(20, 100, 900))
    assert meter.now().machine is None


def test_cpu_times_of_the_kernel_grow() -> None:
    first = read_cpu_times()
    assert first is not None
    assert 0 < first.busy < first.all
    while (later := read_cpu_times()) is not None and later.busy == first.busy:
        pass  # this keeps a processor busy
    assert later is not None
    assert later.all >= first.all + 1


@pytest.mark.parametrize("text", ["", "intr 5", "cpu  a b", "cpu  1 2 3", "cpu0 1 2 3 4 5 6 7"])
def test_what_is_no_proc_stat_tells_nothing(tmp_path: Path, text: str) -> None:
    assert read_cpu_times(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(text)
    assert read_cpu_times(tmp_path) is None


def test_waiting_for_a_disk_is_not_busy_and_guests_count_once(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text("cpu  10 5 20 100 40 3 2 1 9 4\ncpu0 1 1 1 1\n")
    assert read_cpu_times(tmp_path) == CpuTimes(41, 181)
