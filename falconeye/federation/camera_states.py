"""Cameras that other nodes run, as those told of them last; changes go to the bus."""

from collections.abc import Mapping
from dataclasses import replace

from falconeye.base.clock import Clock
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.roles import Told
from falconeye.events.bus import CameraStateChanged, EventBus, StreamsChanged
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.federation.beat import CameraTold
from falconeye.federation.peers import Peer, Peers


class CameraStates:
    """Keeps `Roles.told` as the peers tell it; lives on the loop."""

    def __init__(self, peers: Peers, cameras: CameraRegistry, bus: EventBus, clock: Clock) -> None:
        self._peers = peers
        self._cameras = cameras
        self._bus = bus
        self._clock = clock
        self._nodes: dict[str, str] = {}

    def runs_on(self, camera_id: str) -> str | None:
        """The node (id) that runs a camera, or ran it last; None where nobody told."""
        return self._nodes.get(camera_id)

    def follow(self) -> None:
        """Take over what was told since; call it after each beat, and when a peer falls silent."""
        now_us = self._clock.monotonic_us()
        told: dict[str, Told] = {}
        ranks: dict[str, tuple[bool, bool, bool]] = {}
        nodes: dict[str, str] = {}
        for peer in self._peers:
            is_heard = peer.is_heard(now_us)
            for camera_id, one in (peer.beat.cameras if peer.beat else {}).items():
                if not one.runs:
                    continue
                # Of several that tell of it: who is there, who has pictures, who is no standby.
                rank = (is_heard, one.online, not one.as_standby)
                if camera_id not in ranks or rank > ranks[camera_id]:
                    ranks[camera_id], nodes[camera_id] = rank, peer.node_id
                    told[camera_id] = _told(camera_id, one, peer, is_heard=is_heard)
        before, self._cameras.roles.told = self._cameras.roles.told, told
        self._nodes = nodes
        self._publish(before, told)

    def _publish(self, before: Mapping[str, Told], now: Mapping[str, Told]) -> None:
        for camera_id, one in now.items():
            old = before.get(camera_id)
            if old is None or old.state != one.state:
                self._bus.publish(CameraStateChanged(one.state))
            elif old != one:
                self._bus.publish(StreamsChanged(camera_id))


def _told(camera_id: str, one: CameraTold, peer: Peer, *, is_heard: bool) -> Told:
    state = one.state(camera_id)
    if not is_heard and state.status is not CameraStatus.STOPPED:
        return Told(peer.name, _unreachable(state, peer), ())
    return Told(peer.name, state, one.stream_stats(), one.recording_id, one.recording_since_us)


def _unreachable(state: CameraState, peer: Peer) -> CameraState:
    """What nobody can know is not told as if it were so: it may well record."""
    return replace(
        state,
        status=CameraStatus.ERROR,
        online=False,
        recording=False,
        reason_code=ReasonCode.NODE_UNREACHABLE,
        reason=f"the node {peer.name} does not answer",
        since_us=peer.heard_at_us or state.since_us,
    )
