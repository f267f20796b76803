"""Exports: a span of cameras as a file (api.md), which a job makes; and whether a file is one."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import JSONBody, QueryParameter
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.web.api.documentation import documented
from falconeye.web.api.job_answers import JobAnswer
from falconeye.web.api.parameters import CameraId, read_span
from falconeye.web.hashed_upload import MAX_BYTES, read_hash, uploads_of
from falconeye.web.own_jobs import MAX_CAMERAS, ask, is_kept, known_file
from falconeye.web.peers.lists import acting_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

Time = Annotated[str, Field(max_length=64)]


class ExportInput(BaseModel):
    """Which time. RFC 3339; without an offset it is read in the site's time zone."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    from_time: Annotated[Time, Field(alias="from")]
    to_time: Annotated[Time, Field(alias="to")]


class CamerasExportInput(ExportInput):
    """The same of several cameras, by their ids."""

    cameras: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=MAX_CAMERAS)
    ]


class CheckedCamera(BaseModel):
    """A camera that is in the file."""

    id: str
    name: str


class CheckAnswer(BaseModel):
    """Whether a file is an export of this node, unchanged; all else is null when it is not."""

    known: bool
    sha256: str
    file_name: str | None = None
    size_bytes: int | None = None
    cameras: list[CheckedCamera] | None = None
    start_time: str | None = None  # of its first picture
    end_time: str | None = None
    made_at: str | None = None
    job_id: str | None = None
    kept: bool | None = None  # still among the exports that you may see
    reencoded_from_sha256: str | None = None  # of a copy in H.264: its original


@post(
    "/api/cameras/{camera_id:str}/export",
    status_code=202,
    tags=["Exports"],
    **documented(
        Action.EXPORT,
        "Make a file of a camera's footage from `from` up to `to`, at most two days: one MP4, or "
        "a zip of several where the camera changed its format. Answers with a job",
        404,
        422,
        503,
        507,
    ),
)
async def export(request: Asking, camera_id: CameraId, data: JSONBody[ExportInput]) -> JobAnswer:
    return await _ask(request, [camera_id], data)


@post(
    "/api/exports",
    status_code=202,
    tags=["Exports"],
    **documented(
        Action.EXPORT,
        f"Make a zip of the footage of several cameras, at most {MAX_CAMERAS}, from `from` up to "
        "`to`, at most two days. Answers with a job",
        404,
        422,
        503,
        507,
    ),
)
async def export_cameras(request: Asking, data: JSONBody[CamerasExportInput]) -> JobAnswer:
    return await _ask(request, data.cameras, data)


@get(
    "/api/exports/check",
    tags=["Exports"],
    **documented(Action.EXPORT, "Whether a file with this SHA-256 is an export of this node", 422),
)
async def check_hash(
    request: Asking,
    sha256: Annotated[str, QueryParameter(max_length=200, description="64 hexadecimal digits")],
) -> CheckAnswer:
    return await _checked(request, read_hash(sha256))


@post(
    "/api/exports/check",
    status_code=200,
    tags=["Exports"],
    request_max_body_size=MAX_BYTES,
    **documented(
        Action.EXPORT,
        "Whether the file that is sent as the body is an export of this node, unchanged. It is "
        "hashed on its way and not kept",
        413,
        503,
    ),
)
async def check_file(request: Asking) -> CheckAnswer:
    return await _checked(request, await uploads_of(request).hash_body(request))


async def _ask(request: Asking, camera_ids: list[str], data: ExportInput) -> JobAnswer:
    zone = shell_of(request).services.stored_settings.zone
    span = read_span(data.from_time, data.to_time, zone)
    acting = acting_of(request)
    return JobAnswer.of(await ask(request, camera_ids, span.from_us, span.to_us, acting), 0.0)


async def _checked(request: Asking, sha256: str) -> CheckAnswer:
    found = await known_file(request, sha256)
    if found is None:
        return CheckAnswer(known=False, sha256=sha256)
    return CheckAnswer(
        known=True,
        sha256=sha256,
        file_name=found.name,
        size_bytes=found.size_bytes,
        cameras=[CheckedCamera(id=number, name=name) for number, name in found.cameras],
        start_time=rfc3339(found.from_us),
        end_time=rfc3339(found.to_us),
        made_at=rfc3339(found.made_us),
        job_id=found.job_id,
        kept=await is_kept(request, found),
        reencoded_from_sha256=found.copy_of or None,
    )
