"""How one camera wants its login: WS-Security in the message, Digest or Basic by HTTP, or both.

Nothing is sent before the camera asks for it, so that one refusal is learnt by one try: cameras
lock accounts. Basic shows the password to who asks for it, and anybody on the network can ask in
the camera's name, also by TLS, as nobody knows its certificate: it is used only where a person gave
an https address, and inside TLS. WS-Security and Digest never show it.
"""

import datetime as dt
from enum import Enum, auto

import httpx

from falconeye.base.secret import Secret
from falconeye.onvif.definitions import Token
from falconeye.onvif.errors import OnvifNotSupported
from falconeye.onvif.http import Answer


class Standing(Enum):
    """What the camera thinks of the login."""

    UNTRIED = auto()
    ACCEPTED = auto()
    REFUSED = auto()


class Login:
    """User and password for one camera, and the ways in which it has asked for them."""

    def __init__(self, username: str, password: Secret, *, takes_basic: bool = False) -> None:
        """`takes_basic`: a person wants the camera to be reached by TLS."""
        self._takes_basic = takes_basic
        self._username = username
        self._password = password
        self.standing = Standing.UNTRIED
        self._in_message = False
        self._digest: httpx.DigestAuth | None = None
        self._basic = False

    @property
    def is_sent(self) -> bool:
        """Whether messages carry the login."""
        return self._in_message or self._digest is not None or self._basic

    def token(self, offset: dt.timedelta) -> Token | None:
        """For the message, where it belongs there."""
        return Token(self._username, self._password, offset) if self._in_message else None

    def dress(self, request: httpx.Request) -> None:
        """Add what the camera asked for by HTTP, if it did."""
        auth: httpx.Auth | None = self._digest
        if self._basic and request.url.scheme == "https":
            auth = httpx.BasicAuth(self._username, self._password.reveal())
        if auth is not None:
            next(auth.auth_flow(request))  # Digest by the last challenge

    def begin(self, refusal: Answer) -> None:
        """The camera asked for a login: from now on it is sent, in the message and as asked."""
        self._in_message = True
        self.learn(refusal)

    def learn(self, refusal: Answer) -> bool:
        """Take up what a 401 asks for; whether that is a way that was not tried yet."""
        challenges = [
            challenge.partition(" ")[0].lower()
            for challenge in refusal.headers.get_list("www-authenticate")
        ]
        if refusal.status != 401 or not challenges:
            return False
        if "digest" in challenges:
            is_new = self._digest is None
            self._answer(refusal)
            return is_new
        if "basic" in challenges and not self._basic:
            if not self._takes_basic or refusal.request.url.scheme != "https":
                raise OnvifNotSupported(
                    "the camera wants the password as plain text (HTTP Basic);"
                    " turn on Digest logins in the camera, or give its https address"
                )
            self._basic = True
            return True
        return False

    def _answer(self, refusal: Answer) -> None:
        digest = httpx.DigestAuth(self._username, self._password.reveal())
        flow = digest.auth_flow(refusal.request)
        try:
            next(flow)
            flow.send(refusal.response)
        except (httpx.HTTPError, LookupError, ValueError, NotImplementedError, StopIteration):
            raise OnvifNotSupported("the camera wants a kind of login that is not known") from None
        self._digest = digest


def is_stale(refusal: Answer) -> bool:
    """Whether the camera says that only its nonce was too old (RFC 7616, 3.3)."""
    return any(
        "stale=true" in challenge.lower().replace('"', "").replace(" ", "")
        for challenge in refusal.headers.get_list("www-authenticate")
    )
