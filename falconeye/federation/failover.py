"""Carries out what `placement.Decider` says: which cameras this node runs, and what it tells."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.times import DAY_US
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.views import Camera
from falconeye.config.addresses import stays_with_node
from falconeye.config.camera import CameraConfig
from falconeye.events.camera_state import ReasonCode
from falconeye.federation.beat import Beat, CameraTold
from falconeye.federation.membership import Membership
from falconeye.federation.peers import Peers
from falconeye.federation.placement.ability import Ability, AbilityWatch
from falconeye.federation.placement.deciding import Decider
from falconeye.federation.placement.words import (
    CameraWord,
    NodeWord,
    PeerWord,
    PlacedCamera,
    Role,
    Verdict,
    View,
)
from falconeye.federation.reaching import Reaching

log = logging.getLogger(__name__)

# A camera may have been busy once; whether it takes one connection only is learned anew then.
REFUSED_US: Final = DAY_US

# The camera answers, and gives no pictures: another node would hear the same.
_REFUSALS = frozenset(
    {
        ReasonCode.PASSWORD_REFUSED,
        ReasonCode.PASSWORD_NEEDED,
        ReasonCode.NOT_FOUND,
        ReasonCode.NOT_A_CAMERA,
        ReasonCode.ADDRESS_FORBIDDEN,
        ReasonCode.NO_VIDEO,
        ReasonCode.UNSUPPORTED_CODEC,
        ReasonCode.TRANSPORT_REFUSED,
        ReasonCode.TOO_MANY_SESSIONS,
        ReasonCode.DEVICE_CONFLICT,
    }
)
# People want no pictures of it now: they tell nothing of the node.
_WILLED = frozenset({ReasonCode.PAUSED, ReasonCode.STOPPED_BY_USER})
_WITH_PICTURES = frozenset({Ability.ABLE, Ability.RECOVERING})


@dataclass(slots=True)
class _Seen:
    """Of one camera at this node."""

    watch: AbilityWatch = field(default_factory=AbilityWatch)
    ability: Ability = Ability.UNKNOWN
    covers_since_us: int | None = None  # monotonic: pictures come, and are recorded where wanted


class Failover:
    """Lives on the loop. `look` is called each second, and at once when something was heard."""

    def __init__(
        self,
        own_id: str,
        peers: Peers,
        members: Membership,
        cameras: CameraRegistry,
        clock: Clock,
        adopt: Callable[[str], Awaitable[None]],
        reaching: Reaching | None = None,
    ) -> None:
        """`adopt(camera_id)` writes this node into the configuration as the camera's owner."""
        self._own_id = own_id
        self._peers = peers
        self._members = members
        self._cameras = cameras
        self._clock = clock
        self._adopt = adopt
        self._decider = Decider(own_id, clock.monotonic_us())
        self._verdicts: Mapping[str, Verdict] = {}
        self._is_behind = False  # the cameras are not yet as the verdicts are
        self._seen: dict[str, _Seen] = {}
        self._refused_us: dict[str, int] = {}  # when a camera refused a second connection
        self._reaching = reaching or Reaching(clock)
        self._lacking: dict[str, int] = {}  # since when another records it without pictures
        self._gists: Mapping[str, object] = {}
        self._alone = asyncio.Lock()
        self.is_draining = False

    def runs_here(self, config: CameraConfig) -> bool:
        """Whether this node is to connect to a camera now."""
        verdict = self._verdicts.get(config.id)
        if verdict is not None:
            return verdict.role.records
        return config.owner_id == self._own_id or not self._members.all

    @property
    def is_listening(self) -> bool:
        """Whether this node began just now, and takes over nothing."""
        return self._decider.is_listening(self._clock.monotonic_us())

    def takes_one(self, camera_id: str) -> bool:
        """Whether the camera refused a second connection, to this node or another."""
        at_us = self._refused_us.get(camera_id)
        return at_us is not None and self._clock.monotonic_us() - at_us < REFUSED_US

    async def look(self) -> bool:
        """Decide, and do so; whether others have to hear of it at once."""
        if not self._members.all and not self._verdicts:
            return False  # without peers there is nothing to decide
        async with self._alone:
            cameras = self._cameras.list() if self._members.all else []
            before = self._verdicts
            self._note(cameras)
            self._verdicts = self._decider.decide(
                self._view(cameras, before), self._clock.monotonic_us()
            )
            changed = [one for one, verdict in self._verdicts.items() if _runs(before.get(one))
                       is not verdict.role.records]  # fmt: skip
            for camera_id in changed:
                verdict = self._verdicts[camera_id]
                log.info("camera %s: %s, because: %s", camera_id, verdict.role, verdict.why)
            self._is_behind |= bool(changed) or set(before) != set(self._verdicts)
            if self._is_behind:  # also where it failed, or was given up, the last time
                await self._cameras.follow_roles()
                self._is_behind = False
        for camera_id, verdict in self._verdicts.items():
            if verdict.adopts:
                await self._adopt_one(camera_id)
        gists = {one: self._word(one, verdict).gist for one, verdict in self._verdicts.items()}
        is_new, self._gists = gists != self._gists, gists
        return is_new

    @property
    def is_drained(self) -> bool:
        """Whether nothing is recorded here any more that others could; see `stays_with_node`."""
        return self.is_draining and not any(
            not stays_with_node(camera.config) and _runs(self._verdicts.get(camera.config.id))
            for camera in self._cameras.list()
        )

    def told(self) -> dict[str, CameraTold]:
        """What this node tells of the cameras that it runs, or is to run."""
        found = {}
        for camera in self._cameras.list():
            verdict = self._verdicts.get(camera.config.id)
            if verdict is None and not camera.is_here:
                continue
            word = self._word(camera.config.id, verdict) if verdict else CameraWord()
            if camera.is_here:
                told = CameraTold.of(camera, word, is_standby=_is_standby(verdict))
            elif word != CameraWord():
                told = CameraTold.of_elsewhere(word)
            else:
                continue
            found[camera.config.id] = self._with_findings(camera.config.id, told)
        return found

    def _with_findings(self, camera_id: str, told: CameraTold) -> CameraTold:
        probe = self._reaching.probe(camera_id)
        age_us = self._clock.monotonic_us() - probe.at_us if probe else None
        return told.model_copy(
            update={
                "reaches": probe.is_reached if probe else None,
                "probed_before_us": age_us,
                "one_session": self.takes_one(camera_id),
                "refused_before_us": self._refused_before_us(camera_id),
            }
        )

    async def _adopt_one(self, camera_id: str) -> None:
        try:
            await self._adopt(camera_id)
        except FalconEyeError as error:  # the disk is full: the next look tries again
            log.warning("camera %s has no owner still: %s", camera_id, error)

    def _word(self, camera_id: str, verdict: Verdict) -> CameraWord:
        seen = self._seen.get(camera_id, _Seen())
        return verdict.word(self._own_id, self._footage_us(seen), seen.ability)

    async def stop(self) -> None:
        """Try no more to reach cameras."""
        await self._reaching.stop()

    def _note(self, cameras: list[Camera]) -> None:
        now_us = self._clock.monotonic_us()
        self._seen = {one.config.id: self._seen.get(one.config.id, _Seen()) for one in cameras}
        self._follow_others(cameras, now_us)
        for camera in cameras:
            camera_id = camera.config.id
            seen = self._seen[camera_id]
            if not camera.is_here:
                seen.covers_since_us = None
                seen.ability = seen.watch.note_probe(
                    now_us, self._reaching.probe(camera_id), self._lacking.get(camera_id)
                )
                continue
            covers = self._cameras.covers(camera_id)
            if covers and seen.covers_since_us is None:
                seen.covers_since_us = now_us
            elif not covers:
                seen.covers_since_us = None
            code = camera.state.reason_code
            seen.ability = seen.watch.note(
                now_us,
                is_able=None if code in _WILLED else covers,
                records=True,
                is_refused=code in _REFUSALS,
            )
            if code is ReasonCode.TOO_MANY_SESSIONS:
                self._refused_us[camera_id] = now_us

    def _refused_before_us(self, camera_id: str) -> int | None:
        if not self.takes_one(camera_id):
            return None
        return max(0, self._clock.monotonic_us() - self._refused_us[camera_id])

    def _follow_others(self, cameras: list[Camera], now_us: int) -> None:
        """What others tell of cameras that this node does not record, and whether it reaches them.

        That a camera takes one connection only is learned by who was refused, and told.
        """
        lacking: set[str] = set()
        having: set[str] = set()
        for peer in self._peers.heard():
            for camera_id, told in (peer.beat.cameras if peer.beat else {}).items():
                ability = told.word().ability
                if told.runs and ability is Ability.UNABLE:
                    lacking.add(camera_id)
                elif told.runs and ability in _WITH_PICTURES:
                    having.add(camera_id)
                if told.one_session and camera_id in self._seen and peer.heard_us is not None:
                    at_us = peer.heard_us - (told.refused_before_us or 0)
                    self._refused_us[camera_id] = max(at_us, self._refused_us.get(camera_id, at_us))
        self._lacking = {one: self._lacking.get(one, now_us) for one in lacking - having}
        others = {
            one.config.id: one.config for one in cameras if not one.is_here and one.config.started
        }
        self._reaching.follow(others, self._lacking.keys())

    def _footage_us(self, seen: _Seen) -> int:
        if seen.covers_since_us is None:
            return 0
        return self._clock.monotonic_us() - seen.covers_since_us

    def _view(self, cameras: list[Camera], before: Mapping[str, Verdict]) -> View:
        own = {
            one: CameraWord(_runs(before.get(one)), self._footage_us(seen), seen.ability)
            for one, seen in self._seen.items()
        }
        return View(
            cameras={
                each.config.id: PlacedCamera(
                    each.config.id,
                    each.config.owner_id,
                    stays=stays_with_node(each.config),
                    one_session=self.takes_one(each.config.id),
                )
                for each in cameras
                if each.config.started
            },
            members=frozenset(self._members.names),
            peers={
                peer.node_id: PeerWord(peer.heard_us, _said(peer.beat))
                for peer in self._peers.heard()
                if peer.beat is not None and peer.heard_us is not None
            },
            own=NodeWord(own, is_draining=self.is_draining),
        )


def _runs(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.role.records


def _is_standby(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.role is Role.RECORD_AS_STANDBY


def _said(beat: Beat) -> NodeWord:
    return NodeWord(
        {camera_id: told.word() for camera_id, told in beat.cameras.items()},
        is_draining=beat.draining,
        is_listening=beat.listening,
    )
