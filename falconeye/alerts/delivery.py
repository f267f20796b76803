"""What is sent out of the node, where it may go, and what of it failed."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from falconeye.base.errors import FalconEyeError
from falconeye.base.peers import is_allowed
from falconeye.base.secret import Secret

# Of 4xx, what may be otherwise at the next try: too slow, too early, too many.
PASSING: Final = frozenset({408, 425, 429})


class NotDelivered(FalconEyeError):
    """It did not arrive; the words hold no secret. `refused`: the receiver wants none of it."""

    def __init__(self, words: str, *, refused: bool = False) -> None:
        super().__init__(words)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and where to."""

    method: str
    url: Secret
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def checked_addresses(host: str, port: int, *, allow_local: bool) -> list[str]:
    """The addresses of `host` that may be asked; NotDelivered when there are none. Blocks."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered(f"there is no host named {host}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [each for each in addresses if is_allowed(each, allow_local=allow_local)]
    if not allowed:
        msg = f"{host} is this machine itself, or no address of a single host; allow it if it is"
        raise NotDelivered(msg)
    return allowed


def is_refusal(status: int) -> bool:
    """Whether this status (RFC 9110) says that the same request is refused again."""
    return 400 <= status < 500 and status not in PASSING
