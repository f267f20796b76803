"""What the templates of jobs get."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One export; the last three are known once it is made."""

    id: str
    camera_name: str
    from_us: int
    to_us: int
    state: str  # pending | processing | complete | failed | cancelled
    is_over: bool
    progress: float  # 0–1
    error: str = ""
    size_bytes: int = 0
    sha256: str = ""
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class ExportForm:
    """What stands in the fields."""

    camera_id: str = ""
    from_us: int | None = None
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class ExportsPage:
    """The list and the form."""

    rows: tuple[ExportRow, ...]
    form: ExportForm
    cameras: tuple[tuple[str, str], ...]  # (id, name) to choose from
    errors: Mapping[str, str] = field(default_factory=dict)  # field → what to do; "" = whole form
