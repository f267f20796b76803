"""Nodes of earlier releases: built from the history of this repository, run by this Python."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typing_extensions import override

from tests.nodes import RunningNode

ROOT = Path(__file__).parents[2]
FIRST_CLUSTERS = "0a7cba3"  # the first that has several nodes as one
BEFORE_CLUSTERS = "75d6b18"  # the last commit that knows of one node alone


def built(commit: str, folder: Path) -> dict[str, str]:
    """The wheel of a commit, installed in `folder`: an environment in which Python runs it.

    All else it needs is what is installed here. Skips the test where the history ends before it.
    """
    git = ["git", "-C", str(ROOT)]
    look = [*git, "cat-file", "-e", f"{commit}^{{commit}}"]
    found = subprocess.run(look, check=False, capture_output=True)
    if found.returncode:
        pytest.skip(f"the history of this checkout does not reach {commit}")
    source, wheels, site = folder / "source", folder / "dist", folder / "site"
    source.mkdir(parents=True)
    archive = subprocess.run([*git, "archive", commit], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    [wheel] = wheels.glob("falconeye-*.whl")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True)
    # Without the directory of this checkout, which holds this release.
    return os.environ | {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}


class OlderNode(RunningNode):
    """A node of an earlier release; its tables are touched by no other."""

    def __init__(self, environment: dict[str, str], folder: Path, *options: str) -> None:
        super().__init__(folder, *options)
        self.environment = environment

    @override
    async def _add_token(self) -> str:
        code, out, err = await self.command("token", "add", "test", "--role", "admin")
        assert code == 0, err
        return out.strip()


@contextlib.asynccontextmanager
async def older_node(
    environment: dict[str, str], folder: Path, *options: str
) -> AsyncIterator[RunningNode]:
    """As `running_node`, of an earlier release."""
    node = OlderNode(environment, folder, *options)
    await node.start()
    try:
        where = await asyncio.to_thread(_where, environment)
        assert where.startswith(environment["PYTHONPATH"]), where
        await node.sign_in()
        yield node
    finally:
        await node.stop()


def _where(environment: dict[str, str]) -> str:
    words = [sys.executable, "-c", "import falconeye; print(falconeye.__file__)"]
    return subprocess.run(words, check=True, capture_output=True, env=environment).stdout.decode()
