"""What pages know of the node's HTTPS; in the application's state where TLS is on."""

import ssl
from dataclasses import dataclass
from typing import Any, Final, Protocol

from litestar.connection import ASGIConnection

from falconeye.tls.condition import Condition
from falconeye.tls.fingerprint import fingerprint

STATE_KEY: Final = "https"
AUTHORITY_PATHS: Final = frozenset({"/ca", "/ca.crt", "/ca.pem"})  # of `pages.authority`


@dataclass(frozen=True, slots=True)
class OwnAuthority:
    """The certificate of the cluster's authority."""

    certificate: str  # PEM

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.certificate)

    @property
    def fingerprint(self) -> str:
        """SHA-256, as devices show it."""
        return fingerprint(self.der)


class Https(Protocol):
    """Certificates as they are now; from `start` to `stop` they are kept fresh."""

    @property
    def context(self) -> ssl.SSLContext:
        """For the next connection."""

    @property
    def authority(self) -> OwnAuthority | None:
        """What devices must know; None where the certificates are of files."""

    @property
    def condition(self) -> Condition:
        """How the certificate that is served is doing, by the node's clock now."""

    @property
    def problem(self) -> str:
        """What keeps it from being right, in words; "" for nothing."""
        return self.condition.words

    def start(self) -> None:
        """Keep looking."""

    async def stop(self) -> None:
        """Look no more."""


def https_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Https | None:
    """None where this node speaks plain HTTP."""
    found: Https | None = connection.app.state.get(STATE_KEY)
    return found
