"""Which cameras this node runs, and what other nodes tell of those that they run."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from falconeye.cameras.views import Camera, StreamStats
from falconeye.config.camera import CameraConfig
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode


@dataclass(frozen=True, slots=True)
class Told:
    """What the node that runs a camera told of it last."""

    node_name: str
    state: CameraState
    streams: tuple[StreamStats, ...] = ()
    recording_id: str | None = None
    recording_since_us: int | None = None


def _everything(_config: CameraConfig) -> bool:
    return True


def _nobody(_config: CameraConfig, _reached_by: Collection[str] | None) -> None:
    """A node without peers needs no owners."""


class Roles:
    """Lives on the loop. A node without peers runs every camera.

    Who decides sets `here` and `told`, then calls `CameraRegistry.follow_roles`.
    """

    def __init__(self) -> None:
        self.here: Callable[[CameraConfig], bool] = _everything
        # In a cluster each new camera has an owner from the start, of the nodes that reach it.
        self.owner_of_new: Callable[[CameraConfig, Collection[str] | None], str | None] = _nobody
        self.told: Mapping[str, Told] = {}
        self.own_id = ""  # of this node, once it has peers
        self.names: Callable[[], Mapping[str, str]] = dict  # of all members, by id

    def id_ending(self, config: CameraConfig) -> str:
        """What ids of recordings that this node makes of another's camera end with (api.md)."""
        is_own = not self.own_id or config.owner_id in {None, self.own_id}
        return "" if is_own else f"-{self.own_id.replace('-', '')}"

    def shown(self, camera: Camera) -> Camera:
        """A camera that runs elsewhere as its node tells of it; others as they are.

        One that is to run here, and whose pictures another node has and this one has not, is told
        of as it is here, and with what that one tells (`Camera.elsewhere`).
        """
        owner_id, names = camera.config.owner_id, self.names()
        told = self.told.get(camera.config.id)
        owner_name = names.get(owner_id) if owner_id else None
        if owner_name is not None:
            camera = replace(camera, owner_name=owner_name)
        if self.here(camera.config):
            is_own = owner_name is None or owner_id == self.own_id
            camera = camera if is_own else replace(camera, stands_in=names.get(self.own_id))
            has_it = told is not None and told.state.online and not camera.state.online
            if told is None or not has_it:
                return camera
            return replace(camera, elsewhere=_as_told(camera, told, owner_name))
        if told is None:
            state = _not_heard(camera.state) if camera.config.started else camera.state
            return replace(camera, state=state, streams=(), is_here=False)
        return _as_told(camera, told, owner_name)


def _as_told(camera: Camera, told: Told, owner_name: str | None) -> Camera:
    return replace(
        camera,
        state=told.state,
        streams=told.streams,
        recording_id=told.recording_id,
        recording_since_us=told.recording_since_us,
        is_here=False,
        runs_on=told.node_name,
        stands_in=_standby(told, owner_name),
    )


def _standby(told: Told, owner_name: str | None) -> str | None:
    is_away = told.state.reason_code is ReasonCode.NODE_UNREACHABLE
    return None if is_away or owner_name in {None, told.node_name} else told.node_name


def _not_heard(state: CameraState) -> CameraState:
    return replace(
        state,
        status=CameraStatus.PENDING,
        online=False,
        reason_code=ReasonCode.NODE_UNREACHABLE,
        reason="the node that is to run it has not told of it yet",
    )
