"""The camera form: what was typed, and what it means for the registry."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import redact_text
from falconeye.base.secret import Secret
from falconeye.cameras.changes import replaced
from falconeye.cameras.identity.same_device import serial_of
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import (
    DEFAULT_ROLL_S,
    MAX_KEEP_BYTES,
    MAX_KEEP_DAYS,
    MAX_POST_ROLL_S,
    MAX_PRE_ROLL_S,
    MIN_POST_ROLL_S,
    CameraConfig,
    Protocol,
    RecordMode,
    Transport,
)
from falconeye.config.device import PIXEL_FORMAT, Overlay
from falconeye.sources.usb import DEFAULT_FPS
from falconeye.web.contexts import CameraForm
from falconeye.web.i18n import gettext as _

MAX_FPS: Final = 60
GIGABYTE: Final = 1_000_000_000
_PROTOCOLS: Final = {
    "rtsp": Protocol.RTSP,
    "rtsps": Protocol.RTSP,
    "http": Protocol.HTTP,
    "https": Protocol.HTTP,
    "onvif": Protocol.ONVIF,
    "demo": Protocol.DEMO,
}
_TEXTS: Final = (
    "name", "source_url", "username", "sub_url", "location", "transport", "record", "keep_days",
    "keep_bytes", "pre_roll_s", "post_roll_s", "resolution", "framerate", "pixel_format", "overlay",
)  # fmt: skip


def typed(fields: Mapping[str, str], *, password_stored: bool = False) -> CameraForm:
    """The form as it was sent, to show again; without the password."""
    values = {name: fields.get(name, "") for name in _TEXTS}
    if "mode" in fields:  # a choice of format and size together
        values["pixel_format"], _colon, values["resolution"] = fields["mode"].partition(":")
    return CameraForm(
        **values,
        audio=fields.get("audio") == "true",
        allow_local=fields.get("allow_local") == "true",
        is_replaced=fields.get("is_replaced") == "true",
        password_stored=password_stored,
    )


def stored(config: CameraConfig) -> CameraForm:
    """The form of a camera that is there; secrets are hidden."""
    return CameraForm(
        name=config.name,
        source_url=redact_text(config.source_url or ""),
        username=config.username or "",
        sub_url=redact_text(config.sub_url or ""),
        location=config.location,
        transport=config.transport.value,
        record=config.record.value,
        audio=config.audio,
        allow_local=config.allow_local,
        keep_days="" if config.keep_days is None else str(config.keep_days),
        pre_roll_s=str(config.pre_roll_s),
        post_roll_s=str(config.post_roll_s),
        keep_bytes="" if config.keep_bytes is None else f"{config.keep_bytes / GIGABYTE:g}",
        password_stored=config.password is not None,
        known_by=known_by(config),
        resolution=config.resolution or "",
        framerate="" if config.framerate is None else str(config.framerate),
        pixel_format=config.pixel_format or "",
        overlay=config.overlay.value,
    )


def known_by(config: CameraConfig) -> str:
    """What another device at its address is told from it by; "" for nothing."""
    in_words = config.endpoint_reference or serial_of(config) if config.onvif_url else ""
    return config.mac_address or in_words


def new_camera(form: CameraForm, password: str, *, may_be_local: bool) -> NewCamera:
    """What to add or test; InvalidInput names the field."""
    keep_days, keep_bytes = _keep(form)
    pre_roll_s, post_roll_s = _rolls(form)
    return NewCamera(
        name=form.name,
        protocol=_protocol(form.source_url),
        source_url=form.source_url,
        sub_url=form.sub_url or None,
        username=form.username or None,
        password=Secret(password) if password else None,
        location=form.location,
        transport=_transport(form.transport),
        audio=form.audio,
        record=_record(form.record),
        pre_roll_s=pre_roll_s,
        post_roll_s=post_roll_s,
        allow_local=form.allow_local and may_be_local,
        keep_days=keep_days,
        keep_bytes=keep_bytes,
    )


def new_device(form: CameraForm, device: str) -> NewCamera:
    """What to add or test at a USB port; `device`: a path or an identity."""
    keep_days, keep_bytes = _keep(form)
    pre_roll_s, post_roll_s = _rolls(form)
    return NewCamera(
        name=form.name,
        protocol=Protocol.USB,
        source_url=None,
        device_path=device,
        location=form.location,
        record=_record(form.record),
        pre_roll_s=pre_roll_s,
        post_roll_s=post_roll_s,
        keep_days=keep_days,
        keep_bytes=keep_bytes,
        **_wishes(form),
    )


def device_changes(form: CameraForm, config: CameraConfig) -> dict[str, Any]:
    """The fields of a USB camera that the form changes; it has neither address nor login."""
    found = {"name": form.name, "location": form.location, "record": _record(form.record)}
    found |= _wishes(form) | _times(form, config)
    return {name: value for name, value in found.items() if value != getattr(config, name)}


def changes(form: CameraForm, password: str, config: CameraConfig) -> dict[str, Any]:
    """The fields of `config` that the form changes; an empty password keeps the stored one."""
    kinds = {config.protocol}
    if config.protocol is Protocol.ONVIF:
        kinds.add(Protocol.RTSP)  # its streams are
    if _protocol(form.source_url) not in kinds:
        raise InvalidInput(
            _("Another kind of address: add it as a new camera."), field="source_url"
        )
    shown = asdict(stored(config))
    found: dict[str, Any] = {}
    for name in ("name", "source_url", "sub_url", "username", "location"):
        if getattr(form, name) != shown[name]:
            found[name] = getattr(form, name)
    for name in ("sub_url", "username"):
        if found.get(name) == "":
            found[name] = None
    if password:
        found["password"] = Secret(password)
    elif "username" in found and found["username"] is None:
        found["password"] = None
    found |= {
        "transport": _transport(form.transport),
        "record": _record(form.record),
        "audio": form.audio,
        "allow_local": form.allow_local,
    }
    if form.is_replaced:
        found |= replaced(config)
    found |= _times(form, config)
    return {name: value for name, value in found.items() if value != getattr(config, name)}


def _times(form: CameraForm, config: CameraConfig) -> dict[str, Any]:
    """Around events, and how long footage stays."""
    found: dict[str, Any] = {}
    found["pre_roll_s"], found["post_roll_s"] = _rolls(form)
    # As text they are rounded: what was not touched stays exact.
    shown = stored(config)
    kept = zip(("keep_days", "keep_bytes"), _keep(form), strict=True)
    return found | {
        name: value for name, value in kept if getattr(form, name) != getattr(shown, name)
    }


def _wishes(form: CameraForm) -> dict[str, Any]:
    """How a USB camera is to deliver; what is left open is None."""
    rate = form.framerate or str(DEFAULT_FPS)
    framerate = int(rate) if rate.isascii() and rate.isdecimal() and len(rate) < 4 else 0
    if not 1 <= framerate <= MAX_FPS:
        words = _("A whole number of pictures per second is needed here, from 1 to {most}.")
        raise InvalidInput(words.format(most=MAX_FPS), field="framerate")
    if form.pixel_format and not re.fullmatch(PIXEL_FORMAT, form.pixel_format):
        words = _("A format has up to four letters and digits, such as MJPG.")
        raise InvalidInput(words, field="pixel_format")
    try:
        overlay = Overlay(form.overlay or Overlay.NONE)
    except ValueError:
        words = _("Choose what is written into the pictures.")
        raise InvalidInput(words, field="overlay") from None
    return {
        "resolution": form.resolution.replace("×", "x") or None,
        "framerate": framerate,
        "pixel_format": form.pixel_format or None,
        "overlay": overlay,
    }


def _keep(form: CameraForm) -> tuple[int | None, int | None]:
    """The camera's own rule, days and bytes; empty fields leave it to the node's setting."""
    try:
        days = int(form.keep_days) if form.keep_days else None
    except ValueError:
        days = 0
    if days is not None and not 1 <= days <= MAX_KEEP_DAYS:
        raise InvalidInput(_("A whole number of days is needed here, from 1."), field="keep_days")
    try:
        gigabytes = float(form.keep_bytes.replace(",", ".")) if form.keep_bytes else None
    except ValueError:
        gigabytes = 0.0
    if gigabytes is not None and not 1 <= gigabytes <= MAX_KEEP_BYTES / GIGABYTE:
        raise InvalidInput(_("A number of GB is needed here, from 1."), field="keep_bytes")
    return days, None if gigabytes is None else round(gigabytes * GIGABYTE)


def _rolls(form: CameraForm) -> tuple[int, int]:
    """Seconds before and after an event; empty: the default."""
    found: list[int] = []
    for field, least, most in (
        ("pre_roll_s", 0, MAX_PRE_ROLL_S),
        ("post_roll_s", MIN_POST_ROLL_S, MAX_POST_ROLL_S),
    ):
        text = getattr(form, field) or str(DEFAULT_ROLL_S)
        seconds = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1
        if not least <= seconds <= most:
            words = _("A whole number of seconds is needed here, from {least} to {most}.")
            raise InvalidInput(words.format(least=least, most=most), field=field)
        found.append(seconds)
    return found[0], found[1]


def _protocol(url: str) -> Protocol:
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        scheme = ""
    if scheme not in _PROTOCOLS:
        words = _("The address must begin with rtsp://, rtsps://, http://, https:// or onvif://.")
        raise InvalidInput(words, field="source_url")
    return _PROTOCOLS[scheme]


def _transport(text: str) -> Transport:
    try:
        return Transport(text)
    except ValueError:
        raise InvalidInput(_("Choose TCP, UDP or either."), field="transport") from None


def _record(text: str) -> RecordMode:
    try:
        return RecordMode(text)
    except ValueError:
        raise InvalidInput(_("Choose when it records."), field="record") from None
