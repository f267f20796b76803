"""nginx and Caddy in front of a node, set up by the very files that the README tells people."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

README: Final = Path(__file__).parents[2] / "README.md"
BASE: Final = "/falconeye"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CADDY = shutil.which("caddy")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx)")
needs_caddy = pytest.mark.skipif(CADDY is None, reason="needs Caddy (Debian: caddy)")
_LOOK_S: Final = 0.05
_AROUND_NGINX: Final = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""
_AROUND_CADDY: Final = """\
{{
	admin off
	auto_https disable_redirects
	storage file_system {folder}/storage
	http_port {spare}
	https_port {port}
}}
{server}
"""


@dataclass(frozen=True, slots=True)
class ReverseProxy:
    """One that runs; `url` is where the node's pages are, `origin` the site."""

    url: str
    origin: str
    tls: ssl.SSLContext


def told_in_readme(language: str) -> str:
    """The one block of that language in the README."""
    pattern = rf"^```{language}\n(.*?)^```$"
    blocks = re.findall(pattern, README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, language
    found: str = blocks[0]
    return found


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """Each must be there: a README that says another thing is another test."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextlib.asynccontextmanager
async def nginx(
    folder: Path, node_port: int, *, base: str = BASE, tls: bool = True
) -> AsyncIterator[ReverseProxy]:
    """Listens on a free port of 127.0.0.1. Without `tls` as behind another proxy that has it."""
    assert NGINX
    port, files = _free_port(), await asyncio.to_thread(make_certificate, folder)
    server = changed(
        told_in_readme("nginx"),
        ("server 127.0.0.1:8900;", f"server 127.0.0.1:{node_port};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port}{' ssl http2' if tls else ''};"),
        ("/etc/ssl/cameras.example.org.pem", str(files.certificate)),
        ("/etc/ssl/cameras.example.org.key", str(files.key)),
        (f"location {BASE}/ {{", f"location {base}/ {{"),
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(_AROUND_NGINX.format(folder=folder, server=server))
    words = [NGINX, "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    async with _running(words, port):
        origin = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        yield ReverseProxy(f"{origin}{base}", origin, files.context)


@contextlib.asynccontextmanager
async def caddy(folder: Path, node_port: int, *, base: str = BASE) -> AsyncIterator[ReverseProxy]:
    """As `nginx`, with a certificate of the test: the true one is from the internet."""
    assert CADDY
    port, files = _free_port(), await asyncio.to_thread(make_certificate, folder)
    tls = f"bind 127.0.0.1\n\ttls {files.certificate} {files.key}"
    server = changed(
        told_in_readme("caddyfile"),
        ("cameras.example.org {", f"https://127.0.0.1:{port} {{\n\t{tls}"),
        ("127.0.0.1:8900", f"127.0.0.1:{node_port}"),
    )  # fmt: skip
    if not base:
        server = re.sub(r"^.*@falconeye path.*\n", "", server, flags=re.MULTILINE)
        server = changed(server, ("reverse_proxy @falconeye ", "reverse_proxy "))
    configuration = folder / "Caddyfile"
    configuration.write_text(
        _AROUND_CADDY.format(folder=folder, server=server, port=port, spare=_free_port())
    )
    words = [CADDY, "run", "--adapter", "caddyfile", "--config", str(configuration)]
    async with _running(words, port):
        origin = f"https://127.0.0.1:{port}"
        yield ReverseProxy(f"{origin}{base}", origin, files.context)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files, and a client's context that believes no other certificate."""

    certificate: Path
    key: Path
    context: ssl.SSLContext


def make_certificate(folder: Path) -> Certificate:
    """Self-signed, for 127.0.0.1 and the README's name, in a new folder."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cameras.example.org")])
    now = dt.datetime.now(dt.UTC)
    places = [
        x509.DNSName("cameras.example.org"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    files = folder / "certificate.pem", folder / "certificate.key"
    files[0].write_bytes(pem)
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem.decode())
    return Certificate(*files, context)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@contextlib.asynccontextmanager
async def _running(words: list[str], port: int) -> AsyncIterator[None]:
    """Until it takes connections; ended at the end. What it says is in the failure."""
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    said = asyncio.create_task(process.stderr.read(), name="proxy-log")
    try:
        while not await _takes_connections(port):
            assert process.returncode is None, (await said).decode()
            await asyncio.sleep(_LOOK_S)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        log = (await said).decode()
        serious = [line for line in log.splitlines() if "[emerg]" in line or "[crit]" in line]
        assert not serious, log


async def _takes_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
