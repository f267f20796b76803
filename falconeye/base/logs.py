"""Log records for people on a terminal, for the journal, or as JSON lines; never a credential.

Every layout goes through `_SafeFormatter`: message, arguments, exception and stack are redacted
after they were put together, so no call site can forget it.
"""

import copy
import json
import logging
import os
import re
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO, TypeVar

from typing_extensions import override

from falconeye.base.journal import SOCKET, JournalSocket, Sent
from falconeye.base.redact import redact_text
from falconeye.base.times import rfc3339

# sd-daemon(3): a line that begins with "<N>" has the syslog priority N.
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_COLOURS = ((logging.ERROR, "31"), (logging.WARNING, "33"), (logging.INFO, "36"))
_AUTHORIZATION = re.compile(
    r"(?i)(?P<name>authorization['\"]?\s*[:=]\s*(?:b?['\"])?|\bbearer\s+)[^\r\n]+"
)
_COOKIE = re.compile(r"(?i)(?P<name>\b(?:set-)?cookie['\"]?\s*[:=]\s*)[^\r\n]+")
# A camera's messages begin so; its threads are named for it (`source-ID-main`).
_CAMERA = re.compile(r"\b(?:camera |source-)(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
T = TypeVar("T")

_CHATTY = (
    "aiosqlite",  # every statement with its values: hashes of passwords, for one
    "httpx",
    "httpcore",
    "asyncio",
    "alembic",
    "uvicorn",
    "websockets",
)  # one line per request or per connection


def redact_log(text: str) -> str:
    """`text` without credentials (URLs, queries, headers) and without control characters.

    Cameras and users choose parts of messages: an escape sequence must not reach the terminal.
    """
    text = _COOKIE.sub(r"\g<name>***", _AUTHORIZATION.sub(r"\g<name>***", redact_text(text)))
    return _CONTROLS.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


class _SafeFormatter(logging.Formatter, ABC):
    """Puts the record together, redacts it, then hands plain texts to `layout`."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        safe = copy.copy(record)  # other handlers keep theirs
        safe.msg, safe.args = redact_log(_message(record)), None
        details = []
        if record.exc_info:
            details.append(self.formatException(record.exc_info))
        elif record.exc_text:
            details.append(record.exc_text)
        if record.stack_info:
            details.append(record.stack_info)
        safe.exc_info, safe.exc_text, safe.stack_info = None, None, None
        return self.layout(safe, redact_log("\n".join(details)))

    @abstractmethod
    def layout(self, record: logging.LogRecord, details: str) -> str:
        """One record as text; `record.msg` and `details` are redacted."""


class HumanFormatter(_SafeFormatter):
    """`09:41:07 warning cameras.pipeline  message`; following lines are set in."""

    def __init__(self, *, colour: bool, date: bool) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%S%z" if date else "%H:%M:%S")
        self._colour = colour

    @override
    def layout(self, record: logging.LogRecord, details: str) -> str:
        level = f"{record.levelname.lower():<8}"
        if self._colour:
            level = f"\x1b[{_first(_COLOURS, record.levelno, '2')}m{level}\x1b[0m"
        text = "\n".join(filter(None, (record.msg, details))).replace("\n", "\n    ")
        return f"{self.formatTime(record, self.datefmt)} {level} {_short_name(record)}  {text}"


class JournalFormatter(_SafeFormatter):
    """`<4>cameras.pipeline: message`; the journal knows the time, each line has its priority."""

    @override
    def layout(self, record: logging.LogRecord, details: str) -> str:
        prefix = f"<{_first(_PRIORITIES, record.levelno, 7)}>"
        text = "\n".join(filter(None, (f"{_short_name(record)}: {record.msg}", details)))
        return prefix + text.replace("\n", f"\n{prefix}    ")


class _MessageFormatter(_SafeFormatter):
    """`cameras.pipeline: message`, and details behind it: the journal has all else as fields."""

    @override
    def layout(self, record: logging.LogRecord, details: str) -> str:
        return "\n".join(filter(None, (f"{_short_name(record)}: {record.msg}", details)))


class JournalHandler(logging.StreamHandler[TextIO]):
    """Entries with fields by the journal's own protocol; lines to the stream where it is away.

    An entry for which the journal has no room is dropped and counted: the next one says so.
    """

    def __init__(self, stream: TextIO, journal: JournalSocket, node: str) -> None:
        super().__init__(stream)
        self._journal = journal
        self._node = node
        self._message = _MessageFormatter()
        self._lost = 0
        self.setFormatter(JournalFormatter())

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sent = self._journal.send(self._fields(record))
        except Exception:  # noqa: BLE001 - as all handlers: a log call never raises
            self.handleError(record)
            return
        if sent is Sent.FULL:
            self._lost += 1
        elif sent is Sent.AWAY:
            super().emit(record)
        elif self._lost:
            self._tell_lost()

    @override
    def close(self) -> None:
        self._journal.close()
        super().close()

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        message = self._message.format(record)
        fields = {
            "MESSAGE": message,
            "PRIORITY": str(_first(_PRIORITIES, record.levelno, 7)),
            "SYSLOG_IDENTIFIER": "falconeye",
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "",
            "THREAD": record.threadName or "",
            "CAMERA_ID": _camera_id(message, record.threadName or ""),
            "NODE": self._node,
        }
        return {name: value for name, value in fields.items() if value}

    def _tell_lost(self) -> None:
        """A failure to tell is no reason to forget the number."""
        words = f"base.logs: {self._lost} messages were lost: the journal had no room"
        fields = {"MESSAGE": words, "PRIORITY": "4", "SYSLOG_IDENTIFIER": "falconeye"}
        if self._journal.send(fields) is Sent.TAKEN:
            self._lost = 0


class JsonFormatter(_SafeFormatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, thread, message, details."""

    @override
    def layout(self, record: logging.LogRecord, details: str) -> str:
        entry = {
            "time": rfc3339(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.msg,
        }
        if details:
            entry["details"] = details
        return json.dumps(entry, ensure_ascii=False)


def configure_logs(
    log_format: str = "auto",
    log_level: str = "info",
    *,
    node: str = "",
    stream: TextIO | None = None,
    environment: Mapping[str, str] | None = None,
    journal: str = SOCKET,
) -> None:
    """Send all records of `log_level` and above to `stream` (stderr) and nowhere else.

    `log_format`: "human", "json", or "auto": the journal's form when the stream is the journal
    (fields at its socket `journal`, `node` among them, else lines), else human. Takes the place of
    what was configured before.
    """
    handler = _handler(log_format, node, stream or sys.stderr, environment or os.environ, journal)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        if isinstance(old, JournalHandler):
            old.close()
    root.addHandler(handler)
    root.setLevel(log_level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(capture=True)


def _handler(
    log_format: str, node: str, stream: TextIO, environment: Mapping[str, str], journal: str
) -> logging.Handler:
    if log_format == "auto" and is_journal(stream, environment):
        connection = JournalSocket(journal)
        if connection.is_there():
            return JournalHandler(stream, connection, node)
        connection.close()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter_for(log_format, stream, environment))
    return handler


def log_uncaught() -> None:
    """Send what nobody caught through the log, and so through its redaction, before the end."""
    log = logging.getLogger(__name__)

    def main_thread(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        log.critical("ended by an error", exc_info=(kind, error, trace))

    def other_thread(what: threading.ExceptHookArgs) -> None:
        name = what.thread.name if what.thread else "unknown"
        error = what.exc_value or what.exc_type()
        log.critical("thread %s ended by an error", name, exc_info=error)

    sys.excepthook = main_thread
    threading.excepthook = other_thread


def formatter_for(
    log_format: str, stream: TextIO, environment: Mapping[str, str]
) -> logging.Formatter:
    """The layout that suits where the lines go."""
    if log_format == "json":
        return JsonFormatter()
    if log_format == "auto" and is_journal(stream, environment):
        return JournalFormatter()
    terminal = stream.isatty()
    plain = "NO_COLOR" in environment or environment.get("TERM") == "dumb"
    return HumanFormatter(colour=terminal and not plain, date=not terminal)


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether `stream` is the one that JOURNAL_STREAM names (systemd.exec(5): device:inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream without a file
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _message(record: logging.LogRecord) -> str:
    """The message; a wrong format string must not lose the record, nor print its arguments raw."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError) as error:
        return f"{record.msg} {record.args!r} (bad log call: {error})"


def _camera_id(*texts: str) -> str:
    """Which camera a message is about, where it says so."""
    found = next(filter(None, map(_CAMERA.search, texts)), None)
    return found["id"] if found else ""


def _short_name(record: logging.LogRecord) -> str:
    return record.name.removeprefix("falconeye.")


def _first(table: tuple[tuple[int, T], ...], level: int, otherwise: T) -> T:
    return next((value for floor, value in table if level >= floor), otherwise)
