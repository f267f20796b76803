"""Has the homes of what the node does by itself tell its ends, so that they are kept."""

from dataclasses import replace

from falconeye.jobs.node_works import index_outcome, move_outcome, redating
from falconeye.jobs.outcomes import WorkOutcomes
from falconeye.jobs.system_work import WorkState
from falconeye.storage.checks.index_runner import IndexOutcome
from falconeye.storage.footage import Footage
from falconeye.storage.segments.move_state import MoveState
from falconeye.storage.segments.redating import RedateState
from falconeye.storage.volumes.volume import Volume

_STOPPED = "the node stopped before it was done: it goes on by itself"


def watch(footage: Footage, outcomes: WorkOutcomes) -> None:
    """From now on, and what is over already."""
    index, redater, mover = footage.storage.index_runner, footage.redater, footage.mover

    def index_is_over(outcome: IndexOutcome) -> None:
        outcomes.note(index_outcome(outcome, index.since_us))

    def redating_is_over(state: RedateState) -> None:
        outcomes.note(redating(state))

    def move_is_over(volume: Volume, state: MoveState) -> None:
        if _is_worth_telling(state):
            outcomes.note(move_outcome(volume, state))

    index.on_over = index_is_over
    redater.on_over = redating_is_over
    mover.states.on_over = move_is_over
    if index.outcome is not None:
        index_is_over(index.outcome)
    if redater.state is not None and redater.state.ended_us is not None:
        redating_is_over(redater.state)
    for volume in footage.volumes.all:
        if (state := mover.state(volume)).ended_us is not None:
            move_is_over(volume, state)


def note_unfinished_moves(footage: Footage, outcomes: WorkOutcomes, utc_us: int) -> None:
    """The node ends: what has moved so far is forgotten with it."""
    for volume in footage.volumes.all:
        state = footage.mover.state(volume)
        if state.since_us is None or not _is_worth_telling(state):
            continue
        words = f"paused by {state.pause.by}" if state.pause else state.trouble or _STOPPED
        work = move_outcome(volume, replace(state, ended_us=utc_us))
        outcomes.note(replace(work, state=WorkState.CANCELLED, trouble=words))


def _is_worth_telling(state: MoveState) -> bool:
    """A disk may be full and empty again without a file that moved."""
    return bool(state.moved_files or state.last_trouble)
