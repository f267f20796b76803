"""A camera's week: when it records, and when it is not to be seen."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.config.schedule import DAYS, WeekSchedule
from falconeye.web.audit import record
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.rendering import WEEKDAYS
from falconeye.web.schedule_contexts import SchedulesPage
from falconeye.web.security.access import needs

TEMPLATE: Final = "pages/schedules.html"
_FIELDS: Final = {"record": "schedule", "privacy": "privacy_schedule"}  # form → `CameraConfig`


@get("/cameras/{camera_id:str}/schedules", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def schedules_page(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Both weeks, as they are stored."""
    config = services_of(request).cameras.get(camera_id).config
    values = {name: _texts(getattr(config, field)) for name, field in _FIELDS.items()}
    return show(request, TEMPLATE, _page(request, config, values))


@post(
    "/cameras/{camera_id:str}/schedules", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False
)
async def save_schedules(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Take both; what is wrong is shown again as it was typed."""
    cameras = services_of(request).cameras
    config = cameras.get(camera_id).config
    fields = await texts(request)
    typed = {name: {day: fields.get(f"{name}-{day}", "") for day in DAYS} for name in _FIELDS}
    changes: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, field in _FIELDS.items():
        ranges = {day: _split(text) for day, text in typed[name].items()}
        wrong = _wrong_days(name, ranges)
        errors |= wrong
        if not wrong:
            changes[field] = WeekSchedule.parse(ranges, field=name)
    if errors:
        return show(request, TEMPLATE, _page(request, config, typed, errors), status=422)
    changes = {field: week for field, week in changes.items() if week != getattr(config, field)}
    if changes:
        await cameras.update(camera_id, changes)
        await record(request, "camera.changed", "camera", camera_id, ", ".join(sorted(changes)))
    return go_to(f"/cameras/{camera_id}", done="saved")


def _page(
    request: Asking,
    config: CameraConfig,
    values: Mapping[str, Mapping[str, str]],
    errors: Mapping[str, str] | None = None,
) -> SchedulesPage:
    days = list(zip(DAYS, (_(name) for name in WEEKDAYS), strict=True))
    first = DAYS.index(services_of(request).stored_settings.current.week_start)
    return SchedulesPage(
        camera_id=config.id,
        camera_name=config.name,
        days=(*days[first:], *days[:first]),
        record=values["record"],
        privacy=values["privacy"],
        uses_record=config.record in (RecordMode.CONTINUOUS, RecordMode.EVENT),
        errors=errors or {},
    )


def _wrong_days(name: str, ranges: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What cannot be read, by the name of its field."""
    wrong: dict[str, str] = {}
    for day, parts in ranges.items():
        try:
            _ignored = WeekSchedule.parse({day: parts}, field=name)
        except InvalidInput as error:
            wrong[f"{name}-{day}"] = sentence(error)
    return wrong


def _texts(schedule: WeekSchedule | None) -> dict[str, str]:
    ranges = schedule.ranges() if schedule else {day: [] for day in DAYS}
    return {day: ", ".join(parts) for day, parts in ranges.items()}


def _split(text: str) -> list[str]:
    return [part for part in text.replace(";", ",").split(",") if part.strip()]
