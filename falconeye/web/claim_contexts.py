"""What templates get of devices that may be a camera: a person settles it by one click."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A button, and what it would do."""

    words: str
    label: str
    action: str  # the path that takes the form
    fields: Mapping[str, str]
