"""The HTML pages; do not know the API."""

from typing import Final

from litestar import Router
from litestar.types import ControllerRouterHandler

from falconeye.web import partials
from falconeye.web.pages import (
    about,
    audit,
    backups,
    camera,
    camera_form,
    check_file,
    doctor,
    exports,
    footage,
    footage_days,
    jobs,
    notices,
    protections,
    recordings,
    restoring,
    schedules,
    session,
    settings,
    storage,
    wall,
)
from falconeye.web.pages.asking import set_language

__all__ = ["ROUTES", "partials"]

_PAGES: Final = Router(
    path="/",
    before_request=set_language,
    route_handlers=[
        wall.wall,
        camera.camera_page,
        camera.camera_streams,
        camera.camera_action,
        camera.delete_question,
        camera.delete_camera,
        footage.footage_page,
        footage.many_footage_page,
        footage_days.footage_days_page,
        exports.exports_page,
        exports.ask_for_export,
        jobs.jobs_page,
        jobs.jobs_list,
        jobs.job_action,
        jobs.delete_question,
        jobs.delete_export,
        check_file.check_page,
        check_file.check_file,
        camera_form.add_form,
        camera_form.add_camera,
        camera_form.edit_form,
        camera_form.edit_camera,
        camera_form.try_camera,
        schedules.schedules_page,
        schedules.save_schedules,
        recordings.recordings_page,
        recordings.recording_page,
        recordings.delete_question,
        recordings.delete_recording,
        recordings.protect_recording,
        protections.protect_time,
        protections.let_go,
        settings.settings_page,
        settings.save_settings,
        settings.save_theme,
        notices.notices_page,
        notices.destinations_page,
        notices.save_destinations,
        notices.try_destination,
        storage.storage_page,
        storage.add_volume,
        storage.change_role,
        storage.remove_question,
        storage.remove_volume,
        storage.delete_span_question,
        storage.delete_span,
        backups.backups_page,
        backups.download_backup,
        restoring.look_at_backup,
        restoring.look_again,
        restoring.restore_backup,
        restoring.forget_restore,
        audit.audit_page,
        doctor.doctor_page,
        doctor.download_bundle,
        about.about,
    ],
)

ROUTES: Final[list[ControllerRouterHandler]] = [_PAGES, *session.ROUTES]
