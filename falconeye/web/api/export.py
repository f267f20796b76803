"""Exports: a span of a camera as a file of its own (api.md); the work is a job."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import DAY_US, rfc3339
from falconeye.jobs.exporting import ask_for_export
from falconeye.storage.export_layout import ExportOrder
from falconeye.web.api.documentation import documented
from falconeye.web.api.jobs import JobAnswer
from falconeye.web.api.parameters import CameraId, TimeSpan, read_span
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
# The tables of longer ones take more memory than a small node has, and players long to read them.
MAX_SPAN_US = 2 * DAY_US

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
    services = shell_of(request).services
    camera = services.cameras.get(camera_id)
    span = read_span(data.from_time, data.to_time, services.stored_settings.zone)
    from_us, to_us = _checked(span)
    order = ExportOrder(camera_id, camera.config.name, from_us, to_us)
    job = await ask_for_export(services.jobs, services.exports, order, principal_of(request))
    detail = f"{rfc3339(from_us)} to {rfc3339(to_us)}, job {job.id}"
    await record(request, "export.asked", "camera", camera_id, detail)
    return JobAnswer.of(job, 0.0)


def _checked(span: TimeSpan) -> tuple[int, int]:
    from_us, to_us = span.from_us or 0, span.to_us or 0
    if to_us <= from_us:
        raise InvalidInput("to: must lie after from", field="to")
    if to_us - from_us > MAX_SPAN_US:
        raise InvalidInput("to: more than two days after from: ask for several exports", field="to")
    return from_us, to_us
