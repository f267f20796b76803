"""What admins do with displays, by page or API: each act is checked, done and written down here."""

import uuid
from collections.abc import Collection
from typing import Any, Final

from litestar import Request

from falconeye.accounts.displays import Display, Displays, Shown
from falconeye.accounts.granting import require_grantable, require_reach, rights_of_display
from falconeye.accounts.pairings import Screen, read_code
from falconeye.base.errors import InvalidInput
from falconeye.base.words import counted
from falconeye.web.audit import address_of, record
from falconeye.web.peers.displays import claim_screen, find_screen
from falconeye.web.security.access import principal_of
from falconeye.web.security.credentials import SESSION, Credential
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

NO_SCREEN: Final = "no screen shows this code (any more): look again, each lasts ten minutes"


async def confirm(request: Asking, password: str) -> None:
    """Before a screen is given access: the own password again of who asks through a session.

    A browser that was left open is not enough for that. NotAuthenticated, TooManyAttempts as
    `Accounts.confirm`; a token passes, nobody leaves one lying open.
    """
    credential = request.scope.get("auth")
    if isinstance(credential, Credential) and credential.kind is SESSION:
        accounts = shell_of(request).services.accounts
        await accounts.confirm(principal_of(request), password, address_of(request))


async def add(request: Asking, name: str, shown: Shown, code: str = "") -> Display:
    """A display; with the code that a screen shows, that screen becomes it.

    InvalidInput, Conflict as `Displays.add`; InvalidInput for a code that no screen shows, and for
    more than who asks may see.
    """
    check_cameras(request, shown.cameras, ())
    require_grantable(principal_of(request), rights_of_display(shown))
    display_id = str(uuid.uuid4())
    typed = await _known(request, code) if code else ""
    created_by = principal_of(request).name
    displays = displays_of(request)
    display = await displays.add(name, shown, created_by=created_by, display_id=display_id)
    await record(request, "display.added", "display", display.id, _words(display))
    return await _give(request, display, typed) if typed else display


async def pair(request: Asking, display_id: str, code: str) -> Display:
    """Let the screen that shows the code become the display, instead of the one that it was.

    NotFound; InvalidInput for a code that no screen shows; NotAllowed for a display that sees more
    than who asks.
    """
    display = displays_of(request).find(display_id)
    require_reach(principal_of(request), rights_of_display(display.shown))
    return await _give(request, display, await _known(request, code))


async def make_link(request: Asking, display_id: str) -> str:
    """The path of a pairing link that is good once, to be shown once. As `pair`."""
    displays = displays_of(request)
    require_reach(principal_of(request), rights_of_display(displays.find(display_id).shown))
    secret = await displays.make_link(display_id)
    name = displays.find(display_id).name
    await record(request, "display.link_made", "display", display_id, name)
    return f"/display/link/{secret}"


async def change(request: Asking, display_id: str, name: str, shown: Shown) -> Display:
    """Another name, other cameras, another end. As `add`; NotFound."""
    displays = displays_of(request)
    before = displays.find(display_id).shown
    check_cameras(request, shown.cameras, before.cameras or ())
    is_same_wall = shown.wall_id == before.wall_id
    had = rights_of_display(before) if is_same_wall else None
    require_grantable(principal_of(request), rights_of_display(shown), had)
    display = await displays.change(display_id, name, shown)
    await record(request, "display.changed", "display", display.id, _words(display))
    return display


async def remove(request: Asking, display_id: str) -> Display:
    """End it at once. NotFound."""
    display = await displays_of(request).remove(display_id)
    await record(request, "display.removed", "display", display.id, display.name)
    return display


def displays_of(request: Asking) -> Displays:
    """All displays."""
    return shell_of(request).services.accounts.displays


def check_cameras(
    request: Asking, cameras: Collection[str] | None, before: Collection[str]
) -> None:
    """InvalidInput for a camera that is not there; one that was listed before may have gone."""
    known = {camera.config.id for camera in shell_of(request).services.cameras.list()}
    for camera_id in sorted(cameras or ()):
        if camera_id not in known and camera_id not in before:
            msg = f"cameras: there is no camera with the id {camera_id[:64]}"
            raise InvalidInput(msg, field="cameras")


async def _known(request: Asking, typed: str) -> str:
    """The code, if a screen shows it; wrong ones of one person are counted."""
    pairings, who = displays_of(request).pairings, principal_of(request)
    code = read_code(typed)
    pairings.check_tries(who.id)
    if await find_screen(request, code) is None:
        pairings.wrong(who.id)
        raise InvalidInput(NO_SCREEN, field="code")
    return code


async def _give(request: Asking, display: Display, code: str) -> Display:
    screen: Screen | None = await claim_screen(request, code, display.id)
    if screen is None:  # it ended meanwhile
        raise InvalidInput(NO_SCREEN, field="code")
    detail = f"{display.name}, the screen at {screen.address or 'an unknown address'}"
    await record(request, "display.paired", "display", display.id, detail)
    return display


def _words(display: Display) -> str:
    shown = display.shown
    if shown.wall_id is not None:
        what = f"the wall {shown.wall_id}"
    else:
        what = "all cameras" if shown.cameras is None else counted(len(shown.cameras), "camera")
    return f"{display.name}, {what}"
