"""The order in which nodes stand by for a camera: the same on every node, without a word between.

Highest random weight (D. Thaler, C. Ravishankar: A Name-Based Mapping Scheme for Rendezvous, 1996):
a node's weight for a camera depends on these two alone, so that a member that comes or goes changes
no order among the others, and the cameras of a dead node spread over all that are left.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

_WEIGHTS_KEPT = 65_536  # 640 cameras on 100 nodes; each is asked for once a second


def rendezvous_order(camera_id: str, nodes: Iterable[str]) -> list[str]:
    """The node ids, who stands by first comes first."""
    return sorted(set(nodes), key=lambda node_id: rank(camera_id, node_id))


@lru_cache(maxsize=_WEIGHTS_KEPT)
def rank(camera_id: str, node_id: str) -> tuple[int, str]:
    """Less is earlier. Two weights that are equal are told apart by the id."""
    words = f"{camera_id}\n{node_id}".encode()
    weight = int.from_bytes(blake2b(words, digest_size=8).digest(), "big")
    return -weight, node_id
