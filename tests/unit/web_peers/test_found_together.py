"""What several nodes found is told once, and never made one by force."""

from collections.abc import Sequence
from dataclasses import dataclass

from falconeye.web.found_devices import Seen, together

ONE, TWO, THREE = ("1", "pi-1"), ("2", "pi-2"), ("3", "pi-3")


@dataclass(frozen=True)
class Row:
    name: str
    ids: frozenset[str]
    stays: bool = False


def row(name: str, *ids: str, stays: bool = False) -> Row:
    return Row(name, frozenset(ids), stays)


def merged(*parts: tuple[tuple[str, str], Sequence[Row]]) -> list[tuple[str, list[str]]]:
    found: list[Seen[Row]] = together(parts, lambda one: one.ids, lambda one: one.stays)
    return [(one.row.name, [name for _, name in one.nodes]) for one in found]


def test_a_device_of_the_network_is_one_row_that_names_all_nodes() -> None:
    """By any id that they share: one node may know more of it than the other."""
    found = merged(
        (ONE, [row("a", "serial", "mac"), row("b", "other")]),
        (TWO, [row("c", "mac")]),
        (THREE, [row("d", "serial"), row("e", "new")]),
    )
    assert found == [("a", ["pi-1", "pi-2", "pi-3"]), ("b", ["pi-1"]), ("e", ["pi-3"])]


def test_what_is_at_a_port_is_its_nodes_own() -> None:
    """Webcams of one make have one identity at two nodes."""
    cam = row("cam", "vendor:product", stays=True)
    assert merged((ONE, [cam]), (TWO, [cam])) == [("cam", ["pi-1"]), ("cam", ["pi-2"])]


def test_what_one_node_keeps_apart_stays_apart() -> None:
    found = merged((ONE, [row("a", "x")]), (TWO, [row("b", "x"), row("c", "x")]))
    assert found == [("a", ["pi-1", "pi-2"]), ("c", ["pi-2"])]


def test_a_row_that_may_be_two_of_another_node_is_a_third() -> None:
    found = merged((ONE, [row("a", "x"), row("b", "y")]), (TWO, [row("c", "x", "y")]))
    assert found == [("a", ["pi-1"]), ("b", ["pi-1"]), ("c", ["pi-2"])]
