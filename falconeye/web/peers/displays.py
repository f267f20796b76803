"""The code that a screen shows, wherever it asked: any node can pair it.

The code is in the memory of the node that the screen asked; an admin may be at another one.
"""

from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action, require
from falconeye.accounts.pairings import CODE_LENGTH, Screen
from falconeye.web.peers.lists import ask_others
from falconeye.web.peers.questions import question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/displays/claim"


class Asked(BaseModel):
    """Which code; without a display it is only asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: Annotated[str, Field(min_length=CODE_LENGTH, max_length=CODE_LENGTH)]
    display_id: Annotated[str | None, Field(max_length=64)] = None


async def find_screen(request: Asking, code: str) -> Screen | None:
    """The screen that shows the code, of all that ask any node that answers."""
    return await _everywhere(request, Asked(code=code))


async def claim_screen(request: Asking, code: str, display_id: str) -> Screen | None:
    """Let the screen that shows the code become that display, once; None where none shows it."""
    return await _everywhere(request, Asked(code=code, display_id=display_id))


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def claim_here(request: Asking) -> dict[str, Any]:
    """Of the screens that wait at this node, for an admin at another one."""
    require(principal_of(request), Action.MANAGE_USERS)
    screen = _here(request, await question_of(request, Asked))
    if screen is None:
        return {"found": False}
    return {"found": True, "address": screen.address, "user_agent": screen.user_agent}


async def _everywhere(request: Asking, asked: Asked) -> Screen | None:
    screen = _here(request, asked)
    if screen is not None:
        return screen
    answers = await ask_others(request, PATH, asked.model_dump())
    for told in answers.by_node.values():
        if told.get("found") is True:
            return Screen(asked.code, str(told.get("address")), str(told.get("user_agent")))
    return None


def _here(request: Asking, asked: Asked) -> Screen | None:
    pairings = shell_of(request).services.accounts.displays.pairings
    if asked.display_id is None:
        return pairings.showing(asked.code)
    return pairings.claim(asked.code, asked.display_id)
