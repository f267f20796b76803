"""Notices: raised and ended once a second, kept, shown, and told outside where that is set."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from falconeye.alerts.certificate_faults import CertificateWatch
from falconeye.alerts.channel import ChannelState
from falconeye.alerts.faults import START_VOLUMES_US, Change, Faults, Turn, is_fault
from falconeye.alerts.messages import Message, cause_words
from falconeye.alerts.outside import Outside
from falconeye.alerts.telling import Telling
from falconeye.alerts.volume_faults import VolumeWatch
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.base.node_name import NodeName
from falconeye.base.tasks import TaskSet
from falconeye.base.times import MINUTE_US
from falconeye.events.bus import EventBus, NoticesChanged
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.stores.notice_store import Cause, Notice, NoticeStore
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.storage.volumes.volumes import Volumes
from falconeye.tls.condition import Condition

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
# Notices that wait for the database or for a channel. When full: drop the oldest; the log has them.
MAX_REMEMBERED: Final = 1000


class Alerts:
    """Lives on the loop. Neither a database nor a network that hangs keeps a notice from others."""

    def __init__(
        self,
        store: NoticeStore,
        ledger: Ledger,
        settings: SettingsStore,
        bus: EventBus,
        clock: Clock,
        *,
        node_id: str,
        node_name: NodeName | str,
        name_of: Callable[[str], str],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._node_id, self._node_name = node_id, node_name
        self._faults = Faults(clock, name_of)
        self._volumes: VolumeWatch | None = None
        self._volume_faults = Faults(clock, self._path_of, start_us=START_VOLUMES_US)
        self._certificate = CertificateWatch(clock)
        self._certificate_faults = Faults(clock, lambda _: "HTTPS")
        self._telling = Telling(clock)
        self._outside = Outside(
            settings,
            clock,
            everything_records=self.everything_records,
            make_message=self._message,
            on_delivered=self._delivered,
        )
        self._unsaved: dict[str, Notice] = {}
        self._under_way: dict[str, Notice] = {}  # no channel has their beginning yet
        self._unsaved_ready = asyncio.Event()
        self._save_log = RepeatingLog(log, clock)
        self._tasks = TaskSet("alerts")
        # Whether another node says that it records a camera now; a node without peers has none.
        self.recorded_elsewhere: Callable[[str], bool] = lambda _: False

    def watch(self, volumes: Volumes) -> None:
        """Tell of these, too; before `start`."""
        self._volumes = VolumeWatch(volumes, self._clock)

    def watch_certificate(self, condition: Callable[[], Condition]) -> None:
        """Tell of the certificate that browsers are shown, too; it is asked once a second."""
        self._certificate.ask = condition

    async def start(self) -> None:
        """Take up what lasted when the node ended, then look once a second until `stop`."""
        cooldown_us = self._cooldown_us
        active = await self._store.active()
        last_sent = await self._store.last_sent(self._clock.utc_us() - cooldown_us)
        self._telling.resume(active, last_sent)
        self._note(self._faults.resume(n for n in active if n.is_of_camera))
        self._note(self._volume_faults.resume(n for n in active if n.volume_id is not None))
        self._note(self._certificate_faults.resume(n for n in active if n.is_of_certificate))
        _ = self._tasks.start(self._watch(), "watch")
        _ = self._tasks.start(self._keep(), "keep")

    async def stop(self) -> None:
        """The node ends; what lasts is taken up by the next start."""
        await self._tasks.stop()
        await self._outside.stop()
        await self._save()

    # -- asking ----------------------------------------------------------------------------

    def active(self, cameras: Collection[str] | None = None) -> list[Notice]:
        """The notices that last, of these cameras (None: all there are), the oldest first."""
        every = (self._faults, self._volume_faults, self._certificate_faults)
        found = [notice for faults in every for notice in faults.active]
        return [n for n in found if cameras is None or n.camera_id in cameras]

    async def history(
        self, *, active: bool | None, cameras: Collection[str] | None, limit: int, offset: int
    ) -> tuple[list[Notice], int]:
        """Notices, the newest first, and how many there are."""
        return await self._store.list(active=active, cameras=cameras, limit=limit, offset=offset)

    def everything_records(self) -> bool:
        """Whether nothing that should record is kept from it now."""
        return not any(
            is_fault(step.reason) and not self.recorded_elsewhere(camera_id)
            for camera_id, step in self._ledger.present.items()
        )

    def reason(self, camera_id: str) -> tuple[bool, GapReason | None]:
        """Whether this is known of a camera yet, and what keeps it from recording now."""
        step = self._ledger.reason(camera_id)
        return step is not None, step.reason if step else None

    def certificate(self) -> Condition | None:
        """How the certificate for browsers is doing; None without one."""
        return self._certificate.condition()

    def not_recorded_s(self, camera_id: str) -> Mapping[Cause, float]:
        """For how long a camera was not recorded since the node started, by reason."""
        return self._faults.not_recorded_s(camera_id)

    async def channels(self) -> list[ChannelState]:
        """The ways out of the node that are set, and how they are doing."""
        await self._outside.follow()
        return [channel.state for channel in self._outside.channels]

    async def test(self, channel_id: str) -> str:
        """Send a test by one of `channels`, once; what came back, in words.

        NotFound for one that is not set, NotDelivered, Conflict while another try lasts.
        """
        await self._outside.follow()
        for channel in self._outside.channels:
            if channel.id == channel_id:
                return await channel.test(self._message())
        msg = "this is not set: save an address first"
        raise NotFound(msg)

    # -- within ----------------------------------------------------------------------------

    async def round(self) -> None:
        """Once a second."""
        await self._outside.follow()
        self._note(self._faults.look(self._ledger.present, self.recorded_elsewhere))
        if self._volumes is not None:
            self._note(self._volume_faults.look(self._volumes.look()))
        self._note(self._certificate_faults.look(self._certificate.look()))
        if not self._outside.has_listeners:
            self._telling.forget_ends()
        elif changes := self._telling.due(self._cooldown_us):
            for change in changes:
                if change.turn is Turn.BEGAN:
                    _remember(self._under_way, change.notice)
            self._outside.put(self._message(changes))

    def _path_of(self, subject: str) -> str:
        return subject if self._volumes is None else self._volumes.name_of(subject)

    @property
    def _cooldown_us(self) -> int:
        return self._settings.current.notify_cooldown_minutes * MINUTE_US

    async def _watch(self) -> None:
        while True:
            try:
                await self.round()
            except Exception:  # the next look may succeed, and nobody else notices
                log.exception("the look for cameras that do not record failed")
            await asyncio.sleep(LOOK_S)

    def _note(self, changes: Iterable[Change]) -> None:
        for change in changes:
            notice = change.notice
            _log(change)
            self._telling.note((change,))
            _remember(self._unsaved, notice)
            self._unsaved_ready.set()
            if notice.id in self._under_way:
                self._under_way[notice.id] = notice
            self._bus.publish(NoticesChanged(notice.camera_id))

    def _message(self, changes: Iterable[Change] = ()) -> Message:
        return Message(self._node_id, str(self._node_name), self._clock.utc_us(), tuple(changes))

    def _delivered(self, message: Message) -> None:
        """A channel has it: the first that does is when its notices were told."""
        for change in message.changes:
            notice = self._under_way.pop(change.notice.id, None)
            if notice is not None:
                sent = replace(notice, sent_us=self._clock.utc_us())
                for faults in (self._faults, self._volume_faults, self._certificate_faults):
                    faults.sent(sent)
                _remember(self._unsaved, sent)
                self._unsaved_ready.set()

    async def _keep(self) -> None:
        while True:
            await self._unsaved_ready.wait()
            self._unsaved_ready.clear()
            try:
                saved = await self._save()
            except Exception:  # the next try may succeed, and nobody else notices
                log.exception("notices cannot be stored")
                saved = False
            if not saved:
                await asyncio.sleep(LOOK_S)
                self._unsaved_ready.set()

    async def _save(self) -> bool:
        """False when the database takes nothing now; all of it waits for the next try."""
        unsaved, self._unsaved = self._unsaved, {}
        if not unsaved:
            return True
        try:
            await self._store.save(list(unsaved.values()))
        except BaseException as error:
            self._unsaved = {**unsaved, **self._unsaved}
            if not isinstance(error, FalconEyeError):
                raise
            self._save_log.warning(f"notices cannot be stored now: {error}")
            return False
        return True


def _remember(notices: dict[str, Notice], notice: Notice) -> None:
    """As it is now, the newest last."""
    notices.pop(notice.id, None)
    notices[notice.id] = notice
    if len(notices) > MAX_REMEMBERED:
        del notices[next(iter(notices))]


def _log(change: Change) -> None:
    notice = change.notice
    name = f"camera {notice.camera_id} ({notice.camera_name})"
    if notice.volume_id is not None:
        name = f"volume {notice.camera_name}"
    elif notice.is_of_certificate:
        name = notice.camera_name
    if change.turn is Turn.BEGAN and not notice.is_of_camera:
        log.warning("%s: %s", name, cause_words(notice))
    elif change.turn is Turn.BEGAN:
        log.warning("%s is not recorded: %s", name, cause_words(notice))
    else:
        log.info("%s: the notice has ended (%s)", name, change.turn.value)
