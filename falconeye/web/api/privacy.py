"""Pause a camera for privacy, and switch it on again: no pictures, no footage meanwhile."""

from typing import Annotated, Any

from litestar import Controller, Request, delete, post
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US, rfc3339
from falconeye.web.api.camera_answers import CameraAnswer
from falconeye.web.api.cameras import answer
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId, read_time
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class PauseInput(BaseModel):
    """Until when; RFC 3339, without an offset read in the site's time zone."""

    model_config = ConfigDict(strict=True, extra="forbid")

    until: Annotated[
        str | None, Field(max_length=64, description="null: until somebody switches it on")
    ] = None


class PrivacyController(Controller):
    """`/api/cameras/{id}/privacy`."""

    path = "/api/cameras/{camera_id:str}/privacy"
    tags = ("Cameras",)

    @post(
        "/",
        status_code=200,
        **documented(
            Action.CONTROL,
            "Pause it for privacy: it is disconnected at once, nobody sees it and nothing is "
            "recorded",
            404,
            422,
        ),
    )
    async def pause(
        self, request: Asking, camera_id: CameraId, data: JSONBody[PauseInput]
    ) -> CameraAnswer:
        services = shell_of(request).services
        until_us = read_time(data.until, services.stored_settings.zone, field="until")
        if until_us is not None and until_us > LATEST_US:
            raise InvalidInput("until: leave it out for a pause without an end", field="until")
        by = principal_of(request).name
        camera = await services.cameras.pause(camera_id, by=by, until_us=until_us)
        until = "" if until_us is None else f" until {rfc3339(until_us)}"
        await record(request, "camera.paused", "camera", camera_id, camera.config.name + until)
        return answer(services, camera, principal_of(request))

    @delete(
        "/",
        status_code=200,
        **documented(
            Action.CONTROL,
            "Switch it on again; harmless when it is not paused. Within the hours of its privacy "
            "schedule it stays on until they end",
            404,
        ),
    )
    async def switch_on(self, request: Asking, camera_id: CameraId) -> CameraAnswer:
        services = shell_of(request).services
        camera = await services.cameras.switch_on(camera_id)
        await record(request, "camera.switched_on", "camera", camera_id, camera.config.name)
        return answer(services, camera, principal_of(request))
