"""What a network camera stays itself by, in a file of `config export` and `config apply`.

Neither hardware address nor endpoint reference nor the address of an ONVIF service is a secret. But
the stored password goes to that service, so a file cannot send it to another host.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.cameras.identity.onvif_address import OnvifPlace
from falconeye.cli import references
from falconeye.config.camera import CameraConfig
from falconeye.discovery.evidence import mac_address, plain_reference

IDENTITY: Final = ("mac_address", "endpoint_reference", "onvif_url")


def identity_of(entry: Mapping[str, Any], where: str) -> dict[str, str | None]:
    """Those that the entry names, in the spelling in which they are stored; "" is none.

    InvalidInput names the one that cannot be.
    """
    found: dict[str, str | None] = {}
    for name in IDENTITY:
        value = entry.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise InvalidInput(f"{where}, {name}: a text is needed here", field=name)
        found[name] = _stored(name, value, f"{where}, {name}") if value else None
    return found


def refuse_password_elsewhere(
    before: CameraConfig, after: CameraConfig, *, is_given: bool, where: str
) -> None:
    """InvalidInput where the ONVIF service, which is shown the password, would be another host's.

    `is_given`: the file names the password, for whatever it says.
    """
    if after.onvif_url is None or after.onvif_url == before.onvif_url or is_given:
        return
    known = {_host(before.source_url), _host(before.onvif_url)} - {None}
    if before.password is not None and _host(after.onvif_url) not in known:
        msg = f"{where}, onvif_url: another host: give the password again"
        raise InvalidInput(msg, field="password")


def _stored(name: str, value: str, here: str) -> str:
    if name == "onvif_url":
        references.refuse_clear("source_url", value, here)
        try:
            return OnvifPlace.of(value, field=name).url
        except InvalidInput as error:
            raise InvalidInput(f"{here}: {error}", field=name) from error
    stored = mac_address(value) if name == "mac_address" else plain_reference(value)
    if stored is None:
        raise InvalidInput(f"{here}: this identifies no device", field=name)
    return stored


def _host(url: str | None) -> str | None:
    return urlsplit(url or "").hostname
