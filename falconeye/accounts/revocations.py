"""Tells who holds streams open that a session, user, token or display has just ended."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from falconeye.accounts.model import Principal, PrincipalKind


class Ended(StrEnum):
    """What ended (or lost rights: then it must authenticate again)."""

    SESSION = "session"
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind, not a token
    DISPLAY = "display"


_KINDS: Final = {
    Ended.USER: PrincipalKind.USER,
    Ended.TOKEN: PrincipalKind.TOKEN,
    Ended.DISPLAY: PrincipalKind.DISPLAY,
}


@dataclass(frozen=True, slots=True)
class Revocation:
    """`id` of the session, user, token or display."""

    what: Ended
    id: str

    def concerns(self, who: Principal) -> bool:
        """Whether what `who` has open must be closed."""
        if self.what is Ended.SESSION:
            return who.session_id == self.id
        return who.kind is _KINDS[self.what] and who.id == self.id


class RevocationSubscription:
    """Revocations since the subscription. Unbounded: one must never be lost; they are few."""

    def __init__(self) -> None:
        self._waiting: deque[Revocation] = deque()
        self._ready = asyncio.Event()

    def put(self, revocation: Revocation) -> None:
        self._waiting.append(revocation)
        self._ready.set()

    async def get(self) -> Revocation:
        """The next one; waits for it."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        return self._waiting.popleft()

    async def __aiter__(self) -> AsyncIterator[Revocation]:
        while True:
            yield await self.get()


class Revocations:
    """Fan-out on the loop; `publish` never waits."""

    def __init__(self) -> None:
        self._subscriptions: set[RevocationSubscription] = set()

    def publish(self, revocation: Revocation) -> None:
        for subscription in self._subscriptions:
            subscription.put(revocation)

    @contextmanager
    def subscribe(self) -> Iterator[RevocationSubscription]:
        """Revocations from now on, until the context ends."""
        subscription = RevocationSubscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
