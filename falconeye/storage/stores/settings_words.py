"""What changed settings were and are, in words for the audit log; of secrets only that."""

from collections.abc import Iterable, Mapping
from typing import Any

from falconeye.storage.stores import destinations


def changed_words(was: Mapping[str, Any], now: Mapping[str, Any], names: Iterable[str]) -> str:
    """As "keep_days: 30, then 7"; both by name, as JSON has them (`model_dump(mode="json")`)."""
    return "; ".join(
        f"{name}: changed"
        if name in destinations.NAMES
        else f"{name}: {_words(was[name])}, then {_words(now[name])}"
        for name in sorted(names)
    )


def _words(value: Any) -> str:
    if value in (None, "", [], {}):
        return "none"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)
