"""HTTPS by the cluster's own authority in Chromium: trusted, and only for what it may name."""

import asyncio
import datetime as dt
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import BrowserContext, Error, Page, async_playwright, expect

from falconeye.tls.names import Constraints, Names
from tests.browser.browsers import CHROMIUM, needs_chromium
from tests.browser.test_pages import OVERFLOW, RULES
from tests.certificates import authority, trusting
from tests.nodes import NO_TLS, PASSWORD, RunningNode

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]

FIRST_PICTURE_MS = 30_000


@asynccontextmanager
async def chromium(home: Path, *rules: str) -> AsyncIterator[BrowserContext]:
    """A browser of a user whose home that is; `rules` say where names lead."""
    args = ["--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    if rules:
        args.append(f"--host-resolver-rules={','.join(rules)}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=args, env={**os.environ, "HOME": str(home)}
        )
        try:
            yield await browser.new_context()
        finally:
            await browser.close()


async def trust(home: Path, der: bytes) -> None:
    home.mkdir(exist_ok=True)  # noqa: ASYNC240 - a test
    file = home / "ca.crt"
    await asyncio.to_thread(file.write_bytes, der)
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.browser.trusting", str(home), str(file)
    )
    assert await program.wait() == 0


@asynccontextmanager
async def node_with_own_authority(folder: Path) -> AsyncIterator[tuple[RunningNode, bytes]]:
    """A node that lets the test in, and its authority (DER)."""
    node = RunningNode(folder, "--tls", "auto", "--demo")
    await node.start()
    try:
        plain = node.url.replace("https://", "http://")
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:
            der = (await client.get(f"{plain}/ca.crt")).content
        node.trusts = trusting(ssl.DER_cert_to_PEM_cert(der))
        await node.sign_in()
        yield node, der
    finally:
        await node.stop()


async def set_up(node: RunningNode, page: Page) -> None:
    await page.goto(node.setup_link)
    await page.get_by_label("Your name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.wait_for_url(node.url + "/")


async def test_a_browser_that_trusts_it_signs_in_and_sees_live_pictures(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with node_with_own_authority(tmp_path) as (node, der):
        await trust(home, der)
        async with chromium(home) as context:
            page = await context.new_page()
            assert node.setup_link.startswith("https://")
            await set_up(node, page)
            [cookie] = [each for each in await context.cookies() if "session" in each["name"]]
            assert (cookie["name"], cookie["secure"]) == ("__Secure-falconeye_session", True)
            player = page.locator("[data-player]").first
            await expect(player).to_have_attribute("data-state", "live", timeout=FIRST_PICTURE_MS)
            await expect(page.get_by_text("not encrypted")).to_have_count(0)
            assert await page.evaluate("isSecureContext")
            # Changes come by SSE: a camera that is added elsewhere shows up by itself.
            await node.add("Yard", "demo:", protocol="demo")
            await expect(page.get_by_role("heading", level=1)).to_contain_text("2 cameras")


async def test_who_comes_without_tls_is_led_on_once_it_is_trusted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with node_with_own_authority(tmp_path) as (node, der):
        plain = node.url.replace("https://", "http://")
        async with chromium(tmp_path / "stranger") as context:
            page = await context.new_page()
            await page.goto(f"{plain}/recordings")
            await expect(page).to_have_url(f"{plain}/ca?to=%2Frecordings")
            link = page.get_by_role("link", name="Go on with HTTPS")
            await expect(link).to_have_attribute("href", f"{node.url}/recordings")
            _, shown, _ = await node.command("tls", "show")
            await expect(page.locator(".fingerprint")).to_have_text(shown.split()[-1])
            assert (await Axe().run(page, options=RULES)).violations_count == 0
            await page.set_viewport_size({"width": 360, "height": 700})
            assert await page.evaluate(OVERFLOW) <= 0
            with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
                await page.goto(node.url)
        await trust(home, der)
        async with chromium(home) as context:
            page = await context.new_page()
            await page.goto(f"{plain}/recordings")
            await page.wait_for_url(f"{node.url}/setup")


@asynccontextmanager
async def showing(certificate: bytes, key: bytes, folder: Path) -> AsyncIterator[int]:
    """A server that shows that, whatever it is asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        writer.close()

    for name, content in (("shown.crt", certificate), ("shown.key", key)):
        await asyncio.to_thread((folder / name).write_bytes, content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "shown.crt", folder / "shown.key")
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_chromium_refuses_what_a_stolen_key_signs_for_a_bank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = authority()
    home = tmp_path / "home"
    await trust(home, ssl.PEM_cert_to_DER_cert(own.certificate))
    monkeypatch.setattr(Constraints, "permitted", lambda _self, names: names)
    names: dict[str, Any] = {
        "house": Names(("pi-1.local",), (ip_address("127.0.0.1"),)),
        "bank": Names(("bank.example",), ()),
        "both": Names(("pi-1.local", "bank.example"), ()),
    }
    issued = {each: own.issue(each, names[each], dt.datetime.now(dt.UTC)) for each in names}
    async with chromium(home, "MAP * 127.0.0.1") as context:
        page = await context.new_page()
        async with showing(issued["house"].certificate, issued["house"].key, tmp_path) as port:
            for host in ("pi-1.local", "127.0.0.1"):
                answer = await page.goto(f"https://{host}:{port}/")
                assert answer
                assert answer.status == 200
        for each, host in (("bank", "bank.example"), ("both", "pi-1.local")):
            async with showing(issued[each].certificate, issued[each].key, tmp_path) as port:
                with pytest.raises(Error, match="ERR_CERT_"):
                    await page.goto(f"https://{host}:{port}/")
