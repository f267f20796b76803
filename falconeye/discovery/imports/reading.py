"""`read_import`: from the bytes of a file to the cameras in it, whatever recorder wrote it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.config.addresses import DEFAULT_PORTS, leads_to_itself
from falconeye.config.camera import Protocol
from falconeye.discovery.imports import archives, words
from falconeye.discovery.imports.csv_list import looks_like_list, read_csv
from falconeye.discovery.imports.frigate import read_frigate
from falconeye.discovery.imports.imported import (
    MAX_BYTES,
    MAX_CAMERAS,
    ImportedCamera,
    ImportedFile,
    ImportKind,
    LeftOut,
)
from falconeye.discovery.imports.motion import is_camera_file, read_motion

MAX_LEFT_OUT = 1000  # told one by one; the rest is counted
_SUFFIXES = {
    ".conf": ImportKind.MOTIONEYE,
    ".yml": ImportKind.FRIGATE,
    ".yaml": ImportKind.FRIGATE,
    ".csv": ImportKind.CSV,
    ".tsv": ImportKind.CSV,
}
_FRIGATE = re.compile(r"^(cameras|go2rtc)[ \t]*:", re.MULTILINE)
_MOTION = re.compile(r"^[ \t]*(#[ \t]*@name|netcam_url|video_?device|camera_name)\b", re.MULTILINE)
_MAIN_CONF = "motion.conf"


def read_import(name: str, data: bytes, variables: Mapping[str, str] | None = None) -> ImportedFile:
    """The cameras of a file, and all of it that is not taken over.

    `name` is the file's; where it does not tell what the file is, the content does. `variables`
    are values that a Frigate configuration only names (FRIGATE_RTSP_PASSWORD); without one the
    camera says what is `missing`. Takes up to a second for 1 MB: not for the event loop.
    InvalidInput, with the line where it is known, when the file is too large, damaged, or none of
    these. No error and no word of the answer holds a password.
    """
    _check_length(len(data))
    if archives.is_gzip(data):
        data = archives.gunzip(data)
        name = name.removesuffix(".gz")
        if not archives.is_tar(data):
            _check_length(len(data))
    if archives.is_tar(data):
        return _backup(archives.tar_members(data))
    if archives.is_zip(data):
        return _backup(archives.zip_members(data))
    text, told = _text(name, data, may_be_latin=_kind_by_name(name) is ImportKind.MOTIONEYE)
    kind = _kind_by_name(name) or _kind_by_content(text)
    if kind is ImportKind.MOTIONEYE:
        return _finished(kind, *read_motion({name: text}), told)
    if kind is ImportKind.FRIGATE:
        return _finished(kind, *read_frigate(text, variables or {}), told)
    return _finished(kind, *read_csv(text), told)


def _backup(members: archives.Members) -> ImportedFile:
    """The backup of motionEye: the files of its cameras, and what tells which of them run."""
    texts: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for path, content in members:
        file = PurePosixPath(path).name
        if content is None:
            left_out.append(LeftOut(words.shown_key(path), "a link or device, no file"))
        elif not is_camera_file(file) and file != _MAIN_CONF:
            left_out.append(LeftOut(words.shown_key(path), "no file of a camera"))
        elif file in texts:
            left_out.append(LeftOut(words.shown_key(path), "there is another file of this name"))
        else:
            _check_length(len(content))
            texts[file], told = _text(file, content, may_be_latin=True)
            left_out += told
    if len(texts) > MAX_CAMERAS + 1:
        raise InvalidInput(f"the archive holds more than {MAX_CAMERAS} cameras")
    if not any(is_camera_file(file) for file in texts):
        raise InvalidInput("the archive holds no camera-1.conf: it is no backup of motionEye")
    return _finished(ImportKind.MOTIONEYE, *read_motion(texts), left_out)


def _finished(
    kind: ImportKind, cameras: list[ImportedCamera], left_out: list[LeftOut], told: list[LeftOut]
) -> ImportedFile:
    """The answer; each address once."""
    if len(cameras) > MAX_CAMERAS:
        raise InvalidInput(f"the file holds more than {MAX_CAMERAS} cameras")
    kept: dict[str, ImportedCamera] = {}
    twice: list[LeftOut] = []
    for camera in cameras:
        if camera.key not in kept:
            kept[camera.key] = _completed(camera)
            continue
        other = kept[camera.key].name
        by_name = camera.key.startswith("name:")
        words = f"it has the same {'name' if by_name else 'address'} as “{other}”"
        twice.append(LeftOut(camera.name, words))
    if not kept and not left_out and not told:
        raise InvalidInput("there is no camera in this file")
    return ImportedFile(kind, tuple(kept.values()), _bounded([*told, *twice, *left_out]))


def _bounded(left_out: list[LeftOut]) -> tuple[LeftOut, ...]:
    more = len(left_out) - MAX_LEFT_OUT
    if more <= 0:
        return tuple(left_out)
    return (*left_out[:MAX_LEFT_OUT], LeftOut("and more", f"{more} others are not taken over"))


def _completed(camera: ImportedCamera) -> ImportedCamera:
    """With what the address itself says."""
    url = camera.source_url
    if url is None or camera.missing:
        return camera
    if leads_to_itself(url):
        why = "address: it leads to that machine itself; enter the camera's own"
        return replace(camera, missing=(why,))
    if camera.sub_url is not None and leads_to_itself(camera.sub_url):
        why = "substream: its address leads to that machine itself"
        camera = replace(camera, sub_url=None, notes=(*camera.notes, why))
    if camera.protocol is not Protocol.ONVIF or camera.onvif_host is not None:
        return camera
    parts = urlsplit(url)
    return replace(
        camera, onvif_host=parts.hostname, onvif_port=parts.port or DEFAULT_PORTS[parts.scheme]
    )


def _text(name: str, data: bytes, *, may_be_latin: bool) -> tuple[str, list[LeftOut]]:
    """What the bytes say: UTF-8, or UTF-16 with its mark, as spreadsheets write it.

    Files of motion may be Latin-1, as old systems were; that it was taken for that is told.
    """
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text, told = data.decode("utf-16"), list[LeftOut]()
        else:
            text, told = data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if not may_be_latin:
            msg = f"line {line}: this is not UTF-8; save the file as UTF-8"
            raise InvalidInput(msg) from None
        text = data.decode("latin-1")
        told = [LeftOut(words.shown_key(PurePosixPath(name).name),
                        "not UTF-8: read as Latin-1, look at its names", line)]  # fmt: skip
    if "\0" in text:
        raise InvalidInput("this is no text file")
    return text, told


def _kind_by_name(name: str) -> ImportKind | None:
    return _SUFFIXES.get(PurePosixPath(name.lower()).suffix)


def _kind_by_content(text: str) -> ImportKind:
    if _FRIGATE.search(text):
        return ImportKind.FRIGATE
    if _MOTION.search(text):
        return ImportKind.MOTIONEYE
    if looks_like_list(text):
        return ImportKind.CSV
    msg = (
        "this is none of the files that can be read: camera-1.conf or the backup of motionEye, "
        "config.yml of Frigate, or CSV whose first line names the columns"
    )
    raise InvalidInput(msg)


def _check_length(length_bytes: int) -> None:
    if length_bytes > MAX_BYTES:
        raise InvalidInput(f"the file is larger than {MAX_BYTES >> 20} MB")
