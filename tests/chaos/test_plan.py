"""A plan of faults is its seed's alone, and leaves somebody to record."""

from itertools import pairwise

import pytest

from tests.chaos.plan import Fault, Kind, make_plan

SEEDS = range(60)


def plan(seed: int, nodes: int = 3) -> list[Fault]:
    return make_plan(seed, nodes=nodes, cameras=3, length_s=180)


def test_one_seed_is_one_plan() -> None:
    assert plan(1) == plan(1) != plan(2)
    # As it was when this was written: what was found by a seed can be found again by it.
    assert [str(fault) for fault in plan(1)[:3]] == [
        "    3.3 s  for  0.0 s  node 1: somebody edits every camera there",
        "   13.7 s  for 27.4 s  node 1: cut off from the other nodes",
        "   23.4 s  for 16.7 s  node 2: kill -9, started again",
    ]


@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_somebody_runs_and_sees_the_cameras_at_any_time(nodes: int) -> None:
    useless = {Kind.KILL, Kind.TERMINATE, Kind.BLIND}
    for seed in SEEDS:
        faults = plan(seed, nodes)
        assert not any(one.ends_process and one.target == 0 for one in faults)
        assert all(one.until_s <= 180 for one in faults)
        assert all(one.at_s < other.at_s for one, other in pairwise(faults))
        for one in faults:
            there = [each for each in faults if each.at_s <= one.at_s < each.until_s]
            assert len({each.target for each in there if each.kind in useless}) < nodes
            touched = [(each.kind is Kind.CAMERA, each.target) for each in there]
            assert len(touched) == len(set(touched))  # one at a time of each


def test_each_fault_comes() -> None:
    kinds = {fault.kind for seed in SEEDS for fault in plan(seed)}
    assert kinds == set(Kind)
