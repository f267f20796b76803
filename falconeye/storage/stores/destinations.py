"""Where notices go: addresses and secrets of the settings, encrypted, and shown without secrets.

Tokens stand anywhere in such addresses (`tgram://TOKEN/CHAT`, `https://ha.lan/api/webhook/ID`), so
they are encrypted as a whole and stored as what may be shown of them, a space, and the ciphertext.
The shown form stands for the stored one when it comes back from a page or a program.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.base.redact import HIDDEN
from falconeye.base.secret import Secret
from falconeye.storage.stores.credentials import CredentialCipher

URLS: Final = frozenset({"webhook_url", "heartbeat_url"})
SECRET: Final = "webhook_secret"  # noqa: S105 - a name, not a secret
LIST: Final = "notify_urls"
NAMES: Final = URLS | {SECRET, LIST}
MAX_DESTINATIONS: Final = 20
MAX_CHARACTERS: Final = 2000
MIN_SECRET: Final = 16


def shown(stored: str) -> str:
    """What may be shown of a stored value."""
    return stored.partition(" ")[0]


def shown_settings(current: Mapping[str, Any]) -> dict[str, Any]:
    """Our names of the settings as they may be shown."""
    single = {name: current[name] and shown(current[name]) for name in URLS | {SECRET}}
    return {**single, LIST: [shown(each) for each in current[LIST]]}


def opened(stored: str, cipher: CredentialCipher) -> Secret:
    """The value itself; CredentialUnreadable where the data key is another one."""
    return cipher.decrypt(stored.partition(" ")[2].encode())


def encrypted_anew(stored: Any, cipher: CredentialCipher) -> Any:
    """The value of one of our names under the newest key; CredentialUnreadable."""
    if isinstance(stored, list):
        return [encrypted_anew(each, cipher) for each in stored]
    if not isinstance(stored, str):
        return stored
    visible, _, token = stored.partition(" ")
    if cipher.is_newest(token.encode()):
        return stored
    return f"{visible} {cipher.encrypt(opened(stored, cipher)).decode()}"


def sealed_changes(
    changes: Mapping[str, Any], current: Mapping[str, Any], cipher: CredentialCipher | None
) -> dict[str, Any]:
    """`changes` as they are stored: what is new of our names is checked and encrypted.

    InvalidInput names the field.
    """
    sealed = dict(changes)
    for name in NAMES & changes.keys():
        value = changes[name]
        if name == LIST:
            sealed[name] = _sealed_list(value, current[name], cipher)
        elif value is None or value == "":
            sealed[name] = None
        else:
            before = (current[name],) if current[name] else ()
            sealed[name] = _sealed(name, value, _by_shown(before), cipher)
    return sealed


def _sealed_list(
    value: Any, current: tuple[str, ...], cipher: CredentialCipher | None
) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(LIST, "a list of addresses is needed here")
    if len(value) > MAX_DESTINATIONS:
        raise _wrong(LIST, f"more than {MAX_DESTINATIONS} addresses")
    known = _by_shown(current)
    return tuple(_sealed(LIST, each, known, cipher) for each in value)


def _by_shown(stored: tuple[str, ...]) -> defaultdict[str, deque[str]]:
    known: defaultdict[str, deque[str]] = defaultdict(deque)
    for each in stored:
        known[shown(each)].append(each)
    return known


def _sealed(
    name: str,
    value: Any,
    known: defaultdict[str, deque[str]],
    cipher: CredentialCipher | None,
) -> str:
    """One value; its shown form stands for the stored one, in the order in which they are shown."""
    if not isinstance(value, str):
        raise _wrong(name, "a text is needed here")
    if known[value]:
        return known[value].popleft()
    if HIDDEN in value:
        raise _wrong(name, f"{HIDDEN} hides what is not stored here: give it in full")
    visible = _visible(name, value)
    if cipher is None:
        raise Unavailable("the data key is not loaded, so no secret can be stored")
    return f"{visible} {cipher.encrypt(Secret(value)).decode()}"


def _visible(name: str, value: str) -> str:
    if len(value) > MAX_CHARACTERS:
        raise _wrong(name, "too long")
    if name == SECRET:
        if len(value) < MIN_SECRET:
            raise _wrong(name, f"at least {MIN_SECRET} characters, so that nobody guesses it")
        return HIDDEN
    if any(character.isspace() or not character.isprintable() for character in value):
        raise _wrong(name, "it holds spaces or control characters")
    parts = _split(name, value)
    if name == LIST:
        return f"{parts.scheme}://{HIDDEN}"
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise _wrong(name, "an address begins with https:// or http:// and names a host")
    if "@" in parts.netloc:
        raise _wrong(name, "an address without a login is needed here")
    is_bare = parts.path in {"", "/"} and not parts.query
    return f"{parts.scheme}://{parts.netloc}/{'' if is_bare else HIDDEN}"


def _split(name: str, value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port if name != LIST else None
    except ValueError as error:
        raise _wrong(name, "the address cannot be read") from error
    if not parts.scheme or "://" not in value:
        raise _wrong(name, "an address begins with the name of its service and ://")
    return parts


def _wrong(name: str, words: str) -> InvalidInput:
    return InvalidInput(f"{name}: {words}", field=name)
