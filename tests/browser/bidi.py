"""Firefox for the tests, by WebDriver BiDi (W3C), which it speaks without a driver beside it."""

import asyncio
import base64
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
needs_firefox = pytest.mark.skipif(FIREFOX is None, reason="needs Firefox (Debian: firefox-esr)")
ANSWER_S: Final = 30  # a command that takes longer has failed
SCREENSHOT_BYTES: Final = 64 << 20
# A browser that nobody has used yet asks Mozilla for this and that.
PREFERENCES: Final = {
    "app.update.disabledForTesting": True,
    "browser.region.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}
KEYS: Final = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014", "End": "\ue010", "Enter": "\ue007"}
# What only the console of the developer tools would tell.
WATCH: Final = """() => {
  addEventListener('securitypolicyviolation', (event) => console.error(
    `${event.violatedDirective} forbids ${event.blockedURI}, ${event.sourceFile}`));
}"""


class BidiError(Exception):
    """What the browser answered to a command, or threw in a script."""


class Firefox:
    """A connection to a browser: its one page, and what it says against that."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._context = ""
        self._loads: asyncio.Queue[str] = (
            asyncio.Queue()
        )  # of navigations nobody has waited for yet
        self.complaints: list[str] = []

    async def read(self) -> None:
        """Take what the browser sends, until the connection ends."""
        async for message in self._connection:
            told = json.loads(message)
            if told["type"] == "event":
                self._event(told["method"], told["params"])
            elif waiting := self._answers.pop(told["id"], None):
                waiting.set_result(told)
        for waiting in self._answers.values():
            waiting.set_exception(BidiError("the browser has gone"))

    def _event(self, method: str, params: dict[str, Any]) -> None:
        if method == "browsingContext.load":
            if params["navigation"]:  # the browser's own first page has none
                self._loads.put_nowait(params["navigation"])
        elif method == "log.entryAdded":
            if params["level"] in {"error", "warn"}:
                self.complaints.append(params["text"])
        elif params["response"]["status"] >= 400:
            self.complaints.append(f"{params['response']['status']} {params['request']['url']}")

    async def command(self, method: str, **params: Any) -> Any:
        """The result of a command; BidiError where it fails."""
        self._number += 1
        number = self._number
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(ANSWER_S):
            told = await answer
        if told["type"] == "error":
            raise BidiError(f"{method}: {told['error']}: {told['message']}")
        return told["result"]

    async def begin(self) -> None:
        """A session, with the page that the browser opened."""
        _ = await self.command("session.new", capabilities={})
        (page,) = (await self.command("browsingContext.getTree"))["contexts"]
        self._context = page["context"]
        events = ["browsingContext.load", "log.entryAdded", "network.responseCompleted"]
        _ = await self.command("session.subscribe", events=events)
        await self.add_init_script(WATCH)
        await self.resize(1280, 800)

    async def add_init_script(self, function: str) -> None:
        """Called in each page before its own scripts."""
        _ = await self.command("script.addPreloadScript", functionDeclaration=function)

    async def resize(self, width: int, height: int) -> None:
        """The page, in CSS pixels."""
        size = {"width": width, "height": height}
        _ = await self.command("browsingContext.setViewport", context=self._context, viewport=size)

    async def goto(self, url: str) -> None:
        """Returns when the page has loaded."""
        told = await self.command(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )
        async with asyncio.timeout(ANSWER_S):
            while await self._loads.get() != told["navigation"]:
                pass

    @asynccontextmanager
    async def navigating(self) -> AsyncIterator[None]:
        """What is done within leads to another page, which has loaded afterwards."""
        while not self._loads.empty():
            _ = self._loads.get_nowait()
        yield
        async with asyncio.timeout(ANSWER_S):
            _ = await self._loads.get()

    async def evaluate(self, function: str, *arguments: Any) -> Any:
        """What a function of the page gives or promises, as JSON; BidiError where it throws."""
        called = f"(async () => await ({function})(...{json.dumps(arguments)}))()"
        said = "(value) => ({ value: value ?? null }), (error) => ({ error: `${error}` })"
        told = await self.command(
            "script.evaluate",
            expression=f"{called}.then({said}).then(JSON.stringify)",
            target={"context": self._context},
            awaitPromise=True,
        )
        if told["type"] == "exception":
            raise BidiError(told["exceptionDetails"]["text"])
        found = json.loads(told["result"]["value"])
        if "error" in found:
            raise BidiError(found["error"])
        return found["value"]

    async def until(self, function: str, *arguments: Any) -> Any:
        """Waits, picture by picture, until a function of the page gives something true; that."""
        return await self.evaluate(
            f"""async (...given) => {{
              const until = performance.now() + {(ANSWER_S - 5) * 1000};
              for (;;) {{
                const found = await ({function})(...given);
                if (found) return found;
                if (performance.now() > until) throw new Error('never: ' + {json.dumps(function)});
                await new Promise((done) => requestAnimationFrame(done));
              }}
            }}""",
            *arguments,
        )

    async def click(self, selector: str, x: int = 0, y: int = 0) -> None:
        """With the mouse, so many pixels from the middle of an element."""
        found = await self.command(
            "browsingContext.locateNodes",
            context=self._context,
            locator={"type": "css", "value": selector},
        )
        node = {"sharedId": found["nodes"][0]["sharedId"]}
        _ = await self.evaluate(
            "(found) => document.querySelector(found).scrollIntoView({ block: 'center' })", selector
        )
        origin = {"type": "element", "element": node}
        await self._act(
            "pointer",
            {"type": "pointerMove", "x": x, "y": y, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    async def press(self, *keys: str) -> None:
        """Each key down and up, where the focus is."""
        for key in keys:
            value = KEYS.get(key, key)
            await self._act(
                "key", {"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}
            )

    async def _act(self, kind: str, *actions: dict[str, Any]) -> None:
        _ = await self.command(
            "input.performActions",
            context=self._context,
            actions=[{"type": kind, "id": kind, "actions": list(actions)}],
        )

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """The window, or all of the page, as PNG."""
        taken = await self.command(
            "browsingContext.captureScreenshot",
            context=self._context,
            origin="document" if whole else "viewport",
        )
        await asyncio.to_thread(path.write_bytes, base64.b64decode(taken["data"]))


class _Errors:
    """What a browser writes, read until its end; among it where it listens."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read(self) -> None:
        said = []
        async for line in self._stream:
            if self.address.done():
                continue
            said.append(line.decode(errors="replace"))
            if found := re.search(r"BiDi listening on (ws://\S+)", said[-1]):
                self.address.set_result(f"{found[1]}/session")
        if not self.address.done():
            self.address.set_exception(BidiError(f"it did not start: {''.join(said)}"))


@asynccontextmanager
async def _process(profile: Path) -> AsyncIterator[str]:
    """A browser of its own; its address. It has ended afterwards."""
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
    await asyncio.to_thread((profile / "user.js").write_text, "\n".join(lines))
    assert FIREFOX
    process = await asyncio.create_subprocess_exec(
        FIREFOX, "--headless", "--no-remote", "--profile", str(profile),
        "--remote-debugging-port", "0", "about:blank",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "HOME": str(profile)},
    )  # fmt: skip
    assert process.stderr
    errors = _Errors(process.stderr)
    reading = asyncio.create_task(errors.read(), name="firefox-errors")
    try:
        async with asyncio.timeout(ANSWER_S):
            address = await errors.address
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await reading
        _ = await process.wait()


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """A browser with a fresh profile and an empty page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with _process(Path(folder)) as address:
            connection = await connect(
                address, max_size=SCREENSHOT_BYTES, compression=None, proxy=None
            )
            browser = Firefox(connection)
            reading = asyncio.create_task(browser.read(), name="firefox")
            try:
                await browser.begin()
                yield browser
            finally:
                await connection.close()
                await reading
