"""`falconeye serve` as a shell and as systemd see it."""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import pytest

from tests.integration.cli.processes import in_process

pytestmark = pytest.mark.timeout(60)


async def received(manager: socket.socket) -> str:
    """The next datagram to the service manager."""
    return (await asyncio.get_running_loop().sock_recv(manager, 4096)).decode()


async def test_systemd_is_told_from_ready_to_stopping(data_dir: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "falconeye", "serve", "--port", "0", "--log-format", "json",
            "--data-dir", str(data_dir), stderr=asyncio.subprocess.PIPE,
            env=os.environ | {
                "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000",
                "FALCONEYE_SERVICE_HOST": "10.43.0.1", "FALCONEYE_PORT": "tcp://10.43.0.1:8900",
            },
        )  # fmt: skip
        ready = await received(manager)
        while ready.startswith("EXTEND_TIMEOUT_USEC="):  # of what may take minutes
            ready = await received(manager)
        assert ready.startswith("READY=1\nSTATUS=serving http://127.0.0.1:")
        assert await received(manager) == "WATCHDOG=1"
        url = ready.partition("STATUS=serving ")[2].strip()
        process.terminate()
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        messages = [await received(manager)]
        while messages[-1] == "WATCHDOG=1":
            messages.append(await received(manager))
        assert messages[-1] == "STOPPING=1"
    lines = err.decode().splitlines()
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert any(url in entry["message"] for entry in logged)
    assert "FALCONEYE_PORT is ignored" in lines[0]
    [link] = [line.strip() for line in lines if "/setup/" in line]
    assert link.startswith(f"{url}setup/")
    assert not any(link.rpartition("/")[2] in entry["message"] for entry in logged)
    assert not (data_dir / "address").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--port", "70000"), 2, "port = 70000 is not allowed"),
        (("--host", "192.0.2.1", "--port", "0"), 4, "192.0.2.1"),
        (("--host", "http://x"), 2, "without scheme"),
        (("--config", "missing.toml"), 2, "cannot read the settings file"),
        (("--port", "0", "--admin-password-file", "missing"), 4, "no admin could be made"),
    ],
)
async def test_what_cannot_start_says_why(
    data_dir: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    answer = await in_process(data_dir, "serve", *words)
    assert (answer[0], answer[1]) == (code, "")
    assert message in answer[2]
    assert "Traceback" not in answer[2]


async def test_a_port_in_use_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = await in_process(data_dir, "serve", "--port", str(port))
    assert code == 4
    assert f"port {port} is in use" in err


async def test_a_read_only_data_directory_is_named() -> None:
    # /proc cannot be written by anyone, not even root.
    code, _, err = await in_process(Path("/proc/falconeye"), "serve", "--port", "0")
    assert code == 4
    assert "/proc/falconeye" in err
    assert "Traceback" not in err
