"""Requests between nodes are signed (RFC 9421, Ed25519): by whom, for whom, for which person, when.

TLS proves to the sender that the receiver is itself; the signature proves the sender. It covers the
method, path and query, the receiver, the acting person and the client's address where they are
named, and a digest of the body where the sender had it at hand; a body that streams is kept whole
by TLS alone. The library builds and checks the signature base and its structured fields; which
components there must be, times and nonces are decided here, and stricter than the RFC asks.
"""

import datetime as dt
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput
from falconeye.base.times import SECOND_US
from falconeye.federation.body_digest import content_digest
from falconeye.federation.nonces import REMEMBER_S, Nonces
from falconeye.federation.refusals import Refused
from falconeye.federation.signed_requests import (
    ACTING,
    CLIENT,
    DIGEST,
    TO,
    RequestRefused,
    Senders,
    SignedRequest,
    Verified,
)

TAG: Final = "falconeye"
WINDOW_S: Final = 60
_ALWAYS: Final = ("@method", "@path", "@query", TO)
_WHERE_THERE: Final = (ACTING, CLIENT, DIGEST)
_SIGNATURE: Final = ("signature-input", "signature")
_OURS: Final = frozenset({TO, *_WHERE_THERE, *_SIGNATURE})
_MAX_VALUE: Final = 1024  # letters of one of these headers
_NONCE: Final = re.compile(r"[\w-]{16,64}", re.ASCII)
_TARGET: Final = re.compile(r"/[!-~]*")


class Signer:
    """Signs what this node asks of others."""

    def __init__(self, node_id: str, private_key: Ed25519PrivateKey) -> None:
        self._node_id = node_id
        self._signer = HTTPMessageSigner(
            signature_algorithm=algorithms.ED25519,
            key_resolver=_OwnKey(private_key),
            component_resolver_class=_Components,
        )

    def headers(
        self,
        method: str,
        target: str,
        *,
        to: str,
        created_s: int,
        acting: str | None = None,
        client: str | None = None,
        body: bytes | None = None,
    ) -> dict[str, str]:
        """All headers that the signature needs or covers; `created_s` by the receiver's clock.

        InvalidInput for a target that cannot be on the wire as it is.
        """
        if not _TARGET.fullmatch(target):
            raise InvalidInput("this is no path with a query")
        headers = {TO: to}
        if acting is not None:
            headers[ACTING] = acting
        if client is not None:
            headers[CLIENT] = client
        if body is not None:
            headers[DIGEST] = content_digest(body)
        message = _Message(SignedRequest(method, target, headers), headers)
        self._signer.sign(
            message,
            key_id=self._node_id,
            created=dt.datetime.fromtimestamp(created_s, dt.UTC),
            nonce=secrets.token_urlsafe(16),
            label=TAG,
            tag=TAG,
            covered_component_ids=_covered(headers),
            use_existing_digest=body is not None,
        )
        return {name.lower(): value for name, value in headers.items()}


class Verifier:
    """Decides whether a request that has come is a member's, for this node, new and of now."""

    def __init__(self, node_id: str, senders: Senders, clock: Clock) -> None:
        self._node_id = node_id
        self._senders = senders
        self._clock = clock
        self._nonces = Nonces(clock)
        self._started_us = clock.monotonic_us()

    def verify(self, method: str, target: str, headers: Iterable[tuple[str, str]]) -> Verified:
        """RequestRefused for whatever is not as it must be; nothing else is ever raised."""
        found = _ours(headers)
        request = SignedRequest(method, target, found)
        if _SIGNATURE[0] not in found:
            raise RequestRefused(Refused.STRANGER)
        checking = _Checking(self._senders, (self._not_before_s(), self._now_s()), request)
        try:
            [result] = checking.verify(_Message(request, dict(found)), max_age=None, expect_tag=TAG)
        except RequestRefused:
            raise
        except (InvalidSignature, HTTPMessageSignaturesException, ValueError) as error:
            raise RequestRefused(Refused.SIGNATURE, checking.claimed_id) from error
        sender, nonce = checking.claimed_id, str(result.nonce)
        if found[TO] != self._node_id:
            raise RequestRefused(Refused.SIGNATURE, sender)
        if self._nonces.is_known(sender, nonce):
            raise RequestRefused(Refused.REPLAY, sender)
        if not self._nonces.add(sender, nonce):
            raise RequestRefused(Refused.BUSY, sender)
        return Verified(sender, found.get(ACTING), found.get(CLIENT), found.get(DIGEST))

    def _now_s(self) -> int:
        return self._clock.utc_us() // SECOND_US

    def _not_before_s(self) -> int:
        """What was signed before this process began may have counted for the one before it.

        Its nonces are gone. The beginning is told by the clock of now, which NTP may have set.
        """
        running_us = self._clock.monotonic_us() - self._started_us
        if running_us >= REMEMBER_S * SECOND_US:
            return 0
        return (self._clock.utc_us() - running_us) // SECOND_US


def _covered(headers: Mapping[str, str]) -> list[str]:
    """What the signature of a message with these headers covers: no more and no less."""
    return [*_ALWAYS, *(name for name in _WHERE_THERE if name in headers)]


def _ours(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that count here, each of which may be there once and is short."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key not in _OURS:
            continue
        if key in found or len(value) > _MAX_VALUE:
            raise RequestRefused(Refused.SIGNATURE)
        found[key] = value
    return found


@dataclass(frozen=True, slots=True)
class _Message:
    """What the library asks a message for; it writes to `headers`."""

    request: SignedRequest
    headers: dict[str, str]


class _Components:
    """The values of components, from the wire as they are.

    The library's own resolver reads an absolute URL by the letter of RFC 3986, which refuses
    addresses that browsers send every day (`?a[]=1`).
    """

    def __init__(self, message: _Message) -> None:
        request = message.request
        self._values = {
            "@method": request.method,
            "@path": request.path,
            "@query": request.query,
            **request.headers,
        }

    def resolve(self, component: Any) -> str:
        """The value of a component without parameters."""
        value = self._values.get(str(component.value))
        if value is None or component.params:
            msg = "a component that is not used between nodes"
            raise HTTPMessageSignaturesException(msg)
        return value


class _OwnKey(HTTPSignatureKeyResolver):
    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @override
    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return self._key


class _SenderKeys(HTTPSignatureKeyResolver):
    def __init__(self, senders: Senders) -> None:
        self._senders = senders

    @override
    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return self._senders.public_key(key_id)


class _Checking(HTTPMessageVerifier):
    """The library's verifier for one request, with our rules where it looks at the times."""

    def __init__(self, senders: Senders, valid_s: tuple[int, int], request: SignedRequest) -> None:
        """`valid_s`: nothing older, and the time now."""
        super().__init__(
            signature_algorithm=algorithms.ED25519,
            key_resolver=_SenderKeys(senders),
            component_resolver_class=_Components,
        )
        self.claimed_id = ""
        self._senders = senders
        self._not_before_s, self._now_s = valid_s
        self._request = request

    @override
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Called by the library before it looks for the key: who, what is covered, when."""
        params = dict(sig_input.params)
        self.claimed_id = str(params.get("keyid", ""))
        if self._senders.public_key(self.claimed_id) is None:
            removed = self._senders.was_removed(self.claimed_id)
            raise RequestRefused(Refused.REMOVED if removed else Refused.STRANGER, self.claimed_id)
        nonce, created_s = params.get("nonce"), params.get("created")
        covered = sorted(str(item.value) for item in sig_input)
        if (
            set(params) != {"created", "keyid", "alg", "nonce", "tag"}
            or covered != sorted(_covered(self._request.headers))
            or not isinstance(nonce, str)
            or not _NONCE.fullmatch(nonce)
            or not isinstance(created_s, int)
        ):
            raise RequestRefused(Refused.SIGNATURE, self.claimed_id)
        if created_s < self._not_before_s or abs(created_s - self._now_s) > WINDOW_S:
            raise RequestRefused(Refused.TIME, self.claimed_id)
