"""The password rule, and argon2id hashes made in a thread, one at a time."""

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from falconeye.base.errors import InvalidInput, TooManyAttempts
from falconeye.base.secret import Secret

T = TypeVar("T")

MIN_LENGTH = 10
MAX_LENGTH = 1000  # hashing costs time by length
MAX_WAITING = 32  # overflow policy: the newest login is told to wait
_SMALL_RAM_BYTES = 1_100_000_000
# Of the commonest passwords, those that are long enough to pass the rule on length.
_COMMON = frozenset({
    "0123456789", "0987654321", "1111111111", "123123123123", "1234567890", "12345678900",
    "12345678910", "123456789a", "123456789q", "1234qwerasdf", "1q2w3e4r5t", "1q2w3e4r5t6y",
    "1qaz2wsx3edc", "1qazxsw23edc", "9876543210", "abcdefghij", "administrator", "adminadmin",
    "admin12345", "admin123456", "a123456789", "asdfghjkl1", "asdfghjkl;", "changeme123",
    "falconeye1", "falconeye123", "football123", "iloveyou123", "letmein123", "mynoob1234",
    "p@ssw0rd123", "passw0rd123", "password01", "password11", "password12", "password123",
    "password1234", "password12345", "passwordpassword", "q1w2e3r4t5", "q1w2e3r4t5y6",
    "qazwsxedc1", "qwer123456", "qwerty1234", "qwerty12345", "qwerty123456", "qwertyuiop",
    "qwertyuiop123", "raspberry1", "raspberrypi", "sunshine123", "welcome123", "zaq12wsxcde3",
})  # fmt: skip


def default_parameters() -> argon2.Parameters:
    """RFC 9106's second choice (64 MiB); OWASP's minimum (19 MiB, t=2, p=1) on ≤ 1 GB of RAM."""
    recommended = argon2.profiles.RFC_9106_LOW_MEMORY
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") > _SMALL_RAM_BYTES:
        return recommended
    return argon2.Parameters(
        type=recommended.type,
        version=recommended.version,
        salt_len=recommended.salt_len,
        hash_len=recommended.hash_len,
        time_cost=2,
        memory_cost=19 * 1024,
        parallelism=1,
    )


def check_rule(password: Secret, name: str) -> None:
    """InvalidInput, in words, when the password must not be used for the user `name`."""
    text = _normal(password)
    folded = text.casefold()
    if len(text) < MIN_LENGTH:
        problem = f"a password needs at least {MIN_LENGTH} characters"
    elif len(text) > MAX_LENGTH:
        problem = f"a password has at most {MAX_LENGTH} characters"
    elif folded == name.strip().casefold():
        problem = "the password must not be the name"
    elif folded in _COMMON or len(set(folded)) <= 2:
        problem = "this password is one of the first that anybody would try"
    else:
        return
    raise InvalidInput(problem, field="password")


class PasswordHasher:
    """argon2id off the loop: one thread, so that a flood of logins takes one core and 64 MiB."""

    def __init__(self, parameters: argon2.Parameters | None = None) -> None:
        self._argon2 = argon2.PasswordHasher.from_parameters(parameters or default_parameters())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobody: str | None = None

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: Secret) -> str:
        """A new hash (PHC string)."""
        return await self._in_thread(partial(self._argon2.hash, _normal(password)))

    async def verify(self, stored: str | None, password: Secret) -> bool:
        """Whether `password` has that hash. None (no such user) costs the same and is False."""
        return await self._in_thread(partial(self._verify, stored, password))

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: Secret) -> bool:
        if self._nobody is None:
            self._nobody = self._argon2.hash(os.urandom(16))
        try:
            matches = self._argon2.verify(stored or self._nobody, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
        return matches and stored is not None

    async def _in_thread(self, function: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            msg = "too many people sign in at this moment: wait 5 s"
            raise TooManyAttempts(msg, retry_after_s=5.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function)
        finally:
            self._waiting -= 1


def _normal(password: Secret) -> str:
    """One spelling of characters that keyboards compose differently (RFC 8265, 4.2.2), bounded."""
    return unicodedata.normalize("NFC", password.reveal())[: MAX_LENGTH + 1]
