"""Why another node did not do what it was asked: it was not reached, or it refused."""

from collections.abc import Mapping
from typing import Final

from falconeye.base.errors import Unavailable
from falconeye.federation.refusals import Refused
from falconeye.federation.signed_requests import (
    REFUSED_HEADER,
    TIME_HEADER,
)

_WORDS: Final = {
    Refused.STRANGER: "it does not know this node",
    Refused.REMOVED: "it says that this node was removed from the cluster",
    Refused.TIME: "its clock and this one's cannot be brought together",
    Refused.REPLAY: "it says that it has seen this request before",
    Refused.SIGNATURE: "it does not accept this node's signature",
    Refused.PERSON: "the one who asks is not known there, or no more",
    Refused.BUSY: "it is asked too much at once",
}


class PeerUnreachable(Unavailable):
    """No address of it led to the node with that certificate, or it fell silent.

    `is_another`: somebody answered there who is not that node; nothing was sent to them.
    """

    def __init__(self, detail: str, *, is_another: bool = False) -> None:
        super().__init__(detail)
        self.is_another = is_another


class PeerRefused(Unavailable):
    """It answered, and did not accept the request; `reason` and `told_us` as it said."""

    def __init__(self, node_id: str, reason: Refused, told_us: str = "") -> None:
        super().__init__(f"the node {node_id} refused: {_WORDS[reason]}")
        self.reason = reason
        self.told_us = told_us  # its time

    @classmethod
    def of(cls, node_id: str, headers: Mapping[str, str]) -> "PeerRefused | None":
        """What an answer with these headers tells; None when the request was accepted.

        A reason of a newer release is that it does not accept the signature.
        """
        told = headers.get(REFUSED_HEADER)
        if told is None:
            return None
        known = told in {reason.value for reason in Refused}
        reason = Refused(told) if known else Refused.SIGNATURE
        return cls(node_id, reason, headers.get(TIME_HEADER, ""))


class PeerDenied(Unavailable):
    """It accepted the request and denied the WebSocket: 403, 404 … as to anybody who asks it."""

    def __init__(self, node_id: str, http_status: int) -> None:
        super().__init__(f"the node {node_id} answered {http_status}")
        self.http_status = http_status
