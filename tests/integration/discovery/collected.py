"""A list of findings that a test can wait for."""

import asyncio
from collections.abc import Callable

from falconeye.discovery.evidence import Evidence, Way


class Collected:
    """Takes findings as the list of found cameras does; each change wakes who waits."""

    def __init__(self) -> None:
        self.found: dict[str, Evidence] = {}
        self.noted = 0
        self._changed = asyncio.Event()

    def note(self, evidence: Evidence) -> bool:
        self.found[evidence.key] = evidence.cleaned()
        self.noted += 1
        self._changed.set()
        return True

    def gone(self, way: Way, key: str) -> None:
        if self.found.get(key) and self.found[key].way is way:
            del self.found[key]
            self._changed.set()

    @property
    def by_address(self) -> dict[str, Evidence]:
        return {str(one.address): one for one in self.found.values()}

    async def until(self, there: Callable[["Collected"], bool], within_s: float = 6) -> None:
        """Wait until `there` is true of this."""
        async with asyncio.timeout(within_s):
            while not there(self):
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()
                except TimeoutError:
                    pass  # what is refused changes nothing here
