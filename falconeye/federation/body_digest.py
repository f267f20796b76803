"""The digest of a body, as a signature covers it (RFC 9530)."""

import base64
import hashlib

from typing_extensions import override


class BodyDigest:
    """The Content-Digest (RFC 9530, SHA-256) of a body that comes in pieces."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)

    @override
    def __str__(self) -> str:
        return f"sha-256=:{base64.b64encode(self._hash.digest()).decode()}:"


def content_digest(body: bytes) -> str:
    """The digest of a whole body; one of ours is spelled so and not otherwise."""
    digest = BodyDigest()
    digest.update(body)
    return str(digest)
