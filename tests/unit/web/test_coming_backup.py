"""A backup that is sent to be looked at, where the disk has no room for it."""

from pathlib import Path
from typing import Any, cast

import pytest

from falconeye.base.errors import Unavailable
from falconeye.storage.backups import restoring as storage
from falconeye.web.restoring import _Coming

PIECE = bytes(2 << 20)  # more than is gathered before it is written


async def test_what_a_full_disk_refuses_is_read_to_its_end_and_said_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that still sends would show a broken connection instead of the answer."""
    asked: list[int] = []

    def no_room(_folder: Path, size_bytes: int) -> None:
        asked.append(size_bytes)
        raise Unavailable("the disk is full")

    monkeypatch.setattr(storage, "require_room", no_room)
    coming = _Coming(cast("Any", None))  # nobody is asked for a password here
    coming.upload = storage.Upload(tmp_path, "node.backup")
    for _ in range(3):
        await coming.add(PIECE)
    assert asked == [len(PIECE)]
    with pytest.raises(Unavailable, match="the disk is full"):
        await coming.end({})
