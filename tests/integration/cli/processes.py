"""`python -m falconeye …` as a process of its own, beside what the test runs."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any


async def in_process(data_dir: Path, *words: str, stdin: str = "") -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "falconeye", *words, "--data-dir", str(data_dir),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(stdin.encode())
    return process.returncode, out.decode(), err.decode()


def answer_of(ended: tuple[int | None, str, str]) -> dict[str, Any]:
    """What a command with `--json` answered."""
    code, out, err = ended
    assert out, f"exit code {code}: {err}"
    answer: dict[str, Any] = json.loads(out)
    return answer
