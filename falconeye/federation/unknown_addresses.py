"""Addresses at which some node may be: which one, its certificate tells."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.federation.federation import Federation
from falconeye.federation.joiner import shown_certificate

log = logging.getLogger(__name__)

AT_ONCE = 2  # of questions to addresses where nobody may answer
# Three times as long as it takes until they are told of again: what is told no more is forgotten.
KEPT_US = 45 * SECOND_US


class Standing(Enum):
    """Who is at an address."""

    UNASKED = auto()
    SILENT = auto()  # no node answers
    STRANGE = auto()  # a node that is no member
    KNOWN = auto()  # a member


@dataclass(slots=True)
class Told:
    """An address that somebody tells of; times are monotonic."""

    first_us: int
    last_us: int
    standing: Standing = Standing.UNASKED
    why: str = ""  # of a stranger: why it is no member, in words


class UnknownAddresses:
    """Lives on the loop; members' certificates are compared, nothing else is believed."""

    def __init__(self, federation: Federation) -> None:
        # (address, certificate) of a node that is no member; why it stays one, "" where it does
        # not, None for what is no node at all
        self.on_stranger: Callable[[str, str], Awaitable[str | None]] | None = None
        self._federation = federation
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._asked: set[str] = set()
        self._told: dict[str, Told] = {}
        self._tasks = TaskSet("unknown-addresses")

    def look_at(self, address: str) -> None:
        """Ask who is there, unless that is known, or being asked."""
        if address in self._federation.own_addresses():
            return
        now_us = self._federation.clock.monotonic_us()
        self._forget(now_us)
        self._told.setdefault(address, Told(now_us, now_us)).last_us = now_us
        self._ask(address)

    def look_again(self) -> None:
        """This node is a member now: before that there was nothing to ask for."""
        for address in tuple(self._told):
            self._ask(address)

    def told(self) -> Iterator[tuple[str, Told]]:
        """What is told of now, this node's own addresses apart."""
        self._forget(self._federation.clock.monotonic_us())
        for address in self._told:
            if self._federation.members.is_known(address):  # it has asked this node meanwhile
                self._note(address, Standing.KNOWN)
        return iter(tuple(self._told.items()))

    async def stop(self) -> None:
        await self._tasks.stop()

    def _forget(self, now_us: int) -> None:
        gone = [one for one, told in self._told.items() if now_us - told.last_us > KEPT_US]
        for address in gone:
            del self._told[address]

    def _ask(self, address: str) -> None:
        members = self._federation.members
        if members.is_known(address):
            self._note(address, Standing.KNOWN)
        elif members.all and address not in self._asked:
            self._asked.add(address)
            _ = self._tasks.start(self._look_at(address), "look-at")

    def _note(self, address: str, standing: Standing, why: str = "") -> None:
        if (told := self._told.get(address)) is not None:
            told.standing, told.why = standing, why

    async def _look_at(self, address: str) -> None:
        try:
            async with self._slots:
                certificate = await asyncio.to_thread(shown_certificate, address)
            await self._answered(address, certificate)
        except OSError as error:
            self._note(address, Standing.SILENT)
            log.debug("no node answers at %s: %s", address, error)
        finally:
            self._asked.discard(address)

    async def _answered(self, address: str, certificate: str) -> None:
        for member in self._federation.members.all:
            if member.certificate.split() == certificate.split():
                self._federation.hear_of(member.id, address)
                self._note(address, Standing.KNOWN)
                return
        if self.on_stranger is None:
            return
        why = await self.on_stranger(address, certificate)
        if why is None:
            self._note(address, Standing.SILENT)
        else:
            self._note(address, Standing.STRANGE if why else Standing.KNOWN, why)
