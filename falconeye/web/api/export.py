"""Exports: a span of a camera as a file of its own (api.md); the work is a job."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.web.api.documentation import documented
from falconeye.web.api.jobs import JobAnswer
from falconeye.web.api.parameters import CameraId, read_span
from falconeye.web.own_jobs import ask
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

Time = Annotated[str, Field(max_length=64)]


class ExportInput(BaseModel):
    """Which time. RFC 3339; without an offset it is read in the site's time zone."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    from_time: Annotated[Time, Field(alias="from")]
    to_time: Annotated[Time, Field(alias="to")]


@post(
    "/api/cameras/{camera_id:str}/export",
    status_code=202,
    tags=["Exports"],
    **documented(
        Action.CONTROL,
        "Make a file of a camera's footage from `from` up to `to`, at most two days: one MP4, or "
        "a zip of several where the camera changed its format. Answers with a job",
        404,
        422,
        503,
        507,
    ),
)
async def export(request: Asking, camera_id: CameraId, data: JSONBody[ExportInput]) -> JobAnswer:
    zone = shell_of(request).services.stored_settings.zone
    span = read_span(data.from_time, data.to_time, zone)
    return JobAnswer.of(await ask(request, camera_id, span.from_us, span.to_us), 0.0)
