"""What a day is made of, for templates: footage, gaps, and where the clock was wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DayPart:
    """A stretch of a day: footage, or not and why."""

    start_us: int
    end_us: int
    recorded: bool
    reason: str = ""  # to stand after "because"
    is_wanted: bool = False  # a person, or a rule, wants it so
    untold: str = ""  # a silent node alone has it, or may have: so a sentence instead of a reason
    code: str = "untold"  # of the reason; where the help tells of it

    @property
    def is_told_of(self) -> bool:
        """Whether there is more to say than that it is there."""
        return bool(self.untold) or not self.recorded

    @property
    def length_us(self) -> int:
        return self.end_us - self.start_us


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A time in which the machine's clock was wrong, and was corrected since."""

    start_us: int
    end_us: int
    by_us: int
    was_behind: bool


@dataclass(frozen=True, slots=True)
class AheadRow:
    """Footage whose time has not come: the machine's clock was ahead when it was recorded."""

    start_us: int
    end_us: int
    link: str  # its beginning in RFC 3339


@dataclass(frozen=True, slots=True)
class SeamRow:
    """Where the machine's clock was set; None: nobody noted it, two runs claim one time."""

    before_us: int | None  # what it showed
    after_us: int | None  # what it was set to
    twice: tuple[tuple[int, int], ...] = ()  # of which time there is footage of before and after

    @property
    def at_us(self) -> int:
        return self.twice[0][0] if self.before_us is None else self.before_us

    @property
    def by_us(self) -> int:
        """How far it was set, whichever way."""
        return abs((self.after_us or 0) - (self.before_us or 0))

    @property
    def was_set_back(self) -> bool:
        return (self.after_us or 0) < (self.before_us or 0)
