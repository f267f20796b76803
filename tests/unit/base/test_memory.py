"""The memory budget, and glibc's thresholds."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from falconeye.base.memory import MemoryBudget, default_budget_bytes, tame_malloc


def test_the_budget_is_never_passed() -> None:
    budget = MemoryBudget(100)
    assert budget.take(60)
    assert not budget.take(41)
    assert budget.used_bytes == 60
    assert budget.take(40)
    budget.give_back(100)
    assert budget.used_bytes == 0


def test_room_is_left_for_what_matters_more() -> None:
    budget = MemoryBudget(100)
    assert budget.take(50, keep_free=50)
    assert not budget.take(1, keep_free=50)
    assert budget.take(50)


GROUP = "0::/system.slice/falconeye.service\n"
OWN = "sys/fs/cgroup/system.slice/falconeye.service/"


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({OWN + "memory.max": "max\n"}, None),
        ({OWN + "memory.max": "200000000\n"}, 200_000_000),
        ({OWN + "memory.max": "max\n", OWN + "memory.high": "160000000\n"}, 160_000_000),
        (
            {OWN + "memory.max": "max", "sys/fs/cgroup/system.slice/memory.max": "120000000"},
            120_000_000,
        ),
        ({"sys/fs/cgroup/memory.max": "80000000"}, 80_000_000),  # a container
        (
            {
                "proc/self/cgroup": "5:cpu:/x\n9:memory:/docker/1\n0::/x\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "64000000",
            },
            64_000_000,
        ),
    ],
)
def test_the_default_knows_the_limits_of_its_control_group(
    tmp_path: Path, files: dict[str, str], limit: int | None
) -> None:
    """A quarter of the machine's memory may be more than a container has."""
    for name, text in ({"proc/self/cgroup": GROUP} | files).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    without = default_budget_bytes(tmp_path / "nothing")
    wanted = without if limit is None else min(without, limit // 4)
    assert default_budget_bytes(tmp_path) == wanted


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc: other C libraries differ"
)
def test_glibc_takes_the_thresholds() -> None:
    assert tame_malloc()


_FOR_LATER = """
import sys, threading
from falconeye.base.memory import load_parts_later
load_parts_later()
import yaml as held
assert "yaml.loader" not in sys.modules, "loaded by its mere import"
got = []
threads = [threading.Thread(target=lambda: got.append(held.SafeLoader)) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
import yaml
assert yaml is not held and yaml.__file__
assert got == [yaml.SafeLoader] * 8
from yaml.nodes import ScalarNode
from attr.validators import instance_of
import attrs
assert attrs.validators.instance_of is instance_of
assert held.ScalarNode is ScalarNode and held.compose("a").value == "a"
try:
    held.no_such_name
except AttributeError:
    pass
else:
    raise AssertionError
load_parts_later()
assert sys.modules["yaml"] is yaml, "what is loaded stays"
"""


def test_a_part_for_later_is_loaded_once_with_the_first_name_that_is_asked_for() -> None:
    subprocess.run([sys.executable, "-c", _FOR_LATER], check=True)
