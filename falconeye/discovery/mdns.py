"""The one mDNS instance of the process (RFC 6762, RFC 6763), on our interfaces only.

zeroconf is loaded with the first start. When interfaces change the instance is made anew: sockets
that joined a group on an interface that was taken out and put in again hear nothing.
"""

import asyncio
import importlib
import logging
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from falconeye.base.clock import Clock
from falconeye.base.counters import Counter, RepeatingLog
from falconeye.base.tasks import TaskSet
from falconeye.discovery.announcement import Announcement, OpenInstance
from falconeye.discovery.evidence import MAX_DETAILS, MAX_KEY, MAX_TEXT, clean
from falconeye.discovery.interfaces import Interface

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

MAX_SERVICES: Final = 512  # of one browse; the newest are left out
MAX_ASKED: Final = 16  # questions about services at once
MAX_SILENT: Final = 3  # then nobody is asked any more, and the name makes room for others
ANSWER_MS: Final = 3_000
REST_S: Final = 2.0  # between two looks, however often somebody wants one
REFRESH_S: Final = 240.0  # host records live two minutes, services over an hour (RFC 6762, 10)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """An announced service, as its host tells of it now."""

    key: str  # the full name
    type: str  # "_rtsp._tcp.local."
    name: str
    addresses: tuple[str, ...]  # IPv4
    port: int
    txt: Mapping[str, str]  # names in lower case (RFC 6763, 6.4)


class Browse:
    """One wish to know of services, kept while interfaces come and go."""

    def __init__(
        self,
        mdns: "Mdns",
        types: Iterable[str],
        on_found: Callable[[Service], None],
        on_gone: Callable[[str], None],
    ) -> None:
        self.types = tuple(types)
        self.on_found = on_found
        self.on_gone = on_gone
        self.services: dict[str, str] = {}  # type by full name
        self.asked: set[str] = set()
        self.answered: set[str] = set()  # full names of those that are more than a name
        self.silent: Counts[str] = Counts()  # how often nobody answered, by full name
        self._mdns = mdns

    async def close(self) -> None:
        """Hear no more."""
        await self._mdns.forget(self)


class Mdns:
    """Browses and announces for all who want it; `use` tells on which interfaces."""

    def __init__(self, clock: Clock) -> None:
        self.refused = Counter()  # services left out because there were too many
        self._wanted: tuple[Interface, ...] = ()
        self._open_on: tuple[Interface, ...] = ()
        self._zeroconf: AsyncZeroconf | None = None
        self._library: Any = None  # zeroconf.asyncio
        self._names: Any = None  # zeroconf, what it calls its errors and versions
        self._browses: dict[Browse, AsyncServiceBrowser | None] = {}
        self._announcements: list[Announcement] = []
        self._tasks = TaskSet("mdns")
        self._changed = asyncio.Event()
        self._look = False
        self._slots = asyncio.Semaphore(MAX_ASKED)
        self._log = RepeatingLog(log, clock, period_s=3600.0)

    async def start(self, interfaces: tuple[Interface, ...]) -> None:
        """Load the library and open the sockets; where that fails it is tried again later."""
        self._library = await asyncio.to_thread(importlib.import_module, "zeroconf.asyncio")
        self._names = importlib.import_module("zeroconf")
        self._wanted = interfaces
        await self._reopen()
        _ = self._tasks.start(self._run(), "keep")

    async def stop(self) -> None:
        """Say goodbye for all that is announced, and close all sockets."""
        await self._tasks.stop()
        for one in self._announcements:
            await one.abandon()
        await self._close(goodbye=True)

    def use(self, interfaces: tuple[Interface, ...]) -> None:
        """Be on these from now on."""
        self._wanted = interfaces
        self._changed.set()

    def browse(
        self,
        types: Iterable[str],
        on_found: Callable[[Service], None],
        on_gone: Callable[[str], None],
    ) -> Browse:
        """Tell of services of these types ("_rtsp._tcp.local.") until `close`.

        `on_found` comes again when a service changes, and every four minutes while it answers;
        `on_gone(key)` when it says goodbye or its records run out.
        """
        wish = Browse(self, types, on_found, on_gone)
        self._browses[wish] = None
        self._listen(wish)
        return wish

    async def forget(self, wish: Browse) -> None:
        """End a browse."""
        browser = self._browses.pop(wish, None)
        if browser is not None:
            await browser.async_cancel()

    def announce(
        self,
        service_type: str,
        name: str,
        port: int,
        txt: Mapping[str, str],
        *,
        only: str | None = None,
    ) -> Announcement:
        """Tell of a service of this node until `close`, or until `stop`.

        `name` becomes a label of host names, another one where a host has it already. `only`: an
        address, where the service is at that one alone.
        """
        one = Announcement(
            service_type,
            name,
            port,
            txt,
            only=only,
            instance=self._instance,
            on_close=self._forget_announcement,
        )
        self._announcements.append(one)
        return one

    def _forget_announcement(self, one: Announcement) -> None:
        if one in self._announcements:
            self._announcements.remove(one)

    def _instance(self) -> OpenInstance | None:
        if self._zeroconf is None:
            return None
        addresses = tuple(str(one.address) for one in self._open_on)
        return OpenInstance(self._zeroconf, addresses, self._library, self._names)

    def look_now(self) -> None:
        """Ask anew for all services, and about those that are known."""
        self._look = True
        self._changed.set()

    def _refresh(self) -> None:
        for wish in self._browses:
            for name in wish.services:
                if wish.silent[name] < MAX_SILENT:
                    self._ask(wish, name)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._changed.wait()
            except TimeoutError:
                self._refresh()
            self._changed.clear()
            look, self._look = self._look, False
            if self._wanted != self._open_on or (self._wanted and self._zeroconf is None):
                await self._reopen()
            elif look:
                await self._browse_anew()
                self._refresh()
                await asyncio.sleep(REST_S)

    async def _browse_anew(self) -> None:
        """Have the questions asked that a browser asks once an hour when it has run for long."""
        for wish, browser in list(self._browses.items()):
            if browser is not None:
                await browser.async_cancel()
            if wish in self._browses:
                self._listen(wish)

    async def _reopen(self) -> None:
        # Who is still in reach hears of the new addresses at once, and no goodbye before.
        await self._close(goodbye=False)
        self._open_on = wanted = self._wanted
        if not wanted:
            return
        library = self._library
        try:
            self._zeroconf = library.AsyncZeroconf(
                interfaces=[str(one.address) for one in wanted],
                ip_version=self._names.IPVersion.V4Only,
            )
            # A browser that is closed before would end the start of the whole.
            await self._zeroconf.zeroconf.async_wait_for_start()
        except (OSError, self._names.Error) as error:
            self._log.warning(f"announced cameras and nodes cannot be heard: {error}")
            await self._close(goodbye=False)
            return
        for wish in self._browses:
            self._listen(wish)
        for one in self._announcements:
            one.wake()

    async def _close(self, *, goodbye: bool) -> None:
        for wish, browser in list(self._browses.items()):
            if browser is not None:
                await browser.async_cancel()
                self._browses[wish] = None
            wish.services.clear()
            wish.answered.clear()
            wish.silent.clear()
            wish.asked.clear()
        if self._zeroconf is not None:
            zeroconf, self._zeroconf = self._zeroconf, None
            if not goodbye:
                registry = zeroconf.zeroconf.registry
                registry.async_remove(registry.async_get_service_infos())
            await zeroconf.async_close()

    def _listen(self, wish: Browse) -> None:
        if self._zeroconf is None:
            return

        def changed(
            zeroconf: "Zeroconf",  # noqa: ARG001 - the library gives it by this name
            service_type: str,
            name: str,
            state_change: "ServiceStateChange",
        ) -> None:
            self._heard(wish, service_type, name, gone=state_change.name == "Removed")

        self._browses[wish] = self._library.AsyncServiceBrowser(
            self._zeroconf.zeroconf, list(wish.types), handlers=[changed]
        )

    def _heard(self, wish: Browse, service_type: str, name: str, *, gone: bool) -> None:
        wish.silent.pop(name, None)
        if gone:
            _forget(wish, name)
            return
        if name not in wish.services and not self._has_room(wish, service_type, name):
            self.refused.add()
            self._log.warning("too many services are announced; new ones are left out")
            return
        wish.services[name] = service_type
        self._ask(wish, name)

    def _has_room(self, wish: Browse, service_type: str, name: str) -> bool:
        """Who tells all of itself displaces what is a mere name so far: anybody can shout names."""
        if _has_room(wish):
            return True
        empty = next((name for name in wish.services if name not in wish.answered), None)
        if empty is None or not self._is_whole(service_type, name):
            return False
        _forget(wish, empty)
        return True

    def _is_whole(self, service_type: str, name: str) -> bool:
        """Whether all that a service tells has been heard already."""
        if self._zeroconf is None:
            return False
        try:
            info = self._library.AsyncServiceInfo(service_type, name)
        except self._names.Error:
            return False
        return bool(info.load_from_cache(self._zeroconf.zeroconf))

    def _ask(self, wish: Browse, name: str) -> None:
        if name in wish.asked or self._zeroconf is None:
            return
        # What finds no place is asked at the next refresh; what is whole waits for nobody.
        if len(wish.asked) < MAX_SERVICES or self._is_whole(wish.services[name], name):
            wish.asked.add(name)
            _ = self._tasks.start(self._resolve(wish, name, self._zeroconf.zeroconf), "ask")

    async def _resolve(self, wish: Browse, name: str, zeroconf: "Zeroconf") -> None:
        """Ask who and where a service is; nothing is told where nobody answers."""
        try:
            service_type = wish.services.get(name)
            if service_type is None:
                return
            info = self._library.AsyncServiceInfo(service_type, name)
            # Most tell all of themselves at once: they wait for no turn behind the mute ones.
            answered = info.load_from_cache(zeroconf)
            if not answered:
                async with self._slots:
                    if name not in wish.services:
                        return
                    answered = await info.async_request(zeroconf, ANSWER_MS)
            if not answered:
                wish.silent[name] += 1
            elif name in wish.services and wish in self._browses:
                wish.silent.pop(name, None)
                wish.answered.add(name)
                service = _service(info, service_type, name)
                for one in self._announcements:
                    if one.type == service_type:
                        one.heard(service.name, service.addresses)
                wish.on_found(service)
        except (self._names.Error, ValueError) as error:  # a name or record that is none
            log.debug("a service is not understood: %s", clean(str(error), MAX_TEXT))
        finally:
            wish.asked.discard(name)


def _has_room(wish: Browse) -> bool:
    """Whether one more service can be known; makes room by forgetting one that never answers."""
    if len(wish.services) < MAX_SERVICES:
        return True
    mute = next((name for name, times in wish.silent.items() if times >= MAX_SILENT), None)
    if mute is None:
        return False
    del wish.silent[mute]
    _forget(wish, mute)
    return True


def _forget(wish: Browse, name: str) -> None:
    wish.answered.discard(name)
    if wish.services.pop(name, None) is not None:
        wish.on_gone(clean(name, MAX_KEY))


def _service(info: Any, service_type: str, name: str) -> Service:
    version = importlib.import_module("zeroconf").IPVersion.V4Only
    return Service(
        key=clean(name, MAX_KEY),
        type=service_type,
        name=clean(name.removesuffix(f".{service_type}"), MAX_TEXT),
        addresses=tuple(info.parsed_addresses(version))[:MAX_DETAILS],
        port=info.port or 0,
        txt=_texts(info.properties),
    )


def _texts(properties: Mapping[bytes, bytes | None]) -> dict[str, str]:
    """TXT records as text, bounded; the first of two of one name counts (RFC 6763, 6.4)."""
    found: dict[str, str] = {}
    for key, value in list(properties.items())[:MAX_DETAILS]:
        name = clean(key.decode("utf-8", "replace"), MAX_TEXT).lower()
        found.setdefault(name, clean((value or b"").decode("utf-8", "replace"), MAX_TEXT))
    return found
