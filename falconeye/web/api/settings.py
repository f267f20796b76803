"""The settings that an admin changes, and what concerns all cameras at once (api.md)."""

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.config.loading import ENVIRONMENT_PREFIX
from falconeye.config.loading import SETTINGS as OF_THE_NODE
from falconeye.config.reference import BY_NAME as NODE_SETTING
from falconeye.storage.stores.destinations import shown_settings
from falconeye.storage.stores.settings_reference import BY_NAME as SITE_SETTING
from falconeye.storage.stores.settings_reference import SITE_SETTINGS, SiteSetting
from falconeye.storage.stores.settings_store import (
    CleanupInterval,
    ClockFormat,
    StoredSettings,
    WeekStart,
)
from falconeye.web import settings_changes, settings_form
from falconeye.web.agent_nodes import check_settings, settings_chosen
from falconeye.web.all_cameras import delete_all
from falconeye.web.api.documentation import documented
from falconeye.web.peers.restarting import restart_everywhere
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
    clock_format: ClockFormat
    week_start: WeekStart
    audit_keep_days: int | None
    keep_days: int | None
    keep_bytes: int | None
    cors_origins: list[str]
    frame_ancestors: list[str]  # origins of sites that may show pages in a frame
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


class CamerasRestarted(CamerasConcerned):
    """`unreachable_nodes`: the names of nodes that did not answer, and may not have done it."""

    unreachable_nodes: list[str]


class SettingsReset(BaseModel):
    """Which settings go back to their defaults; without names all that the page changes."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    names: Annotated[list[str], Field(max_length=100)] | None = None


class SiteSettingAnswer(BaseModel):
    """What a setting of the site is for."""

    name: str
    group: str
    label: str
    text: str
    allowed: str
    default: Any  # of the type that its setting has: in the document a schema without limits

    @classmethod
    def of(cls, one: SiteSetting, defaults: Mapping[str, JsonValue]) -> "SiteSettingAnswer":
        return cls(
            name=one.name,
            group=one.group.value,
            label=one.label,
            text=one.text,
            allowed=one.allowed,
            default=defaults[one.name],
        )


class NodeSettingAnswer(BaseModel):
    """A setting of this machine: as it is, and where that was said (a flag, a variable, a file)."""

    name: str
    text: str
    allowed: str
    default: str  # in words
    value: str | None
    origin: str


class SettingsReference(BaseModel):
    """Every setting there is; holds no secret."""

    settings: list[SiteSettingAnswer]
    node: list[NodeSettingAnswer]


class SettingsController(Controller):
    """`/api/settings`."""

    path = "/api/settings"
    tags = ("Settings",)

    @get("/", **documented(Action.MANAGE_SETTINGS, "The settings"))
    async def get_settings(self, request: Asking) -> SettingsAnswer:
        return SettingsAnswer.of(shell_of(request).services.stored_settings.current)

    @patch(
        "/",
        **documented(
            Action.MANAGE_SETTINGS, "Change settings, all named or none", 400, 409, 422, 503
        ),
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
        places = await check_settings(request, changes)
        settings = await settings_changes.change(request, changes)
        if places:
            settings_chosen(request)
        return SettingsAnswer.of(settings)

    @get("/reference", **documented(Action.MANAGE_SETTINGS, "What each setting is for"))
    async def get_reference(self, request: Asking) -> SettingsReference:
        services = shell_of(request).services
        defaults = services.stored_settings.defaults.model_dump(mode="json")
        rows = settings_form.node_rows(services.settings, services.origins)
        return SettingsReference(
            settings=[SiteSettingAnswer.of(one, defaults) for one in SITE_SETTINGS],
            node=[
                NodeSettingAnswer(
                    name=row.name,
                    text=row.text,
                    allowed=NODE_SETTING[row.name].allowed,
                    default=NODE_SETTING[row.name].default,
                    value=row.value or None,
                    origin=row.origin or settings_form.DEFAULT,
                )
                for row in rows
            ],
        )

    @post(
        "/reset",
        status_code=200,
        **documented(Action.MANAGE_SETTINGS, "Set settings back to their defaults", 400, 422),
    )
    async def reset_settings(
        self, request: Asking, data: JSONBody[SettingsReset]
    ) -> SettingsAnswer:
        for name in data.names or ():
            if name not in SITE_SETTING or name.startswith("agent_nodes_"):
                msg = f"{name}: this is no setting that can be reset here"
                raise InvalidInput(msg, field="names")
        return SettingsAnswer.of(await settings_changes.reset(request, data.names))

    @post(
        "/restart-all",
        status_code=200,
        **documented(Action.MANAGE_SETTINGS, "Connect anew to every camera that is not stopped"),
    )
    async def restart_all(self, request: Asking) -> CamerasRestarted:
        done = await restart_everywhere(request)
        return CamerasRestarted(
            message="cameras restarted", count=done.count, unreachable_nodes=list(done.silent)
        )

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
        count = await delete_all(request, delete_footage=delete_footage)
        return CamerasConcerned(message="cameras deleted", count=count)
