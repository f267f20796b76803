"""What the page of the audit log gets; see `contexts`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from falconeye.storage.stores.audit_store import AuditEntry, AuditWords


@dataclass(frozen=True, slots=True)
class AuditChoice:
    """The filter form, as given; `errors` says which value could not be read."""

    action: str = ""
    actor: str = ""
    object_kind: str = ""
    object_id: str = ""
    from_us: int | None = None
    to_us: int | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_set(self) -> bool:
        """Whether it narrows anything."""
        texts = (self.action, self.actor, self.object_kind, self.object_id)
        return any(texts) or self.from_us is not None or self.to_us is not None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first."""

    entries: tuple[AuditEntry, ...]
    total: int
    choice: AuditChoice
    words: AuditWords  # what the filter can be set to
    names: Mapping[str, str]  # of the cameras that are here, by id
    download_query: str
    newer_query: str | None = None
    older_query: str | None = None
