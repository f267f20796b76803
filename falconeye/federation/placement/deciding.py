"""Who records a camera: each node decides for itself, from what it hears. No leader, no quorum.

One rule serves death, return, moves and shutdown. Of the nodes that this one hears, itself among
them, one *is to record*: the owner, while it is a member, able and not draining; else the first of
the standbys in rendezvous order. Who is to record, records. Who recorded until now goes on until
that one has ten seconds of footage (make before break). A wrong guess costs a double recording,
which is harmless; so nobody waits for an agreement, and both sides of a partition may record.

Somebody always does: let X be the best of the living nodes in that order, which is the same for all
but for what is on its way. Whoever X hears is worse, so X finds itself. Hearing may be one-way.

An owner that is heard and says that it gets no pictures (`AbilityWatch`) is stood in for by one
that says it does, or that the camera's port answers it (`federation.reaching`): networks are not
the same everywhere. The owner goes on trying, so that it notices when it gets them again. Where
nobody says that it could do better, nothing moves: the camera is off, and it would go round. Nor
where the camera answers the owner and refuses it, because it would refuse the others as well.

Of a camera that takes one connection only, the order is break before make: who is to record asks,
who has it lets go at once, and only then the other connects. That takes two exchanges, which
follow at once because the gist of a word changes (`CameraWord.gist`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from falconeye.base.times import SECOND_US
from falconeye.federation.placement.ability import Ability
from falconeye.federation.placement.rendezvous import rank
from falconeye.federation.placement.words import (
    HANDED_US,
    NodeWord,
    PlacedCamera,
    Role,
    Verdict,
    View,
    Why,
)

SILENT_US: Final = 15 * SECOND_US  # who was not heard for so long is not counted on
HAND_OVER_US: Final = 60 * SECOND_US  # so long somebody is waited for who is heard and has nothing
ASKING_US: Final = 15 * SECOND_US  # so long a camera of one connection is asked for
_FRESH_US: Final = 2 * SECOND_US  # nobody stops for a word that is older: its node may be dead
_STALLED_US: Final = 5 * SECOND_US  # this process did not run for so long: it was deaf
# Which nodes are preferred; between equals the owner, then rendezvous order. Of an owner of which
# nothing is known the best is thought; one that is unable stays where nobody is known to be better.
_OWNER_TIERS: Final = {
    Ability.ABLE: 0,
    Ability.UNKNOWN: 0,
    Ability.REACHES: 0,
    Ability.RECOVERING: 1,
    Ability.REFUSED: 2,  # no reason to try it from elsewhere: cameras lock out who asks too often
    Ability.UNABLE: 3,
}
_STANDBY_TIERS: Final = {
    Ability.ABLE: 0,
    Ability.RECOVERING: 1,
    Ability.REACHES: 2,
    Ability.UNKNOWN: 3,
    Ability.REFUSED: 5,
    Ability.UNABLE: 5,
}
_DRAINING_TIER: Final = 4  # rather than one that cannot, it goes on until it ends
_NO_TIER: Final = 6  # draining, and unable


@dataclass(slots=True)
class _Held:
    """What this node did with a camera at the last look."""

    role: Role
    recorder_id: str
    since_us: int  # when that one became who is to record
    asks_since_us: int | None = None


class Decider:
    """Of one node. `decide` is to be called once a second, and at once when something was heard."""

    def __init__(self, node_id: str, started_us: int) -> None:
        self._me = node_id
        self._listens_since_us = started_us
        self._looked_us = started_us
        self._members: dict[str, int] = {}  # since when each is known
        self._held: dict[str, _Held] = {}

    def decide(self, view: View, now_us: int) -> Mapping[str, Verdict]:
        """What this node does with each camera of `view`; `now_us` monotonic."""
        if now_us - self._looked_us > _STALLED_US:
            self._listens_since_us = now_us  # all others only seem to be silent
        self._looked_us = now_us
        self._members = {one: self._members.get(one, now_us) for one in view.members}
        heard = dict(self._heard(view, now_us))
        verdicts = {
            camera.id: self._decide(camera, view, heard, now_us) for camera in view.cameras.values()
        }
        for gone in set(self._held) - set(verdicts):
            del self._held[gone]
        return verdicts

    def is_listening(self, now_us: int) -> bool:
        """Whether others may only seem to be silent, because this node began just now."""
        return now_us - self._listens_since_us < SILENT_US

    def _heard(self, view: View, now_us: int) -> Iterator[tuple[str, NodeWord]]:
        """Members of the last 15 s, and this node."""
        yield self._me, replace(view.own, is_listening=self.is_listening(now_us))
        for node_id, peer in view.peers.items():
            is_member = node_id in view.members and node_id != self._me
            if is_member and now_us - peer.heard_us <= SILENT_US:
                yield node_id, peer.word

    def _decide(
        self, camera: PlacedCamera, view: View, heard: Mapping[str, NodeWord], now_us: int
    ) -> Verdict:
        owner_id = camera.owner_id
        if owner_id is None and view.members <= {self._me}:
            owner_id = self._me
        is_outside = bool(view.members) and self._me not in view.members
        if camera.stays or is_outside:  # a removed node keeps to what was its own
            is_mine = owner_id == self._me
            role, why = (Role.RECORD_AS_OWNER, Why.OWNER) if is_mine else (Role.NOT, Why.ELSEWHERE)
            return Verdict(role, why, owner_id or "")
        recorder_id = self._recorder(camera.id, owner_id, heard, now_us)
        held = self._held.get(camera.id)
        if held is None:
            held = self._held[camera.id] = _Held(Role.NOT, recorder_id, now_us)
        elif held.recorder_id != recorder_id:
            held.recorder_id, held.since_us = recorder_id, now_us
        if recorder_id == self._me:
            verdict = self._mine(camera, owner_id, view, heard, now_us)
        else:
            held.asks_since_us = None
            verdict = self._others(camera, owner_id, view, heard, now_us)
        held.role = verdict.role
        return verdict

    def _recorder(
        self, camera_id: str, owner_id: str | None, heard: Mapping[str, NodeWord], now_us: int
    ) -> str:
        """Who is to record: somebody who is heard, or a member that may yet be."""
        known_us = self._members.get(owner_id) if owner_id else None
        if owner_id and owner_id not in heard and known_us is not None:
            silent_us = now_us - max(known_us, self._listens_since_us)
            if silent_us < SILENT_US:
                return owner_id
        return min(heard, key=lambda one: self._order(camera_id, one, owner_id, heard[one]))

    def _order(
        self, camera_id: str, node_id: str, owner_id: str | None, word: NodeWord
    ) -> tuple[int, bool, tuple[int, str]]:
        is_owner = node_id == owner_id
        tiers = _OWNER_TIERS if is_owner else _STANDBY_TIERS
        ability = word.of(camera_id).ability
        tier = tiers[ability]
        if word.is_draining:
            cannot = ability in {Ability.REFUSED, Ability.UNABLE}
            tier = _NO_TIER if cannot else _DRAINING_TIER
        if word.is_listening and not is_owner and not word.of(camera_id).records:
            tier = max(tier, _DRAINING_TIER)  # it would let the camera wait for another 15 s
        return tier, not is_owner, rank(camera_id, node_id)

    def _mine(
        self,
        camera: PlacedCamera,
        owner_id: str | None,
        view: View,
        heard: Mapping[str, NodeWord],
        now_us: int,
    ) -> Verdict:
        """This node is to record."""
        held = self._held[camera.id]
        is_owner = owner_id == self._me
        is_listening = self.is_listening(now_us)
        if is_listening and not is_owner and not held.role.records:
            return Verdict(Role.NOT, Why.LISTENING, self._me)
        others = [one for one in heard if one != self._me and heard[one].of(camera.id).records]
        if not (camera.one_session and others and view.own.of(camera.id).footage_us == 0):
            held.asks_since_us = None
        elif held.asks_since_us is None:
            held.asks_since_us = now_us
        if held.asks_since_us is not None and now_us - held.asks_since_us < ASKING_US:
            return Verdict(Role.NOT, Why.ASKING, self._me, asks=True)
        if is_owner:
            return Verdict(Role.RECORD_AS_OWNER, Why.OWNER, self._me)
        if owner_id is not None and owner_id in self._members:
            why = _why_stand_by(owner_id, heard)
            return Verdict(Role.RECORD_AS_STANDBY, why, self._me)
        has_it = view.own.of(camera.id).footage_us >= HANDED_US
        adopts = has_it and not is_listening
        return Verdict(Role.RECORD_AS_STANDBY, Why.OWNER_REMOVED, self._me, adopts=adopts)

    def _others(
        self,
        camera: PlacedCamera,
        owner_id: str | None,
        view: View,
        heard: Mapping[str, NodeWord],
        now_us: int,
    ) -> Verdict:
        """Somebody else is to record: until that one does, who did goes on."""
        held = self._held[camera.id]
        is_owner = owner_id == self._me
        is_draining = heard[self._me].is_draining
        if is_owner and not is_draining and not camera.one_session:
            return Verdict(Role.RECORD_AS_OWNER, Why.OWNER_UNABLE, held.recorder_id)  # it tries on
        role = Role.RECORD_AS_OWNER if is_owner else Role.RECORD_AS_STANDBY
        is_heard = held.recorder_id in heard  # else it was just written into the configuration
        if held.role.records and not (is_heard and self._is_handed_over(camera, view, now_us)):
            return Verdict(role, Why.HANDING_OVER, held.recorder_id)
        return Verdict(Role.NOT, Why.ELSEWHERE, held.recorder_id)

    def _is_handed_over(self, camera: PlacedCamera, view: View, now_us: int) -> bool:
        held = self._held[camera.id]
        peer = view.peers[held.recorder_id]
        said, waited_us = peer.word.of(camera.id), now_us - held.since_us
        if said.asks:  # it was refused a second connection, which this node need not know
            return True
        # Its footage may be old, where the network was cut: it is to stay for a while, too. And it
        # must not be about to stop for this one, with a configuration that this one had before.
        is_fresh = now_us - peer.heard_us <= _FRESH_US
        has_it = said.records and said.leads and said.footage_us >= HANDED_US
        return (has_it and is_fresh and waited_us >= HANDED_US) or waited_us >= HAND_OVER_US


def _why_stand_by(owner_id: str, heard: Mapping[str, NodeWord]) -> Why:
    if owner_id not in heard:
        return Why.OWNER_SILENT
    return Why.OWNER_DRAINING if heard[owner_id].is_draining else Why.OWNER_UNABLE


def is_drained(node_id: str, verdicts: Mapping[str, Verdict]) -> bool:
    """Whether a draining node may end: what others can record they do."""
    return not any(
        verdict.role.records and verdict.recorder_id != node_id for verdict in verdicts.values()
    )
