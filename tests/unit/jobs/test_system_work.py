"""What the node works on by itself: told in one form, acted on in one place."""

from collections.abc import Sequence

import pytest
from typing_extensions import override

from falconeye.base.errors import Conflict, NotFound
from falconeye.jobs.system_work import (
    Act,
    Amount,
    SystemWork,
    SystemWorks,
    WorkAdapter,
    WorkKind,
    WorkState,
)


class Kept(WorkAdapter):
    """What it was given, and what was done to it."""

    def __init__(self, *works: SystemWork) -> None:
        self.kept = list(works)
        self.did: list[tuple[str, Act, str]] = []

    @override
    async def works(self) -> Sequence[SystemWork]:
        return self.kept

    @override
    async def act(self, work: SystemWork, act: Act, by: str) -> None:
        self.did.append((work.id, act, by))
        self.kept.remove(work)


def move(number: int, state: WorkState, *acts: Act) -> SystemWork:
    return SystemWork(f"move-{number}", WorkKind.MOVE, state, acts=acts)


async def test_what_runs_stands_before_what_is_over() -> None:
    backup = SystemWork("backup", WorkKind.BACKUP, WorkState.FAILED)
    works = SystemWorks({
        WorkKind.BACKUP: Kept(backup),
        WorkKind.MOVE: Kept(move(1, WorkState.COMPLETE), move(2, WorkState.PAUSED)),
    })  # fmt: skip
    assert [one.id for one in await works.list()] == ["move-2", "backup", "move-1"]
    assert await works.find("backup") is backup
    for unknown in ("move-3", "move", "index", "0b6f2d8e-70f2-4a2f-9d43-6c3e1f6f8a11", ""):
        assert await works.find(unknown) is None


async def test_only_what_is_offered_can_be_done() -> None:
    moves = Kept(move(1, WorkState.PENDING, Act.PAUSE))
    works = SystemWorks({WorkKind.MOVE: moves})
    with pytest.raises(Conflict, match=r"pending.*pause"):
        await works.act("move-1", Act.CANCEL, "anna")
    with pytest.raises(NotFound):
        await works.act("move-2", Act.PAUSE, "anna")
    assert moves.did == []
    done = await works.act("move-1", Act.PAUSE, "anna")
    assert moves.did == [("move-1", Act.PAUSE, "anna")]
    assert done.id == "move-1"  # it is over: that is told as it was


def test_how_much_of_it_is_done() -> None:
    def share(state: WorkState, files: Amount | None, size: Amount | None) -> float | None:
        return SystemWork("1", WorkKind.MOVE, state, files=files, size_bytes=size).share

    at_it = WorkState.PROCESSING
    assert share(at_it, Amount(1, 4), Amount(1, 2)) == 0.25
    assert share(at_it, Amount(1), Amount(1, 2)) == 0.5
    assert share(at_it, Amount(3, 2), None) == 1.0
    assert share(at_it, Amount(0, 0), None) is None
    assert share(WorkState.COMPLETE, None, None) == 1.0
