"""New and changed camera configurations: what a person gave, checked and cleaned."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unicodedata import category

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import HIDDEN, fill_hidden, holds_hidden, split_credentials
from falconeye.base.secret import Secret
from falconeye.cameras.identity.onvif_address import names_device
from falconeye.cameras.views import NewCamera
from falconeye.config.addresses import origin
from falconeye.config.camera import (
    MAX_POST_ROLL_S,
    MAX_PRE_ROLL_S,
    MIN_POST_ROLL_S,
    CameraConfig,
    Protocol,
)
from falconeye.media.samples import StreamKind
from falconeye.sources.target import SourceTarget, source_target

MAX_NAME = 255
_RESOLUTION = re.compile(r"[1-9][0-9]{1,4}x[1-9][0-9]{1,4}")
_URLS = ("source_url", "sub_url")
_SCHEMES = {
    Protocol.RTSP: {"rtsp", "rtsps"},
    Protocol.ONVIF: {"rtsp", "rtsps"},
    Protocol.HTTP: {"http", "https"},
    Protocol.DEMO: {"demo"},
    Protocol.USB: {"usb"},
}
_CHANGEABLE = {
    "name", "location", "source_url", "sub_url", "username", "password", "resolution",
    "framerate", "transport", "audio", "record", "allow_local", "keep_days", "keep_bytes",
    "metadata", "schedule", "privacy_schedule", "pre_roll_s", "post_roll_s", "device_identity",
    "device_path", "pixel_format", "overlay", "device_controls", "endpoint_reference",
    "mac_address", "onvif_url",
}  # fmt: skip
_RECONNECTS = {
    "source_url", "sub_url", "username", "password", "transport", "audio", "framerate",
    "allow_local", "record", "resolution", "device_identity", "pixel_format", "overlay",
    "mac_address", "endpoint_reference",
}  # fmt: skip


def new_config(new: NewCamera, now_us: int, node_name: str) -> CameraConfig:
    """The configuration of a camera to add; InvalidInput names the field that is wrong."""
    if names_device(new.protocol, new.source_url):
        msg = "the streams of an ONVIF camera are asked for when it is added: give its rtsp address"
        raise InvalidInput(msg, field="source_url")
    if new.protocol is Protocol.USB and not new.device_identity:
        raise InvalidInput("a USB camera is named by what it is", field="device_path")
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
        schedule=new.schedule,
        privacy_schedule=new.privacy_schedule,
        pre_roll_s=new.pre_roll_s,
        post_roll_s=new.post_roll_s,
        started=new.start,
        allow_local=new.allow_local,
        keep_days=new.keep_days,
        keep_bytes=new.keep_bytes,
        metadata=new.metadata or {},
        device_identity=new.device_identity,
        device_path=new.device_path,
        pixel_format=new.pixel_format,
        overlay=new.overlay,
        endpoint_reference=new.endpoint_reference,
        mac_address=new.mac_address,
        onvif_url=new.onvif_url,
    )
    _refuse_second_login(config)
    return _checked(_without_logins(_with_hidden(config, None)))


def changed_config(config: CameraConfig, changes: Mapping[str, Any], now_us: int) -> CameraConfig:
    """`config` with `changes` (fields of `CameraConfig`); InvalidInput names the wrong field."""
    unknown = set(changes) - _CHANGEABLE
    if unknown:
        msg = f"cannot be changed: {', '.join(sorted(unknown))}"
        raise InvalidInput(msg)
    changed = replace(config, **dict(changes))
    if "name" in changes:
        changed = replace(changed, name=_name(changed.name))
    if changed.record is not config.record:
        changed = replace(changed, recording_stopped_by=None)  # it was the earlier mode's
    if changed.privacy_schedule != config.privacy_schedule:
        changed = replace(changed, privacy_lifted_until_us=None)  # of the earlier hours
    if "sub_url" in changes:
        _refuse_second_login(changed)
    changed = _without_identity_of_another(config, changed, changes)
    changed = _without_logins(_with_hidden(changed, config))
    _refuse_taking_login_along(config, changed, changes)
    if changed == config:
        return config
    return _checked(replace(changed, updated_at_us=now_us))


def replaced(config: CameraConfig) -> dict[str, Any]:
    """The changes of a camera whose device a person replaced: nothing tells the new one yet."""
    metadata = {name: value for name, value in config.metadata.items() if name != "serial"}
    return {"mac_address": None, "endpoint_reference": None, "metadata": metadata}


def _without_identity_of_another(
    before: CameraConfig, after: CameraConfig, changes: Mapping[str, Any]
) -> CameraConfig:
    """What told the camera at the old host from others says nothing of one at another host."""
    hosts = [(origin(each.source_url or "") or ("", ""))[1] for each in (before, after)]
    if hosts[0] == hosts[1]:
        return after
    lost = {"mac_address", "endpoint_reference", "onvif_url"} - set(changes)
    return replace(after, **dict.fromkeys(lost))  # type: ignore[arg-type]  # these may be None


def needs_reconnect(before: CameraConfig, after: CameraConfig) -> bool:
    """Whether the pipeline has to be built anew."""
    return any(getattr(before, name) != getattr(after, name) for name in _RECONNECTS)


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        msg = f"a name of 1 to {MAX_NAME} printable characters is needed"
        raise InvalidInput(msg, field="name")
    return name


def _with_hidden(config: CameraConfig, before: CameraConfig | None) -> CameraConfig:
    """What addresses show as *** is what was stored, as long as it goes to the same place."""
    urls: dict[str, str] = {}
    for field in _URLS:
        url: str | None = getattr(config, field)
        stored: str = (before and getattr(before, field)) or ""
        if not url or url == stored or not holds_hidden(url):
            continue
        urls[field] = fill_hidden(url, stored)
        if origin(url) != origin(stored) or (
            holds_hidden(urls[field]) and not holds_hidden(stored)
        ):
            msg = f"write the login into the address instead of {HIDDEN}: none is known for it"
            raise InvalidInput(msg, field=field)
    return replace(config, **urls)  # type: ignore[arg-type]  # the keys are the two URL fields


def _without_logins(config: CameraConfig) -> CameraConfig:
    """Logins out of the URLs: a camera has one, that of its main address unless it is given."""
    username, password = config.username, config.password
    urls: dict[str, str | None] = {}
    for field in _URLS:
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
        elif user == username and password is None and secret is not None:
            password = Secret(secret)
    return replace(config, **urls, username=username, password=password)  # type: ignore[arg-type]  # the keys are the two URL fields


def _refuse_second_login(config: CameraConfig) -> None:
    """InvalidInput where the substream's address holds another login than the camera has.

    Neither may be taken silently: the main stream would be asked with the wrong one, or the
    substream.
    """
    main = _without_logins(replace(config, sub_url=None))
    sub = _without_logins(replace(config, source_url=None, username=None, password=None))
    if main.username is None or sub.username is None:
        return
    is_other = None not in (main.password, sub.password) and main.password != sub.password
    if main.username != sub.username or is_other:
        msg = "a camera has one login, for both streams: give it as user name and password"
        raise InvalidInput(msg, field="sub_url")


def _refuse_taking_login_along(
    before: CameraConfig, after: CameraConfig, changes: Mapping[str, Any]
) -> None:
    """A stored password goes only to the place it was given for."""
    if before.password is None or after.password != before.password or "password" in changes:
        return
    origins = {origin(url) for url in (before.source_url, before.sub_url) if url}
    for field in _URLS:
        url = getattr(after, field)
        if url and origin(url) not in origins:
            msg = "another camera address: enter the password again"
            raise InvalidInput(msg, field="password")


def _checked(config: CameraConfig) -> CameraConfig:
    """Let the source look at the addresses; refuse what does not fit together."""
    _refuse_controls(config)
    if config.resolution and not _RESOLUTION.fullmatch(config.resolution):
        raise InvalidInput('a resolution looks like "1280x720"', field="resolution")
    if not 0 <= config.pre_roll_s <= MAX_PRE_ROLL_S:
        words = f"what is kept before an event is 0 to {MAX_PRE_ROLL_S} s"
        raise InvalidInput(words, field="pre_roll_s")
    if not MIN_POST_ROLL_S <= config.post_roll_s <= MAX_POST_ROLL_S:
        words = f"what is kept after an event is {MIN_POST_ROLL_S} to {MAX_POST_ROLL_S} s"
        raise InvalidInput(words, field="post_roll_s")
    for kind in StreamKind:
        if kind is StreamKind.MAIN or config.sub_url:
            _check_scheme(config.protocol, source_target(config, kind))
    return config


def _check_scheme(protocol: Protocol, target: SourceTarget) -> None:
    """A camera stays of its kind; the substream of one in the network may be read either way."""
    allowed = set(_SCHEMES[protocol])
    field = "source_url"
    if target.kind is StreamKind.SUB:
        field = "sub_url"
        if protocol is not Protocol.DEMO:
            allowed = _SCHEMES[Protocol.RTSP] | _SCHEMES[Protocol.HTTP]
    if target.scheme not in allowed:
        words = " or ".join(f"{scheme}:" for scheme in sorted(allowed))
        msg = (
            f"the address of this camera ({protocol.value}) begins with {words}; "
            "add another kind of camera as a new one"
        )
        raise InvalidInput(msg, field=field)


def _refuse_controls(config: CameraConfig) -> None:
    """A login becomes a part of a request's head, where a line break would begin another line."""
    password = config.password.reveal() if config.password else ""
    for field, text in (("username", config.username or ""), ("password", password)):
        if any(category(character) == "Cc" for character in text):
            msg = f"the {field} holds control characters, such as a line break"
            raise InvalidInput(msg, field=field)
