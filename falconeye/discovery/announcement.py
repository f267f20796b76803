"""A service of this node, announced by mDNS under a name of its own (RFC 6762, 8 and 9).

The host name in it is the instance's own too, not the machine's: that one may be avahi's.
"""

import asyncio
import contextlib
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from falconeye.base.tasks import TaskSet

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

MAX_LABEL_BYTES: Final = 63  # RFC 1035, 2.3.4
MAX_VALUE_BYTES: Final = 200  # of a TXT record; name, "=" and value have 255 together
_TRIES: Final = 5  # other names; then it rests
REST_S: Final = 60.0  # between two names that what is heard makes it take, and after a failure
_OTHER: Final = re.compile(r"[^A-Za-z0-9]+")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenInstance:
    """An mDNS instance, and the addresses on which it is."""

    zeroconf: "AsyncZeroconf"
    addresses: tuple[str, ...]
    library: Any  # zeroconf.asyncio
    names: Any  # zeroconf: importing it on the loop would block


@dataclass(frozen=True, slots=True)
class _Said:
    """What is to be announced, or is."""

    label: str
    port: int
    txt: Mapping[str, str]
    addresses: tuple[str, ...] = ()


class Announcement:
    """Kept while interfaces come and go, until `close`; `Mdns.announce` makes it."""

    def __init__(
        self,
        service_type: str,
        name: str,
        port: int,
        txt: Mapping[str, str],
        *,
        only: str | None,
        instance: Callable[[], OpenInstance | None],
        on_close: Callable[["Announcement"], None],
    ) -> None:
        self.type = service_type
        self._wanted = _Said(label(name), port, dict(txt))
        self._only = only
        self._instance = instance
        self._on_close = on_close
        self._suffix = ""  # what a conflict added
        self._said: _Said | None = None
        self._info: AsyncServiceInfo | None = None
        self._by: AsyncZeroconf | None = None
        self._renamed_s: float | None = None  # loop time
        self._changed = asyncio.Event()
        self._tasks = TaskSet("announcement")
        _ = self._tasks.start(self._keep(), type(self).__name__)

    @property
    def name(self) -> str:
        """The instance name by which it is announced now; "" while it is not."""
        return self._said.label if self._said is not None and self._is_open() else ""

    def update(
        self,
        *,
        name: str | None = None,
        port: int | None = None,
        txt: Mapping[str, str] | None = None,
    ) -> None:
        """Announce this from now on; what is None stays."""
        if name is not None and label(name) != self._wanted.label:
            self._wanted, self._suffix = replace(self._wanted, label=label(name)), ""
        if port is not None:
            self._wanted = replace(self._wanted, port=port)
        if txt is not None:
            self._wanted = replace(self._wanted, txt=dict(txt))
        self._changed.set()

    def wake(self) -> None:
        """The instance or its interfaces are others."""
        self._changed.set()

    def heard(self, name: str, addresses: tuple[str, ...]) -> None:
        """Somebody says that a service of this type and name is at `addresses`.

        One that is not ours proves that another host has our name: both started at once, or their
        networks were joined later. Whoever notices takes another, at most once a minute: somebody
        may say so on purpose.
        """
        said = self._said
        if said is None or not self.name or name.casefold() != said.label.casefold():
            return
        now_s = asyncio.get_running_loop().time()
        rests = self._renamed_s is not None and now_s < self._renamed_s + REST_S
        if not rests and not set(addresses) <= set(said.addresses):
            log.warning("another host is announced as %s: this one takes another name", name)
            self._renamed_s = now_s
            self._take_another_name()
            self._changed.set()

    async def close(self) -> None:
        """Say goodbye."""
        self._on_close(self)
        await self._tasks.stop()
        await self._withdraw()

    async def abandon(self) -> None:
        """Do nothing more; the end of the instance says goodbye."""
        await self._tasks.stop()

    def _is_open(self) -> bool:
        now = self._instance()
        return now is not None and now.zeroconf is self._by

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            now = self._instance()
            is_said = now is None or await self._tried(now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if is_said else REST_S):
                    await self._changed.wait()

    async def _tried(self, now: OpenInstance) -> bool:
        try:
            return await self._say(now)
        except (OSError, ValueError, now.names.Error) as error:
            log.warning("%s is not announced: %s", self.type, error or type(error).__name__)
            return False

    async def _say(self, now: OpenInstance) -> bool:
        """Announce what is wanted, if it is not; False where that has to be tried again."""
        here = tuple(each for each in now.addresses if self._only in (None, each))
        wanted = replace(
            self._wanted, label=label(self._wanted.label, self._suffix), addresses=here
        )
        if self._by is now.zeroconf:
            if wanted == self._said:
                return True
            if self._said is not None and self._said.label == wanted.label:
                self._said, self._info = wanted, self._made(now, wanted)
                await (await now.zeroconf.async_update_service(self._info))
                return True
            await self._withdraw()
        self._said, self._info, self._by = None, None, None
        return await self._register(now, wanted) if here else True

    async def _register(self, now: OpenInstance, wanted: _Said) -> bool:
        for _ in range(_TRIES):
            info = self._made(now, wanted)
            try:
                broadcast = await now.zeroconf.async_register_service(info)
            except now.names.NonUniqueNameException:
                log.warning("another host is announced as %s already", wanted.label)
                self._take_another_name()
                wanted = replace(wanted, label=label(self._wanted.label, self._suffix))
                continue
            self._said, self._info, self._by = wanted, info, now.zeroconf
            await broadcast
            return True
        return False

    def _take_another_name(self) -> None:
        """By chance: of two that count, both would come to the same again."""
        self._suffix = f"-{secrets.token_hex(2)}"

    async def _withdraw(self) -> None:
        if self._info is not None and self._by is not None and self._is_open():
            await (await self._by.async_unregister_service(self._info))
        self._said, self._info, self._by = None, None, None

    def _made(self, now: OpenInstance, said: _Said) -> "AsyncServiceInfo":
        info: AsyncServiceInfo = now.library.AsyncServiceInfo(
            self.type,
            f"{said.label}.{self.type}",
            port=said.port,
            properties={key: cut(value, MAX_VALUE_BYTES) for key, value in said.txt.items()},
            server=f"{said.label}.local.",
            parsed_addresses=list(said.addresses),
        )
        return info


def label(name: str, suffix: str = "") -> str:
    """`name` as one label of a host name, cut so that `suffix` has room behind it."""
    plain = _OTHER.sub("-", name).strip("-") or "node"
    return plain[: MAX_LABEL_BYTES - len(suffix)].rstrip("-") + suffix


def cut(text: str, most_bytes: int) -> str:
    """As much of `text` as has room in so many bytes of UTF-8."""
    return text.encode()[:most_bytes].decode("utf-8", "ignore")
