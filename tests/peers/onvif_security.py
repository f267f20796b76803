"""WS-Security UsernameToken with a password digest, as a camera checks it (ONVIF Core 5.9)."""

import base64
import datetime as dt
import hashlib

from tests.peers.onvif_request import Request

_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_WSSE = f"{{{_WSS}-wssecurity-secext-1.0.xsd}}"
_WSU = f"{{{_WSS}-wssecurity-utility-1.0.xsd}}"
_DIGEST = f"{_WSS}-username-token-profile-1.0#PasswordDigest"
_TOLERANCE_S = 5


class TokenCheck:
    """Knows the user, and which nonces were used."""

    def __init__(self, user: str, password: str) -> None:
        self.user, self.password = user, password
        self.faults: list[str] = []  # why tokens were refused
        self._nonces: set[bytes] = set()

    def judge(self, request: Request, now: dt.datetime) -> bool | None:
        """Whether the token is good; None where there is none."""
        token = None
        if request.header is not None:
            token = request.header.find(f"{_WSSE}Security/{_WSSE}UsernameToken")
        if token is None:
            return None
        password = token.find(f"{_WSSE}Password")
        created = token.findtext(f"{_WSU}Created") or ""
        nonce = base64.b64decode(token.findtext(f"{_WSSE}Nonce") or "")
        fault = ""
        if token.findtext(f"{_WSSE}Username") != self.user:
            fault = "user"
        elif password is None or password.get("Type") != _DIGEST:
            fault = "type"
        elif password.text != self._digest(nonce, created):
            fault = "digest"
        elif (
            not created.endswith("Z")
            or abs((_moment(created) - now).total_seconds()) > _TOLERANCE_S
        ):
            fault = "created"
        elif len(nonce) < 8 or nonce in self._nonces:
            fault = "nonce"
        self._nonces.add(nonce)
        if fault:
            self.faults.append(fault)
        return not fault

    def _digest(self, nonce: bytes, created: str) -> str:
        data = nonce + created.encode() + self.password.encode()
        return base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def _moment(created: str) -> dt.datetime:
    return dt.datetime.fromisoformat(created)
