"""A whole node that speaks HTTPS by itself."""

import asyncio
import json
import ssl
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.certificates import files, self_signed, trusting
from tests.nodes import NO_TLS, PASSWORD, RunningNode

pytestmark = pytest.mark.timeout(60)


async def own_authority(node: RunningNode) -> str:
    """Fetched as a device fetches it: without TLS (PEM)."""
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:
        answer = await client.get(f"{node.url.replace('https://', 'http://')}/ca.crt")
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    return ssl.DER_cert_to_PEM_cert(answer.content)


async def test_a_node_with_its_own_authority(tmp_path: Path) -> None:
    node = RunningNode(tmp_path, "--tls", "auto", "--demo")
    await node.start()
    try:
        assert node.url.startswith("https://127.0.0.1:")
        authority = await own_authority(node)
        node.trusts = trusting(authority)
        await node.sign_in()
        assert node.setup_link.startswith("https://127.0.0.1:")
        [camera] = (await node.json("/api/cameras/"))["cameras"]
        await node.until(f"/api/cameras/{camera['id']}", lambda it: bool(it["online"]))

        host = node.url.removeprefix("https://")
        headers = {"authorization": node.client.headers["authorization"]}
        live = f"wss://{host}/api/cameras/{camera['id']}/live"
        async with connect(live, ssl=node.trusts, additional_headers=headers, proxy=None) as opened:
            assert json.loads(await opened.recv())["type"] == "offer"
        async with node.client.stream(
            "GET", "/events", headers={"accept": "text/event-stream"}
        ) as sse:
            assert sse.headers["content-type"].startswith("text/event-stream")
            assert await anext(sse.aiter_lines()) is not None
        recording = f"/api/cameras/{camera['id']}/recording"
        made = await node.until(f"{recording}/status", lambda it: it["status"] != "idle")
        await node.client.post(f"{recording}/stop")
        path = f"/api/recordings/{made['recording_id']}"
        await node.until(path, lambda it: it["status"] != "recording" and it["file_size_bytes"])
        part = await node.client.get(f"{path}/download", headers={"range": "bytes=0-99"})
        assert (part.status_code, len(part.content)) == (206, 100)

        _, shown, _ = await node.command("tls", "show", "--json")
        page = await node.client.get("/ca")
        assert json.loads(shown)["fingerprint"] in page.text.replace("<wbr>", "")
        assert json.loads((await node.command("doctor", "--json"))[1])
        # As the next start finds it: browsers see the same.
        port = int(node.url.rpartition(":")[2])
        certificate = await asyncio.to_thread((node.data_dir / "tls.crt").read_bytes)
        await node.terminate()
        await node.start(port=port)
        assert await own_authority(node) == authority
        assert await asyncio.to_thread((node.data_dir / "tls.crt").read_bytes) == certificate
    finally:
        await node.stop()


async def test_signing_in_is_a_session_of_https(tmp_path: Path) -> None:
    node = RunningNode(tmp_path, "--tls", "auto")
    await node.start()
    try:
        node.trusts = trusting(await own_authority(node))
        await node.sign_in()
        async with httpx.AsyncClient(verify=node.trusts, trust_env=False) as browser:
            form = {"name": "anna", "password": PASSWORD}
            answer = await browser.post(node.setup_link, data=form)
            assert answer.status_code == 303, answer.text
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Secure-falconeye_session=")
            assert "Secure" in cookie
            assert (await browser.get(f"{node.url}/settings")).status_code == 200
            # A cookie of before TLS, or one that somebody planted without it, is nobody's.
            value = answer.cookies["__Secure-falconeye_session"]
        async with httpx.AsyncClient(verify=node.trusts, trust_env=False) as other:
            old = {"cookie": f"falconeye_session={value}"}
            answer = await other.get(f"{node.url}/settings", headers=old)
            assert answer.status_code == 303
            assert "/login" in answer.headers["location"]
            plain = node.url.replace("https://", "http://")
            refused = await other.post(f"{plain}/login", data=form)
            assert refused.status_code == 400
    finally:
        await node.stop()


async def test_below_a_base_path_who_comes_without_tls_is_led_to_where_they_wanted(
    tmp_path: Path,
) -> None:
    node = RunningNode(tmp_path, "--tls", "auto", "--base-path", "/eye")
    await node.start()
    try:
        host = node.url.removeprefix("https://").partition("/")[0]
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as stranger:
            html = {"accept": "text/html"}
            led = await stranger.get(f"http://{host}/eye/settings?x=1", headers=html)
            assert led.headers["location"].startswith("/eye/ca?to=")
            page = await stranger.get(f"http://{host}{led.headers['location']}", headers=html)
            assert page.status_code == 200
            assert f'href="https://{host}/eye/settings?x=1"' in page.text
            assert (await stranger.get(f"http://{host}/eye/ca.crt")).status_code == 200
    finally:
        await node.stop()


async def test_files_are_named_by_their_certificate_and_read_again(tmp_path: Path) -> None:
    pair = files(tmp_path / "certificates")
    pair.write(*self_signed("localhost"))
    options = ("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key))
    node = RunningNode(tmp_path, *options)
    await node.start()
    try:
        assert node.url.startswith("https://localhost:")
        certificate, key = self_signed("localhost")
        node.trusts = trusting(pair.certificate.read_text(), certificate.decode())
        await node.sign_in()
        pair.replace(pair.certificate, certificate)
        await node.line("does not belong to the certificate .* goes on serving")
        assert "does not belong" in (await node.client.get("/ca")).text
        # What notices are made of: the node's alerts ask the certificate that serves.
        metrics = (await node.client.get("/metrics")).text
        assert 'falconeye_certificate_state{state="unusable"} 1.0' in metrics
        async with httpx.AsyncClient(verify=node.trusts, trust_env=False) as nobody:
            assert "does not belong" not in (await nobody.get(f"{node.url}/ca")).text
        pair.replace(pair.key, key)
        await node.line("a new certificate serves")
        async with httpx.AsyncClient(verify=trusting(certificate.decode())) as after:
            assert (await after.get(f"{node.url}/healthz")).status_code == 200
    finally:
        await node.stop()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--tls-cert", "CERT", "--tls-key", "OTHER"), 4, "does not belong to the certificate"),
        (("--tls-cert", "CERT", "--tls-key", "/nowhere.key"), 4, "there is no key /nowhere.key"),
        (("--tls-cert", "CERT"), 2, "give the key that belongs to it too"),
        (("--tls", "files"), 2, "needs a certificate"),
    ],
)
async def test_what_cannot_be_used_is_said_before_anything_begins(
    tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    pair, other = files(tmp_path / "one"), files(tmp_path / "other")
    pair.write(*self_signed())
    other.write(*self_signed())
    places = {"CERT": str(pair.certificate), "OTHER": str(other.key)}
    node = RunningNode(tmp_path / "node")
    given = [places.get(each, each) for each in options]
    found, _, said = await node.command("serve", *given)
    assert found == code
    assert words in said
    assert not (tmp_path / "node" / "data").exists()


@pytest.mark.timeout(120)
async def test_nodes_of_a_cluster_have_one_authority(tmp_path: Path) -> None:
    """It comes with the settings, and its key is opened by the cluster's data key."""
    first, second = (RunningNode(tmp_path / name, "--tls", "auto") for name in ("one", "two"))
    try:
        for node in (first, second):
            await node.start()
        authority = await own_authority(first)
        assert await own_authority(second) != authority
        first.trusts = trusting(authority)
        await first.sign_in()
        _, said, _ = await first.command("node", "code", "--json")
        code = json.loads(said)["code"]
        second.lines.clear()
        done, _, words = await second.command("join", code, "--yes")
        assert done == 0, words
        await second.line("a new certificate serves")
        assert await own_authority(second) == authority
        async with httpx.AsyncClient(verify=first.trusts, trust_env=False) as device:
            assert (await device.get(f"{second.url}/healthz")).status_code == 200
    finally:
        await first.stop()
        await second.stop()
