"""Which node does what, and which are there: what the web asks before it asks one of them."""

from collections.abc import Sequence

from falconeye.base.clock import Clock
from falconeye.base.errors import NotFound
from falconeye.cameras.registry import CameraRegistry
from falconeye.federation.camera_states import CameraStates
from falconeye.federation.peers import Peers


class Who:
    """Answers at once, of what was heard."""

    def __init__(
        self,
        own_id: str,
        peers: Peers,
        states: CameraStates,
        cameras: CameraRegistry,
        clock: Clock,
    ) -> None:
        self._own_id = own_id
        self._peers = peers
        self._states = states
        self._cameras = cameras
        self._clock = clock

    @property
    def own_id(self) -> str:
        return self._own_id

    def recorder_of(self, camera_id: str) -> str | None:
        """The node that has the camera's streams now, or had them last; None where nobody knows."""
        try:
            camera = self._cameras.get(camera_id)
        except NotFound:
            return None
        if camera.is_here and camera.elsewhere is None:
            return self._own_id
        return self._states.runs_on(camera_id) or camera.config.owner_id

    def peers(self) -> Sequence[str]:
        """The ids of all members but this node, heard or not."""
        return [peer.node_id for peer in self._peers]

    def name_of(self, node_id: str) -> str:
        """What people call the node."""
        peer = self._peers.get(node_id)
        return peer.name if peer else node_id

    def unreachable_since_us(self, node_id: str) -> int | None:
        """UTC, when it was last heard, or this node began to listen; None while it is heard."""
        peer = self._peers.get(node_id)
        now_us = self._clock.monotonic_us()
        if peer is None:
            return self._clock.utc_us()
        if peer.is_heard(now_us):
            return None
        if peer.heard_at_us is not None:
            return peer.heard_at_us
        return self._clock.utc_us() - (now_us - peer.since_us)
