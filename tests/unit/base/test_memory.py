"""The memory budget, and glibc's thresholds."""

import ctypes

import pytest

from falconeye.base.memory import MemoryBudget, fix_malloc_thresholds


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


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc: other C libraries differ"
)
def test_glibc_takes_the_thresholds() -> None:
    assert fix_malloc_thresholds()
