"""Pan, tilt and zoom of one lens (ONVIF PTZ service, ver20)."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from falconeye.base.errors import InvalidInput
from falconeye.onvif.definitions import Service
from falconeye.onvif.errors import OnvifFault, OnvifNotSupported, OnvifUnreadable, own_words
from falconeye.onvif.profiles import OnvifProfile
from falconeye.onvif.services import Services

MAX_MOVE_S: Final = 60.0
_MAX_PRESETS: Final = 512
_MAX_TOKEN: Final = 64  # characters of a tt:ReferenceToken


@dataclass(frozen=True, slots=True)
class OnvifPtzAbilities:
    """What the camera says it can; where it says nothing, it is thought able."""

    pan_tilt: bool
    zoom: bool
    presets: int  # how many it keeps; 0: none
    home: bool


@dataclass(frozen=True, slots=True)
class OnvifPreset:
    """A place that the camera remembers."""

    token: str
    name: str


@dataclass(frozen=True, slots=True)
class OnvifPtzStatus:
    """Where it looks (-1..1, zoom 0..1; None: not told) and whether it moves (None: not told)."""

    pan: float | None
    tilt: float | None
    zoom: float | None
    moving: bool | None


class OnvifPtz:
    """Moves one lens by the profile that has its PTZ configuration."""

    def __init__(
        self, services: Services, profile: OnvifProfile, abilities: OnvifPtzAbilities
    ) -> None:
        self._services = services
        self.profile = profile
        self.abilities = abilities

    async def move(self, pan: float, tilt: float, zoom: float, *, timeout_s: float) -> None:
        """Move on at these speeds (-1..1; right, up and in are positive) for `timeout_s`.

        Some cameras do not heed the timeout: whoever moves calls `stop` as well.
        """
        if not all(math.isfinite(v) and -1 <= v <= 1 for v in (pan, tilt, zoom)):
            raise InvalidInput("speeds are from -1 to 1")
        if not 0 < timeout_s <= MAX_MOVE_S:
            raise InvalidInput(f"a move takes at most {MAX_MOVE_S:g} s")
        velocity: dict[str, object] = {}
        turns = pan != 0 or tilt != 0
        if self.abilities.pan_tilt and (turns or not zoom):
            velocity["PanTilt"] = {"x": pan, "y": tilt}
        if self.abilities.zoom and (zoom or not (velocity or turns)):
            velocity["Zoom"] = {"x": zoom}
        if not velocity:
            raise OnvifNotSupported("the camera cannot move that way")
        timeout = dt.timedelta(seconds=timeout_s)
        await self._call("ContinuousMove", {"Velocity": velocity, "Timeout": timeout})

    async def stop(self) -> None:
        """End pan, tilt and zoom."""
        await self._call("Stop", {"PanTilt": True, "Zoom": True})

    async def presets(self) -> list[OnvifPreset]:
        """The places that the camera remembers, in its order."""
        answer = await self._call("GetPresets")
        return [
            OnvifPreset(str(entry.token), own_words(entry.Name) or str(entry.token))
            for entry in (answer if isinstance(answer, list) else [])[:_MAX_PRESETS]
            if _is_token(getattr(entry, "token", None))
        ]

    async def go_to_preset(self, token: str) -> None:
        await self._call("GotoPreset", {"PresetToken": token})

    async def set_preset(self, name: str, token: str | None = None) -> str:
        """Remember where it looks now, as a new preset or in place of `token`; its token."""
        parameters = {"PresetName": name} | ({} if token is None else {"PresetToken": token})
        answer = await self._call("SetPreset", parameters)
        if not _is_token(answer):
            raise OnvifUnreadable("the camera does not say which preset it made")
        return str(answer)

    async def remove_preset(self, token: str) -> None:
        await self._call("RemovePreset", {"PresetToken": token})

    async def go_home(self) -> None:
        await self._call("GotoHomePosition")

    async def set_home(self) -> None:
        """Where it looks now is home from now on; some cameras have theirs fixed (OnvifFault)."""
        await self._call("SetHomePosition")

    async def status(self) -> OnvifPtzStatus:
        answer = await self._call("GetStatus")
        position = getattr(answer, "Position", None)
        pan_tilt = getattr(position, "PanTilt", None)
        return OnvifPtzStatus(
            pan=_number(getattr(pan_tilt, "x", None)),
            tilt=_number(getattr(pan_tilt, "y", None)),
            zoom=_number(getattr(getattr(position, "Zoom", None), "x", None)),
            moving=_moving(getattr(answer, "MoveStatus", None)),
        )

    async def _call(self, operation: str, parameters: Mapping[str, object] | None = None) -> Any:
        for value in (parameters or {}).values():
            if isinstance(value, str) and not value.isprintable():
                raise InvalidInput("names and presets hold no control characters")
        named = {"ProfileToken": self.profile.token} | dict(parameters or {})
        return await self._services.call(Service.PTZ, operation, named)


async def read_abilities(services: Services, profile: OnvifProfile) -> OnvifPtzAbilities:
    """What the camera says of the node that `profile` moves (GetNode)."""
    node = None
    try:
        if profile.ptz_node:
            parameters = {"NodeToken": profile.ptz_node}
            node = await services.call(Service.PTZ, "GetNode", parameters)
    except (OnvifFault, OnvifNotSupported, OnvifUnreadable):
        node = None  # many have the service and do not describe it
    spaces = getattr(node, "SupportedPTZSpaces", None)
    if node is None or spaces is None:
        return OnvifPtzAbilities(pan_tilt=True, zoom=True, presets=_MAX_PRESETS, home=True)
    presets = getattr(node, "MaximumNumberOfPresets", None)
    return OnvifPtzAbilities(
        pan_tilt=bool(getattr(spaces, "ContinuousPanTiltVelocitySpace", None)),
        zoom=bool(getattr(spaces, "ContinuousZoomVelocitySpace", None)),
        presets=min(max(presets, 0), _MAX_PRESETS) if isinstance(presets, int) else 0,
        home=bool(getattr(node, "HomeSupported", None)),
    )


def _is_token(told: Any) -> bool:
    return isinstance(told, str) and 0 < len(told) <= _MAX_TOKEN and told.isprintable()


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _moving(status: Any) -> bool | None:
    told = {str(getattr(status, name, None)).upper() for name in ("PanTilt", "Zoom")}
    if "MOVING" in told:
        return True
    return False if "IDLE" in told else None
