"""The settings that an admin changes, and what concerns all cameras at once (api.md)."""

from contextlib import suppress
from typing import Annotated, Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import BaseModel, ConfigDict, JsonValue

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, InvalidInput, NotFound
from falconeye.base.words import counted
from falconeye.config.loading import ENVIRONMENT_PREFIX
from falconeye.config.loading import SETTINGS as OF_THE_NODE
from falconeye.storage.stores.destinations import shown_settings
from falconeye.storage.stores.settings_store import CleanupInterval, StoredSettings
from falconeye.web.api.documentation import documented
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

_LATER = frozenset({"anthropic_api_key", "chatbot_tools", "chatbot"})


class ChatbotAnswer(BaseModel):
    """The chat comes with a later release; until then nothing is configured."""

    api_key_configured: bool = False
    enabled_tools: list[str] = []
    available_tools: list[str] = []


class SettingsAnswer(BaseModel):
    """All settings (api.md, and this node's own)."""

    default_resolution: str
    default_framerate: int
    default_camera_node: str | None
    default_recorder_node: str | None
    k8s_namespace: str
    cleanup_interval: CleanupInterval
    creating_timeout_minutes: int
    node_ips: dict[str, str]
    site_time_zone: str
    keep_days: int | None
    keep_bytes: int | None
    cors_origins: list[str]
    # Where notices go; `***` stands for what is stored and not shown, and may be sent back.
    notify_urls: list[str]
    webhook_url: str | None
    webhook_secret: str | None
    heartbeat_url: str | None
    notify_cooldown_minutes: int
    notify_allow_local: bool
    chatbot: ChatbotAnswer

    @classmethod
    def of(cls, settings: StoredSettings) -> "SettingsAnswer":
        values = settings.model_dump(mode="json")
        return cls(**{**values, **shown_settings(values)}, chatbot=ChatbotAnswer())


class SettingsPatch(BaseModel):
    """Any of the settings, in the units of the answer; what is absent stays as it is.

    The store checks the values.
    """

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)
    __pydantic_extra__: dict[str, JsonValue]


class CamerasConcerned(BaseModel):
    """What was done to how many cameras."""

    message: str
    count: int


class SettingsController(Controller):
    """`/api/settings`."""

    path = "/api/settings"
    tags = ("Settings",)

    @get("/", **documented(Action.MANAGE_SETTINGS, "The settings"))
    async def get_settings(self, request: Asking) -> SettingsAnswer:
        return SettingsAnswer.of(shell_of(request).services.stored_settings.current)

    @patch(
        "/", **documented(Action.MANAGE_SETTINGS, "Change settings, all named or none", 400, 422)
    )
    async def change_settings(
        self, request: Asking, data: JSONBody[SettingsPatch]
    ) -> SettingsAnswer:
        changes = data.__pydantic_extra__
        for name in sorted(changes):
            if name in _LATER:
                msg = f"{name}: the chat is not in this release"
                raise InvalidInput(msg, field=name)
            if name in OF_THE_NODE:  # import_root opens the disk: whoever runs the node sets it
                variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
                msg = f"{name}: set in the node's configuration file or by {variable}"
                raise InvalidInput(msg, field=name)
        services = shell_of(request).services
        settings = await services.stored_settings.patch(changes)
        if changes:
            await record(request, "settings.changed", "settings", None, ", ".join(sorted(changes)))
        return SettingsAnswer.of(settings)

    @post(
        "/restart-all",
        status_code=200,
        **documented(Action.MANAGE_SETTINGS, "Connect anew to every camera that is not stopped"),
    )
    async def restart_all(self, request: Asking) -> CamerasConcerned:
        cameras = shell_of(request).services.cameras
        count = 0
        for camera_id in [camera.config.id for camera in cameras.list()]:
            with suppress(NotFound):  # deleted while others were restarted
                if cameras.get(camera_id).config.started:
                    await cameras.restart(camera_id)
                    count += 1
        await record(request, "cameras.restarted", "camera", None, counted(count, "camera"))
        return CamerasConcerned(message="cameras restarted", count=count)

    @delete(
        "/cameras/all",
        status_code=200,
        **documented(Action.CHANGE_CAMERA, "Delete every camera; recordings stay unless told"),
    )
    async def delete_all(
        self,
        request: Asking,
        *,
        delete_footage: Annotated[
            bool, QueryParameter(description="delete their recordings with them")
        ] = False,
    ) -> CamerasConcerned:
        cameras = shell_of(request).services.cameras
        doomed = [camera.config for camera in cameras.list()]
        footage = f"footage {'to be deleted' if delete_footage else 'kept'}"
        for config in doomed:  # each by itself: a disk that fails midway leaves none unsaid
            with suppress(NotFound, BadRequest):  # somebody else deletes it just now
                await cameras.delete(config.id)
                await record(
                    request, "camera.deleted", "camera", config.id, f"{config.name}, {footage}"
                )
        for config in doomed if delete_footage else ():
            await cameras.delete_footage(config.id, who=principal_of(request).name)
        return CamerasConcerned(message="cameras deleted", count=len(doomed))
