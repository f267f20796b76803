"""A Frigate configuration (`config.yml`): its cameras, with the go2rtc streams they come from."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import Protocol, RecordMode
from falconeye.discovery.imports import frigate_keys, words
from falconeye.discovery.imports.camera_urls import CameraUrl, filled, open_names
from falconeye.discovery.imports.frigate_streams import Streams, streams_of, unused_streams
from falconeye.discovery.imports.imported import ImportedCamera, LeftOut
from falconeye.discovery.imports.yaml_tree import Table, Tree, Word, read_yaml

MAX_INPUTS: Final = 20
ONVIF_PORT: Final = 8000  # Frigate's default
# Which input is the main stream: the first of these that a camera has. "clips", "rtmp" and
# "restream" are roles of older releases.
_MAIN_ROLES: Final = ("record", "clips", "restream", "rtmp", "detect")
_USED: Final = {"ffmpeg", "record", "onvif", "enabled", "friendly_name"}  # of a camera
_HOST: Final = re.compile(r"[\w.-]{1,253}|\[[0-9a-fA-F:]{2,39}\]")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_TRUE: Final = {"true", "yes", "on"}
_FALSE: Final = {"false", "no", "off"}


@dataclass(frozen=True, slots=True)
class _Input:
    """One of `ffmpeg.inputs`."""

    path: Word
    roles: frozenset[str]
    where: str


def read_frigate(
    text: str, variables: Mapping[str, str]
) -> tuple[list[ImportedCamera], list[LeftOut]]:
    """The cameras, and what of the whole file is not taken over.

    `variables` are Frigate's (FRIGATE_RTSP_PASSWORD, …); the file may hold some itself.
    InvalidInput when it is no such file.
    """
    file = read_yaml(text)
    root = file.root
    if not isinstance(root, dict) or "cameras" not in root:
        raise InvalidInput("this YAML has no 'cameras': it is no configuration of Frigate")
    own = _table(root, "environment_vars")
    known = {**{str(key): str(value) for key, value in own.items() if value}, **variables}
    go2rtc = _table(root, "go2rtc")
    streams = streams_of(_get(go2rtc, "streams"), known)
    cameras: list[ImportedCamera] = []
    left_out: list[LeftOut] = []
    listed = root[Word("cameras")]
    if listed is not None and not isinstance(listed, dict):
        raise InvalidInput("'cameras' must be a table of cameras by name")
    for name, table in (listed or {}).items():
        try:
            cameras.append(_camera(name, table, _table(root, "record"), streams))
        except InvalidInput as error:
            where = f"cameras.{words.shown_key(name)}"
            left_out.append(LeftOut(where, str(error), name.line))
    for word in file.repeated:
        key = words.shown_key(word)
        left_out.append(LeftOut(key, "it stands there twice: the last one counts", word.line))
    left_out += _unused_of_file(root, go2rtc, streams)
    return cameras, left_out


def _camera(name: Word, table: Tree, record: Table, streams: Streams) -> ImportedCamera:
    """InvalidInput says why it cannot be taken over."""
    if not isinstance(table, dict):
        raise InvalidInput("nothing is said of it")
    shown = _get(table, "friendly_name")
    called, changed = words.camera_name(shown if isinstance(shown, Word) else name, name)
    ffmpeg = _table(table, "ffmpeg")
    inputs, skipped = _inputs(_get(ffmpeg, "inputs"))
    if not 0 < len(inputs) <= MAX_INPUTS:
        if not inputs:
            raise InvalidInput("it has no ffmpeg.inputs with a path")
        raise InvalidInput(f"it has more than {MAX_INPUTS} ffmpeg.inputs with a path")
    main = min(inputs, key=_rank)
    mode, told = _record_mode(_table(table, "record"), record)
    base = ImportedCamera(called, Protocol.RTSP, record=mode, enabled=_is_true(table, "enabled"))
    notes: list[str] = []
    if main.path.startswith("/dev/"):
        camera = replace(base, protocol=Protocol.USB, device_path=_device(main.path))
    else:
        camera, notes = _network(base, main, inputs, streams)
    camera, onvif_notes = _with_onvif(camera, _table(table, "onvif"), streams)
    not_used = [
        *skipped,
        *_unused(table, _USED, frigate_keys.CAMERA),
        *_unused(ffmpeg, {"inputs"}, frigate_keys.FFMPEG, "ffmpeg."),
        *_unused(_table(table, "record"), {"enabled"}, frigate_keys.RECORD, "record."),
        *onvif_notes,
    ]  # fmt: skip
    said = [note for note in (changed, told, *notes) if note]
    return replace(camera, notes=(*dict.fromkeys(said), *words.grouped(not_used)))


def _network(
    base: ImportedCamera, main: _Input, inputs: list[_Input], streams: Streams
) -> tuple[ImportedCamera, list[str]]:
    """The camera with its addresses: the recorded one, and the one that was looked at."""
    found, told = streams.url(main.path)
    notes = list(told)
    sub: CameraUrl | None = None
    others = sorted((each for each in inputs if each.path != main.path),
                    key=lambda each: "detect" not in each.roles)  # fmt: skip
    for other in others:
        try:
            candidate, told = streams.url(other.path)
        except InvalidInput as error:
            notes.append(f"{other.where}: {error}")
            continue
        if candidate.url == found.url:
            continue
        if candidate.missing and candidate.missing != found.missing:
            notes += [f"{other.where}, {why}" for why in candidate.missing]
            continue
        if sub is None and _same_login(found, candidate) and "detect" in other.roles:
            sub = candidate
            notes += told
        else:
            notes.append(f"{other.where}: a camera has two addresses and one login here")
    first = found if found.username or found.password or sub is None else sub
    camera = replace(
        base,
        protocol=found.protocol,
        source_url=found.url,
        sub_url=sub.url if sub else None,
        username=first.username,
        password=first.password,
        missing=found.missing,
        variables=found.variables,
    )
    return camera, notes


def _device(path: Word) -> str:
    if not path.isprintable() or len(path) > words.MAX_NAME:
        raise InvalidInput("the device of its input cannot be read")
    return str(path)


def _same_login(main: CameraUrl, sub: CameraUrl) -> bool:
    if None in (main.username, sub.username):
        return True
    return (main.username, main.password) == (sub.username, sub.password)


def _inputs(listed: Tree) -> tuple[list[_Input], list[tuple[str, str]]]:
    """(the inputs that have a path, (key, reason) of what is not used of all of them)."""
    found: list[_Input] = []
    skipped: list[tuple[str, str]] = []
    for number, each in enumerate(listed if isinstance(listed, list) else ()):
        where = f"ffmpeg.inputs[{number}]"
        path = _get(each, "path") if isinstance(each, dict) else None
        if not isinstance(each, dict) or not isinstance(path, Word) or not path:
            skipped.append((where, "it has no path"))
            continue
        roles = _get(each, "roles")
        names = roles if isinstance(roles, list) else [roles]
        found.append(_Input(path, frozenset(str(one) for one in names if one), where))
        skipped += _unused(each, {"path", "roles"}, frigate_keys.FFMPEG, f"{where}.")
    return found, skipped


def _rank(given: _Input) -> int:
    return next(
        (place for place, role in enumerate(_MAIN_ROLES) if role in given.roles), len(_MAIN_ROLES)
    )


def _record_mode(own: Table, common: Table) -> tuple[RecordMode, str | None]:
    """When it is recorded; what a camera does not say itself is as for all."""
    merged = {**common, **own}
    if not _is_true(merged, "enabled", default=False):
        return RecordMode.OFF, "record: nothing was recorded there, nor is it here"
    for key in ("continuous", "retain"):
        if _text(_table(merged, key), "days").strip("0."):
            return RecordMode.CONTINUOUS, None
    if _text(merged, "retain_days").strip("0."):  # of releases before 0.12
        return RecordMode.CONTINUOUS, None
    # Not the mode for events: without somebody who tells of them it would record nothing.
    return RecordMode.CONTINUOUS, (
        "record: only what was detected was kept there; here it records at all times"
    )


def _with_onvif(
    camera: ImportedCamera, table: Table, streams: Streams
) -> tuple[ImportedCamera, list[tuple[str, str]]]:
    """Its ONVIF service; the login of that counts where the stream's address has none."""
    left = _unused(table, {"host", "port", "user", "password"}, frigate_keys.ONVIF, "onvif.")
    host = filled(_text(table, "host"), streams.variables)
    if not host:
        return camera, left
    name = host.partition("://")[2] if "://" in host else host
    port = _text(table, "port") or str(ONVIF_PORT)
    if not _HOST.fullmatch(name) or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        return camera, [*left, ("onvif.host, onvif.port", "they cannot be read")]
    camera = replace(camera, onvif_host=name.strip("[]"), onvif_port=int(port))
    user, password = (filled(_text(table, key), streams.variables) for key in ("user", "password"))
    if lacking := open_names(user + password, streams.variables):
        left.append(("onvif.user, onvif.password", f"the file only names {', '.join(lacking)}"))
    elif user and _takes_login(camera, name):
        camera = replace(camera, username=user, password=Secret(password))
    elif user and (camera.username, camera.password) != (user, Secret(password)):
        left.append(("onvif.user, onvif.password", "a camera has one login here, the stream's"))
    has_its_login = user and (camera.username, camera.password) == (user, Secret(password))
    if not has_its_login and not _is_host_of(camera, name):
        camera = replace(camera, onvif_host=None, onvif_port=None)
        left.append(("onvif.host", "another host than the stream's, whose login would go there"))
    return camera, left


def _takes_login(camera: ImportedCamera, host: str) -> bool:
    """Whether its stream, at the same host, has no login of its own."""
    has_none = (camera.username, camera.password, camera.missing) == (None, None, ())
    return has_none and _is_host_of(camera, host)


def _is_host_of(camera: ImportedCamera, host: str) -> bool:
    try:
        return urlsplit(camera.source_url or "").hostname == host.lower().strip("[]")
    except ValueError:
        return False  # a variable stands for a part of it


def _unused_of_file(root: Table, go2rtc: Table, streams: Streams) -> Iterator[LeftOut]:
    unused = unused_streams(streams, _table(go2rtc, "streams"))
    for key in unused:
        where = words.shown_key(f"go2rtc.streams.{key}")
        yield LeftOut(where, "no camera of this file uses it", key.line)
    for table, used, known, prefix in (
        (root, {"cameras", "go2rtc", "record"}, frigate_keys.TOP, ""),
        (go2rtc, {"streams"}, frigate_keys.GO2RTC, "go2rtc."),
        (_table(root, "record"), {"enabled"}, frigate_keys.RECORD, "record."),
    ):
        for key in table:
            if key not in used:
                where = words.shown_key(f"{prefix}{key}")
                yield LeftOut(where, known.get(key, words.UNKNOWN), key.line)


def _unused(
    table: Table, used: set[str], known: Mapping[str, str], prefix: str = ""
) -> list[tuple[str, str]]:
    return words.unused((key for key in table if key not in used), known, prefix)


def _get(table: Table, key: str) -> Tree:
    return table.get(Word(key))


def _table(table: Table, key: str) -> Table:
    found = _get(table, key)
    return found if isinstance(found, dict) else {}


def _text(table: Table, key: str) -> str:
    found = _get(table, key)
    return str(found).strip() if isinstance(found, Word) else ""


def _is_true(table: Table, key: str, *, default: bool = True) -> bool:
    word = _text(table, key).lower()
    return word in _TRUE or (default and word not in _FALSE)
