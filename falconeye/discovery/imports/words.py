"""Words from files, made fit to be shown: printable, of bounded length, without logins."""

from collections.abc import Iterable, Mapping

from falconeye.base.redact import redact_text

UNKNOWN = "not known to this import"
MAX_NAME = 255
MAX_KEY = 80
MAX_KEYS = 200  # told one by one; the rest is counted


def shown_key(key: str) -> str:
    """A key of the file as it may be printed."""
    text = redact_text(_printable(key[: 4 * MAX_KEY]))
    return text if len(text) <= MAX_KEY else f"{text[:MAX_KEY]}…"


def camera_name(text: str, fallback: str) -> tuple[str, str | None]:
    """(the name, what was changed in it or None): one line of at most 255 printable characters."""
    name = _printable(text)[:MAX_NAME].strip()
    if not name:
        return _printable(fallback)[:MAX_NAME].strip() or "camera", None
    if name != text.strip():
        return name, "name: control characters and what is beyond 255 characters were left out"
    return name, None


def grouped(reasons: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """(key, reason) pairs as sentences, keys of the same reason together: "zones, mask: …"."""
    groups: dict[str, list[str]] = {}
    for key, reason in reasons:
        groups.setdefault(reason, []).append(key)
    return tuple(f"{_listed(keys)}: {reason}" for reason, keys in groups.items())


def unused(
    keys: Iterable[str], known: Mapping[str, str], prefix: str = ""
) -> list[tuple[str, str]]:
    """(key, reason) of keys that were not used; of those nobody knows it says so."""
    return [(f"{prefix}{key}", known.get(key, UNKNOWN)) for key in keys]


def _listed(keys: list[str]) -> str:
    told = ", ".join(dict.fromkeys(map(shown_key, keys[:MAX_KEYS])))
    return told if len(keys) <= MAX_KEYS else f"{told} and {len(keys) - MAX_KEYS} more"


def _printable(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
