"""A person in Chromium, who reaches a node through nginx with TLS and below a path."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from falconeye.base.times import SECOND_US, to_us
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.test_footage import SEEK
from tests.browser.test_pages import complaints
from tests.nodes import PASSWORD, RunningNode, running_node
from tests.peers.certificate import server_context
from tests.peers.reverse_proxies import BASE, ReverseProxy, needs_nginx, nginx

pytestmark = [
    pytest.mark.browser, pytest.mark.proxy, pytest.mark.timeout(120), needs_chromium, needs_nginx,
]  # fmt: skip
FIRST_PICTURE_MS: Final = 30_000
PLAYED: Final = "() => document.querySelector('video').currentTime >= 2"
SECURE_CONTEXT: Final = "() => window.isSecureContext"
WORKER: Final = "async () => (await navigator.serviceWorker.ready).scope"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[RunningNode, ReverseProxy, Page]]:
    """Set up by the link's path at the proxy; the wall is open."""
    async with AsyncExitStack() as stack:
        options = ("--demo", "--trusted-proxy", "127.0.0.1", "--base-path", BASE)
        node = await stack.enter_async_context(running_node(folder / "node", *options))
        port = urlsplit(node.url).port
        assert port
        proxy = await stack.enter_async_context(nginx(folder / "proxy", port))
        browser = await stack.enter_async_context(chromium("--ignore-certificate-errors"))
        context = await browser.new_context()
        page = await context.new_page()
        page.set_default_timeout(15_000)
        await page.goto(proxy.origin + urlsplit(node.setup_link).path)
        await page.get_by_label("Your name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Create account").click()
        await page.wait_for_url(f"{proxy.url}/")
        yield node, proxy, page


@asynccontextmanager
async def other_site(address: str, html: str) -> AsyncIterator[str]:
    """Its origin; each page of it is `html`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            head = f"content-type: text/html\r\ncontent-length: {len(html)}\r\nconnection: close"
            writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n{html}".encode())
            await writer.drain()
        writer.close()

    context = await asyncio.to_thread(server_context)
    server = await asyncio.start_server(answer, address, 0, ssl=context)
    async with server:
        yield f"https://{address}:{server.sockets[0].getsockname()[1]}"


async def recorded_since(node: RunningNode, camera: str) -> int:
    """When its footage begins (UTC, microseconds), once there are some seconds of it."""

    def moment_us(answer: Any, end: str) -> int:
        return to_us(datetime.fromisoformat(answer["spans"][0][end]))

    def is_long(answer: Any) -> bool:
        if not answer["spans"]:
            return False
        return moment_us(answer, "to") - moment_us(answer, "from") > 4 * SECOND_US

    return moment_us(await node.until(f"/api/cameras/{camera}/timeline", is_long), "from")


def below_the_path(asked: list[str]) -> None:
    """All that a page asked for went by TLS, and there."""
    outside = [
        url for url in asked
        if url.startswith(("http", "ws")) and not urlsplit(url).path.startswith(f"{BASE}/")
    ]  # fmt: skip
    assert outside == []
    assert {urlsplit(url).scheme for url in asked} <= {"https", "wss", "blob", "data"}
    assert any(url.startswith("wss:") for url in asked)
    assert any("playback.m3u8" in url for url in asked)


async def test_wall_footage_and_signing_in_through_tls_and_a_path(tmp_path: Path) -> None:
    async with opened(tmp_path) as (node, proxy, page):
        said = complaints(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        await page.goto(f"{proxy.url}/")
        await expect(page.locator("[data-player]").first).to_have_attribute(
            "data-state", "live", timeout=FIRST_PICTURE_MS
        )
        assert await page.evaluate(SECURE_CONTEXT)
        assert await page.evaluate(WORKER) == f"{proxy.url}/"
        await expect(page.get_by_text("without encryption")).to_have_count(0)
        await page.get_by_role("link", name="Demo", exact=True).click()
        await page.wait_for_url(f"{proxy.url}/cameras/*")
        listed = await node.json("/api/cameras/")
        camera = listed["cameras"][0]["id"]
        start_us = await recorded_since(node, camera)
        await page.goto(f"{proxy.url}/cameras/{camera}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.evaluate(SEEK, start_us + SECOND_US)
        await page.wait_for_function(PLAYED, timeout=FIRST_PICTURE_MS)
        # The stream of changes tells of what happens.
        await page.goto(f"{proxy.url}/")
        await node.client.post(f"/api/cameras/{camera}/stop")
        await expect(page.locator(".tile")).to_contain_text("stopped", ignore_case=True)
        await page.locator(".bar .menu summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{proxy.url}/login")
        await page.goto(f"{proxy.url}/recordings")
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{proxy.url}/recordings")
        cookies = {each["name"]: each for each in await page.context.cookies()}
        session = cookies["__Secure-falconeye_session"]
        assert (session["path"], session["secure"], session["sameSite"]) == (BASE, True, "Lax")
        below_the_path(asked)
        assert said == []


async def test_who_is_signed_out_elsewhere_comes_back_to_the_same_page(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_node, proxy, page):
        other = await page.context.new_page()
        await page.goto(f"{proxy.url}/?layout=4")
        await other.goto(f"{proxy.url}/settings")
        await other.locator(".bar .menu summary").click()
        await other.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{proxy.url}/login?next=*")
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{proxy.url}/?layout=4")


async def test_a_frame_shows_pages_where_an_admin_allowed_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as (node, proxy, page):
        html = f'<!doctype html><iframe src="{proxy.url}/settings"></iframe>'
        inside = page.frame_locator("iframe").get_by_role("heading", level=1)
        # Ports do not matter to what one site is.
        async with other_site("127.0.0.1", html) as same, other_site("127.0.0.2", html) as other:
            await page.goto(same)
            async with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
                await page.reload()
            await expect(inside).to_have_count(0)
            changes = {"frame_ancestors": [same, other]}
            answer = await node.client.patch("/api/settings/", json=changes)
            assert answer.json()["frame_ancestors"] == changes["frame_ancestors"]
            await page.reload()
            await expect(inside).to_have_text("Settings")
            # The cookie is SameSite=Lax: in a frame of another site nobody is signed in.
            await page.goto(other)
            await expect(inside).to_have_text("Sign in")
            await page.goto("about:blank")
