"""A cluster in simulated time: real deciders, and everything around them that can go wrong.

A step is a second. Each node has a monotonic clock of its own, beats every 5 s and, where `prompt`,
at once when what others decide by has changed. Exchanges can be cut in one direction; each node
reaches its own set of cameras; configuration arrives at each node when it likes, within 5 s.
"""

import random
from dataclasses import dataclass, field, replace

from falconeye.base.times import SECOND_US
from falconeye.federation.placement.ability import Ability, AbilityWatch, Probe
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

BEAT_S = 5
PROBE_S, PROBE_SOON_S = 60, 10


@dataclass
class Node:
    """One node; what is lost when its process ends is in `forget`."""

    id: str
    ahead_us: int  # its monotonic clock - the world's time
    phase: int
    owners: dict[str, str | None]  # its configuration
    members: set[str]
    arriving: list[tuple[int, int, str, str | None]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)  # of what it has: newer wins
    is_alive: bool = False
    is_draining: bool = False
    decider: Decider | None = None
    peers: dict[str, PeerWord] = field(default_factory=dict)
    watches: dict[str, AbilityWatch] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    footage_s: dict[str, int] = field(default_factory=dict)
    word: NodeWord = field(default_factory=NodeWord)
    told: object = None

    def role(self, camera: str) -> Role:
        found = self.verdicts.get(camera)
        return found.role if found else Role.NOT


class World:
    """`step` lets a second pass; all else happens between two of them."""

    def __init__(
        self,
        nodes: int,
        cameras: int,
        *,
        seed: int = 0,
        prompt: bool = True,
        one_session: bool = False,
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same each time
        self.prompt = prompt
        self.one_session = one_session
        self.now_s = self.version = 0
        self.cameras = [f"camera-{number}" for number in range(cameras)]
        names = [f"node-{number}" for number in range(nodes)]
        self.owners: dict[str, str | None] = {
            camera: names[number % nodes] for number, camera in enumerate(self.cameras)
        }
        self.members = set(names)
        self.reach = {(name, camera) for name in names for camera in self.cameras}
        self.mute: set[tuple[str, str]] = set()  # the port answers, and no pictures come
        self.cut: set[tuple[str, str]] = set()  # from, to: what is said does not arrive
        self.sessions: dict[str, str] = {}  # of cameras that take one connection: who has it
        self.changes: dict[tuple[str, str], int] = {}  # of roles, since it was emptied
        self.nodes = {
            name: Node(
                name,
                self.chance.randrange(10**6) * SECOND_US,
                self.chance.randrange(BEAT_S),
                dict(self.owners),
                set(self.members),
            )
            for name in names
        }
        for name in names:
            self.start(name)

    # -- what happens ----------------------------------------------------------------------

    def start(self, name: str) -> None:
        node = self.nodes[name]
        if not node.is_alive:
            node.is_alive = True
            node.decider = Decider(name, self._now_us(node))
            node.is_draining = False
            # The configuration is replicated before it decides anything, if there is somebody.
            node.owners, node.members, node.arriving = dict(self.owners), set(self.members), []

    def kill(self, name: str) -> None:
        node = self.nodes[name]
        node.is_alive = False
        node.peers, node.watches, node.verdicts = {}, {}, {}
        node.probes, node.lacking = {}, {}
        node.footage_s, node.word, node.told = {}, NodeWord(), None
        self.sessions = {camera: who for camera, who in self.sessions.items() if who != name}

    def drain(self, name: str, *, drains: bool = True) -> None:
        self.nodes[name].is_draining = drains

    def move(self, camera: str, owner: str | None) -> None:
        """By configuration; a node that is adopting it hears of it first."""
        self.owners[camera] = owner
        self._tell(camera, owner)

    def remove(self, name: str) -> None:
        self.members.discard(name)
        self._tell("", name)

    def _tell(self, camera: str, value: str | None) -> None:
        self.version += 1
        for node in self.nodes.values():
            at_s = self.now_s + self.chance.randrange(BEAT_S + 1)
            node.arriving.append((at_s, self.version, camera, value))

    def split(self, ones: set[str]) -> None:
        others = set(self.nodes) - ones
        self.cut |= {pair for one in ones for other in others for pair in _ways(one, other)}

    # -- a second --------------------------------------------------------------------------

    def step(self) -> None:
        self.now_s += 1
        living = [node for node in self.nodes.values() if node.is_alive]
        for node in living:
            self._configure(node)
        for node in living:
            self._look(node)
        for node in living:
            self._beat(node)
        for node in living:
            self._decide(node)

    def _configure(self, node: Node) -> None:
        due = [one for one in node.arriving if one[0] <= self.now_s]
        node.arriving = [one for one in node.arriving if one[0] > self.now_s]
        for _, version, camera, value in due:
            if node.id not in node.members:
                continue  # nobody tells it anything any more
            if camera and version > node.versions.get(camera, 0):
                node.versions[camera] = version
                node.owners[camera] = value
            elif not camera and value is not None:
                node.members.discard(value)

    def _look(self, node: Node) -> None:
        """What its cameras do, and so what it has to say."""
        words: dict[str, CameraWord] = {}
        for camera in self.cameras:
            gets = self.records(node.id, camera)
            node.footage_s[camera] = node.footage_s.get(camera, 0) + 1 if gets else 0
            watch = node.watches.setdefault(camera, AbilityWatch())
            role = node.role(camera)
            if role.records:
                has_pictures = (node.id, camera) in self.reach - self.mute
                ability = watch.note(self._now_us(node), is_able=has_pictures, records=True)
            else:
                probe, lacking_us = self._probe(node, camera)
                ability = watch.note_probe(self._now_us(node), probe, lacking_us)
            footage_us = node.footage_s[camera] * SECOND_US
            verdict = node.verdicts.get(camera)
            words[camera] = (
                verdict.word(node.id, footage_us, ability)
                if verdict
                else CameraWord(ability=ability)
            )
        assert node.decider is not None
        listens = node.decider.is_listening(self._now_us(node))
        node.word = NodeWord(words, node.is_draining, is_listening=listens)

    def _look_again(self, node: Node) -> None:
        """What it heard just now counts for what it says of itself."""
        words = dict(node.word.cameras)
        for camera, word in words.items():
            if not node.role(camera).records:
                ability = node.watches[camera].note_probe(
                    self._now_us(node), *self._probe(node, camera)
                )
                words[camera] = replace(word, ability=ability)
        node.word = NodeWord(words, node.is_draining)

    def _probe(self, node: Node, camera: str) -> tuple[Probe | None, int | None]:
        """Of a camera that it does not record, as `federation.reaching` does it."""
        now_us = self._now_us(node)
        said = {
            peer.word.of(camera).ability
            for peer in node.peers.values()
            if peer.word.of(camera).records and now_us - peer.heard_us <= 15 * SECOND_US
        }
        if Ability.UNABLE in said and not said & {Ability.ABLE, Ability.RECOVERING}:
            node.lacking.setdefault(camera, now_us)
        else:
            node.lacking.pop(camera, None)
        lacking_us, last = node.lacking.get(camera), node.probes.get(camera)
        period_s = PROBE_S if lacking_us is None else PROBE_SOON_S
        if last is None or now_us - last.at_us >= period_s * SECOND_US:
            reached = (node.id, camera) in self.reach
            since_us = last.since_us if last and last.is_reached is reached else now_us
            node.probes[camera] = Probe(reached, since_us, now_us)
        return node.probes.get(camera), lacking_us

    def _beat(self, node: Node) -> None:
        gist = {camera: word.gist for camera, word in node.word.cameras.items()}
        is_due = self.now_s % BEAT_S == node.phase
        if not is_due and not (self.prompt and gist != node.told):
            return
        node.told = gist
        for peer in self.nodes.values():
            if peer is node or not peer.is_alive or (node.id, peer.id) in self.cut:
                continue
            if node.id not in peer.members or peer.id not in node.members:
                continue  # refused
            peer.peers[node.id] = PeerWord(self._now_us(peer), node.word)
            if (peer.id, node.id) not in self.cut:
                node.peers[peer.id] = PeerWord(self._now_us(node), peer.word)

    def _decide(self, node: Node) -> None:
        assert node.decider is not None
        self._look_again(node)
        placed = {
            camera: PlacedCamera(camera, owner, one_session=self.one_session)
            for camera, owner in node.owners.items()
        }
        view = View(placed, node.members, node.peers, node.word)
        for camera, verdict in node.decider.decide(view, self._now_us(node)).items():
            if verdict.role is not node.role(camera):
                key = node.id, camera
                self.changes[key] = self.changes.get(key, 0) + 1
            node.verdicts[camera] = verdict
            if verdict.adopts and self.owners[camera] not in self.members:
                self.move(camera, node.id)
            if not verdict.role.records and self.sessions.get(camera) == node.id:
                del self.sessions[camera]
            elif verdict.role.records and (node.id, camera) in self.reach:
                self.sessions.setdefault(camera, node.id)

    def records(self, name: str, camera: str) -> bool:
        """Whether its pictures come to that node."""
        node = self.nodes[name]
        has_session = not self.one_session or self.sessions.get(camera) == name
        gets = (name, camera) in self.reach - self.mute and has_session
        return node.is_alive and node.role(camera).records and gets

    def recorders(self, camera: str) -> set[str]:
        return {name for name in self.nodes if self.records(name, camera)}

    def able(self, camera: str) -> set[str]:
        """Members that could record it; not those that are about to end."""
        return {name for name in self.nodes if self.stays_able(name, camera)}

    def stays_able(self, name: str, camera: str) -> bool:
        node = self.nodes[name]
        stays = node.is_alive and not node.is_draining and name in self.members
        return stays and (name, camera) in self.reach - self.mute

    def groups(self) -> list[set[str]] | None:
        """Living members that hear one another; None where hearing is not mutual, or not passed."""
        living = {name for name, node in self.nodes.items() if node.is_alive} & self.members
        mates = {
            one: {other for other in living if not self.cut & set(_ways(one, other))}
            for one in living
        }
        half_cut = any(
            ((one, other) in self.cut) is not ((other, one) in self.cut)
            for one in living
            for other in living
        )
        if half_cut or any(mates[one] != mates[other] for one in living for other in mates[one]):
            return None
        return [set(group) for group in {frozenset(group) for group in mates.values()}]

    def _now_us(self, node: Node) -> int:
        return node.ahead_us + self.now_s * SECOND_US


def _ways(one: str, other: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (one, other), (other, one)
