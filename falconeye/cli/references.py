"""Secrets in a file of `config apply`: never themselves, only where they are to be had."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import hide_parameters, split_credentials

MAX_SECRET_BYTES: Final = 8192
_KINDS: Final = frozenset({"env", "file"})


def is_reference(value: Any) -> bool:
    """Whether it is `{ env = … }` or `{ file = … }`."""
    return isinstance(value, Mapping) and len(value) == 1 and _KINDS.issuperset(value)


def resolved(value: Mapping[str, Any], where: str, base: Path) -> str | None:
    """The secret itself; None for a variable that is not set. A file's path begins at `base`.

    InvalidInput says `where` the reference stands.
    """
    [(kind, name)] = value.items()
    if not isinstance(name, str) or not name:
        msg = f'{where}: a reference looks like {{ env = "NAME" }} or {{ file = "/PATH" }}'
        raise InvalidInput(msg)
    if kind == "env":
        return os.environ.get(name) or None
    path = base / Path(name).expanduser()
    try:
        text = path.read_bytes()[:MAX_SECRET_BYTES].decode()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{where}: cannot read the secret from {path}: {error}"
        raise InvalidInput(msg) from error
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        msg = f"{where}: {path} is empty"
        raise InvalidInput(msg)
    return line


def refuse_clear(name: str, value: Any, where: str) -> None:
    """InvalidInput for a secret that stands in the file itself."""
    if not isinstance(value, str) or not value:
        return
    hint = 'write { env = "NAME" } or { file = "/PATH" } instead'
    if name == "password":
        msg = f"{where}: a password does not stand in this file: {hint}"
        raise InvalidInput(msg)
    if name in {"source_url", "sub_url"}:
        try:
            _, user, password = split_credentials(value)
        except ValueError:
            user = password = None  # what is wrong with it is said by those who use it
        if user or password or hide_parameters(value) != value:
            msg = f"{where}: the address holds a login, which does not stand in this file: {hint}"
            raise InvalidInput(msg)
