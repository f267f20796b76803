"""A zip for a report: what was found, versions, settings, cameras and the log, without secrets.

Everything passes the redaction of the log; then every secret that this node knows is looked for in
it once more, as it is and as it stands in addresses.
"""

import grp
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from importlib import metadata
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from falconeye import __version__
from falconeye.base.logs import redact_log
from falconeye.base.redact import HIDDEN, map_secrets
from falconeye.config.camera import CameraConfig
from falconeye.config.settings import NodeSettings
from falconeye.doctor.examination import Examination
from falconeye.storage.stores.destinations import shown_settings

MIN_SECRET: Final = 3  # shorter ones would take every "a" out of the texts
_LINK: Final = re.compile(r"(/setup/)[\w-]{16,}")  # the journal shows it: it makes an admin
_LOG_LINES: Final = "2000"
_LOG_S: Final = 10.0
_NO_ENTRIES: Final = "-- No entries --"
_READERS: Final = frozenset({"adm", "systemd-journal", "wheel"})
_NO_RIGHT: Final = """\
This report has no log: the user that FalconEye runs as may not read the journal.
Let it, and make the report again. For the service, in a drop-in (systemctl edit falconeye):
  [Service]
  SupplementaryGroups=systemd-journal
then: systemctl restart falconeye. For somebody who makes reports by the command line:
  sudo usermod -aG systemd-journal NAME
and sign in anew. Or add the log by hand: sudo journalctl --unit falconeye --lines 2000"""
_PARTS: Final = ("av", "litestar", "uvicorn", "sqlalchemy", "aiosqlite", "cryptography", "pydantic")


def make_bundle(
    examination: Examination,
    settings: NodeSettings,
    stored: Mapping[str, Any],
    more_secrets: Iterable[str],
) -> bytes:
    """The zip; blocks. `stored`: the page's settings; `more_secrets`: what must not be in it."""
    secrets = sorted({*_of_cameras(examination.cameras), *more_secrets}, key=len, reverse=True)
    documents: dict[str, Any] = {
        "findings.json": examination.as_json(),
        "settings.json": {**_of_node(settings), **stored, **shown_settings(stored)},
        "cameras.json": [_camera(camera) for camera in examination.cameras],
    }
    texts = {
        "findings.txt": _findings(examination),
        "versions.txt": _versions(),
        "log.txt": _log(),
    }
    texts = {name: _clean(text, secrets) for name, text in texts.items()}
    for name, value in documents.items():
        clean = _clean_values(json.loads(json.dumps(value, default=str)), secrets)
        texts[name] = json.dumps(clean, ensure_ascii=False, indent=1) + "\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(f"falconeye-report/{name}", text)
    return packed.getvalue()


def _clean(text: str, secrets: Iterable[str]) -> str:
    """`text`, line by line: what belongs to an address may reach to the end of its line."""
    clean = "\n".join(redact_log(line) for line in text.splitlines()) + "\n"
    clean = _LINK.sub(rf"\g<1>{HIDDEN}", clean)
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
            if len(form) >= MIN_SECRET:
                clean = clean.replace(form, HIDDEN)
    return clean


def _clean_values(value: Any, secrets: Sequence[str]) -> Any:
    """The same for every text in a JSON value, names included."""
    if isinstance(value, str):
        return _clean(value, secrets).removesuffix("\n")
    if isinstance(value, dict):
        return {_clean_values(name, secrets): _clean_values(each, secrets)
                for name, each in value.items()}  # fmt: skip
    if isinstance(value, list):
        return [_clean_values(each, secrets) for each in value]
    return value


def _of_cameras(cameras: Iterable[CameraConfig]) -> Iterator[str]:
    for camera in cameras:
        if camera.password is not None:
            yield camera.password.reveal()
        for url in filter(None, (camera.source_url, camera.sub_url)):
            found: list[str] = []
            map_secrets(url, lambda _name, value, found=found: found.append(value) or "")  # type: ignore[misc]
            yield from (each for value in found for each in {value, unquote(value)})
            password = urlsplit(url).password
            if password:
                yield unquote(password)


def _camera(camera: CameraConfig) -> dict[str, Any]:
    """The configuration as the API answers it, without its login and without free fields."""
    left_out = {"password", "username", "metadata"}
    values = {field.name: getattr(camera, field.name) for field in fields(camera)
              if field.name not in left_out}  # fmt: skip
    return {**values, "has_login": camera.username is not None}


def _of_node(settings: NodeSettings) -> dict[str, Any]:
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def _findings(examination: Examination) -> str:
    lines = []
    for one in examination.findings:
        lines.append(f"{one.level.value:<5}{one.area:<10}{one.subject}: {one.words}")
        if one.advice:
            lines.append(f"{'':<15}→ {one.advice}")
    return "\n".join(lines)


def _versions() -> str:
    lines = [f"falconeye {__version__}", f"python {sys.version}", platform.platform()]
    lines += [f"{name} {metadata.version(name)}" for name in _PARTS]
    return "\n".join(lines)


def _log() -> str:
    """The service's last lines from the journal, else why there are none."""
    program = shutil.which("journalctl")
    if program is None:
        return "there is no journal on this machine"
    words = [program, "--unit", "falconeye", "--lines", _LOG_LINES, "--no-pager", "--output",
             "short-iso"]  # fmt: skip
    try:
        said = subprocess.run(  # noqa: S603 - fixed words
            words, capture_output=True, text=True, errors="replace", timeout=_LOG_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"the journal cannot be read: {error}"
    if said.stdout.strip() not in {"", _NO_ENTRIES}:
        return said.stdout
    why = f"\n\njournalctl says:\n{said.stderr}" if said.stderr.strip() else ""
    if not _may_read_journal():
        return _NO_RIGHT + why
    if said.returncode:
        return f"the journal cannot be read: journalctl ended with {said.returncode}{why}"
    return f"the journal has nothing of the unit falconeye: was it started by hand?{why}"


def _may_read_journal() -> bool:
    """systemd-journald(8): root, and the members of some groups."""
    if os.geteuid() == 0:
        return True
    known = (group for group in grp.getgrall() if group.gr_name in _READERS)
    return not {group.gr_gid for group in known}.isdisjoint([os.getegid(), *os.getgroups()])
