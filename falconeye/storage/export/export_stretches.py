"""Which node the footage of an export came from, time by time."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Stretch:
    """Footage of one node, in wall time; holes within it are told apart from it."""

    node_id: str  # "": the node that makes the export
    node_name: str
    from_us: int
    to_us: int


def add_stretch(known: list[Stretch], one: Stretch) -> None:
    """The next one, in the order in which they play; what goes on at the same node is one."""
    last = known[-1] if known else None
    goes_on = last is not None and last.node_id == one.node_id and last.from_us <= one.from_us
    if last is not None and goes_on:
        known[-1] = replace(last, to_us=max(last.to_us, one.to_us))
    else:
        known.append(one)
