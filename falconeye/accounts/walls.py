"""Saved walls: who sees and changes which, and what a wall may be."""

import builtins
import unicodedata
import uuid
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from falconeye.accounts.model import Action, Principal, PrincipalKind, may
from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, NotAllowed, NotFound
from falconeye.storage.stores.wall_store import Wall, WallStore
from falconeye.storage.tables.known_values import WALL_SIZES

MAX_NAME: Final = 64
MAX_CAMERAS: Final = 512
MIN_CYCLE_S: Final = 5
MAX_CYCLE_S: Final = 3600


@dataclass(frozen=True, slots=True)
class WallWish:
    """A wall as somebody wants it; None: as it is, or as a new one is."""

    name: str | None = None
    shared: bool | None = None
    camera_ids: Sequence[str] | None = None
    hidden: Sequence[str] | None = None
    size: str | None = None
    takes_new: bool | None = None
    cycle_s: int | None = None


class Walls:
    """Reads the database each time, so that what another node changed counts at once."""

    def __init__(self, store: WallStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def list(self) -> list[Wall]:
        """All of them, whoever may see them, by name."""
        return await self._store.list()

    async def find(self, wall_id: str) -> Wall:
        """One, whoever may see it; NotFound."""
        return await self._store.get(wall_id)

    async def list_for(self, who: Principal) -> builtins.list[Wall]:
        """Those that `who` may see: their own, and the ones for everybody; by name."""
        return [wall for wall in await self._store.list() if sees(who, wall)]

    async def find_for(self, who: Principal, wall_id: str) -> Wall:
        """NotFound also for somebody else's own."""
        wall = await self._store.get(wall_id)
        if not sees(who, wall):
            raise NotFound("there is no such wall")
        return wall

    async def add(self, who: Principal, wish: WallWish, cameras: Iterable[str]) -> Wall:
        """A new wall. `cameras`: ids of those that `who` may watch.

        InvalidInput; NotAllowed for a kind that `who` may not make; Conflict for too many.
        """
        shared = bool(wish.shared)
        _require(who, shared=shared)
        new = Wall(
            id=str(uuid.uuid4()),
            name="",
            owner_id=who.id if who.kind is PrincipalKind.USER else None,
            shared=shared,
            camera_ids=(),
            hidden=frozenset(),
            size=WALL_SIZES[0],
            takes_new=True,
            cycle_s=0,
            created_at_us=self._clock.utc_us(),
        )
        wall = _changed(new, replace(wish, name=wish.name or ""), frozenset(cameras), frozenset())
        await self._store.add(wall)
        return wall

    async def change(
        self, who: Principal, wall_id: str, wish: WallWish, cameras: Iterable[str]
    ) -> Wall:
        """The same as `add` for one that is there; NotFound also for somebody else's own.

        What `who` may not watch stays in it, behind what was given. What nobody has goes.
        """
        before = await self.find_for(who, wall_id)
        _require(who, shared=before.shared)
        if wish.shared is not None and wish.shared != before.shared:
            _require(who, shared=wish.shared)
            if not wish.shared and before.owner_id != who.id:
                raise NotAllowed("only who made a wall may keep it to themselves")
        known = frozenset(cameras)
        unseen = (
            frozenset() if who.cameras is None else {*before.camera_ids, *before.hidden} - known
        )
        return await self._store.change(before, _changed(before, wish, known, unseen))

    async def remove(self, who: Principal, wall_id: str) -> Wall:
        """NotFound also for somebody else's own."""
        wall = await self.find_for(who, wall_id)
        _require(who, shared=wall.shared)
        await self._store.remove(wall_id)
        return wall


def sees(who: Principal, wall: Wall) -> bool:
    """Whether `who` may know of it; which of its cameras they may see is another question."""
    is_own = who.kind is PrincipalKind.USER and wall.owner_id == who.id
    return may(who, Action.VIEW_LIVE) and (wall.shared or is_own)


def may_share(who: Principal) -> bool:
    """Whether `who` makes and changes walls for everybody: operators that see all cameras."""
    return who.cameras is None and may(who, Action.CONTROL)


def may_own(who: Principal) -> bool:
    """Whether `who` may have walls of their own: people, not programs."""
    return who.kind is PrincipalKind.USER and may(who, Action.VIEW_LIVE)


def may_change(who: Principal, wall: Wall) -> bool:
    """Whether `who` may change or delete it."""
    return sees(who, wall) and (may_share(who) if wall.shared else may_own(who))


def _require(who: Principal, *, shared: bool) -> None:
    if shared and not may_share(who):
        msg = "walls for everybody are made by operators and administrators who see all cameras"
        raise NotAllowed(msg)
    if not shared and not may_own(who):
        raise NotAllowed("a program has no walls of its own: make one for everybody")


def _changed(wall: Wall, wish: WallWish, known: frozenset[str], unseen: Set[str]) -> Wall:
    after = wall
    if wish.name is not None:
        after = replace(after, name=_checked_name(wish.name))
    if wish.shared is not None:
        after = replace(after, shared=wish.shared)
    if wish.camera_ids is not None:
        given = _checked_ids(wish.camera_ids, known, "camera_ids")
        rest = (one for one in wall.camera_ids if one in unseen)
        after = replace(after, camera_ids=(*given, *rest))
    if wish.hidden is not None:
        given = _checked_ids(wish.hidden, known, "hidden")
        after = replace(after, hidden=frozenset(given) | (wall.hidden & unseen))
    if wish.size is not None:
        if wish.size not in WALL_SIZES:
            msg = f"size: one of {', '.join(WALL_SIZES)}"
            raise InvalidInput(msg, field="size")
        after = replace(after, size=wish.size)
    if wish.takes_new is not None:
        after = replace(after, takes_new=wish.takes_new)
    if wish.cycle_s is not None:
        after = replace(after, cycle_s=_checked_cycle(wish.cycle_s))
    if max(len(after.camera_ids), len(after.hidden)) > MAX_CAMERAS:
        msg = f"camera_ids: a wall has at most {MAX_CAMERAS} cameras"
        raise InvalidInput(msg, field="camera_ids")
    return after


def _checked_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= MAX_NAME:
        msg = f"a name has 1 to {MAX_NAME} characters"
        raise InvalidInput(msg, field="name")
    if any(unicodedata.category(letter).startswith("C") for letter in name):
        raise InvalidInput("a name has no invisible characters", field="name")
    return name


def _checked_ids(ids: Sequence[str], known: frozenset[str], field: str) -> tuple[str, ...]:
    """Each once, in order; InvalidInput where one is none that the asking person may watch."""
    if any(one not in known for one in ids):
        msg = f"{field}: there is no such camera"
        raise InvalidInput(msg, field=field)
    return tuple(dict.fromkeys(ids))


def _checked_cycle(seconds: int) -> int:
    if seconds and not MIN_CYCLE_S <= seconds <= MAX_CYCLE_S:
        msg = f"cycle_s: 0, or {MIN_CYCLE_S} to {MAX_CYCLE_S} seconds"
        raise InvalidInput(msg, field="cycle_s")
    return seconds
