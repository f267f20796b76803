"""The adapters of what the node works on by itself: one a kind, each in the words of its home."""

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from falconeye.base.errors import Conflict, NotFound
from falconeye.base.words import counted
from falconeye.jobs.outcomes import WorkOutcomes
from falconeye.jobs.system_work import (
    Act,
    Amount,
    SystemWork,
    SystemWorks,
    WorkAdapter,
    WorkKind,
    WorkState,
)
from falconeye.storage.backups.nightly import NightlyBackups
from falconeye.storage.checks.index_runner import IndexOutcome, IndexRunner
from falconeye.storage.footage import Footage
from falconeye.storage.segments.deletion import Deletions
from falconeye.storage.segments.move_state import MoveState
from falconeye.storage.segments.mover import Mover
from falconeye.storage.segments.redating import Redater, RedateState
from falconeye.storage.segments.volume_changes import Held, VolumeChanges
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import Volumes


def system_works(footage: Footage, backups: NightlyBackups, outcomes: WorkOutcomes) -> SystemWorks:
    """Those of a node."""
    storage = footage.storage
    adapters = {
        WorkKind.INDEX: IndexWork(storage.index_runner),
        WorkKind.MOVE: MoveWork(storage.mover, storage.changes, footage.volumes),
        WorkKind.DELETION: DeletionWork(footage.deleter.deletions),
        WorkKind.REDATING: RedateWork(footage.redater),
        WorkKind.BACKUP: BackupWork(backups),
    }
    return SystemWorks(adapters, outcomes)


class MoveWork(WorkAdapter):
    """Footage that leaves a volume: one for each of which some does, did or is to.

    A standing rule of the disks rather than a thing with an end: it is paused, not cancelled.
    """

    def __init__(self, mover: Mover, changes: VolumeChanges, volumes: Volumes) -> None:
        self._mover = mover
        self._changes = changes
        self._volumes = volumes

    @override
    async def works(self) -> Sequence[SystemWork]:
        states = [(volume, self._mover.state(volume)) for volume in self._volumes.all]
        told = [(volume, state) for volume, state in states if _is_told(volume, state)]
        if not told:
            return ()
        held = {one.row.number: one.held for one in await self._changes.known()}
        return [_move(volume, state, held.get(volume.number, Held())) for volume, state in told]

    @override
    async def act(self, work: SystemWork, act: Act, by: str) -> None:
        found = (one for one in self._volumes.all if _move_id(one) == work.id)
        if (volume := next(found, None)) is None:  # removed since it was looked for
            raise NotFound("there is no such job")
        match act:
            case Act.PAUSE:
                await self._mover.pause(volume, by)
            case Act.RESUME:
                await self._mover.resume(volume)
            case _:
                self._mover.retry(volume)


def _move_id(volume: Volume) -> str:
    return f"{WorkKind.MOVE.value}-{volume.id}"


def _is_told(volume: Volume, state: MoveState) -> bool:
    is_at_it = state.since_us is not None or state.ended_us is not None
    return is_at_it or state.pause is not None or volume.role is Role.LEAVING


def _move(volume: Volume, state: MoveState, held: Held) -> SystemWork:
    """Of a disk that is to be emptied all is known; of another one, what left it so far."""
    is_leaving = volume.role is Role.LEAVING
    return SystemWork(
        id=_move_id(volume),
        kind=WorkKind.MOVE,
        state=_move_state(volume, state, held),
        subject=str(volume.path),
        files=Amount(state.moved_files, state.moved_files + held.segments if is_leaving else None),
        size_bytes=Amount(
            state.moved_bytes, state.moved_bytes + held.size_bytes if is_leaving else None
        ),
        since_us=state.pause.at_us if state.pause else state.since_us,
        ended_us=state.ended_us,
        trouble=state.trouble or volume.missing or "",
        by=state.pause.by if state.pause else "",
        acts=_move_acts(state),
    )


def _move_state(volume: Volume, state: MoveState, held: Held) -> WorkState:
    if state.pause is not None:
        return WorkState.PAUSED
    if state.moving and volume.missing is None:
        return WorkState.PROCESSING
    is_left = volume.role is Role.LEAVING and held.segments > 0
    if state.since_us is not None or is_left:
        return WorkState.PENDING
    return WorkState.COMPLETE


def _move_acts(state: MoveState) -> tuple[Act, ...]:
    if state.pause is not None:
        return (Act.RESUME,)
    return (Act.RETRY, Act.PAUSE) if state.trouble else (Act.PAUSE,)


def move_outcome(volume: Volume, state: MoveState) -> SystemWork:
    """What left a volume since the start of the node, and what held that up last."""
    return SystemWork(
        id=f"{_move_id(volume)}-{state.first_us}",
        kind=WorkKind.MOVE,
        state=WorkState.COMPLETE,
        subject=str(volume.path),
        files=Amount(state.moved_files),
        size_bytes=Amount(state.moved_bytes),
        since_us=state.first_us,
        ended_us=state.ended_us,
        trouble=state.last_trouble,
    )


class IndexWork(WorkAdapter):
    """An index that is made anew from the files after a restore."""

    def __init__(self, runner: IndexRunner) -> None:
        self._runner = runner

    @override
    async def works(self) -> Sequence[SystemWork]:
        index, outcome = self._runner.state, self._runner.outcome
        files = Amount(index.done, index.files) if index.files else None
        trouble = ""
        acts: tuple[Act, ...] = ()
        if index.is_cancelled:
            state, acts = WorkState.CANCELLED, (Act.RETRY,)
        elif index.is_building:
            state, acts = WorkState.PROCESSING, (Act.CANCEL,)
        elif index.away:
            state, trouble = WorkState.PENDING, ", ".join(index.away)
        elif outcome is None:
            return ()
        else:
            work = index_outcome(outcome, self._runner.since_us)
            acts = (Act.RETRY,) if work.state is WorkState.FAILED else ()
            return [replace(work, id=WorkKind.INDEX.value, acts=acts)]
        return [
            SystemWork(
                id=WorkKind.INDEX.value,
                kind=WorkKind.INDEX,
                state=state,
                files=files,
                since_us=self._runner.since_us,
                trouble=trouble,
                acts=acts,
            )
        ]

    @override
    async def act(self, work: SystemWork, act: Act, by: str) -> None:
        if act is Act.CANCEL:
            self._runner.cancel()
        else:
            self._runner.retry()


def index_outcome(outcome: IndexOutcome, since_us: int | None) -> SystemWork:
    """What came of it; files that cannot be read are told, and hold nothing up."""
    unreadable = f"{counted(outcome.unreadable, 'file')} cannot be read"
    return SystemWork(
        id=f"{WorkKind.INDEX.value}-{outcome.ended_us}",
        kind=WorkKind.INDEX,
        state=WorkState.FAILED if outcome.error else WorkState.COMPLETE,
        files=Amount(outcome.files),
        since_us=since_us,
        ended_us=outcome.ended_us,
        trouble=outcome.error or (unreadable if outcome.unreadable else ""),
    )


class DeletionWork(WorkAdapter):
    """Times of cameras that persons delete, while that lasts."""

    def __init__(self, deletions: Deletions) -> None:
        self._deletions = deletions

    @override
    async def works(self) -> Sequence[SystemWork]:
        return [
            SystemWork(
                id=f"{WorkKind.DELETION.value}-{one.number}",
                kind=WorkKind.DELETION,
                state=WorkState.PROCESSING,
                subject=one.camera_id,
                files=Amount(one.gone_files, one.files),
                size_bytes=Amount(one.gone_bytes),
                since_us=one.since_us,
                by=one.wanted.who,
                acts=(Act.CANCEL,) if one.may_end and not one.is_cancelled else (),
            )
            for one in self._deletions.list()
        ]

    @override
    async def act(self, work: SystemWork, act: Act, by: str) -> None:
        _ = self._deletions.cancel(int(work.id.partition("-")[2]))


class RedateWork(WorkAdapter):
    """Footage of a wrong clock that gets its right times: all of it, so there is no cancel."""

    def __init__(self, redater: Redater) -> None:
        self._redater = redater

    @override
    async def works(self) -> Sequence[SystemWork]:
        last = self._redater.state
        if last is None:
            return ()
        work = redating(last)
        if last.ended_us is None:
            state = WorkState.PENDING if last.is_waiting else WorkState.PROCESSING
            work = replace(work, state=state)
        return [replace(work, id=WorkKind.REDATING.value)]

    @override
    async def act(self, work: SystemWork, act: Act, by: str) -> None:
        raise Conflict("footage gets all of its right times, or none")


def redating(state: RedateState) -> SystemWork:
    """A re-dating that is over."""
    return SystemWork(
        id=f"{WorkKind.REDATING.value}-{state.ended_us}",
        kind=WorkKind.REDATING,
        state=WorkState.COMPLETE,
        files=Amount(state.done, state.files) if state.files else None,
        since_us=state.since_us,
        ended_us=state.ended_us,
        shift_us=state.shift_us,
    )


class BackupWork(WorkAdapter):
    """The nightly copies: what came of the last night."""

    def __init__(self, backups: NightlyBackups) -> None:
        self._backups = backups

    @override
    async def works(self) -> Sequence[SystemWork]:
        last = self._backups.state
        if not last.is_on:
            return ()
        newest = max(last.newest, key=lambda kept: kept.made_us, default=None)
        if last.since_us is not None:
            state = WorkState.PROCESSING
        elif last.problem:
            state = WorkState.FAILED
        else:
            state = WorkState.PENDING if newest is None else WorkState.COMPLETE
        return [
            SystemWork(
                id=WorkKind.BACKUP.value,
                kind=WorkKind.BACKUP,
                state=state,
                subject=", ".join(str(kept.path.parent) for kept in last.newest),
                size_bytes=Amount(sum(kept.size_bytes for kept in last.newest)) if newest else None,
                since_us=last.since_us,
                ended_us=newest.made_us if newest else None,
                trouble=last.problem,
                acts=(Act.RETRY,) if last.problem and last.since_us is None else (),
            )
        ]

    @override
    async def act(self, work: SystemWork, act: Act, by: str) -> None:
        self._backups.retry()
