"""Recordings: the list by camera and day, one to play, and the question before it is deleted."""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import Unavailable
from falconeye.base.times import LATEST_US, parse_rfc3339
from falconeye.storage.segments.recording_rows import Query, Recording, RecordingStatus
from falconeye.web import i18n, own_protections, views
from falconeye.web.audit import record
from falconeye.web.htmx import is_htmx
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show
from falconeye.web.peers.recordings import gather
from falconeye.web.recording_contexts import (
    DeleteRecordingPage,
    GapRow,
    ProtectionRow,
    RecordingFilter,
    RecordingGroup,
    RecordingPage,
    RecordingRow,
    RecordingsPage,
)
from falconeye.web.security.access import needs, principal_of, require_camera
from falconeye.web.services import Services

PAGE_SIZE: Final = 50
STATUSES: Final = frozenset(RecordingStatus)
Text = Annotated[str, QueryParameter(max_length=64)]


@get("/recordings", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def recordings_page(
    request: Asking,
    camera: Text = "",
    status: Text = "",
    from_: Annotated[str, QueryParameter(name="from", max_length=64)] = "",
    to: Text = "",
    offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0,
) -> Response[str]:
    """The list, newest first, filtered and paged."""
    services, who = services_of(request), principal_of(request)
    zone = services.stored_settings.zone
    wanted = _filter(camera, status, from_, to, zone)
    found = await gather(
        request,
        Query(
            camera_id=wanted.camera_id or None,
            status=RecordingStatus(wanted.status) if wanted.status else None,
            from_us=wanted.from_us,
            to_us=wanted.to_us,
            cameras=who.cameras,
            limit=PAGE_SIZE,
            offset=offset,
        ),
    )
    rows, total = found.rows, found.total
    now_us = services.clock.utc_us()
    query = {"camera": camera, "status": wanted.status, "from": from_, "to": to}
    context = RecordingsPage(
        groups=group((views.recording_row(row, now_us) for row in rows), zone),
        total=total,
        filter=wanted,
        cameras=tuple(
            (each.config.id, each.config.name) for each in views.visible_cameras(services, who)
        ),
        first=offset + 1 if rows else 0,
        last=offset + len(rows),
        newer_query=_query(query, max(0, offset - PAGE_SIZE)) if offset else None,
        older_query=_query(query, offset + PAGE_SIZE) if offset + len(rows) < total else None,
        silent_nodes=found.silent,
    )
    return show(request, "pages/recordings.html", context, status=422 if wanted.errors else 200)


def group(rows: Iterable[RecordingRow], zone: tzinfo) -> tuple[RecordingGroup, ...]:
    """Rows by day of the zone and camera, in the order in which each group begins."""
    groups: dict[tuple[object, str], list[RecordingRow]] = {}
    for row in rows:
        day = i18n.local(row.start_us, zone).date()
        groups.setdefault((day, row.camera_id), []).append(row)
    return tuple(
        RecordingGroup(members[0].start_us, camera_id, members[0].camera_name, tuple(members))
        for (_day, camera_id), members in groups.items()
    )


@get("/recordings/{recording_id:str}", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def recording_page(request: Asking, recording_id: FromPath[str]) -> Response[str]:
    """One recording with its player."""
    services = services_of(request)
    recording = await _visible(request, recording_id)
    gaps = await services.timelines.gaps_of(recording)
    older, newer = await _neighbours(request, recording)
    mime_type, problem = "", ""
    try:
        mime_type = (await services.recordings.download(recording_id)).mime_type
    except Unavailable as error:
        problem = sentence(error)
    context = RecordingPage(
        row=views.recording_row(recording, services.clock.utc_us()),
        mime_type=mime_type,
        problem=problem,
        gaps=tuple(GapRow(gap.from_us, gap.to_us, views.gap_words(gap)) for gap in gaps),
        file_name=recording.file_name,
        node_name=recording.node_name or services.node_name,
        newer_id=newer,
        older_id=older,
        protections=await _protections(services, recording),
    )
    return show(request, "pages/recording.html", context)


@post(
    "/recordings/{recording_id:str}/protection",
    opt=needs(Action.CONTROL),
    include_in_schema=False,
)
async def protect_recording(request: Asking, recording_id: FromPath[str]) -> Response[str]:
    """No rule deletes it from now on, nor can a person; or they may again."""
    await _visible(request, recording_id, Action.CONTROL)
    protected = (await request.form()).get("protected") == "1"
    await services_of(request).recordings.update(recording_id, {"protected": protected})
    await record(request, "recording.changed", "recording", recording_id, f"protected: {protected}")
    done = "recording-protected" if protected else "recording-unprotected"
    return go_to(f"/recordings/{recording_id}", done=done)


@get(
    "/recordings/{recording_id:str}/delete",
    opt=needs(Action.DELETE_FOOTAGE),
    include_in_schema=False,
)
async def delete_question(request: Asking, recording_id: FromPath[str]) -> Response[str]:
    """The question, as a page or as the inside of a dialog."""
    recording = await _visible(request, recording_id, Action.DELETE_FOOTAGE)
    services = services_of(request)
    row = views.recording_row(recording, services.clock.utc_us())
    question = DeleteRecordingPage(row, await _protections(services, recording))
    if is_htmx(request):
        return part(request, "partials/delete_recording.html", question=question)
    return show(request, "pages/recording_delete.html", question)


@post(
    "/recordings/{recording_id:str}/delete",
    opt=needs(Action.DELETE_FOOTAGE),
    include_in_schema=False,
)
async def delete_recording(request: Asking, recording_id: FromPath[str]) -> Response[str]:
    """Delete it with its footage."""
    recording = await _visible(request, recording_id, Action.DELETE_FOOTAGE)
    who = principal_of(request).name
    await services_of(request).recordings.delete(recording_id, who=who)
    detail = f"{recording.camera_name}, {recording.file_name}"
    await record(request, "recording.deleted", "recording", recording_id, detail)
    return go_to("/recordings", done="recording-deleted")


async def _visible(
    request: Asking, recording_id: str, action: Action = Action.VIEW_FOOTAGE
) -> Recording:
    """The recording; NotAllowed when it is of a camera that the viewer may not see."""
    recording = await services_of(request).recordings.get(recording_id)
    require_camera(principal_of(request), action, recording.camera_id)
    return recording


async def _protections(services: Services, recording: Recording) -> tuple[ProtectionRow, ...]:
    """The protected times that it has some of; none of an imported one, which is no footage."""
    if recording.external_path is not None:
        return ()
    found = await services.storage.protections.of_camera(
        recording.camera_id, recording.start_us, recording.end_us
    )
    return tuple(views.protection_row(own_protections.kept_time(one)) for one in found)


async def _neighbours(request: Asking, recording: Recording) -> tuple[str | None, str | None]:
    """The ids of the camera's recordings right before and after."""
    camera_id, start = recording.camera_id, recording.start_us
    recordings = services_of(request).recordings
    before, _total = await recordings.list(camera_id=camera_id, to_us=start, limit=1)
    _none, begun = await recordings.list(camera_id=camera_id, to_us=start + 1, limit=0)
    later = await recordings.count(camera_id) - begun
    after: Sequence[Recording] = ()
    if later > 0:
        after, _total = await recordings.list(camera_id=camera_id, limit=1, offset=later - 1)
    return before[0].id if before else None, after[0].id if after else None


def _filter(camera: str, status: str, from_: str, to: str, zone: tzinfo) -> RecordingFilter:
    errors: dict[str, str] = {}

    def read(name: str, text: str) -> int | None:
        try:
            # Bounded: it is shown again, in a zone, and dates end.
            return min(max(parse_rfc3339(text, zone), 0), LATEST_US) if text else None
        except (ValueError, OverflowError):
            errors[name] = _("This is no date and time.")
            return None

    from_us, to_us = read("from", from_), read("to", to)
    if from_us is not None and to_us is not None and to_us <= from_us:
        errors["to"] = _("This lies before the beginning.")
    return RecordingFilter(
        camera_id=camera,
        status=status if status in STATUSES else "",
        from_us=from_us,
        to_us=to_us,
        errors=errors,
    )


def _query(query: dict[str, str], offset: int) -> str:
    values = {name: value for name, value in query.items() if value}
    return urlencode({**values, "offset": str(offset)} if offset else values) or "offset=0"
