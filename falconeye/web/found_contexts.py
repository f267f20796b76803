"""What the templates of found cameras get."""

from dataclasses import dataclass, field
from enum import StrEnum


class FoundState(StrEnum):
    """What a found camera is to this system. The page lists them in this order."""

    NEW = "new"
    MOVED = "moved"  # a camera of this system that is not where it was
    CAMERA = "camera"  # one of this system
    UNUSABLE = "unusable"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class FoundOffer:
    """A camera that is missing and may be this device."""

    camera_id: str
    camera_name: str


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One found camera, told in words."""

    id: str
    name: str
    state: FoundState
    kind: str = ""  # make and model, where the name does not say them
    place: str = ""  # the port or the address
    found_by: tuple[str, ...] = ()  # "plugged in", "port 554 answers"
    cameras: tuple[tuple[str, str], ...] = ()  # id and name of those that it is
    words: str = ""  # why it cannot be used, or where the camera was before
    doubt: str = ""  # another one claims to be the same
    offers: tuple[FoundOffer, ...] = ()

    @property
    def can_be_added(self) -> bool:
        return self.state is FoundState.NEW


@dataclass(frozen=True, slots=True)
class FoundPage:
    """All of them; `ignored` stand apart."""

    rows: tuple[FoundRow, ...] = ()
    ignored: tuple[FoundRow, ...] = field(default=())
