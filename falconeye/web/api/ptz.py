"""Moving cameras by ONVIF: pan, tilt, zoom, and places that they remember."""

from typing import Annotated, Any, Self

from litestar import Controller, Request, delete, get, post
from litestar.params import JSONBody, PathParameter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from falconeye.accounts.model import Action
from falconeye.cameras.onvif.ptz_sessions import PtzSessions
from falconeye.web import own_ptz
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId
from falconeye.web.live_audit import note_moved
from falconeye.web.shell import shell_of

MAX_MOVE_S = 10.0  # of one call; whoever goes on moving says so again
Asking = Request[Any, Any, Any]
Speed = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Token = Annotated[str, Field(min_length=1, max_length=64)]


class PtzInput(BaseModel):
    """One of: speeds, `stop`, `preset`, `home`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    pan: Speed | None = None  # to the right
    tilt: Speed | None = None  # up
    zoom: Speed | None = None  # in
    timeout_s: Annotated[float, Field(gt=0, le=MAX_MOVE_S, allow_inf_nan=False)] = 1.0
    stop: bool = False
    preset: Token | None = None
    home: bool = False

    @property
    def moves(self) -> bool:
        """Speeds are given."""
        return (self.pan, self.tilt, self.zoom) != (None, None, None)

    @model_validator(mode="after")
    def one_wish(self) -> Self:
        wishes = (self.moves, self.stop, self.preset is not None, self.home)
        if sum(wishes) != 1:
            msg = "give one of: speeds (pan, tilt, zoom), stop, preset, home"
            raise ValueError(msg)
        return self


class PresetInput(BaseModel):
    """Where the camera looks now gets a name; `token`: in place of that preset."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
    token: Token | None = None


class Preset(BaseModel):
    """A place that the camera remembers."""

    token: str
    name: str


class PtzAnswer(BaseModel):
    """What the camera can do."""

    pan_tilt: bool
    zoom: bool
    home: bool
    max_presets: int
    presets: list[Preset]


class PtzController(Controller):
    """`/api/cameras/{id}/ptz`."""

    path = "/api/cameras/{camera_id:str}/ptz"
    tags = ("PTZ",)

    @get(
        "/",
        **documented(Action.CONTROL, "What of the camera can be moved; its presets", 404, 409, 503),
    )
    async def abilities(self, request: Asking, camera_id: CameraId) -> PtzAnswer:
        state = await _ptz(request).look(camera_id)
        return PtzAnswer(
            pan_tilt=state.pan_tilt,
            zoom=state.zoom,
            home=state.home,
            max_presets=state.max_presets,
            presets=[Preset(token=each.token, name=each.name) for each in state.presets],
        )

    @post(
        "/",
        status_code=204,
        **documented(
            Action.CONTROL,
            "Move the camera for `timeout_s` (then it is stopped, unless moved again), stop it, or "
            "send it to a preset or home",
            400,
            404,
            409,
            422,
            503,
        ),
    )
    async def move(self, request: Asking, camera_id: CameraId, data: JSONBody[PtzInput]) -> None:
        ptz = _ptz(request)
        if data.stop:
            await ptz.halt(camera_id)
        elif data.preset is not None:
            await ptz.go_to(camera_id, data.preset)
        elif data.home:
            await ptz.go_home(camera_id)
        else:
            speeds = (data.pan or 0.0, data.tilt or 0.0, data.zoom or 0.0)
            await ptz.move(camera_id, *speeds, timeout_s=data.timeout_s)
        await note_moved(request, camera_id)

    @post(
        "/presets",
        status_code=201,
        **documented(
            Action.CONTROL, "Let the camera remember where it looks now", 400, 404, 409, 422, 503
        ),
    )
    async def set_preset(
        self, request: Asking, camera_id: CameraId, data: JSONBody[PresetInput]
    ) -> Preset:
        token = await own_ptz.set_preset(request, camera_id, data.name, data.token)
        return Preset(token=token, name=data.name)

    @delete(
        "/presets/{token:str}",
        status_code=204,
        **documented(Action.CONTROL, "Let the camera forget a preset", 400, 404, 409, 422, 503),
    )
    async def remove_preset(
        self,
        request: Asking,
        camera_id: CameraId,
        token: Annotated[str, PathParameter(max_length=64)],
    ) -> None:
        await own_ptz.remove_preset(request, camera_id, token)


def _ptz(request: Asking) -> PtzSessions:
    return shell_of(request).services.onvif.ptz
