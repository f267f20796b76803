"""A certificate's name for people, without reading X.509: the `/ca` page is part of every node."""

import hashlib


def fingerprint(der: bytes) -> str:
    """SHA-256 as devices show it: pairs of hex digits in capitals, with colons between."""
    return hashlib.sha256(der).digest().hex(":").upper()
