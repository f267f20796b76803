"""How long an address and the headers may be: h11 bounds only what has not arrived whole.

Litestar keeps the last 1024 queries with all their pairs in memory, hence a bound of their number.
"""

from typing import Final

from litestar.types import Scope

MAX_ADDRESS_BYTES: Final = 8 * 1024
MAX_PARAMETERS: Final = 64
MAX_HEADER_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 128


def excess(scope: Scope) -> tuple[int, str] | None:
    """Status and words for a request that is too large before its body; None for all others."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
        return 414, "the address is too long"
    if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
        return 414, "the address has too many parameters"
    headers = list(scope["headers"])
    size = sum(len(name) + len(value) for name, value in headers)
    if size > MAX_HEADER_BYTES or len(headers) > MAX_HEADERS:
        return 431, "the headers are too large"
    return None
