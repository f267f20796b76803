"""The password rule, and argon2id hashes made in a thread, one at a time."""

import asyncio
import os
import socket
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from falconeye.accounts.common_passwords import why_common
from falconeye.accounts.password_rule import MAX_LENGTH, MIN_LENGTH
from falconeye.base.errors import InvalidInput, TooManyAttempts
from falconeye.base.secret import Secret

T = TypeVar("T")

MAX_WAITING = 32  # overflow policy: the newest login is told to wait
_SMALL_RAM_BYTES = 1_100_000_000
_PRODUCT = "falconeye"


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
    """InvalidInput, in words, when the password must not be used for the user `name`.

    By length and by what is common, never by kinds of characters, and it never ends: NIST SP
    800-63B, 3.1.1.2. Blocks: reads a list, see `PasswordHasher.check`.
    """
    text = _normal(password)
    folded, own = text.casefold(), unicodedata.normalize("NFC", name).strip().casefold()
    if len(text) < MIN_LENGTH:
        problem: str | None = f"a password needs at least {MIN_LENGTH} characters"
    elif len(text) > MAX_LENGTH:
        problem = f"a password has at most {MAX_LENGTH} characters"
    elif folded == own:
        problem = "the password must not be the name"
    else:
        host = socket.gethostname().partition(".")[0].casefold()
        problem = why_common(folded, (own, host, _PRODUCT))
    if problem is not None:
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

    async def check(self, password: Secret, name: str) -> None:
        """`check_rule`, off the loop."""
        await self._in_thread(partial(check_rule, password, name))

    async def hash(self, password: Secret, *, salt: bytes | None = None) -> str:
        """A new hash (PHC string); `salt`, 16 bytes: a secret one that several nodes have alike."""
        return await self._in_thread(partial(self._argon2.hash, _normal(password), salt=salt))

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
