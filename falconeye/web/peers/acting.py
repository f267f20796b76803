"""For whom another node asks: it names a session, token or display, never a secret.

The receiver looks it up in its own directory and decides by its own rows, so that a member can act
only for those who are signed in, and for nobody who has lost the right to.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from falconeye.accounts.service import Accounts
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError
from falconeye.web.authentication import Arrival, authenticate
from falconeye.web.security.credentials import Credential, CredentialKind

log = logging.getLogger(__name__)

LookAgain = Callable[[str], Awaitable[None]]
LOOK_S: Final = 2.0
_KINDS: Final = {
    "session": CredentialKind.ACTING_SESSION,
    "token": CredentialKind.ACTING_TOKEN,
    "display": CredentialKind.ACTING_DISPLAY,
}
_MAX_ID: Final = 64


class Acting:
    """Finds who acts. `look_again(node_id)` brings what that node has changed lately here."""

    def __init__(self, accounts: Accounts, clock: Clock, look_again: LookAgain | None) -> None:
        self._accounts = accounts
        self._look_again = look_again
        self._looks: dict[str, _Looks] = {}  # of members: they alone come this far
        self._trouble = RepeatingLog(log, clock)

    async def arrival(self, peer: str, acting: str) -> Arrival | None:
        """Who is meant by `session=ID`, `token=ID` or `display=ID` of that node.

        None for nobody, or nobody now.

        Who is unknown here may be on the way: then that node is asked once.
        """
        kind, _, name = acting.partition("=")
        if kind not in _KINDS or not 0 < len(name) <= _MAX_ID:
            return None
        credential = Credential(_KINDS[kind], name)
        who = await authenticate(self._accounts, credential)
        if who is None and self._look_again is not None:
            await self._look(peer, self._look_again)
            who = await authenticate(self._accounts, credential)
        return Arrival(who, credential) if who is not None else None

    async def _look(self, peer: str, look_again: LookAgain) -> None:
        """One look at a time of each node; who waited for one that began after it needs no more."""
        looks = self._looks.setdefault(peer, _Looks())
        begun = looks.begun
        async with looks.alone:
            if looks.begun > begun:
                return
            looks.begun += 1
            try:
                async with asyncio.timeout(LOOK_S):
                    await look_again(peer)
            except (FalconEyeError, TimeoutError) as error:  # what is known decides
                self._trouble.warning(f"the node {peer} was not asked for its changes: {error}")


class _Looks:
    def __init__(self) -> None:
        self.alone = asyncio.Lock()
        self.begun = 0
