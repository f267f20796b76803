"""The disks and what lies on them: looked at, added, given a role, removed; times deleted."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput
from falconeye.base.times import LATEST_US, MINUTE_US, parse_rfc3339
from falconeye.storage.volumes.volume_facts import Role
from falconeye.web import (
    gathered_storage,
    own_protections,
    own_storage,
    storage_views,
    views,
)
from falconeye.web.i18n import gettext as _
from falconeye.web.own_storage import VolumeView
from falconeye.web.pages.asking import Asking, go_to, own_part, sentence, services_of, show, texts
from falconeye.web.peers.footage import delete_everywhere, exports_here, total_elsewhere
from falconeye.web.peers.protections import kept_everywhere
from falconeye.web.recording_contexts import ProtectionRow
from falconeye.web.security.access import may_on, needs, principal_of, require_camera
from falconeye.web.storage_contexts import (
    AddForm,
    DeleteSpanPage,
    LeftProtections,
    RemoveVolumePage,
    SpanForm,
    StoragePage,
)

Text = Annotated[str, QueryParameter(max_length=200)]
_ADD_ROLES: Final = (Role.RECORD, Role.ARCHIVE)


@get("/storage", opt=needs(Action.VIEW_FOOTAGE), include_in_schema=False)
async def storage_page(request: Asking) -> Response[str]:
    """The disks, the cameras, and for admins the forms; of one node, under what all have."""
    return await _show(request)


@post("/storage/volumes", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def add_volume(request: Asking) -> Response[str]:
    """Use a directory of a mounted disk."""
    given = await texts(request)
    form = AddForm(given.get("path", ""), given.get("role", ""))
    try:
        if form.role not in set(_ADD_ROLES):
            raise InvalidInput(_("Choose what the disk is for."), field="role")
        added = await own_storage.add(request, form.path, Role(form.role))
    except FalconEyeError as error:
        field = getattr(error, "field", None) or "path"
        return await _show(request, form=form, errors={field: sentence(error)}, status=error.status)
    cautions = tuple(storage_views.caution_words(one) for one in added.place.cautions)
    if cautions:
        return await _show(request, cautions=cautions)
    return go_to(f"/storage{own_part(request)}", done="disk-added")


@post(
    "/storage/volumes/{volume_id:str}/role",
    opt=needs(Action.MANAGE_SETTINGS),
    include_in_schema=False,
)
async def change_role(request: Asking, volume_id: FromPath[str]) -> Response[str]:
    """What it is for from now on."""
    role = (await texts(request)).get("role", "")
    if role not in {each.value for each in Role if each is not Role.NONE}:
        raise InvalidInput(_("Choose what the disk is for."), field="role")
    await own_storage.change_role(request, volume_id, Role(role))
    return go_to(f"/storage{own_part(request)}", done="saved")


@get(
    "/storage/volumes/{volume_id:str}/remove",
    opt=needs(Action.MANAGE_SETTINGS),
    include_in_schema=False,
)
async def remove_question(request: Asking, volume_id: FromPath[str]) -> Response[str]:
    """What lies on it, and what removing it means."""
    return show(request, "pages/storage_remove.html", await _remove_page(request, volume_id))


@post(
    "/storage/volumes/{volume_id:str}/remove",
    opt=needs(Action.MANAGE_SETTINGS),
    include_in_schema=False,
)
async def remove_volume(request: Asking, volume_id: FromPath[str]) -> Response[str]:
    """Use it no more, or forget what lay on it."""
    forget = (await texts(request)).get("forget", "") == "yes"
    await own_storage.remove(request, volume_id, forget=forget)
    return go_to(f"/storage{own_part(request)}", done="disk-removed")


@get("/storage/delete", opt=needs(Action.DELETE_FOOTAGE), include_in_schema=False)
async def delete_span_question(
    request: Asking,
    camera: Text = "",
    from_: Annotated[str, QueryParameter(name="from", max_length=64)] = "",
    to: Text = "",
    reason: Text = "",
) -> Response[str]:
    """What of a time there is, before it goes."""
    zone = services_of(request).stored_settings.zone
    span = SpanForm(camera, _moment(from_, zone), _moment(to, zone), reason)
    if not (camera or from_ or to or reason):  # an address without a form behind it
        return go_to("/storage")
    if not camera:
        error = _("Choose a camera.")
        return await _show(request, span=span, errors={"camera": error}, status=422)
    require_camera(principal_of(request), Action.DELETE_FOOTAGE, camera)
    try:
        from_us, to_us = await own_storage.checked_span(
            request, camera, span.from_us, span.to_us, reason
        )
    except InvalidInput as error:
        return await _show(request, span=span, errors=_field_errors(error), status=422)
    services = services_of(request)
    found = await services.recordings.total_of(camera, from_us, to_us)
    elsewhere = await total_elsewhere(request, camera, from_us, to_us)
    exports, unseen = await exports_here(request, camera, from_us, to_us)
    kept = found.protected + elsewhere.protected
    page = DeleteSpanPage(
        camera_id=camera,
        camera_name=services.cameras.get(camera).config.name,
        from_us=from_us,
        to_us=to_us,
        reason=reason,
        files=found.files + elsewhere.files,
        size_bytes=found.size_bytes + elsewhere.size_bytes,
        kept=kept,
        silent_nodes=elsewhere.silent,
        protections=await _protections(request, camera, from_us, to_us) if kept else (),
        exports=(*exports, *elsewhere.exports),
        other_exports=unseen + elsewhere.unseen_exports,
    )
    return show(request, "pages/storage_delete.html", page)


@post("/storage/delete", opt=needs(Action.DELETE_FOOTAGE), include_in_schema=False)
async def delete_span(request: Asking) -> Response[str]:
    """Delete it: what is there of the time, but for what is protected."""
    given = await texts(request)
    zone = services_of(request).stored_settings.zone
    camera = given.get("camera", "")
    span = SpanForm(
        camera,
        _moment(given.get("from", ""), zone),
        _moment(given.get("to", ""), zone),
        given.get("reason", ""),
    )
    require_camera(principal_of(request), Action.DELETE_FOOTAGE, camera)
    try:
        _done, others = await delete_everywhere(
            request, camera, span.from_us, span.to_us, span.reason
        )
    except InvalidInput as error:
        return await _show(request, span=span, errors=_field_errors(error), status=422)
    except Conflict as error:
        return await _show(request, span=span, errors={"to": sentence(error)}, status=409)
    failed = [f"{one.node_name}: {one.problem}" for one in others if one.problem]
    if failed:
        words = _("Deleted, but not on every node. {nodes}").format(nodes="; ".join(failed))
        return await _show(request, span=span, errors={"to": words}, status=409)
    return go_to("/storage", done="footage-deleted")


async def _show(
    request: Asking,
    *,
    form: AddForm | None = None,
    span: SpanForm | None = None,
    errors: Mapping[str, str] | None = None,
    cautions: Sequence[str] = (),
    status: int = 200,
) -> Response[str]:
    services, who = services_of(request), principal_of(request)
    found = await own_storage.overview(request)
    every = await gathered_storage.gather(request, found)
    uses = [one.use for one in found.cameras]
    may_set = may_on(who, Action.MANAGE_SETTINGS)
    mounts = await services.storage.mounts.found() if may_set else []
    cameras = views.visible_cameras(services, who)
    page = StoragePage(
        volumes=tuple(
            storage_views.volume_panel(one, uses, found.fillings.get(one.known.row.number))
            for one in found.volumes
        ),
        cameras=storage_views.camera_rows(found),
        days=storage_views.all_days(found),
        bytes_per_day=found.bytes_per_day,
        lasts=storage_views.room_words(found.days_left),
        mounts=tuple(storage_views.mount_row(one) for one in mounts),
        form=form or AddForm(),
        span=span or SpanForm(),
        choices=tuple((each.config.id, each.config.name) for each in cameras),
        errors=errors or {},
        cautions=cautions,
        left=await _left(request),
        nodes=storage_views.node_rows(every.nodes) if every.has_others else (),
        silent_nodes=every.silent,
        node_name=services.node_name if own_part(request) else "",
    )
    return show(request, "pages/storage.html", page, status=status)


async def _left(request: Asking) -> tuple[LeftProtections, ...]:
    """The protected times of deleted cameras whose footage the asking one may see."""
    who, found = principal_of(request), services_of(request).storage.protections
    of_cameras: dict[str, tuple[str, list[ProtectionRow]]] = {}
    for name, one in await found.of_deleted_cameras():
        if may_on(who, Action.VIEW_FOOTAGE, one.camera_id):
            row = views.protection_row(own_protections.kept_time(one))
            of_cameras.setdefault(one.camera_id, (name or one.camera_id, []))[1].append(row)
    return tuple(
        LeftProtections(key, name, tuple(rows)) for key, (name, rows) in of_cameras.items()
    )


async def _protections(
    request: Asking, camera_id: str, from_us: int, to_us: int
) -> tuple[ProtectionRow, ...]:
    """What is protected of a time, and beside it as far as files may reach."""
    span = max(0, from_us - MINUTE_US), to_us + MINUTE_US
    found, _silent = await kept_everywhere(request, camera_id, *span)  # those are named already
    return tuple(views.protection_row(one) for one in found)


async def _remove_page(request: Asking, volume_id: str) -> RemoveVolumePage:
    services = services_of(request)
    known = await services.storage.changes.find(volume_id)
    found = await own_storage.volumes(request)
    view: VolumeView = next(one for one in found if one.known.row.volume_id == known.row.volume_id)
    held = view.known.held
    return RemoveVolumePage(
        volume=storage_views.volume_panel(view, ()),
        is_empty=held.is_empty,
        files=held.segments,
        exports=held.exports,
        waiting=held.waiting,
    )


def _field_errors(error: InvalidInput) -> dict[str, str]:
    field = error.field or "from"
    words: Any = {
        "from": _("Which time is to be deleted?"),
        "to": _("This lies before the beginning."),
        "reason": _("Say why, in one line."),
    }
    return {field: words.get(field) or sentence(error)}


def _moment(text: str, zone: tzinfo) -> int | None:
    """What cannot be read is as if it were not given: the form says what is missing."""
    try:
        return min(max(parse_rfc3339(text, zone), 0), LATEST_US) if text else None
    except (ValueError, OverflowError):
        return None
