"""What this node knows of every other member: when it was heard, and what it told last."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US
from falconeye.federation.beat import Beat, Position
from falconeye.federation.refusals import Refused
from falconeye.federation.twins import Twins

BEAT_S = 5.0
# Three beats: one that is lost, or a node that is busy for a moment, moves no camera.
HEARD_US = 15 * SECOND_US
# One that left a question unanswered is not asked by the next pages: each would wait for it again.
SILENCE_US = 2 * SECOND_US


@dataclass(slots=True)
class Peer:
    """One other member. Times are None until it was heard for the first time."""

    node_id: str
    name: str
    since_us: int  # monotonic: when this node began to listen for it
    beat: Beat | None = None
    heard_us: int | None = None  # monotonic: the last exchange, whoever began it
    heard_at_us: int | None = None  # UTC, for people
    offset_us: int | None = None  # its clock - ours, to half a round trip
    merged: Position = field(default_factory=Position)  # of its configuration, by us
    refused: str = ""  # why it is not heard, in words; "" while it is
    refuses: Refused | None = None  # why it does not let us in
    was_heard: bool = False  # as last looked at: see `Peers.look`
    silent_us: int | None = None  # monotonic: it left a question unanswered; None: heard since

    def is_heard(self, now_us: int) -> bool:
        """An exchange succeeded within the last 15 s, and it did not say good-bye."""
        heard = self.heard_us is not None and now_us - self.heard_us < HEARD_US
        return heard and not (self.beat is not None and self.beat.stopping)


class Peers:
    """The other members, by node id; lives on the loop."""

    def __init__(self, own_id: str, clock: Clock) -> None:
        self._own_id = own_id
        self._clock = clock
        self._peers: dict[str, Peer] = {}
        self.twins = Twins(clock)

    def follow(self, members: Mapping[str, str]) -> None:
        """Other members from here on, name by node id; this node is none of its own peers."""
        now_us = self._clock.monotonic_us()
        self.twins.follow(set(members))
        for node_id in set(self._peers) - set(members):
            del self._peers[node_id]
        for node_id, name in members.items():
            if node_id == self._own_id:
                continue
            peer = self._peers.setdefault(node_id, Peer(node_id, name, now_us))
            peer.name = name

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._peers.values())

    def __len__(self) -> int:
        return len(self._peers)

    def get(self, node_id: str) -> Peer | None:
        return self._peers.get(node_id)

    def hear(self, beat: Beat, *, sent_us: int | None = None) -> Peer | None:
        """Take over what a peer told; None when it is no member (any more), TwinRefused.

        `sent_us`: when we asked (monotonic), where this is an answer; tells how its clock stands.
        """
        peer = self._peers.get(beat.node_id)
        if peer is None:
            return None
        if beat.boot_id:
            self.twins.check(beat.node_id, beat.boot_id, beat.addresses)
        now_us, utc_us = self._clock.monotonic_us(), self._clock.utc_us()
        if beat.time_us and sent_us is not None:
            peer.offset_us = beat.time_us - (utc_us - (now_us - sent_us) // 2)
        peer.beat, peer.heard_us, peer.heard_at_us = beat, now_us, utc_us
        peer.refused, peer.refuses = "", None
        peer.silent_us = None
        return peer

    def note_silence(self, node_id: str) -> None:
        """It did not answer a question in time."""
        if (peer := self._peers.get(node_id)) is not None:
            peer.silent_us = self._clock.monotonic_us()

    def is_silent(self, node_id: str) -> bool:
        """Whether it left a question unanswered a moment ago, and was not heard since."""
        peer = self._peers.get(node_id)
        if peer is None or peer.silent_us is None:
            return False
        return self._clock.monotonic_us() - peer.silent_us < SILENCE_US

    def is_awaited(self, node_id: str) -> bool:
        """Whether it was not heard yet, and this node has listened for less than 15 s."""
        peer = self._peers.get(node_id)
        if peer is None or peer.heard_us is not None:
            return False
        return self._clock.monotonic_us() - peer.since_us < HEARD_US

    def heard(self) -> Iterable[Peer]:
        """Those that are there now."""
        now_us = self._clock.monotonic_us()
        return [peer for peer in self if peer.is_heard(now_us)]

    def records(self, camera_id: str) -> bool:
        """Whether one that is there says that it records the camera now."""
        beats = (peer.beat for peer in self.heard() if peer.beat is not None)
        told = (beat.cameras.get(camera_id) for beat in beats)
        return any(one is not None and one.runs and one.recording for one in told)

    def look(self) -> list[Peer]:
        """Peers that came or went since the last look."""
        now_us = self._clock.monotonic_us()
        changed = [peer for peer in self if peer.is_heard(now_us) is not peer.was_heard]
        for peer in changed:
            peer.was_heard = not peer.was_heard
        return changed
