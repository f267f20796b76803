"""What the templates of cameras that can be moved get."""

from dataclasses import dataclass
from typing import Final

from falconeye.cameras.onvif.ptz_sessions import PtzState

SPEEDS: Final = 10  # steps of the slider; the last is as fast as the camera goes
USUAL_SPEED: Final = 5


@dataclass(frozen=True, slots=True)
class PtzPage:
    """The pad of one camera, and the places that it remembers."""

    camera_id: str
    camera_name: str
    is_online: bool
    state: PtzState | None = None  # None: `trouble` says why it cannot be moved now
    trouble: str = ""  # or why the last wish was not fulfilled
    speed: int = USUAL_SPEED
    note: str = ""  # what was done with the presets
    preset_trouble: str = ""  # or why it was not
    typed_name: str = ""  # of the one that was not saved

    @property
    def has_room(self) -> bool:
        """Whether the camera remembers one more preset."""
        return self.state is not None and len(self.state.presets) < self.state.max_presets
