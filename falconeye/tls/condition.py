"""How the certificate for browsers is doing: the one judgement of doctor, notices, metrics, pages.

It reads no X.509: what is judged are the dates of a certificate and what its files gave.
"""

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

# certbot renews a month before the end: what is left then was tried for two weeks.
SOON: Final = dt.timedelta(days=14)


class State(StrEnum):
    """What a certificate is worth; the worse ones are told before the others."""

    GOOD = "good"
    ENDS_SOON = "ends_soon"
    UNUSABLE = "unusable"  # what lies on the disk cannot be served
    NOT_BEGUN = "not_begun"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Condition:
    """A certificate at one moment. `words`: what is wrong with it, for people; "" for nothing."""

    state: State
    words: str = ""
    ends_at: dt.datetime | None = None  # None: there is no certificate to ask

    @property
    def is_refused(self) -> bool:
        """Whether browsers refuse it for its dates."""
        return self.state in {State.NOT_BEGUN, State.ENDED}

    def beside(self, unusable: str) -> "Condition":
        """The same certificate, served while `unusable` (words, or "") is said of another.

        One that browsers refuse stays what is told first: it locks people out today.
        """
        if not unusable:
            return self
        if self.is_refused:
            return replace(self, words=f"{self.words}; {unusable}")
        return replace(self, state=State.UNUSABLE, words=unusable)


def by_dates(begins: dt.datetime, ends: dt.datetime, now: dt.datetime) -> Condition:
    """Of a certificate that can be served; aware times."""
    if now >= ends:
        words = f"the certificate ended on {ends:%Y-%m-%d}: browsers refuse it"
        return Condition(State.ENDED, words, ends)
    if now < begins:
        words = f"the certificate begins on {begins:%Y-%m-%d}: is the clock right?"
        return Condition(State.NOT_BEGUN, words, ends)
    if ends - now < SOON:
        return Condition(State.ENDS_SOON, f"the certificate ends on {ends:%Y-%m-%d}", ends)
    return Condition(State.GOOD, "", ends)
