"""Displays: screens on walls with an access of their own, to live pictures of some cameras.

A display is known by a cookie of its own, which is made when it is paired: by the code that the
screen shows, or by a link that is good once. What it may see is asked anew at each request.
"""

import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from falconeye.accounts.attempts import LoginAttempts
from falconeye.accounts.directory import AccountDirectory, secret_hash
from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.accounts.pairings import Pairings
from falconeye.accounts.revocations import Ended, Revocation
from falconeye.accounts.users import checked_name
from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, NotFound
from falconeye.base.times import DAY_US, MINUTE_US
from falconeye.storage.stores.display_store import DisplayStore, Seen, StoredDisplay

IDLE_US: Final = 400 * DAY_US  # browsers keep no cookie for longer
LINK_US: Final = 10 * MINUTE_US
MAX_DISPLAYS: Final = 100
MAX_CAMERAS: Final = 256
_SECRET_BYTES: Final = 32
_MAX_USER_AGENT: Final = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """What a display shows: a saved wall, or these cameras (None: all), until when (UTC µs)."""

    wall_id: str | None = None
    cameras: frozenset[str] | None = None
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class ShownWall:
    """What displays need to know of a saved wall: its cameras in their order, hidden ones apart."""

    name: str
    cameras: tuple[str, ...]
    size: str = "auto"  # cameras at once: `known_values.WALL_SIZES`
    cycle_s: int = 0  # so long each page of it is shown; 0: it stands still


@dataclass(frozen=True, slots=True)
class Display:
    """A display without its secrets."""

    id: str
    name: str
    shown: Shown
    created_at_us: int
    created_by: str  # a user's name
    paired_at_us: int | None  # None: no screen yet
    link_until_us: int | None  # while a pairing link waits to be used
    address: str  # of the screen when it was here last
    user_agent: str
    is_secure: bool  # it came over TLS: its browser can keep the screen on
    last_seen_us: int | None


class Displays:
    """Lives on the loop. When each was last seen is in memory first.

    `walls` tells of the saved walls that a display can show, by id; None where there are none. It
    is asked once a second while a display shows one; of a wall that is not there nothing is seen.
    """

    def __init__(
        self,
        directory: AccountDirectory,
        store: DisplayStore,
        attempts: LoginAttempts,
        clock: Clock,
    ) -> None:
        """`attempts` counts wrong links by address, as it does wrong passwords."""
        self.walls: Callable[[], Awaitable[Mapping[str, ShownWall]]] | None = None
        self.pairings = Pairings(clock)
        self._directory = directory
        self._store = store
        self._attempts = attempts
        self._clock = clock
        self._seen: dict[str, int] = {}
        self._as_what: dict[str, tuple[str, str, bool]] = {}
        self._walls: Mapping[str, ShownWall] | None = None  # as last told
        self._of_walls: dict[str, tuple[str, frozenset[str]]] = {}

    def list(self) -> list[Display]:
        """All displays, by name."""
        return [self._told(stored) for stored in self._directory.displays]

    def find(self, display_id: str) -> Display:
        """NotFound when there is none."""
        return self._told(self._stored(display_id))

    async def read_walls(self) -> Mapping[str, ShownWall]:
        """The saved walls that a display can show, as they are now.

        Before `walls` is set nothing is remembered: a node that starts is no reason to think that
        walls are gone, which would take a screen's cameras away for a moment.
        """
        if self.walls is None:
            return {}
        self._walls = await self.walls()
        return self._walls

    def wall_of(self, display_id: str) -> ShownWall | None:
        """The saved wall that the display shows; None where it shows none, or is gone."""
        stored = self._directory.display_by_id(display_id)
        return None if stored is None else (self._walls or {}).get(stored.wall_id or "")

    async def add(
        self, name: str, shown: Shown, *, created_by: str, display_id: str | None = None
    ) -> Display:
        """A display that no screen is yet; `display_id`: where a screen was promised one.

        InvalidInput for a bad name, a wall that is not there, or too many cameras; Conflict for a
        name that is taken, or too many displays.
        """
        await self._check(shown)
        now = self._clock.utc_us()
        stored = StoredDisplay(
            id=display_id or str(uuid.uuid4()),
            name=checked_name(name),
            secret_hash=None,
            wall_id=shown.wall_id,
            cameras=shown.cameras,
            expires_at_us=shown.expires_at_us,
            created_at_us=now,
            created_by=created_by,
            paired_at_us=None,
            link_hash=None,
            link_until_us=None,
            address="",
            user_agent="",
            is_secure=False,
            last_seen_us=0,
            active_us=0,
        )
        await self._store.add(stored, MAX_DISPLAYS)
        await self._directory.reload()
        return self._told(stored)

    async def change(self, display_id: str, name: str, shown: Shown) -> Display:
        """Another name, other cameras: what it has open begins anew. As `add`; NotFound."""
        before = self.find(display_id)
        if shown.wall_id != before.shown.wall_id or shown.cameras != before.shown.cameras:
            await self._check(shown)
        await self._store.change(
            before.id,
            name=checked_name(name),
            wall_id=shown.wall_id,
            cameras=shown.cameras,
            expires_at_us=shown.expires_at_us,
        )
        await self._directory.reload()
        return self.find(before.id)

    async def remove(self, display_id: str) -> Display:
        """End it at once; NotFound."""
        display = self.find(display_id)
        await self._store.remove(display.id)
        await self._directory.reload()
        return display

    async def make_link(self, display_id: str) -> str:
        """The secret of a new pairing link: good once, for ten minutes. NotFound.

        It replaces every earlier one; the screen that is the display now stays it until then.
        """
        display = self.find(display_id)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        until_us = self._clock.utc_us() + LINK_US
        await self._store.change(display.id, link_hash=secret_hash(secret), link_until_us=until_us)
        await self._directory.reload()
        return secret

    def of_link(self, secret: str, address: str = "") -> Display | None:
        """Which display the link makes of a screen; None when it was used or has ended.

        Wrong ones of one `address` are counted with wrong passwords: TooManyAttempts while it has
        to wait, also for a right one. "": this machine.
        """
        if address:
            self._attempts.check_address(address)
        display = self._linked(secret)
        if display is None and address:
            self._attempts.address_failed(address)
        return display

    def _linked(self, secret: str) -> Display | None:
        hashed, now = secret_hash(secret), self._clock.utc_us()
        for stored in self._directory.displays:
            if stored.link_hash == hashed and now < (stored.link_until_us or 0):
                return self._told(stored)
        return None

    async def redeem(self, secret: str, seen: Seen) -> tuple[Display, str]:
        """Use the link: the display and its new cookie. NotFound when it was used or has ended.

        TooManyAttempts as `of_link`, of the address in `seen`.
        """
        display = self.of_link(secret, seen.address)
        if display is None:
            raise NotFound("this link was used or has ended")
        cookie, values = self._paired(seen)
        await self._store.use_link(secret_hash(secret), **values)
        return await self._began(display.id, seen), cookie

    async def pair(self, display_id: str, seen: Seen) -> tuple[Display, str]:
        """Make a screen the display, instead of one that it was: its new cookie. NotFound."""
        cookie, values = self._paired(seen)
        await self._store.change(display_id, **values, link_hash=None, link_until_us=None)
        return await self._began(display_id, seen), cookie

    async def authenticate(self, cookie: str) -> Principal | None:
        """Whose cookie it is; None when it is none's, or its end date has come. Notes the use."""
        return await self._used(self._directory.display(cookie))

    async def by_id(self, display_id: str) -> Principal | None:
        """As `authenticate`, for another node that has seen the cookie and names the display."""
        stored = self._directory.display_by_id(display_id)
        return await self._used(stored if stored and stored.secret_hash else None)

    def note(self, display_id: str, seen: Seen) -> None:
        """It is there, from that address and as that browser."""
        self._seen[display_id] = seen.at_us
        agent = seen.user_agent[:_MAX_USER_AGENT]
        self._as_what[display_id] = (seen.address, agent, seen.is_secure)

    async def look_at_walls(self) -> Sequence[Revocation]:
        """Of the displays whose wall has other cameras by now: what they have open begins anew.

        Another wall, or other cameras of their own, is told of by the directory.
        """
        if self.walls is None:
            return ()
        before = self._of_walls
        if any(stored.wall_id is not None for stored in self._directory.displays):
            await self.read_walls()
        self._of_walls = {
            stored.id: (stored.wall_id, self._of_wall(stored.wall_id))
            for stored in self._directory.displays
            if stored.wall_id is not None
        }
        return [
            Revocation(Ended.DISPLAY, key)
            for key, (wall_id, cameras) in self._of_walls.items()
            if key in before and before[key][0] == wall_id and before[key][1] != cameras
        ]

    def take_seen(self) -> dict[str, Seen]:
        """When displays were last seen, as far as that is not stored yet."""
        stored = {each.id: each for each in self._directory.displays}
        self._seen = {key: at_us for key, at_us in self._seen.items() if key in stored}
        self._as_what = {key: one for key, one in self._as_what.items() if key in stored}
        return {
            key: Seen(at_us, *self._what(stored[key]))
            for key, at_us in self._seen.items()
            if at_us != stored[key].last_seen_us
        }

    async def _check(self, shown: Shown) -> None:
        if shown.wall_id is not None and shown.wall_id not in await self.read_walls():
            raise InvalidInput("there is no such wall", field="wall_id")
        if shown.cameras is not None and not 1 <= len(shown.cameras) <= MAX_CAMERAS:
            msg = f"a display shows 1 to {MAX_CAMERAS} cameras, or all"
            raise InvalidInput(msg, field="cameras")

    def _paired(self, seen: Seen) -> tuple[str, dict[str, object]]:
        cookie = secrets.token_urlsafe(_SECRET_BYTES)
        return cookie, {
            "secret_hash": secret_hash(cookie),
            "paired_at_us": seen.at_us,
            "address": seen.address,
            "user_agent": seen.user_agent[:_MAX_USER_AGENT],
            "is_secure": seen.is_secure,
        }

    async def _began(self, display_id: str, seen: Seen) -> Display:
        self.note(display_id, seen)
        await self._directory.reload()
        return self.find(display_id)

    def _stored(self, display_id: str) -> StoredDisplay:
        stored = self._directory.display_by_id(display_id)
        if stored is None:
            raise NotFound("there is no such display")
        return stored

    async def _used(self, stored: StoredDisplay | None) -> Principal | None:
        if stored is not None and stored.wall_id is not None and self._walls is None:
            await self.read_walls()  # the first second after a start
        now = self._clock.utc_us()
        if stored is None or now - (self._last_seen(stored) or now) >= IDLE_US:
            return None
        who = self._principal(stored)
        if who.ended(now):
            return None
        # Never back: a node without a clock chip starts in 1970.
        self._seen[stored.id] = max(now, self._last_seen(stored))
        return who

    def _principal(self, stored: StoredDisplay) -> Principal:
        cameras = stored.cameras
        if stored.wall_id is not None:
            of_wall = self._of_wall(stored.wall_id)
            # Both only where two nodes changed it at once: then what both let it see.
            cameras = of_wall if cameras is None else of_wall & cameras
        return Principal(
            PrincipalKind.DISPLAY,
            stored.id,
            stored.name,
            Role.VIEWER,
            cameras,
            live_only=True,
            expires_at_us=stored.expires_at_us,
        )

    def _of_wall(self, wall_id: str) -> frozenset[str]:
        wall = (self._walls or {}).get(wall_id)
        return frozenset(() if wall is None else wall.cameras)

    def _last_seen(self, stored: StoredDisplay) -> int:
        """By this node or another; 0: by none yet."""
        here = self._seen.get(stored.id, stored.last_seen_us)
        return max(here, stored.active_us, stored.paired_at_us or 0)

    def _what(self, stored: StoredDisplay) -> tuple[str, str, bool]:
        as_stored = (stored.address, stored.user_agent, stored.is_secure)
        return self._as_what.get(stored.id, as_stored)

    def _told(self, stored: StoredDisplay) -> Display:
        address, user_agent, is_secure = self._what(stored)
        link_until_us = stored.link_until_us or 0
        return Display(
            id=stored.id,
            name=stored.name,
            shown=Shown(stored.wall_id, stored.cameras, stored.expires_at_us),
            created_at_us=stored.created_at_us,
            created_by=stored.created_by,
            paired_at_us=stored.paired_at_us,
            link_until_us=link_until_us if self._clock.utc_us() < link_until_us else None,
            address=address,
            user_agent=user_agent,
            is_secure=is_secure,
            last_seen_us=self._last_seen(stored) or None,
        )
