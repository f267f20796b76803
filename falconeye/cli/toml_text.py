"""TOML 1.0 (toml.io) as text: what `config export` needs; reading is `tomllib`'s."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def assignments(values: Mapping[str, Any]) -> str:
    """`name = value` lines."""
    return "".join(f"{_key(name)} = {value_text(value)}\n" for name, value in values.items())


def value_text(value: Any) -> str:
    """One value; TypeError for what TOML does not have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON escapes what TOML wants escaped, in its way, but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {value_text(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(value_text(each) for each in value)}]"
    msg = f"no TOML for {type(value).__name__}"
    raise TypeError(msg)


def _key(name: str) -> str:
    is_bare = name.isascii() and name.replace("_", "a").replace("-", "a").isalnum()
    return name if is_bare else value_text(name)
