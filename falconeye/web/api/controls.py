"""The controls of a USB camera, such as brightness and focus."""

from typing import Annotated, Any

from litestar import Controller, Request, get, put
from litestar.params import JSONBody, PathParameter
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.devices.v4l2_controls import Control
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId
from falconeye.web.own_controls import controls_of, set_control
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class MenuAnswer(BaseModel):
    """One choice of a menu."""

    value: int
    name: str


class ControlAnswer(BaseModel):
    """One control as it stands at the device."""

    key: str  # "exposure_time_absolute"
    name: str
    kind: str  # number | switch | menu
    minimum: int
    maximum: int
    step: int
    default: int
    value: int
    active: bool  # false: another control, an automatic, governs it
    menu: list[MenuAnswer]

    @classmethod
    def of(cls, control: Control) -> "ControlAnswer":
        return cls(
            key=control.key,
            name=control.name,
            kind=control.kind,
            minimum=control.minimum,
            maximum=control.maximum,
            step=control.step,
            default=control.default,
            value=control.value,
            active=control.is_active,
            menu=[MenuAnswer(value=value, name=name) for value, name in control.menu],
        )


class ControlInput(BaseModel):
    """What it is to be."""

    model_config = ConfigDict(strict=True, extra="forbid")

    value: Annotated[
        int | None,
        Field(ge=-(2**31), le=2**31 - 1, description="null: its default, and set no more"),
    ]


class ControlController(Controller):
    """`/api/cameras/{id}/controls`."""

    path = "/api/cameras/{camera_id:str}/controls"
    tags = ("Cameras",)

    @get("/", **documented(Action.CONTROL, "What can be set at a USB camera", 404, 503))
    async def list_controls(self, request: Asking, camera_id: CameraId) -> list[ControlAnswer]:
        controls = await controls_of(shell_of(request).services, camera_id)
        return [ControlAnswer.of(control) for control in controls]

    @put(
        "/{key:str}",
        **documented(
            Action.CONTROL,
            "Set a control of a USB camera, now and at each connection. 409 while an automatic of "
            "the camera governs it",
            400,
            404,
            409,
            422,
            503,
        ),
    )
    async def change_control(
        self,
        request: Asking,
        camera_id: CameraId,
        key: Annotated[str, PathParameter(max_length=64)],
        data: JSONBody[ControlInput],
    ) -> ControlAnswer:
        return ControlAnswer.of(await set_control(request, camera_id, key, data.value))
