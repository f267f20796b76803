"""A list of cameras as CSV: a line that names the columns, then a camera a line (RFC 4180).

Separators are commas, semicolons or tabs, as spreadsheets of different countries write them.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import RecordMode
from falconeye.discovery.imports import camera_urls, words
from falconeye.discovery.imports.imported import ImportedCamera, LeftOut

# What people call the columns, in lower case, spaces and dashes as underscores.
_COLUMNS: Final = {
    "name": ("name", "camera", "camera_name", "title"),
    "url": ("url", "source_url", "main_url", "address", "stream", "stream_url", "rtsp_url", "rtsp"),
    "sub_url": ("sub_url", "substream", "substream_url", "sub"),
    "username": ("username", "user", "user_name", "login"),
    "password": ("password", "pass"),
    "location": ("location", "place"),
    "node": ("node", "node_name"),
    "record": ("record", "recording", "mode"),
    "enabled": ("enabled", "active"),
}
_FIELDS: Final = {called: field for field, names in _COLUMNS.items() for called in names}
_SEPARATORS: Final = ",;\t"
_FALSE: Final = {"0", "no", "off", "false", "n"}
MAX_CELLS: Final = 100
MAX_LINES: Final = 10_000
_HEAD: Final = "the first line must name the columns: name,url,username,password,sub_url"


@dataclass(slots=True)
class _Row:
    line: int
    cells: Mapping[str, str]  # by field


def read_csv(text: str) -> tuple[list[ImportedCamera], list[LeftOut]]:
    """The cameras, and the columns and lines that are none.

    InvalidInput where the first line is no head, or quotes do not end.
    """
    cameras: list[ImportedCamera] = []
    left_out: list[LeftOut] = []
    for row in _rows(text, left_out):
        try:
            cameras.append(_camera(row))
        except InvalidInput as error:
            called = words.shown_key(row.cells.get("name", "")) or f"line {row.line}"
            left_out.append(LeftOut(called, str(error), row.line))
    return cameras, left_out


def looks_like_list(text: str) -> bool:
    """Whether the first line names a column of addresses."""
    first = text.lstrip()[:4096].split("\n", 1)[0]
    return any("url" in _fields(first.split(separator)) for separator in _SEPARATORS)


def _rows(text: str, left_out: list[LeftOut]) -> list[_Row]:
    head = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    fields: list[str | None] | None = None
    found: list[_Row] = []
    try:
        for cells in reader:
            if reader.line_num > MAX_LINES:
                raise InvalidInput(f"the list has more than {MAX_LINES} lines")
            if not any(cell.strip() for cell in cells):
                continue
            if fields is None:
                fields = _head(cells, left_out)
            elif len(cells) > len(fields):
                why = "more cells than the first line names"
                left_out.append(LeftOut(f"line {reader.line_num}", why, reader.line_num))
            else:
                pairs = zip(fields, cells, strict=False)
                found.append(
                    _Row(reader.line_num, {name: cell.strip() for name, cell in pairs if name})
                )
    except csv.Error as error:
        msg = f"line {reader.line_num}: this is not valid CSV: {error}"
        raise InvalidInput(msg) from None
    if fields is None:
        raise InvalidInput("the file is empty")
    return found


def _head(cells: list[str], left_out: list[LeftOut]) -> list[str | None]:
    fields = _fields(cells) if len(cells) <= MAX_CELLS else []
    if "url" not in fields:
        raise InvalidInput(_HEAD)
    for place, (cell, name) in enumerate(zip(cells, fields, strict=True)):
        if name is None:
            if cell.strip():
                left_out.append(LeftOut(f"column {words.shown_key(cell)}", words.UNKNOWN, 1))
        elif name in fields[:place]:
            raise InvalidInput(f"two columns say the same: {words.shown_key(cell)}")
    return fields


def _fields(cells: list[str]) -> list[str | None]:
    plain = (cell.strip().strip('"').lower().replace(" ", "_").replace("-", "_") for cell in cells)
    return [_FIELDS.get(cell) for cell in plain]


def _camera(row: _Row) -> ImportedCamera:
    """InvalidInput says why the line is no camera."""
    get = row.cells.get
    if not get("url"):
        raise InvalidInput("it has no address")
    main = camera_urls.read_url(get("url", ""))
    sub = camera_urls.read_url(get("sub_url", "")) if get("sub_url") else None
    username, password = get("username") or main.username, main.password
    if given := get("password"):
        password = Secret(given)
    if sub is not None and sub.username is not None and username is None:
        username, password = sub.username, sub.password
    name, changed = words.camera_name(get("name", ""), f"camera of line {row.line}")
    notes = [changed] if changed else []
    sub_url = sub.url if sub else None
    if sub is not None and sub.username not in {None, username}:
        sub_url = None
        notes.append("sub_url: a camera has one login here, and this address has another")
    if sub is not None and sub.missing:
        sub_url = None
        notes += [f"sub_url, {why}" for why in sub.missing]
    if password is not None and username is None:
        notes.append("password: it came without a user name")
    location, _ = words.camera_name(get("location", ""), " ")
    return ImportedCamera(
        name=name,
        protocol=main.protocol,
        source_url=main.url,
        sub_url=sub_url,
        username=username or None,
        password=password,
        record=_record(get("record", "")),
        enabled=get("enabled", "").lower() not in _FALSE,
        location=location if get("location") else "",
        node_name=get("node") or None,
        notes=tuple(notes),
        missing=main.missing,
    )


def _record(text: str) -> RecordMode:
    try:
        return RecordMode(text.lower()) if text else RecordMode.CONTINUOUS
    except ValueError:
        allowed = ", ".join(mode.value for mode in RecordMode)
        raise InvalidInput(f"record: one of {allowed} is needed here") from None
