"""Somebody looks at page after page of one node while the others come and go."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from playwright.async_api import ConsoleMessage, Error, Page, Response

from tests.chaos.cluster import ChaosNode
from tests.nodes import PASSWORD

# The bounded wait for other nodes is 0.5 s (DESIGN 7). The rest is Chromium's and this machine's.
SLOW_S: Final = 5.0
STAYS_S: Final = 1.5
# What is not there, because nobody has it now, is answered so, and at once (DESIGN 7). While all is
# calm there is no such thing.
AWAY: Final = frozenset({503})
# What the browser itself says of such an answer, or of a live view whose node has gone.
_OF_AWAY: Final = ("status of 503", "WebSocket connection to", "net::ERR_")
# Said of each page that comes without TLS from another host, and nothing is the matter.
_PLAIN_HTTP: Final = "Cross-Origin-Opener-Policy header has been ignored"


LIVE_S: Final = 10.0  # until each picture of the wall moves, when all is calm
_ALL_LIVE: Final = """() => {
  const players = [...document.querySelectorAll('[data-player]')];
  return players.length > 0 && players.every((player) => player.dataset.state === 'live');
}"""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the test knows of the nodes, for whoever looks at them."""

    gone: Callable[[], list[str]]  # nodes that are away for so long that each page has to know it
    is_calm: Callable[[], bool]  # no fault for so long that nothing may be seen of one
    margin_s: Callable[[], float]  # by how much this machine may be late


@dataclass
class Seen:
    """What the browser met."""

    pages: int = 0
    lives: int = 0  # looks at a wall whose pictures all moved
    waits_s: list[float] = field(default_factory=list)
    away: int = 0  # answers that something is not there now
    complaints: list[str] = field(default_factory=list)

    def told(self) -> str:
        ordered = sorted(self.waits_s) or [0.0]
        middle = ordered[len(ordered) // 2]
        return (
            f"{self.pages} pages, {middle:.2f} s the middle one, {ordered[-1]:.2f} s the slowest; "
            f"{self.lives} times a wall that was all live; "
            f"{self.away} answers that something is not there now"
        )


class Watcher:
    """One page of a browser at one node."""

    def __init__(
        self,
        page: Page,
        node: ChaosNode,
        cameras: Sequence[str],
        knowledge: Knowledge,
    ) -> None:
        self._page, self._node, self._known = page, node, knowledge
        self.seen = Seen()
        first, *_ = cameras
        day = time.strftime("%Y-%m-%d", time.gmtime())
        self._paths = ["/", "/nodes", f"/cameras/{first}", f"/cameras/{first}/footage",
                       "/recordings", "/nodes", "/footage", f"/footage/days?day={day}"]  # fmt: skip
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._say(f"script: {error}"))
        page.on("response", self._answered)

    async def sign_in(self) -> None:
        """The first account of the cluster, by the set-up link."""
        page = self._page
        await page.goto(self._node.setup_link)
        await page.get_by_label("Your name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Create account").click()
        await page.wait_for_url(self._node.url + "/")

    async def watch(self, until: asyncio.Event) -> None:
        """One page after the other."""
        while not until.is_set():
            for path in self._paths:
                if until.is_set():
                    break
                await self._visit(path)
                await asyncio.sleep(STAYS_S)

    async def _visit(self, path: str) -> None:
        begun = time.monotonic()
        limit_s = SLOW_S + self._known.margin_s()
        away = self._known.gone() if path in {"/nodes", "/recordings"} else []
        try:
            answer = await self._page.goto(
                self._node.url + path, timeout=30_000, wait_until="domcontentloaded"
            )
        except Error as error:
            self._say(f"{path}: {error.message.splitlines()[0]}")
            return
        took_s = time.monotonic() - begun
        self.seen.pages += 1
        self.seen.waits_s.append(took_s)
        if answer is None or answer.status != 200:
            self._say(f"{path}: answered {answer.status if answer else 'nothing'}")
        elif took_s > limit_s:
            self._say(f"{path}: took {took_s:.1f} s, more than {limit_s:.1f} s")
        else:
            await self._names(path, [name for name in away if name in self._known.gone()])
            if path == "/" and self._known.is_calm():
                await self._lives(LIVE_S + self._known.margin_s())

    async def _lives(self, limit_s: float) -> None:
        """Each tile moves; a fault that comes meanwhile excuses it."""
        try:
            _ = await self._page.wait_for_function(_ALL_LIVE, timeout=limit_s * 1000)
            self.seen.lives += 1
        except Error:
            if self._known.is_calm():
                self._say(f"the wall is not all live after {limit_s:.1f} s")

    async def _names(self, path: str, away: list[str]) -> None:
        """Each node that is away is named, as one that is."""
        for name in away:
            if path == "/nodes":
                words = await self._page.get_by_role("region", name=name).inner_text()
                is_said = "Unreachable" in words
            else:
                is_said = name in await self._page.locator("main").inner_text()
            if not is_said and name in self._known.gone():
                self._say(f"{path}: does not say that {name} is away")

    def _answered(self, answer: Response) -> None:
        is_part = answer.request.resource_type != "document"
        if answer.status in AWAY and is_part and not self._known.is_calm():
            self.seen.away += 1
        elif answer.status >= 400:
            self._say(f"{answer.url}: answered {answer.status}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "favicon" not in message.text:
            is_of_away = any(words in message.text for words in _OF_AWAY)
            if _PLAIN_HTTP in message.text or (is_of_away and not self._known.is_calm()):
                return
            self._say(f"console: {message.text}")

    def _say(self, words: str) -> None:
        at = time.strftime("%H:%M:%S", time.gmtime())
        self.seen.complaints.append(f"{at} at {self._page.url}: {words}"[:500])
