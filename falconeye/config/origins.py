"""Sites by their origin (RFC 6454), as they stand in a header that names several of them."""

import re
from typing import Final

# No letter with a meaning in a header or a policy: neither ";" nor a space, quote or asterisk.
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN: Final = re.compile(
    rf"https?://(?:{_LABEL}(?:\.{_LABEL}){{0,10}}|\[[0-9a-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?"
)


def origin(text: str) -> str:
    """`text` in small letters, without a slash at its end; ValueError for what is no origin.

    A name beyond ASCII has to be given as browsers send it (`xn--…`).
    """
    found = text.strip().lower().removesuffix("/")
    if not _ORIGIN.fullmatch(found):
        msg = "an origin looks like https://home.example:8123"
        raise ValueError(msg)
    return found


def origins(several: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(several))
