"""Displays: screens on walls with an access of their own, to live pictures of some cameras."""

from typing import Annotated, Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.displays import MAX_CAMERAS, Display, Shown
from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import rfc3339
from falconeye.web import display_changes
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import read_time
from falconeye.web.confirming import require_confirmed
from falconeye.web.display_changes import displays_of
from falconeye.web.frame import frame_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
DisplayId = FromPath[str]

_CONFIRMED = "In a session the password is shown before, by `POST /api/account/confirm`"
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Cameras = Annotated[
    list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=MAX_CAMERAS)
]
_Wall = Annotated[str, Field(max_length=64)]
_Time = Annotated[str, Field(max_length=64)]
_Code = Annotated[str, Field(max_length=32)]


class _Input(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class DisplayInput(_Input):
    """A display: a saved wall, or these cameras (null: all); `code`: what its screen shows."""

    name: _Name
    wall_id: _Wall | None = None
    cameras: _Cameras | None = None
    expires_at: _Time | None = None
    code: _Code | None = None


class DisplayPatch(_Input):
    """What is absent stays; a wall takes the place of cameras, and cameras that of a wall."""

    name: _Name | None = None
    wall_id: _Wall | None = None
    cameras: _Cameras | None = None
    expires_at: _Time | None = None


class PairingInput(_Input):
    """`code`: what the screen shows; null: a link is made, to be opened on the screen."""

    code: _Code | None = None


class DisplayAnswer(BaseModel):
    """A display. Times are null while there is none."""

    id: str
    name: str
    wall_id: str | None
    cameras: list[str] | None  # null: all, or those of the wall
    expires_at: str | None
    created_at: str
    created_by: str
    paired_at: str | None
    last_seen_at: str | None
    address: str  # of the screen when it was here last
    user_agent: str
    encrypted: bool  # it came over TLS: its browser can keep the screen on
    pairing_until: str | None  # while a pairing link waits to be used
    pairing_path: str | None = None  # that link, in the answer that made it alone

    @classmethod
    def of(cls, display: Display, pairing_path: str | None = None) -> "DisplayAnswer":
        shown = display.shown
        return cls(
            id=display.id,
            name=display.name,
            wall_id=shown.wall_id,
            cameras=None if shown.cameras is None else sorted(shown.cameras),
            expires_at=_moment(shown.expires_at_us),
            created_at=rfc3339(display.created_at_us),
            created_by=display.created_by,
            paired_at=_moment(display.paired_at_us),
            last_seen_at=_moment(display.last_seen_us),
            address=display.address,
            user_agent=display.user_agent,
            encrypted=display.is_secure,
            pairing_until=_moment(display.link_until_us),
            pairing_path=pairing_path,
        )


class DisplayList(BaseModel):
    """All displays, by name."""

    displays: list[DisplayAnswer]
    total: int


class DisplayRemoved(BaseModel):
    """Which display has ended."""

    message: str
    id: str


class DisplayController(Controller):
    """`/api/displays`."""

    path = "/api/displays"
    tags = ("Displays",)

    @get("/", **documented(Action.MANAGE_USERS, "All displays, by name"))
    async def list_displays(self, request: Asking) -> DisplayList:
        found = [DisplayAnswer.of(each) for each in displays_of(request).list()]
        return DisplayList(displays=found, total=len(found))

    @post(
        "/",
        status_code=201,
        **documented(
            Action.MANAGE_USERS,
            "Add a display. The screen that shows `code` becomes it; without a code the answer has"
            " a link (`pairing_path`), good once within ten minutes, to be opened on the screen. "
            + _CONFIRMED,
            409,
            422,
            429,
            503,
        ),
    )
    async def add_display(self, request: Asking, data: JSONBody[DisplayInput]) -> DisplayAnswer:
        require_confirmed(request)
        shown = _shown(request, data.wall_id, data.cameras, data.expires_at)
        display = await display_changes.add(request, data.name, shown, data.code or "")
        link = None if data.code else await _link(request, display.id)
        return DisplayAnswer.of(displays_of(request).find(display.id), link)

    @get("/{display_id:str}", **documented(Action.MANAGE_USERS, "One display", 404))
    async def get_display(self, request: Asking, display_id: DisplayId) -> DisplayAnswer:
        return DisplayAnswer.of(displays_of(request).find(display_id))

    @patch(
        "/{display_id:str}",
        **documented(
            Action.MANAGE_USERS, "Change a display; its screen follows at once", 404, 409, 422, 503
        ),
    )
    async def change_display(
        self, request: Asking, display_id: DisplayId, data: JSONBody[DisplayPatch]
    ) -> DisplayAnswer:
        before = displays_of(request).find(display_id)
        given = data.model_fields_set
        wall_id, cameras = before.shown.wall_id, before.shown.cameras
        if given & {"wall_id", "cameras"}:
            wall_id = data.wall_id
            cameras = None if data.cameras is None else frozenset(data.cameras)
        expires_at_us = before.shown.expires_at_us
        if "expires_at" in given:
            expires_at_us = _time(request, data.expires_at)
        shown = _either(Shown(wall_id, cameras, expires_at_us))
        changed = await display_changes.change(request, before.id, data.name or before.name, shown)
        return DisplayAnswer.of(changed)

    @delete(
        "/{display_id:str}",
        status_code=200,
        **documented(Action.MANAGE_USERS, "Remove a display: its screen goes dark", 404, 503),
    )
    async def remove_display(self, request: Asking, display_id: DisplayId) -> DisplayRemoved:
        display = await display_changes.remove(request, display_id)
        return DisplayRemoved(message="display removed", id=display.id)

    @post(
        "/{display_id:str}/pairing",
        status_code=200,
        **documented(
            Action.MANAGE_USERS,
            "Let the screen that shows `code` become the display, instead of the one that it was;"
            " without a code make a link for it. " + _CONFIRMED,
            404,
            422,
            429,
            503,
        ),
    )
    async def pair_display(
        self, request: Asking, display_id: DisplayId, data: JSONBody[PairingInput]
    ) -> DisplayAnswer:
        require_confirmed(request)
        link = None
        if data.code:
            await display_changes.pair(request, display_id, data.code)
        else:
            link = await _link(request, display_id)
        return DisplayAnswer.of(displays_of(request).find(display_id), link)


async def _link(request: Asking, display_id: str) -> str:
    return frame_of(request).root + await display_changes.make_link(request, display_id)


def _shown(
    request: Asking, wall_id: str | None, cameras: list[str] | None, expires_at: str | None
) -> Shown:
    listed = None if cameras is None else frozenset(cameras)
    return _either(Shown(wall_id, listed, _time(request, expires_at)))


def _either(shown: Shown) -> Shown:
    if shown.wall_id is not None and shown.cameras is not None:
        msg = "cameras: either a wall or cameras"
        raise InvalidInput(msg, field="cameras")
    return shown


def _time(request: Asking, text: str | None) -> int | None:
    zone = shell_of(request).services.stored_settings.zone
    return read_time(text, zone, field="expires_at")


def _moment(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
