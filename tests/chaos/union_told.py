"""What a node's API tells of a camera's time over all nodes, where it does."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from falconeye.base.times import parse_rfc3339, rfc3339
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.union import Missing, Piece, Recorded, Untold
from tests.chaos.cluster import ChaosNode
from tests.chaos.judging import Time


async def told_by_node(node: ChaosNode, camera_id: str, span: Time) -> list[Piece]:
    """Its pieces of the time; none where the answer is of this node alone."""
    asked = {"from": rfc3339(span[0]), "to": rfc3339(span[1])}
    answer: dict[str, Any] = await node.json(f"/api/cameras/{camera_id}/timeline", **asked)
    return pieces(answer) if "nodes" in answer else []


def pieces(answer: Mapping[str, Any]) -> list[Piece]:
    """What the answer tells: footage with the nodes that have it, and gaps.

    A gap that names a node is what that one has not told.
    """
    found: list[Piece] = [Recorded(*_time(one), tuple(one["nodes"])) for one in answer["spans"]]
    for gap in answer["gaps"]:
        if gap.get("node"):
            found.append(Untold(*_time(gap), gap["node"], None))
        else:
            reason = GapReason.stored(gap["reason"])
            found.append(Missing(*_time(gap), reason, gap["detail"], ""))
    return found


def _time(one: Mapping[str, Any]) -> Time:
    return parse_rfc3339(one["from"], UTC), parse_rfc3339(one["to"], UTC)
