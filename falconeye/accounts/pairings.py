"""Screens that wait to be paired: each shows a short code, which an admin types.

In memory of the node that the screen asked: who has no access yet writes nothing to a disk.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from falconeye.accounts.directory import secret_hash
from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, TooManyAttempts, Unavailable
from falconeye.base.times import SECOND_US

# What nobody takes for another one across a room: no 0 O, 1 I L, 5 S, 8 B, 2 Z, U V
ALPHABET: Final = "ACDEFGHJKMNPQRTWXY34679"
CODE_LENGTH: Final = 8  # 23^8: 7.8e10
LIFE_S: Final = 600.0
MAX_OPEN: Final = 64  # overflow policy: the newest is refused
MAX_PER_ADDRESS: Final = 4  # overflow policy: its own oldest ends
FREE_TRIES: Final = 10  # wrong codes of one person in `LIFE_S`
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Screen:
    """Who waits: what an admin is shown before and after."""

    code: str
    address: str
    user_agent: str


@dataclass(slots=True)
class _Waiting:
    screen: Screen
    until_us: int  # monotonic
    display_id: str | None = None  # somebody typed the code: it becomes this display
    is_taken: bool = False  # it is becoming that just now


class Pairings:
    """Lives on the loop. A screen is known by a secret that it keeps; the code is only typed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[bytes, _Waiting] = {}  # by the hash of the secret, oldest first
        self._wrong: dict[str, list[int]] = {}  # monotonic, by user

    def open(self, address: str, user_agent: str) -> tuple[str, Screen]:
        """A new code for a screen: the secret by which it asks for the outcome, and the code.

        Unavailable when too many screens wait already.
        """
        self._forget_old()
        own = [key for key, one in self._waiting.items() if one.screen.address == address]
        for key in own[: max(0, len(own) + 1 - MAX_PER_ADDRESS)]:
            del self._waiting[key]
        if len(self._waiting) >= MAX_OPEN:
            raise Unavailable("too many screens wait to be paired: try again in ten minutes")
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        screen = Screen(self._free_code(), address, user_agent)
        until_us = self._clock.monotonic_us() + int(LIFE_S * SECOND_US)
        self._waiting[secret_hash(secret)] = _Waiting(screen, until_us)
        return secret, screen

    def find(self, secret: str) -> Screen | None:
        """The screen with that secret; None where its code has ended."""
        waiting = self._found(secret)
        return None if waiting is None else waiting.screen

    def showing(self, code: str) -> Screen | None:
        """The screen that shows `code` and waits for somebody to type it; None where none does."""
        waiting = self._with(code)
        return None if waiting is None else waiting.screen

    def claim(self, code: str, display_id: str) -> Screen | None:
        """Let the screen that shows `code` become that display: once. None where no screen does."""
        waiting = self._with(code)
        if waiting is None:
            return None
        waiting.display_id = display_id
        return waiting.screen

    def take(self, secret: str) -> str | None:
        """The display that the screen with that secret is to be; None while it is none.

        To one caller alone, who says `done` or gives it back.
        """
        waiting = self._found(secret)
        if waiting is None or waiting.display_id is None or waiting.is_taken:
            return None
        waiting.is_taken = True
        return waiting.display_id

    def done(self, secret: str) -> None:
        """It is that display: nobody waits any more."""
        self._waiting.pop(secret_hash(secret), None)

    def give_back(self, secret: str) -> None:
        """What was taken could not be used yet: it can be taken again while its code lives."""
        waiting = self._found(secret)
        if waiting is not None:
            waiting.is_taken = False

    def check_tries(self, user_id: str) -> None:
        """TooManyAttempts while that person has typed too many wrong codes."""
        since_us = self._clock.monotonic_us() - int(LIFE_S * SECOND_US)
        recent = [each for each in self._wrong.get(user_id, ()) if each > since_us]
        if recent:
            self._wrong[user_id] = recent
        else:
            self._wrong.pop(user_id, None)
        if len(recent) >= FREE_TRIES:
            wait_s = (recent[0] - since_us) / SECOND_US
            raise TooManyAttempts("too many wrong codes: wait a while", retry_after_s=wait_s)

    def wrong(self, user_id: str) -> None:
        """That person has typed a code that no screen shows."""
        self._wrong.setdefault(user_id, []).append(self._clock.monotonic_us())

    def _with(self, code: str) -> _Waiting | None:
        self._forget_old()
        for waiting in self._waiting.values():
            if waiting.display_id is None and secrets.compare_digest(waiting.screen.code, code):
                return waiting
        return None

    def _found(self, secret: str) -> _Waiting | None:
        self._forget_old()
        return self._waiting.get(secret_hash(secret))

    def _free_code(self) -> str:
        taken = {one.screen.code for one in self._waiting.values()}
        while True:
            code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
            if code not in taken:
                return code

    def _forget_old(self) -> None:
        now = self._clock.monotonic_us()
        for key in [key for key, one in self._waiting.items() if one.until_us <= now]:
            del self._waiting[key]


def read_code(typed: str) -> str:
    """A code as it is shown, of what somebody typed; InvalidInput for what can be none."""
    code = "".join(letter for letter in typed.upper() if letter not in " -–·.")
    if len(code) != CODE_LENGTH or not set(code) <= set(ALPHABET):
        msg = f"the code has {CODE_LENGTH} letters and digits, as the screen shows it"
        raise InvalidInput(msg, field="code")
    return code


def shown_code(code: str) -> str:
    """In two halves, as people read it: ABCD-EFGH."""
    half = CODE_LENGTH // 2
    return f"{code[:half]}-{code[half:]}"
