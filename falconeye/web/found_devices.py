"""Which rows of several nodes are one device: for lists of found cameras, and for their number."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Seen(Generic[Row]):
    """A row as the first of its nodes tells it; `nodes`: (id, name) of all that see it."""

    row: Row
    nodes: tuple[tuple[str, str], ...]


def together(
    parts: Iterable[tuple[tuple[str, str], Sequence[Row]]],
    ids: Callable[[Row], frozenset[str]],
    stays: Callable[[Row], bool],
) -> list[Seen[Row]]:
    """The rows of all nodes ((id, name), its rows), each device once; the first node leads.

    `ids`: by which a row is known. `stays`: it is at its node's own port.
    """
    found: list[Seen[Row]] = []
    known: dict[str, int] = {}  # the row in `found` by each id of the network
    for node, rows in parts:
        taken: set[int] = set()
        fresh: dict[str, int] = {}
        for row in rows:
            mine = frozenset() if stays(row) else ids(row)
            same = {known[each] for each in mine if each in known} - taken
            if len(same) == 1:
                place = same.pop()
                found[place] = replace(found[place], nodes=(*found[place].nodes, node))
            else:
                place = len(found)
                found.append(Seen(row, (node,)))
            taken.add(place)
            fresh.update(dict.fromkeys(mine, place))
        known.update(fresh)
    return found
