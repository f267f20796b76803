"""New and changed camera configurations: what a person gave, checked and cleaned."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import split_credentials
from falconeye.base.secret import Secret
from falconeye.cameras.views import NewCamera
from falconeye.config.addresses import DEFAULT_PORTS
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.media.samples import StreamKind
from falconeye.sources.target import source_target

MAX_NAME = 255
_CHANGEABLE = {
    "name", "location", "source_url", "sub_url", "username", "password", "resolution",
    "framerate", "transport", "audio", "record", "allow_local", "metadata",
}  # fmt: skip
_RECONNECTS = {
    "source_url", "sub_url", "username", "password", "transport", "audio", "resolution",
    "framerate", "allow_local", "record", "name",
}  # fmt: skip


def new_config(new: NewCamera, now_us: int, node_name: str) -> CameraConfig:
    """The configuration of a camera to add; InvalidInput names the field that is wrong."""
    if new.protocol in (Protocol.USB, Protocol.ONVIF):
        msg = f"{new.protocol.value} cameras cannot be added in this release; use RTSP or HTTP"
        raise InvalidInput(msg, field="protocol")
    config = CameraConfig(
        id=str(uuid.uuid4()),
        name=_name(new.name),
        protocol=new.protocol,
        source_url="demo:" if new.protocol is Protocol.DEMO else new.source_url,
        created_at_us=now_us,
        updated_at_us=now_us,
        sub_url=new.sub_url or None,
        username=new.username or None,
        password=new.password,
        node_name=node_name,
        location=new.location,
        resolution=new.resolution,
        framerate=new.framerate,
        transport=new.transport,
        audio=new.audio,
        record=new.record,
        started=new.start,
        allow_local=new.allow_local,
        metadata=new.metadata or {},
    )
    return _checked(_without_logins(config))


def changed_config(config: CameraConfig, changes: Mapping[str, Any], now_us: int) -> CameraConfig:
    """`config` with `changes` (fields of `CameraConfig`); InvalidInput names the wrong field."""
    unknown = set(changes) - _CHANGEABLE
    if unknown:
        msg = f"cannot be changed: {', '.join(sorted(unknown))}"
        raise InvalidInput(msg)
    changed = replace(config, **dict(changes))
    if "name" in changes:
        changed = replace(changed, name=_name(changed.name))
    changed = _without_logins(changed)
    _refuse_taking_login_along(config, changed, changes)
    if changed == config:
        return config
    return _checked(replace(changed, updated_at_us=now_us))


def needs_reconnect(before: CameraConfig, after: CameraConfig) -> bool:
    """Whether the pipeline has to be built anew."""
    return any(getattr(before, name) != getattr(after, name) for name in _RECONNECTS)


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        msg = f"a name of 1 to {MAX_NAME} printable characters is needed"
        raise InvalidInput(msg, field="name")
    return name


def _without_logins(config: CameraConfig) -> CameraConfig:
    """Logins out of the URLs: a camera has one, that of its main address unless it is given."""
    username, password = config.username, config.password
    urls: dict[str, str | None] = {}
    for field in ("source_url", "sub_url"):
        url = getattr(config, field)
        if not url:
            urls[field] = None
            continue
        try:
            clean, user, secret = split_credentials(url.strip())
        except ValueError:
            msg = "this is not an address; it looks like rtsp://192.168.1.20:554/stream1"
            raise InvalidInput(msg, field=field) from None
        urls[field] = clean
        if user is not None and (field == "source_url" or username is None):
            username = user
            password = Secret(secret) if secret is not None else None
    return replace(config, **urls, username=username, password=password)  # type: ignore[arg-type]  # the keys are the two URL fields


def _refuse_taking_login_along(
    before: CameraConfig, after: CameraConfig, changes: Mapping[str, Any]
) -> None:
    """A stored password goes only to the place it was given for."""
    if before.password is None or after.password != before.password or "password" in changes:
        return
    for field in ("source_url", "sub_url"):
        url = getattr(after, field)
        origins = {_origin(before.source_url), _origin(before.sub_url)}
        if url and _origin(url) not in origins:
            msg = "another camera address: enter the password again"
            raise InvalidInput(msg, field="password")


def _origin(url: str | None) -> tuple[str, str | None, int | None] | None:
    if not url:
        return None
    parts = urlsplit(url)
    try:
        return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None


def _checked(config: CameraConfig) -> CameraConfig:
    """Let the source look at the addresses."""
    for kind in StreamKind:
        if kind is StreamKind.MAIN or config.sub_url:
            source_target(config, kind)
    return config
