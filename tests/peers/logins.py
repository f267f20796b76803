"""What the test servers ask of a login: Basic (RFC 7617) and Digest with MD5 (RFC 2617, 7616)."""

import base64
import hashlib
import re
import secrets
from typing import Literal

LoginKind = Literal["none", "basic", "digest"]
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]+))')


class Gate:
    """Checks `Authorization` values for one user; counts what it saw."""

    def __init__(self, kind: LoginKind, user: str, password: str) -> None:
        self.kind = kind
        self.user, self.password = user, password
        self.algorithm = "MD5"  # that of the challenge; answers are checked for MD5(-sess) only
        self.refuse_all = False
        self.attempts = 0  # requests that carried credentials
        self.refused = 0  # of those, the ones that were wrong
        self._nonce = secrets.token_hex(8)

    def challenge(self) -> str:
        """The value of `WWW-Authenticate`."""
        if self.kind == "basic":
            return 'Basic realm="test camera"'
        nonce = f'nonce="{self._nonce}", qop="auth", algorithm={self.algorithm}'
        return f'Digest realm="test camera", {nonce}'

    def admits(self, method: str, authorization: str | None) -> bool:
        """Whether a request may pass; counts it when it carries credentials."""
        if self.kind == "none" and not self.refuse_all:
            return True
        if authorization is None:
            return False
        self.attempts += 1
        good = not self.refuse_all and self._matches(method, authorization)
        self.refused += not good
        return good

    def _matches(self, method: str, authorization: str) -> bool:
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() != self.kind:
            return False
        if self.kind == "basic":
            return base64.b64decode(rest) == f"{self.user}:{self.password}".encode()
        field = {name: quoted or plain for name, quoted, plain in _FIELD.findall(rest)}
        ha1 = _md5(f"{self.user}:test camera:{self.password}")
        if self.algorithm == "MD5-sess":
            ha1 = _md5(f"{ha1}:{field['nonce']}:{field['cnonce']}")
        ha2 = _md5(f"{method}:{field['uri']}")
        middle = (
            f"{field['nonce']}:{field['nc']}:{field['cnonce']}:{field['qop']}"
            if "qop" in field
            else field["nonce"]
        )
        return bool(
            field["username"] == self.user
            and field["nonce"] == self._nonce
            and field["response"] == _md5(f"{ha1}:{middle}:{ha2}")
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
