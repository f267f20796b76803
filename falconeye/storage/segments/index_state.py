"""Whether the index has all files: after a restore it is made anew, beside the recorders."""

from collections.abc import Callable

from falconeye.base.errors import Unavailable
from falconeye.base.times import rfc3339


class IndexState:
    """What is said of it while files are missing from it. Lives on the loop."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None  # for each percent, at begin and end
        self.is_building = False
        self.is_cancelled = False  # by a person; it goes on when one says so, or the node starts
        self.files = 0  # to be looked at
        self.done = 0
        self.until_us = 0  # what began before is in the index
        self.since_us = 0  # this process recorded what began after, and indexed it
        self.away: tuple[str, ...] = ()  # disks whose files are not in it, and which are not there

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        return self.done / self.files if self.files else 0.0

    @property
    def is_partial(self) -> bool:
        """Whether files are missing from it, of disks that are there."""
        return self.is_building or self.is_cancelled

    @property
    def missing_files(self) -> int:
        """Not in it yet, of the disks that are there."""
        return self.files - self.done if self.is_partial else 0

    def begin(self, files: int) -> None:
        """So many files are to be looked at."""
        self.is_building, self.files, self.done = True, files, 0
        self.on_change()

    def advance(self, files: int, until_us: int) -> None:
        """So many more are done, and all before that moment."""
        before, self.until_us = int(self.share * 100), until_us
        self.done += files
        if int(self.share * 100) > before:
            self.on_change()

    def cancel(self) -> None:
        """Whoever builds it ends after the files at hand; files stay missing from it."""
        self.is_cancelled = True
        self.on_change()

    def halt(self) -> None:
        """It was cancelled, and nobody builds it now."""
        self.is_building = False
        self.on_change()

    def resume(self) -> None:
        """It is not cancelled any more."""
        self.is_cancelled = False
        self.on_change()

    def end(self, away: tuple[str, ...]) -> None:
        """All are done, of the disks that are there."""
        was_partial, self.away = self.is_partial, away
        self.is_building = self.is_cancelled = False
        if was_partial:
            self.on_change()

    def require(self, from_us: int, to_us: int) -> None:
        """Unavailable when not all footage in [from, to) is in the index.

        Half of what was asked for would be deleted, or exported, as if it were all. Disks that are
        not there are not waited for: they may never come back.
        """
        if self.is_partial and from_us < self.since_us and to_us > self.until_us:
            done = f"{self.share:.0%} of the files, up to {rfc3339(self.until_us)}"
            if self.is_cancelled:
                msg = f"the index of the footage is not whole ({done}): it must be made first"
            else:
                msg = f"the index of the footage is being made anew ({done}): try again later"
            raise Unavailable(msg)
