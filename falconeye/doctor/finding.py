"""What an examination found: one line each, with what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good it is."""

    OK = "ok"
    WARN = "warn"  # works, but not well or not for long
    FAIL = "fail"  # footage, settings or access are lost by it


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; no secret is in any of it."""

    area: str  # camera | database | disk | clock | network | rights | machine | backup
    subject: str
    level: Level
    words: str
    advice: str = ""  # what to do; "" where nothing need be done


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level of all."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)
