"""What a leader read of Kubernetes' nodes, on its way to the others."""

import pytest

from falconeye.federation.beat import Beat
from falconeye.federation.kubernetes_told import (
    NOTHING_TOLD,
    KubeNodeTold,
    KubernetesTold,
    newest,
    read_told,
)

NODE = KubeNodeTold(labels={"room": "attic"}, taints=("a=b:NoSchedule",), is_ready=True)
TOLD = KubernetesTold(read_at_us=7, nodes={"pi-1": NODE})


def test_it_goes_by_a_beat_as_it_is() -> None:
    beat = Beat(node_id="n", kubernetes=TOLD.as_json())
    assert read_told(Beat.parse(beat.model_dump(mode="json")).kubernetes) == TOLD
    assert NOTHING_TOLD.as_json() == {}
    assert read_told({}) == NOTHING_TOLD
    facts = NODE.facts("pi-1")
    assert (facts.node_name, facts.labels, facts.taints) == (
        "pi-1", {"room": "attic"}, ("a=b:NoSchedule",)
    )  # fmt: skip


@pytest.mark.parametrize("told", [
    {"read_at_us": -1}, {"nodes": []}, {"nodes": {"n": {"labels": {"a": "\x1b"}}}},
    {"nodes": {str(n): {} for n in range(65)}}, {"nodes": {"n": {"taints": ["x" * 600]}}},
])  # fmt: skip
def test_what_cannot_be_read_is_as_if_untold(told: dict[str, object]) -> None:
    assert read_told(told) == NOTHING_TOLD


def test_what_was_read_last_counts() -> None:
    later = TOLD.model_copy(update={"read_at_us": 9})
    assert newest([NOTHING_TOLD, TOLD, later, TOLD]) is later
    assert newest([]) == NOTHING_TOLD
