"""Files of motion and motionEye: `camera-1.conf`, or `thread-1.conf` of older ones.

Lines are motion's directives, "name value"; motionEye keeps its own as comments: "# @name Yard".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TypedDict

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import Protocol, RecordMode, Transport
from falconeye.discovery.imports import camera_urls, words
from falconeye.discovery.imports.camera_urls import CameraUrl
from falconeye.discovery.imports.imported import ImportedCamera, LeftOut
from falconeye.discovery.imports.motion_keys import reason_for

MAX_DIRECTIVES = 1000  # of one file; real ones have about 150
_OWN = re.compile(r"#\s*(@\w+)(?:\s+(.*))?")
_DIRECTIVE = re.compile(r"([A-Za-z_][\w-]*)(?:\s*=\s*|\s+|$)(.*)", re.ASCII)
_CAMERA_FILE = re.compile(r"(?:camera|thread)-?\d+\.conf")
_ADDRESS = ("netcam_url", "rtsp_uri", "rtsp_url", "@url")
_LARGE_ADDRESS = ("netcam_high_url", "netcam_highres")
_DEVICE = ("videodevice", "video_device", "v4l2_device")
_MODULE = ("mmalcam_name", "libcam_device", "libcam_name")
_NAME = ("@name", "camera_name", "device_name")
_MOVIES = ("movie_output", "ffmpeg_output_movies", "ffmpeg_cap_new")
_ALWAYS = ("emulate_motion", "output_all")
_UDP = ("netcam_use_tcp", "rtsp_uses_tcp")
_LISTED = ("camera", "thread")
_OFF = {"off", "no", "false", "0"}
_ON = {"on", "yes", "true", "1"}
_SCHEMES = {"mjpg": "http", "mjpeg": "http", "mjpegs": "https"}
_NO_CAMERA = {
    "jpeg": "single pictures that are fetched again and again are not recorded here",
    "file": "a file is no camera",
    "ftp": "an FTP server is no camera",
    "rtmp": "RTMP is not read here; enter the camera's RTSP address",
}


class _Shape(TypedDict):
    """Fields of `ImportedCamera`."""

    resolution: str | None
    framerate: int | None


@dataclass(slots=True)
class _Conf:
    """The directives of one file, and which of them were used."""

    file: str
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)  # the camera files that it names
    unread: list[int] = field(default_factory=list)  # lines that are no directive
    used: set[str] = field(default_factory=set)

    def get(self, names: tuple[str, ...]) -> str:
        """The value of the first of `names` that has one, which counts as used then; else ""."""
        name = next((name for name in names if self.values.get(name)), "")
        self.used.add(name)
        return self.values.get(name, "")


def is_camera_file(name: str) -> bool:
    """Whether motionEye calls the file of a camera so."""
    return _CAMERA_FILE.fullmatch(PurePosixPath(name).name) is not None


def read_motion(files: Mapping[str, str]) -> tuple[list[ImportedCamera], list[LeftOut]]:
    """The cameras of these files (name → text), and what of them is not taken over."""
    confs = [_parsed(name, text) for name, text in files.items()]
    mains = [conf for conf in confs if not _is_camera(conf)]
    active = [name for conf in mains for name in conf.listed] if mains else None
    cameras: list[ImportedCamera] = []
    left_out: list[LeftOut] = []
    for conf in confs:
        left_out += [LeftOut(conf.file, "not a directive", line) for line in conf.unread]
        if not _is_camera(conf):
            left_out += [LeftOut(f"{conf.file}: {words.shown_key(key)}", reason_for(key),
                                 conf.lines[key]) for key in conf.values]  # fmt: skip
            continue
        try:
            cameras.append(_camera(conf, active))
        except InvalidInput as error:
            left_out.append(LeftOut(conf.file, str(error)))
    return cameras, left_out


def _parsed(name: str, text: str) -> _Conf:
    conf = _Conf(words.shown_key(PurePosixPath(name).name))
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if len(conf.values) + len(conf.unread) + len(conf.listed) > MAX_DIRECTIVES:
            raise InvalidInput(f"{conf.file} holds more than {MAX_DIRECTIVES} directives")
        own = _OWN.fullmatch(line)
        if not line or (line[0] in "#;" and own is None):
            continue
        found = own or _DIRECTIVE.fullmatch(line)
        if found is None:
            conf.unread.append(number)
            continue
        key, value = found[1].lower(), _unquoted((found[2] or "").strip())
        if key in _LISTED:
            conf.listed.append(PurePosixPath(value).name)
        else:
            conf.values[key] = value  # the last one counts, as it does there
            conf.lines[key] = number
    return conf


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _is_camera(conf: _Conf) -> bool:
    """The file of a camera by its name, or a file of motion that says where one is."""
    if is_camera_file(conf.file):
        return True
    sources = (*_ADDRESS, *_LARGE_ADDRESS, *_DEVICE, *_MODULE)
    return not conf.listed and any(conf.values.get(name) for name in sources)


def _camera(conf: _Conf, active: list[str] | None) -> ImportedCamera:
    """InvalidInput says why it is no camera that can be taken over."""
    if conf.values.get("@proto") == "motioneye":
        raise InvalidInput("it belongs to another motionEye: import the files of that one")
    if conf.get(_MODULE):
        raise InvalidInput("a camera module at that machine: add it from Found cameras")
    name, changed = words.camera_name(conf.get(_NAME), PurePosixPath(conf.file).stem)
    record, told = _record(conf)
    base = ImportedCamera(
        name=name,
        protocol=Protocol.USB,
        record=record,
        enabled=_is_enabled(conf, active),
        notes=tuple(filter(None, (changed, told))),
    )
    address = conf.get(_ADDRESS)
    large = conf.get(tuple(key for key in _LARGE_ADDRESS if "://" in conf.values.get(key, "")))
    if address.startswith("v4l2:"):
        camera = _device(conf, base, "/" + address.removeprefix("v4l2:").lstrip("/"))
    elif address or large:
        camera = _network(conf, base, address, large)
    else:
        camera = _device(conf, base, conf.get(_DEVICE))
    return replace(camera, notes=(*camera.notes, *_unused(conf)))


def _device(conf: _Conf, base: ImportedCamera, path: str) -> ImportedCamera:
    if not path.startswith("/dev/") or not path.isprintable() or len(path) > words.MAX_NAME:
        raise InvalidInput("the file says neither an address nor a device")
    return replace(base, device_path=path, **_shape(conf))


def _network(conf: _Conf, base: ImportedCamera, address: str, large: str) -> ImportedCamera:
    """What moves is looked for in `netcam_url`; the large one, where there is one, is recorded."""
    small = _url(address) if address and large else None
    main = _url(large or address)
    notes = list(base.notes)
    username, password = main.username, main.password
    if userpass := conf.get(("netcam_userpass",)):  # motion prefers it to what the address holds
        name, _, word = userpass.partition(":")
        username, password = name or None, Secret(word) if word else None
    if small is not None and small.missing:
        notes += [f"netcam_url, {why}" for why in small.missing]
        small = None
    if small is not None and (small.username or username) != username:
        small = None
        notes.append("netcam_url: the small picture has another login than the large one")
    framerate = None
    if main.protocol is Protocol.HTTP:
        framerate = _number(conf.get(("framerate",)), 1, 60)
    params = ",".join(conf.get((name,)) for name in ("netcam_params", "netcam_high_params"))
    is_udp = conf.get(_UDP).lower() in _OFF or "rtsp_transport=udp" in params.replace(" ", "")
    return replace(
        base,
        protocol=main.protocol,
        source_url=main.url,
        sub_url=small.url if small else None,
        username=username,
        password=password,
        framerate=framerate,
        transport=Transport.UDP if is_udp else Transport.AUTO,
        notes=tuple(notes),
        missing=main.missing,
    )


def _url(text: str) -> CameraUrl:
    scheme, separator, rest = text.partition("://")
    if (why := _NO_CAMERA.get(scheme.lower())) is not None:
        raise InvalidInput(why)
    return camera_urls.read_url(f"{_SCHEMES.get(scheme.lower(), scheme)}{separator}{rest}")


def _is_enabled(conf: _Conf, active: list[str] | None) -> bool:
    conf.used.update(("@enabled", "@id", "@proto"))
    if active is not None and conf.values.get("@proto") != "mjpeg":
        return conf.file in active  # what motion itself goes by
    return conf.values.get("@enabled", "on").lower() not in _OFF


def _record(conf: _Conf) -> tuple[RecordMode, str | None]:
    """When it is recorded, and what of that is another thing here."""
    movies = conf.get(_MOVIES).lower()
    always = any(conf.values.get(name, "").lower() in _ON for name in _ALWAYS)
    if movies in _OFF:
        return RecordMode.OFF, f"{_set(conf, _MOVIES)}: nothing was recorded there, nor is it here"
    if movies and not always:
        # Not the mode for events: without somebody who tells of them it would record nothing.
        return RecordMode.CONTINUOUS, (
            f"{_set(conf, _MOVIES)}: it recorded at motion only; here it records at all times"
        )
    conf.used.update(_ALWAYS)
    return RecordMode.CONTINUOUS, None


def _set(conf: _Conf, names: tuple[str, ...]) -> str:
    return next(name for name in names if conf.values.get(name))


def _shape(conf: _Conf) -> _Shape:
    """What is asked of the device, as far as the file says it."""
    width, height = (_number(conf.values.get(name, ""), 1, 99_999) for name in ("width", "height"))
    framerate = _number(conf.values.get("framerate", ""), 1, 60)
    conf.used.update(() if framerate is None else ("framerate",))
    if width is None or height is None:
        return {"resolution": None, "framerate": framerate}
    conf.used.update(("width", "height"))
    return {"resolution": f"{width}x{height}", "framerate": framerate}


def _number(text: str, least: int, most: int) -> int | None:
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII):
        return None
    return int(text) if least <= int(text) <= most else None


def _unused(conf: _Conf) -> tuple[str, ...]:
    left = [key for key in conf.values if key not in conf.used]
    return words.grouped((key, reason_for(key)) for key in left)
