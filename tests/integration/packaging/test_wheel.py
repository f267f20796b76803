"""The built wheel in an empty virtual environment: everything a node needs is inside."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from falconeye import __version__

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.timeout(300)
# Only what a shell of a user has: nothing of this checkout may help.
ENVIRONMENT = {
    name: os.environ[name]
    for name in os.environ
    if name.startswith("PIP_")
    or name in {"PATH", "HOME", "LANG", "SSL_CERT_FILE", "TMPDIR", "FALCONEYE_DISCOVERY"}
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the files of this checkout."""
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    [built] = target.glob("falconeye-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, installed with the pinned dependencies only."""
    directory = tmp_path_factory.mktemp("node") / "venv"
    venv.create(directory, with_pip=True)
    install: list[str | Path] = [directory / "bin" / "python", "-m", "pip", "install", "--quiet"]
    pinned: list[str | Path] = ["--require-hashes", "-r", ROOT / "constraints.txt"]
    for words in (pinned, ["--no-deps", wheel]):
        subprocess.run([*install, *words], check=True, env=ENVIRONMENT, cwd=directory)
    return directory / "bin" / "falconeye"


def test_the_wheel_holds_pages_static_files_and_migrations(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"falconeye-{__version__}.dist-info/METADATA").decode()
    for folder in ("templates", "static", "systemd"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                assert f"falconeye/{path.relative_to(ROOT)}" in names
    for path in (ROOT / "falconeye").rglob("*"):
        if path.suffix in {".py", ".mako", ".mo"}:
            assert str(path.relative_to(ROOT)) in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]
    assert f"falconeye-{__version__}.dist-info/licenses/LICENSE" in names
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata


def test_the_program_says_its_version(installed: Path) -> None:
    answer = subprocess.run(
        [installed, "version"], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert answer.stdout == f"falconeye {__version__}\n"


def test_nothing_is_missing_or_clashes(installed: Path) -> None:
    subprocess.run([installed.with_name("python"), "-m", "pip", "check"], check=True)


@asynccontextmanager
async def served(program: Path, data_dir: Path) -> AsyncIterator[str]:
    """A node with the demo camera on a free port; the set-up link that it printed."""
    process = await asyncio.create_subprocess_exec(
        program, "serve", "--demo", "--port", "0", "--data-dir", str(data_dir),
        stderr=asyncio.subprocess.PIPE, env=ENVIRONMENT, cwd=data_dir.parent,
    )  # fmt: skip
    assert process.stderr
    lines: list[str] = []
    try:
        while not (lines and (found := re.search(r"http://\S+/setup/\S+", lines[-1]))):
            line = (await process.stderr.readline()).decode()
            assert line, "".join(lines)
            lines.append(line)
        yield found.group()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        _, rest = await process.communicate()
        lines.append(rest.decode())
    assert process.returncode == 0, "".join(lines)
    assert "Traceback" not in "".join(lines), "".join(lines)


async def test_the_installed_node_serves_pages_static_files_and_the_schema(
    installed: Path, tmp_path: Path
) -> None:
    async with served(installed, tmp_path / "data") as link:
        base = link.partition("/setup/")[0]
        async with httpx.AsyncClient(base_url=base, follow_redirects=True) as client:
            page = await client.get(link)
            assert page.status_code == 200
            assert "FalconEye" in page.text
            files = re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text)
            assert files
            for file in files:
                answer = await client.get(file)
                assert (file, answer.status_code) == (file, 200)
                assert answer.content
            assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("tool", ["uv", "pipx"])
def test_a_user_installs_it_with_a_tool_installer(tool: str, wheel: Path, tmp_path: Path) -> None:
    """pipx and uv, each from an environment of its own, into a home of its own."""
    venv.create(tmp_path / "tools", with_pip=True)
    bin_dir = tmp_path / "tools" / "bin"
    subprocess.run(
        [bin_dir / "python", "-m", "pip", "install", "--quiet", tool], check=True, env=ENVIRONMENT
    )
    home = {
        "UV_TOOL_DIR": str(tmp_path / "uv"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_PYTHON": sys.executable,
        "UV_NATIVE_TLS": "1", "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"), "PIPX_DEFAULT_PYTHON": sys.executable,
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }  # fmt: skip
    words = ["tool", "install"] if tool == "uv" else ["install"]
    subprocess.run(
        [bin_dir / tool, *words, wheel], check=True, env=ENVIRONMENT | home, cwd=tmp_path
    )
    answer = subprocess.run(
        [tmp_path / "bin" / "falconeye", "version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == f"falconeye {__version__}\n"
