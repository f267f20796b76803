"""What the page of the audit log gets; see `contexts`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from falconeye.storage.stores.audit_store import AuditEntry, AuditWords
from falconeye.web.audit_words import action_words, kind_words
from falconeye.web.peers.lists import OfNode

Choices = tuple[tuple[str, str], ...]  # (value, words)


@dataclass(frozen=True, slots=True)
class AuditChoice:
    """The filter form, as given; `errors` says which value could not be read."""

    action: str = ""
    actor: str = ""
    object_kind: str = ""
    object_id: str = ""
    camera_id: str = ""
    from_us: int | None = None
    to_us: int | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_set(self) -> bool:
        """Whether it narrows anything."""
        texts = (self.action, self.actor, self.object_kind, self.object_id, self.camera_id)
        return any(texts) or self.from_us is not None or self.to_us is not None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first. Words of codes are made by `audit_words`."""

    entries: tuple[OfNode[AuditEntry], ...]
    total: int
    choice: AuditChoice
    words: AuditWords  # what the filter can be set to
    names: Mapping[str, str]  # of what entries tell of by id
    download_query: str
    cameras: tuple[tuple[str, str], ...] = ()  # (id, name), to choose from
    keep_days: int | None = None  # None: entries are kept for good
    newer_query: str | None = None
    older_query: str | None = None
    silent_nodes: tuple[str, ...] = ()  # names of nodes whose entries are not among them
    silent_words: tuple[str, ...] = ()  # names of nodes whose words are not among `words`
    has_others: bool = False  # each entry says its node

    @property
    def people(self) -> Choices:
        """Who did anything."""
        return tuple((name, name) for name in self.words.names)

    @property
    def actions(self) -> Choices:
        """What was done, in the order of the words."""
        return _in_words(self.words.actions, action_words)

    @property
    def kinds(self) -> Choices:
        """What it was done to."""
        return _in_words(self.words.object_kinds, kind_words)


def _in_words(codes: Iterable[str], words: Callable[[str], str]) -> Choices:
    return tuple(
        sorted(((code, words(code)) for code in codes), key=lambda pair: pair[1].casefold())
    )
