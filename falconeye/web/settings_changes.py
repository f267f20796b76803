"""Changes of the site's settings, wherever they come from: stored, and told to the audit log.

The log says what each one was and is, but of what holds secrets.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from litestar import Request

from falconeye.storage.stores.settings_reference import ON_THE_PAGE
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.storage.stores.settings_words import changed_words
from falconeye.web.audit import record
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


async def change(request: Asking, changes: Mapping[str, Any]) -> StoredSettings:
    """All or none; InvalidInput names the field."""
    store = shell_of(request).services.stored_settings
    before = store.current
    after = await store.patch(changes)
    if changes:
        was, now = before.model_dump(mode="json"), after.model_dump(mode="json")
        words = changed_words(was, now, changes)
        await record(request, "settings.changed", "settings", None, words)
    return after


async def reset(request: Asking, names: Iterable[str] | None = None) -> StoredSettings:
    """Back to the defaults; None: all that the page of settings changes.

    KeyError for a name that is none.
    """
    defaults = shell_of(request).services.stored_settings.defaults.model_dump(mode="json")
    wanted = [one.name for one in ON_THE_PAGE] if names is None else list(names)
    return await change(request, {name: defaults[name] for name in wanted})
