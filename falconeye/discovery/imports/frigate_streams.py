"""The streams of go2rtc inside a Frigate configuration: what a restream's address stands for.

`rtsp://127.0.0.1:8554/NAME` leads to go2rtc on Frigate's own machine; the camera is behind
`go2rtc.streams.NAME` (docs.frigate.video, "Restream"; go2rtc's README, "Module: Streams").
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote, urlsplit

from falconeye.base.errors import InvalidInput
from falconeye.config.camera import Protocol
from falconeye.discovery.imports import camera_urls, words
from falconeye.discovery.imports.camera_urls import CameraUrl
from falconeye.discovery.imports.yaml_tree import Table, Tree, Word

_PORT: Final = 8554  # go2rtc's own RTSP server within Frigate
_MAX_DEPTH: Final = 8  # of streams that name each other
_MAX_STEPS: Final = 20_000  # of one file: each source may name a stream that has as many again
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PLAIN = re.compile(r"(rtspx?|rtsps|https?|onvif)://", re.IGNORECASE)


@dataclass(slots=True)
class Streams:
    """`go2rtc.streams` by name; remembers which were asked for."""

    sources: Mapping[str, list[str]]
    variables: Mapping[str, str]
    used: set[str] = field(default_factory=set)
    _steps: int = 0

    def url(self, text: str) -> tuple[CameraUrl, tuple[str, ...]]:
        """(the camera's own address, what was left out of it in words) of an input's path.

        InvalidInput where there is none: a stream that is not there, a program, a file.
        """
        name = _restream(text)
        if name is None:
            return camera_urls.read_url(text, self.variables), ()
        return self._of(name, 0)

    def _of(self, name: str, depth: int) -> tuple[CameraUrl, tuple[str, ...]]:
        where = f"go2rtc.streams.{words.shown_key(name)}"
        if name not in self.sources:
            raise InvalidInput(f"it is fed by {where}, which is not in this file")
        if depth > _MAX_DEPTH:
            raise InvalidInput(f"{where} leads in a circle")
        self.used.add(name)
        why = f"{where} names no source"
        for source in self.sources[name]:
            try:
                found, notes = self._source(source, name, depth)
            except InvalidInput as error:
                if self._steps > _MAX_STEPS:
                    raise
                why = f"{where}: {error}"
                continue
            more = len(self.sources[name]) - 1
            if more:
                notes = (*notes, f"{where}: one of its {more + 1} sources is taken")
            return found, notes
        raise InvalidInput(why)

    def _source(self, source: str, name: str, depth: int) -> tuple[CameraUrl, tuple[str, ...]]:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise InvalidInput("too many streams name each other")
        notes: tuple[str, ...] = ()
        text, _, parameters = source.strip().partition("#")
        if text.startswith("ffmpeg:"):
            text = text.removeprefix("ffmpeg:").strip()
            notes = ("ffmpeg: the stream was converted there; here it is taken as it comes",)
            if not _URL.match(text) and text in self.sources and text != name:
                found, inner = self._of(text, depth + 1)
                return found, (*notes, *inner)
        elif parameters:
            notes = ("go2rtc: parameters behind # of its source are not taken over",)
        restreamed = _restream(text)
        if restreamed is not None and restreamed != name:
            found, inner = self._of(restreamed, depth + 1)
            return found, (*notes, *inner)
        is_variable = text.startswith("{")  # the whole address
        if not is_variable and not _PLAIN.match(text):
            raise InvalidInput("it is fed by a program, a file or a protocol that is not read here")
        if text.lower().startswith("rtspx:"):  # UniFi Protect: RTSPS whose certificate is its own
            text = f"rtsps:{text.partition(':')[2]}"
        found = camera_urls.read_url(text, self.variables)
        if found.protocol is Protocol.ONVIF:  # its parameters choose a profile
            found = replace(found, url=found.url.partition("?")[0])
        return found, notes


def streams_of(table: Tree, variables: Mapping[str, str]) -> Streams:
    """From `go2rtc.streams`: each a source, or a list of them; others are as if not there."""
    sources: dict[str, list[str]] = {}
    for name, value in table.items() if isinstance(table, dict) else ():
        listed = value if isinstance(value, list) else [value]
        sources[str(name)] = [str(each) for each in listed if isinstance(each, Word)]
    return Streams(sources, variables)


def unused_streams(streams: Streams, table: Table) -> list[Word]:
    """The streams that no camera of the file uses."""
    return [name for name in table if str(name) not in streams.used]


def _restream(text: str) -> str | None:
    """NAME of `rtsp://127.0.0.1:8554/NAME`; None for any other address."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme != "rtsp" or port != _PORT or not _is_own(parts.hostname or ""):
        return None
    return unquote(parts.path.strip("/")) or None


def _is_own(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1", "frigate"}
