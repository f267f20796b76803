"""What a password has to be, in words: said before one types. See `passwords.check_rule`."""

from typing import Final

MIN_LENGTH: Final = 10
MAX_LENGTH: Final = 1000  # hashing costs time by length
RULE: Final = (
    f"at least {MIN_LENGTH} characters, and none that everybody tries first, also with digits "
    "behind; it does not expire"
)
