"""What can go wrong with an ONVIF camera, in words that a person can act on.

OnvifError                    no text of it holds a credential
├── OnvifUnreachable          nobody answers there, or the connection broke
├── OnvifTimeout              connected, but no whole answer in time
├── OnvifAddressForbidden     no camera may be at that address, or another device is
├── OnvifUnreadable           an answer, but no SOAP
├── OnvifLoginNeeded          no login is known, the camera wants one
├── OnvifLoginRefused         the camera does not take the login; ask a person, not again
├── OnvifNotPermitted         the login is good, its user may not do this
├── OnvifNotSupported         the camera lacks the service or the operation
├── OnvifFault                the camera refuses the request, with its own words
└── OnvifClosed               our side ended the session
"""

from falconeye.base.errors import Unavailable
from falconeye.base.redact import redact_text

_SHOWN = 200  # characters of a camera's own words


class OnvifError(Unavailable):
    """Root of all that `falconeye.onvif` raises on purpose."""


class OnvifUnreachable(OnvifError):
    """Nobody answers there, or the connection broke. `connected`: it broke after it was made."""

    def __init__(self, detail: str, *, connected: bool = False) -> None:
        super().__init__(detail)
        self.connected = connected


class OnvifTimeout(OnvifError):
    """Connected, but there was no whole answer in time."""


class OnvifAddressForbidden(OnvifError):
    """The address is none that a camera may have, or that of another device now."""


class OnvifUnreadable(OnvifError):
    """The answer is no SOAP that can be read."""


class OnvifLoginNeeded(OnvifError):
    """The camera wants a login, and none is known."""


class OnvifLoginRefused(OnvifError):
    """The camera does not take this login. It was sent once; whoever tries again decides that."""


class OnvifNotPermitted(OnvifError):
    """The camera takes the login, but this user may not do that."""


class OnvifNotSupported(OnvifError):
    """The camera lacks this service or operation."""


class OnvifFault(OnvifError):
    """The camera refuses a request; `codes` are its codes without prefixes, outermost first."""

    def __init__(self, detail: str, codes: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.codes = codes


class OnvifClosed(OnvifError):
    """Our side ended the session while this was under way, or before."""


def own_words(text: object) -> str:
    """What a camera says, fit to be shown: a line of at most 200 characters, without a login."""
    line = "".join(c if c.isprintable() else " " for c in str(text or ""))
    line = redact_text(" ".join(line.split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
