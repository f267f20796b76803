"""`falconeye check` on what a real node recorded, beside it and after it."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.cli.processes import answer_of, in_process

pytestmark = pytest.mark.timeout(60)
FILE_BYTES = 20_000  # a few seconds of the demo picture


@asynccontextmanager
async def node(data_dir: Path) -> AsyncIterator[str]:
    """A node that records the demo camera; yields its set-up link."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "falconeye", "serve", "--demo", "--port", "0",
        "--data-dir", str(data_dir), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    said = ""
    try:
        while not (link := re.search(r"http://\S+/setup/\S+", said)):
            line = await process.stderr.readline()
            assert line, said
            said += line.decode()
        yield link.group()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        _, rest = await process.communicate()
    assert process.returncode == 0, said + rest.decode()


async def recorded_file(data_dir: Path) -> Path:
    """The first file of footage, once it has something in it."""
    while True:
        for file in sorted((data_dir / "media").rglob("*.mp4")):
            if file.stat().st_size >= FILE_BYTES:
                return file
        await asyncio.sleep(0.05)


def lose_index(data_dir: Path) -> None:
    for lost in data_dir.glob("falconeye.sqlite3*"):
        lost.unlink()


async def test_a_running_node_can_be_looked_at_but_not_repaired(data_dir: Path) -> None:
    async with node(data_dir) as link:
        await recorded_file(data_dir)
        looked = answer_of(await in_process(data_dir, "check", "--json"))
        assert (looked["ok"], looked["being_written"]) == (True, 1)
        code, out, err = await in_process(data_dir, "check", "--repair")
        assert (code, out) == (4, "")
        assert "already serves" in err
        _, newer, _ = await in_process(data_dir, "setup-link")
        assert newer.partition("/setup/")[0] == link.partition("/setup/")[0]


async def test_what_is_wrong_is_found_and_repaired(data_dir: Path) -> None:
    async with node(data_dir):
        file = await recorded_file(data_dir)
    fine = answer_of(await in_process(data_dir, "check", "--json"))
    assert (fine["ok"], fine["segments"], fine["files"]) == (True, 1, 1)

    # The index is lost: the files alone bring it back.
    lose_index(data_dir)
    await in_process(data_dir, "camera", "add", "demo", "--name", "Other")
    rebuilt = answer_of(await in_process(data_dir, "check", "--repair", "--accept-disk", "--json"))
    assert (rebuilt["ok"], rebuilt["problems"][0]["fault"]) == (True, "not_indexed")
    again = answer_of(await in_process(data_dir, "check", "--rebuild", "--json"))
    assert (again["ok"], again["segments"], again["rebuilt"]["indexed"]) == (True, 1, 1)

    file.unlink()
    code, out, _ = await in_process(data_dir, "check")
    assert code == 1
    assert "file_missing" in out
    assert "1 wrong" in out
    code, out, _ = await in_process(data_dir, "check", "--repair")
    assert code == 0
    assert "nothing wrong" in out
    assert (await in_process(data_dir, "check"))[0] == 0


async def test_a_mistyped_media_directory_is_not_made(data_dir: Path, tmp_path: Path) -> None:
    """Nor is another directory marked as ours, and called in order."""
    async with node(data_dir):
        await recorded_file(data_dir)
    typo, other = tmp_path / "vidoe", tmp_path / "home"
    other.mkdir()
    for wrong in (typo, other):
        for words in ((), ("--repair",), ("--rebuild",)):
            code, _, err = await in_process(data_dir, "check", *words, "--media-dir", str(wrong))
            assert code == 3
            assert f"no footage of FalconEye in {wrong} (it lies in {data_dir / 'media'})" in err
    accepting = ("check", "--repair", "--accept-disk", "--media-dir", str(typo))
    assert (await in_process(data_dir, *accepting))[0] == 3
    assert not typo.exists()
    assert list(other.iterdir()) == []


async def test_wrong_words(data_dir: Path) -> None:
    code, _, err = await in_process(data_dir, "check", "--accept-disk")
    assert (code, err) == (2, "falconeye: --accept-disk needs --repair\n")
    assert (await in_process(data_dir, "check"))[0] == 3
