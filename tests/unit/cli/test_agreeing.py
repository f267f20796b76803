"""The question before a change, asked at a real terminal within an event loop, as commands do."""

import os
import pty
import subprocess
import sys

import pytest

TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
PROGRAM = """
import asyncio, sys
from falconeye.cli.agreeing import agreed

async def work():
    return agreed("Sure?")

try:
    print(asyncio.run(work()), flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def asked(answer: bytes) -> tuple[int, str]:
    """Exit code, and what was printed; the process has the terminal for its own."""
    here, there = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{TAKE_TERMINAL}\n{PROGRAM}"],
            stdin=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            prompt = b""
            while not prompt.endswith(b"[y/N] "):
                more = os.read(process.stderr.fileno(), 100)
                assert more, prompt
                prompt += more
            os.write(here, answer)
            try:
                printed, _ = process.communicate(timeout=20)
            finally:
                process.kill()
        return process.returncode, printed.decode()
    finally:
        os.close(here)
        os.close(there)


@pytest.mark.parametrize(
    ("answer", "said"), [(b"y\n", "True"), (b"YES\n", "True"), (b"\n", "False"), (b"yo\n", "False")]
)
def test_only_yes_is_yes(answer: bytes, said: str) -> None:
    assert asked(answer) == (0, f"{said}\n")


def test_the_first_ctrl_c_ends_it() -> None:
    assert asked(b"\x03") == (130, "")


def test_without_a_terminal_nobody_agrees() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=b"y\n", capture_output=True, check=True, timeout=20
    )
    assert (run.stdout, run.stderr) == (b"False\n", b"")
