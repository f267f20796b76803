"""What nodes tell each other of found cameras, and how many of those are new over all nodes.

Nobody is asked for the number: nodes tell what they have found with their beats, by ids, so that a
device that several of them see counts once, as it is one row on the page. It is a beat or two
behind the page; what a node has found beyond `report.MAX_FOUND` devices, and what one of an older
release has, is not in it.
"""

from collections.abc import Iterable, Sequence

from falconeye.discovery.candidates import Candidate
from falconeye.federation.report import MAX_FOUND_IDS, FoundReport
from falconeye.web.found_contexts import FoundState
from falconeye.web.found_devices import together
from falconeye.web.found_views import ORDER, state_of


def told_of(candidates: Iterable[Candidate]) -> Sequence[FoundReport]:
    """What this node tells of each, in the order of the page: new ones first."""
    states = [(state_of(one), one) for one in candidates]
    states.sort(key=lambda pair: ORDER[pair[0]])
    return [
        FoundReport(ids=_ids(candidate), is_new=state is FoundState.NEW)
        for state, candidate in states
    ]


def count_new(parts: Iterable[Sequence[FoundReport]]) -> int:
    """How many wait for somebody to add or ignore them; each part is a node's, this one's first."""
    told = ((("", ""), part) for part in parts)
    seen = together(told, lambda one: frozenset(one.ids), lambda one: not one.ids)
    return sum(one.row.is_new for one in seen)


def _ids(candidate: Candidate) -> tuple[str, ...]:
    if candidate.device_identity is not None:
        return ()
    return tuple(sorted(candidate.aliases | {candidate.id}))[:MAX_FOUND_IDS]
