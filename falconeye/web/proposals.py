"""What was found out about found cameras, kept until somebody says yes or goes away.

A person sees a camera's picture before it is added; to ask the camera for everything again would
show the login twice. Lives on the loop, in memory alone: a login is in it.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import NotFound
from falconeye.base.times import MINUTE_US
from falconeye.cameras.views import NewCamera

KEPT_US: Final = 10 * MINUTE_US
MAX_KEPT: Final = 32  # overflow policy: drop the oldest


@dataclass(frozen=True, slots=True)
class _Kept:
    owner: str  # who asked: nobody else may add it by this
    new: NewCamera
    until_us: int  # monotonic


class Proposals:
    """Cameras that are ready to be added, by a word that only the page of who asked knows."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def keep(self, new: NewCamera, owner: str, clock: Clock) -> str:
        """Its word, for ten minutes."""
        self._forget(clock)
        while len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        word = secrets.token_urlsafe(16)
        self._kept[word] = _Kept(owner, new, clock.monotonic_us() + KEPT_US)
        return word

    def get(self, word: str, owner: str, clock: Clock) -> NewCamera:
        """NotFound after its time, or for somebody else."""
        self._forget(clock)
        kept = self._kept.get(word)
        if kept is None or kept.owner != owner:
            raise NotFound("that was too long ago: look into the camera again")
        return kept.new

    def forget(self, word: str) -> None:
        """It was added."""
        self._kept.pop(word, None)

    def _forget(self, clock: Clock) -> None:
        now_us = clock.monotonic_us()
        for word in [word for word, kept in self._kept.items() if kept.until_us <= now_us]:
            del self._kept[word]
