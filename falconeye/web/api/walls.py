"""Saved walls: which cameras are shown together, in which order."""

from typing import Annotated, Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.accounts.walls import MAX_CAMERAS, MAX_CYCLE_S, MAX_NAME, WallWish, may_change
from falconeye.base.times import rfc3339
from falconeye.storage.stores.wall_store import Wall
from falconeye.web import views
from falconeye.web.api.documentation import documented
from falconeye.web.own_walls import add_wall, change_wall, remove_wall
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of
from falconeye.web.wall_views import cameras_of, ordered

Asking = Request[Any, Any, Any]

_Ids = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_CAMERAS)]
_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
_Size = Annotated[str, Field(max_length=8, description="cameras at once: auto (all), 1, 4, 9, 16")]
_Cycle = Annotated[
    int, Field(ge=0, le=MAX_CYCLE_S, description="seconds for each page; 0: it stands still")
]


class WallPatch(BaseModel):
    """Any of them; what is absent stays as it is."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: _Name | None = None
    shared: bool | None = None
    camera_ids: _Ids | None = None
    hidden: _Ids | None = None
    size: _Size | None = None
    takes_new: bool | None = None
    cycle_s: _Cycle | None = None

    def wish(self) -> WallWish:
        """For `accounts.walls`."""
        return WallWish(**self.model_dump())


class NewWall(WallPatch):
    """Only a name is needed: then it is one of your own, of all cameras, also of those to come."""

    name: _Name


class WallAnswer(BaseModel):
    """A wall, as far as the asking one may see its cameras."""

    id: str
    name: str
    shared: bool  # everybody sees it, else its owner alone
    owner_id: str | None  # the user who made it; null: a program did
    may_change: bool
    camera_ids: list[str]  # those that have a place, in order
    hidden: list[str]
    cameras: list[str]  # what it shows now: in order, without hidden ones, with new ones
    size: str
    takes_new: bool
    cycle_s: int
    created_at: str

    @classmethod
    def of(cls, wall: Wall, request: Asking) -> "WallAnswer":
        who = principal_of(request)
        cameras = views.visible_cameras(shell_of(request).services, who)
        seen = {camera.config.id for camera in cameras}
        return cls(
            id=wall.id,
            name=wall.name,
            shared=wall.shared,
            owner_id=wall.owner_id,
            may_change=may_change(who, wall),
            camera_ids=[
                one.config.id for one in ordered(wall, cameras) if one.config.id in wall.camera_ids
            ],
            hidden=sorted(wall.hidden & seen),
            cameras=[one.config.id for one in cameras_of(wall, cameras)],
            size=wall.size,
            takes_new=wall.takes_new,
            cycle_s=wall.cycle_s,
            created_at=rfc3339(wall.created_at_us),
        )


class WallList(BaseModel):
    """By name."""

    walls: list[WallAnswer]
    total: int


class WallGone(BaseModel):
    """What was deleted."""

    message: str
    id: str


class WallController(Controller):
    """`/api/walls`."""

    path = "/api/walls"
    tags = ("Walls",)

    @get("/", **documented(Action.VIEW_LIVE, "Walls for everybody, and your own"))
    async def list_walls(self, request: Asking) -> WallList:
        found = await shell_of(request).services.accounts.walls.list_for(principal_of(request))
        return WallList(walls=[WallAnswer.of(one, request) for one in found], total=len(found))

    @post(
        "/",
        status_code=201,
        **documented(
            Action.VIEW_LIVE,
            "Save a wall: of your own, or (operators who see all cameras) for everybody",
            409,
            422,
        ),
    )
    async def add(self, request: Asking, data: JSONBody[NewWall]) -> WallAnswer:
        return WallAnswer.of(await add_wall(request, data.wish()), request)

    @get("/{wall_id:str}", **documented(Action.VIEW_LIVE, "One wall", 404))
    async def get_wall(self, request: Asking, wall_id: FromPath[str]) -> WallAnswer:
        walls = shell_of(request).services.accounts.walls
        return WallAnswer.of(await walls.find_for(principal_of(request), wall_id), request)

    @patch(
        "/{wall_id:str}",
        **documented(
            Action.VIEW_LIVE,
            "Change a wall of your own, or (operators who see all cameras) one for everybody",
            404,
            409,
            422,
        ),
    )
    async def change(
        self, request: Asking, wall_id: FromPath[str], data: JSONBody[WallPatch]
    ) -> WallAnswer:
        return WallAnswer.of(await change_wall(request, wall_id, data.wish()), request)

    @delete(
        "/{wall_id:str}",
        status_code=200,
        **documented(Action.VIEW_LIVE, "Delete a wall; its cameras stay", 404),
    )
    async def remove(self, request: Asking, wall_id: FromPath[str]) -> WallGone:
        gone = await remove_wall(request, wall_id)
        return WallGone(message=f"the wall {gone.name} was deleted", id=gone.id)
