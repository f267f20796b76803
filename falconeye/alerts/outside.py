"""The ways out of the node, as the settings say: built anew where those change, none by default."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from falconeye.alerts.channel import Channel, Deliver
from falconeye.alerts.delivery import NotDelivered, Request
from falconeye.alerts.heartbeat import Heartbeat, beat
from falconeye.alerts.messages import Message, signed_headers
from falconeye.alerts.push import Push
from falconeye.alerts.threads import in_thread
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.secret import Secret
from falconeye.base.tasks import TaskSet
from falconeye.storage.stores.credentials import CredentialUnreadable
from falconeye.storage.stores.destinations import shown
from falconeye.storage.stores.settings_store import SettingsStore, StoredSettings

log = logging.getLogger(__name__)

WEBHOOK: Final = "webhook"
HEARTBEAT: Final = "heartbeat"


@dataclass(frozen=True, slots=True)
class _Way:
    """What a channel is made of; equal ones go on across a change of the settings."""

    id: str
    stored: str  # its address
    secret: str | None  # stored, too
    allow_local: bool


@dataclass(slots=True)
class _Open:
    channel: Channel
    tasks: TaskSet


class Outside:
    """All channels that are set. `follow` is called once a second."""

    def __init__(
        self,
        settings: SettingsStore,
        clock: Clock,
        *,
        everything_records: Callable[[], bool],
        make_message: Callable[[], Message],
        on_delivered: Callable[[Message], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._everything_records = everything_records
        self._make_message = make_message
        self._on_delivered = on_delivered
        self._heartbeat = Heartbeat(clock)
        self._log = RepeatingLog(log, clock, period_s=3600)
        self._followed: StoredSettings | None = None
        self._following = asyncio.Lock()
        self._open: dict[_Way, _Open] = {}

    @property
    def channels(self) -> list[Channel]:
        """Those that are set, the heartbeat last."""
        return [each.channel for each in self._open.values()]

    @property
    def has_listeners(self) -> bool:
        """Whether messages go anywhere."""
        return any(way.id != HEARTBEAT for way in self._open)

    def put(self, message: Message) -> None:
        """To all channels but the heartbeat."""
        for way, opened in self._open.items():
            if way.id != HEARTBEAT:
                opened.channel.put(message)

    async def follow(self) -> None:
        """Take over changed settings; what still waits for an address that went is dropped."""
        async with self._following:
            settings = self._settings.current
            if settings is self._followed:
                return
            self._followed = settings
            wanted = list(_ways(settings))
            for way in self._open.keys() - set(wanted):
                await self._open.pop(way).tasks.stop()
            self._open = {way: self._open.get(way) or self._started(way) for way in wanted}

    async def stop(self) -> None:
        """End all tries; what waits is told after the next start, if it lasts then."""
        for opened in self._open.values():
            await opened.tasks.stop()
        self._open.clear()

    def _started(self, way: _Way) -> _Open:
        channel = Channel(way.id, shown(way.stored), self._deliver(way), self._clock)
        tasks = TaskSet("alerts")
        if way.id == HEARTBEAT:
            task = beat(
                self._heartbeat, channel, self._everything_records, self._make_message, self._log
            )
        else:
            task = channel.run(self._on_delivered)
        _ = tasks.start(task, way.id)
        return _Open(channel, tasks)

    def _deliver(self, way: _Way) -> Deliver:
        try:
            address = self._settings.opened(way.stored)
            secret = None if way.secret is None else self._settings.opened(way.secret)
        except CredentialUnreadable as error:
            return partial(_unreadable, str(error))
        if way.id == HEARTBEAT:
            return partial(_ping, address, allow_local=way.allow_local)
        if way.id == WEBHOOK:
            return partial(self._post, address, secret, allow_local=way.allow_local)
        return partial(self._push, Push(address, allow_local=way.allow_local))

    async def _post(
        self, address: Secret, secret: Secret | None, message: Message, *, allow_local: bool
    ) -> str:
        body = message.document(self._settings.zone)
        headers = signed_headers(body, secret, self._clock.utc_us())
        return await _request(Request("POST", address, headers, body), allow_local=allow_local)

    async def _push(self, push: Push, message: Message) -> str:
        return await push.send(message.title, message.text(self._settings.zone))


async def _ping(address: Secret, _message: Message, *, allow_local: bool) -> str:
    return await _request(Request("GET", address), allow_local=allow_local)


async def _unreadable(words: str, _message: Message) -> str:
    raise NotDelivered(words)


def _ways(settings: StoredSettings) -> Iterator[_Way]:
    local = settings.notify_allow_local
    for stored in settings.notify_urls:
        # Named by what it is, not by its place: what waits for it outlives a change of the others.
        digest = hashlib.sha256(stored.encode()).hexdigest()
        yield _Way(f"notify-{digest[:8]}", stored, None, local)
    if settings.webhook_url:
        yield _Way(WEBHOOK, settings.webhook_url, settings.webhook_secret, local)
    if settings.heartbeat_url:
        yield _Way(HEARTBEAT, settings.heartbeat_url, None, local)


async def _request(wanted: Request, *, allow_local: bool) -> str:
    """As `http.request`, which is loaded by the first one, and not on the loop."""

    def load() -> Callable[..., Awaitable[str]]:
        from falconeye.alerts.http import request  # noqa: PLC0415

        return request

    request = await in_thread("alerts-http", load)
    return await request(wanted, allow_local=allow_local)
