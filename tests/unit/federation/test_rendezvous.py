"""The order of standbys: the same everywhere, and stable."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from falconeye.federation.placement.rendezvous import rendezvous_order

nodes = st.sets(st.text("0123456789abcdef", min_size=4, max_size=32), min_size=1, max_size=10)


@given(st.uuids(), nodes)
def test_the_order_does_not_depend_on_how_nodes_are_listed(camera: object, names: set[str]) -> None:
    order = rendezvous_order(str(camera), sorted(names))
    assert order == rendezvous_order(str(camera), sorted(names, reverse=True))
    assert set(order) == names


@given(st.uuids(), nodes, st.data())
def test_a_node_that_goes_moves_only_what_it_had(
    camera: object, names: set[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(names)))
    order = rendezvous_order(str(camera), names)
    assert rendezvous_order(str(camera), names - {gone}) == [one for one in order if one != gone]


def test_cameras_spread_over_the_nodes() -> None:
    names = [f"{number:032x}" for number in range(8)]
    firsts = Counter(rendezvous_order(f"camera-{number}", names)[0] for number in range(4000))
    assert set(firsts) == set(names)
    assert max(firsts.values()) < 1.3 * 4000 / 8
