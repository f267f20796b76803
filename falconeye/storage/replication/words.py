"""A conflict in words for the audit log: what was lost, without what nobody may read."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import redact_text
from falconeye.storage.replication.changes import Change, FieldConflict, encoded
from falconeye.storage.replication.items import Item
from falconeye.storage.replication.shared_tables import shared_tables
from falconeye.storage.stores import authority_store, destinations
from falconeye.storage.stores.credentials import CredentialCipher, CredentialUnreadable
from falconeye.storage.stores.sealed_urls import unseal
from falconeye.storage.tables.replicated import TOMBSTONE

_MAX_WORDS: Final = 200
_URLS: Final = frozenset({"source_url", "sub_url", "onvif_url"})
_UNSAID: Final = frozenset({
    "password_encrypted", "password_hash", "secret_hash", "invitation_hash", "link_hash",
    "certificate",
})  # fmt: skip
# They follow another field, or the work of the node itself: nobody's wish is lost with them.
_QUIET: Final = {
    "cameras": frozenset({"updated_at_us"}),
    "users": frozenset({"password_changed_at_us", "invitation_hash", "invited_until_us"}),
    # Which screen it is, and where it was seen
    "displays": frozenset({
        "secret_hash", "paired_at_us", "link_hash", "link_until_us", "address", "user_agent",
        "is_secure", "active_us",
    }),
}  # fmt: skip
# What no release made, or a newer one
_UNREADABLE: Final = (
    CredentialUnreadable, InvalidInput, ValueError, AttributeError, TypeError, KeyError,
)  # fmt: skip
_QUIET_KINDS: Final = frozenset({"sessions", "ignored_candidates"})


class Words:
    """Without a cipher what is sealed is compared as it is stored."""

    def __init__(self, cipher: CredentialCipher | None = None) -> None:
        self._cipher = cipher

    def name_of(self, item: Item) -> str:
        """What a person calls the row."""
        if item.kind == "settings":
            return item.id
        name = item.values().get("name")
        return name if isinstance(name, str) else ""

    def conflict(self, lost: Change, winner: Change, name: str) -> FieldConflict | None:
        """None where nobody needs to hear of it: the values are the same, or follow others."""
        if lost.kind in _QUIET_KINDS or lost.field in _QUIET.get(lost.kind, frozenset()):
            return None
        deleted = winner.field == TOMBSTONE
        if not deleted and self._clear(lost) == self._clear(winner):
            return None
        kept = "" if deleted else self._said(winner)
        said = self._said(lost)
        return FieldConflict(lost.kind, lost.id, name, lost.field, said, kept, deleted, winner.node)

    def _said(self, change: Change) -> str:
        """A value without secrets; "" for one that is a secret, or may be."""
        shared = shared_tables().get(change.kind)
        if shared is None or change.field not in shared.columns or change.field in _UNSAID:
            return ""
        if change.kind == "settings" and change.id == authority_store.NAME:
            return ""
        value = self._clear(change) if change.field in _URLS else change.value
        if change.kind == "settings" and change.id in destinations.NAMES:
            stored = value if isinstance(value, list) else [value]
            value = ", ".join(destinations.shown(each) for each in stored if isinstance(each, str))
        text = value if isinstance(value, str) else encoded(value)
        return redact_text(text)[:_MAX_WORDS]

    def _clear(self, change: Change) -> Any:
        """The value as it was before it was sealed, where that can be told."""
        opened = self._opener(change)
        if opened is None or self._cipher is None:
            return change.value
        values = change.value if isinstance(change.value, list) else [change.value]
        clear = list(values)
        for place, value in enumerate(values):
            with suppress(*_UNREADABLE):
                clear[place] = opened(value, self._cipher)
        return clear if isinstance(change.value, list) else clear[0]

    @staticmethod
    def _opener(change: Change) -> Callable[[Any, CredentialCipher], Any] | None:
        if change.kind == "cameras" and change.field in _URLS:
            return lambda value, cipher: unseal(value, cipher)[0]
        if change.kind == "cameras" and change.field == "password_encrypted":
            table: Mapping[str, Any] = shared_tables()
            return lambda value, cipher: cipher.decrypt(
                table["cameras"].stored("password_encrypted", value)
            ).reveal()
        if change.kind == "settings" and change.id in destinations.NAMES:
            return lambda value, cipher: destinations.opened(value, cipher).reveal()
        return None
