"""The settings of HTTPS: which belong together, and under which names a node is reached."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

from falconeye.base.errors import InvalidInput

MAX_NAMES: Final = 64
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_NAME: Final = 253


def with_files(values: dict[str, Any], origins: dict[str, str]) -> None:
    """Certificate and key belong together, and mean `files` where `tls` is not said.

    InvalidInput where there is only one of them, neither with `files`, or both with something else;
    the flag `--tls` outweighs them.
    """
    given = [name for name in ("tls_cert", "tls_key") if values.get(name) is not None]
    if given and "tls" not in values:
        values["tls"], origins["tls"] = "files", origins[given[0]]
    if values.get("tls", "off") != "files":
        if given and origins["tls"] != "--tls":
            msg = (
                f"{origins['tls']}: tls = {values['tls']!r} does without the file that "
                f"{origins[given[0]]} gives; say tls = 'files', or leave one of the two out"
            )
            raise InvalidInput(msg, field="tls")
        return
    if len(given) == 2:
        return
    raise InvalidInput(_missing(given, origins), field="tls")


def _missing(given: list[str], origins: Mapping[str, str]) -> str:
    if not given:
        return (
            f"{origins['tls']}: tls = 'files' needs a certificate (tls_cert) and its key (tls_key)"
        )
    name, other = given[0], "tls_key" if given[0] == "tls_cert" else "tls_cert"
    what = "the key that belongs to it" if other == "tls_key" else "the certificate it belongs to"
    flag = other.replace("_", "-")
    return (
        f"{origins[name]}: a file is given for {name} alone; give {what} too (--{flag} or {other})"
    )


def tls_names(given: object) -> tuple[str, ...]:
    """The setting: a text with commas or a list; ValueError names what is neither name nor address.

    Repeated ones and empty ones are left out.
    """
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        msg = "a text or a list of texts is needed"
        raise ValueError(msg)
    found = tuple(dict.fromkeys(name for each in given if (name := each.strip().lower())))
    for name in found:
        if not (_is_address(name) or is_dns_name(name)):
            msg = f"{name!r} is neither a name nor an address"
            raise ValueError(msg)
    if len(found) > MAX_NAMES:
        msg = f"more than {MAX_NAMES}"
        raise ValueError(msg)
    return found


def is_dns_name(text: str) -> bool:
    """Whether a certificate can name it: letters, digits, hyphens and dots; no address."""
    return len(text) <= _MAX_NAME and bool(_DNS_NAME.fullmatch(text)) and not _is_address(text)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
