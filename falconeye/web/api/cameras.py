"""Cameras: list, add, change, delete, start and stop (api.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from falconeye.accounts.model import Action, Principal
from falconeye.cameras.views import Camera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import CameraStatus
from falconeye.web.api.camera_answers import (
    CameraAnswer,
    CameraDeleted,
    CameraList,
    StreamInfo,
    node_name_of,
    stream_url,
)
from falconeye.web.api.camera_input import CameraInput, CameraPatch
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId, Limit, Offset, page
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.services import Services
from falconeye.web.shell import shell_of
from falconeye.web.views import same_addresses, visible_cameras

Asking = Request[Any, Any, Any]


class CameraController(Controller):
    """`/api/cameras`."""

    path = "/api/cameras"
    tags = ("Cameras",)

    @get("/", **documented(Action.VIEW_LIVE, "List the cameras you may see", 422))
    async def list_cameras(
        self,
        request: Asking,
        protocol: FromQuery[Protocol | None] = None,
        status: FromQuery[CameraStatus | None] = None,
        node: Annotated[str | None, QueryParameter(max_length=255)] = None,
        limit: Limit = 1000,
        offset: Offset = 0,
    ) -> CameraList:
        services = shell_of(request).services
        matching = [
            camera
            for camera in visible_cameras(services, principal_of(request))
            if protocol in {None, camera.config.protocol}
            and status in {None, camera.state.status}
            and node in {None, node_name_of(camera, services.node_name)}
        ]
        shown = page(matching, limit, offset)
        same = same_addresses(services, principal_of(request))
        return CameraList(
            cameras=[_answer(services, camera, same) for camera in shown], total=len(matching)
        )

    @post("/", status_code=201, **documented(Action.CHANGE_CAMERA, "Add a camera", 400, 409, 422))
    async def add_camera(self, request: Asking, data: JSONBody[CameraInput]) -> CameraAnswer:
        services = shell_of(request).services
        new = data.to_new_camera(node_name=services.node_name)
        given, defaults = data.model_fields_set, services.stored_settings.current
        # Network cameras choose theirs themselves.
        if new.protocol in (Protocol.DEMO, Protocol.USB) and "framerate" not in given:
            new = replace(new, framerate=defaults.default_framerate)
        if new.protocol is Protocol.USB and not new.resolution:
            new = replace(new, resolution=defaults.default_resolution)
        camera = await services.cameras.add(new)
        await record(request, "camera.added", "camera", camera.config.id, camera.config.name)
        return answer(services, camera, principal_of(request))

    @get("/{camera_id:str}", **documented(Action.VIEW_LIVE, "One camera", 404))
    async def get_camera(self, request: Asking, camera_id: CameraId) -> CameraAnswer:
        services = shell_of(request).services
        camera = services.cameras.get(camera_id).anywhere
        return answer(services, camera, principal_of(request))

    @patch(
        "/{camera_id:str}",
        **documented(Action.CHANGE_CAMERA, "Change a camera", 400, 404, 409, 422),
    )
    async def change_camera(
        self,
        request: Asking,
        camera_id: CameraId,
        data: JSONBody[CameraPatch],
    ) -> CameraAnswer:
        services = shell_of(request).services
        camera = services.cameras.get(camera_id)
        changes = data.to_changes(camera.config)
        if changes:
            camera = await services.cameras.update(camera_id, changes)
            await record(request, "camera.changed", "camera", camera_id, ", ".join(sorted(changes)))
        return answer(services, camera, principal_of(request))

    @delete(
        "/{camera_id:str}",
        status_code=200,
        **documented(
            Action.CHANGE_CAMERA, "Delete a camera; its recordings stay unless told", 400, 404
        ),
    )
    async def delete_camera(
        self,
        request: Asking,
        camera_id: CameraId,
        *,
        delete_footage: Annotated[
            bool, QueryParameter(description="delete its recordings with it")
        ] = False,
    ) -> CameraDeleted:
        services = shell_of(request).services
        camera = services.cameras.get(camera_id)
        await services.cameras.delete(camera_id)
        detail = f"{camera.config.name}, footage {'to be deleted' if delete_footage else 'kept'}"
        await record(request, "camera.deleted", "camera", camera_id, detail)
        if delete_footage:
            who = principal_of(request).name
            await services.cameras.delete_footage(camera_id, who=who)
        return CameraDeleted(message=f"camera {camera.config.name!r} deleted", id=camera_id)

    @post(
        "/{camera_id:str}/start",
        status_code=200,
        **documented(Action.CONTROL, "Start a camera; harmless when it runs", 404),
    )
    async def start_camera(self, request: Asking, camera_id: CameraId) -> CameraAnswer:
        services = shell_of(request).services
        camera = await services.cameras.start(camera_id)
        await record(request, "camera.started", "camera", camera_id, camera.config.name)
        return answer(services, camera, principal_of(request))

    @post(
        "/{camera_id:str}/stop",
        status_code=200,
        **documented(Action.CONTROL, "Stop a camera; harmless when it is stopped", 404),
    )
    async def stop_camera(self, request: Asking, camera_id: CameraId) -> CameraAnswer:
        services = shell_of(request).services
        camera = await services.cameras.stop(camera_id, by=principal_of(request).name)
        await record(request, "camera.stopped", "camera", camera_id, camera.config.name)
        return answer(services, camera, principal_of(request))

    @post(
        "/{camera_id:str}/restart",
        status_code=200,
        **documented(Action.CONTROL, "Connect to a camera anew", 404),
    )
    async def restart_camera(self, request: Asking, camera_id: CameraId) -> CameraAnswer:
        services = shell_of(request).services
        camera = await services.cameras.restart(camera_id)
        await record(request, "camera.restarted", "camera", camera_id, camera.config.name)
        return answer(services, camera, principal_of(request))

    @get("/{camera_id:str}/stream-info", **documented(Action.VIEW_LIVE, "Where to watch it", 404))
    async def stream_info(self, request: Asking, camera_id: CameraId) -> StreamInfo:
        services = shell_of(request).services
        camera = services.cameras.get(camera_id)
        return StreamInfo(
            id=camera_id,
            name=camera.config.name,
            stream_url=stream_url(camera_id),
            protocol=camera.config.protocol.value,
            status=camera.state.status.value,
        )


def answer(services: Services, camera: Camera, who: Principal) -> CameraAnswer:
    """`camera` as the API answers it to `who`."""
    return _answer(services, camera, same_addresses(services, who))


def _answer(
    services: Services, camera: Camera, same: Mapping[str, Sequence[CameraConfig]]
) -> CameraAnswer:
    return CameraAnswer.of(
        camera,
        node_name=services.node_name,
        port=services.settings.port,
        same_address=[one.id for one in same.get(camera.config.id, ())],
    )
