"""What a log line looks like, and that no credential and no escape sequence gets into one."""

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typing_extensions import override

from falconeye.base.logs import configure_logs, formatter_for, is_journal

PASSWORD = "s3cr3t-pass"
URL = f"rtsp://admin:{PASSWORD}@10.0.0.9:554/stream?token={PASSWORD}"


@pytest.fixture(autouse=True)
def restored_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


def logged(log_format: str, *, level: str = "info") -> tuple[io.StringIO, logging.Logger]:
    stream = io.StringIO()
    configure_logs(log_format, level, stream=stream, environment={})
    return stream, logging.getLogger("falconeye.cameras.pipeline")


def fail_with_url() -> None:
    raise ConnectionError(URL)


@pytest.mark.parametrize("log_format", ["human", "json", "auto"])
def test_no_credential_in_message_arguments_exception_or_stack(log_format: str) -> None:
    stream, log = logged(log_format)
    log.warning("plain %s", URL)
    log.warning(f"formatted {URL}")  # noqa: G004 - a careless call must be safe, too
    log.warning("keys %(url)s", {"url": URL})
    log.warning("object %r", {"Authorization": f"Basic {PASSWORD}", "Cookie": PASSWORD})
    log.warning("header Authorization: Bearer %s", PASSWORD)
    log.warning("bad call %d", URL)
    try:
        fail_with_url()
    except ConnectionError:
        log.exception("failed")
    record = logging.LogRecord("x", logging.ERROR, "", 0, "m", (), None)
    record.exc_text = record.stack_info = URL
    logging.getLogger().handle(record)
    text = stream.getvalue()
    assert PASSWORD not in text
    assert "10.0.0.9:554" in text
    assert "Traceback" in text
    assert "bad log call" in text


def test_a_record_is_not_changed_for_other_handlers() -> None:
    _, log = logged("human")
    seen: list[logging.LogRecord] = []

    class Other(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    logging.getLogger().addHandler(Other())
    log.warning("to %s", "me")
    assert (seen[0].msg, seen[0].args) == ("to %s", ("me",))


def test_human_lines_have_time_level_name_message_and_no_control_characters() -> None:
    stream, log = logged("human")
    log.warning("camera says \x1b[2J\r\nforged line \u2028")
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} warning  cameras\.pipeline  "
        r"camera says \\x1b\[2J\\r",
        lines[0],
    )
    assert lines[1] == "    forged line \\u2028"


def test_json_lines_are_one_object_each() -> None:
    stream, log = logged("json")
    log.error("two\nlines")
    entry = json.loads(stream.getvalue())
    assert entry["message"] == "two\nlines"
    assert entry["level"] == "error"
    assert entry["logger"] == "falconeye.cameras.pipeline"
    assert entry["time"].endswith("Z")


def test_the_journal_gets_priorities_on_every_line(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(stream, environment)
        configure_logs("auto", "debug", stream=stream, environment=environment)
        log = logging.getLogger("falconeye.node")
        log.error("first\nsecond")
        log.debug("quiet")
        stream.seek(0)
        assert stream.read() == "<3>node: first\n<3>    second\n<7>node: quiet\n"
        assert not is_journal(stream, {"JOURNAL_STREAM": "1:2"})
    assert not is_journal(io.StringIO(), environment)


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_colour_only_on_a_terminal_that_wants_it() -> None:
    record = logging.LogRecord("falconeye.node", logging.ERROR, "", 0, "m", (), None)
    assert "\x1b[31m" in formatter_for("auto", Terminal(), {}).format(record)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in formatter_for("auto", Terminal(), environment).format(record)
    assert "\x1b" not in formatter_for("auto", io.StringIO(), {}).format(record)


def test_the_level_holds_and_configuring_twice_does_not_double_lines() -> None:
    logged("human")
    stream, log = logged("human", level="warning")
    log.info("quiet")
    log.warning("once")
    assert stream.getvalue().count("\n") == 1
    assert sys.stderr is not stream


def test_what_nobody_caught_is_logged_redacted() -> None:
    program = (
        "import threading\n"
        "from falconeye.base.logs import configure_logs, log_uncaught\n"
        "configure_logs('human'); log_uncaught()\n"
        f"def fail(): raise ConnectionError({URL!r})\n"
        "thread = threading.Thread(target=fail, name='reader'); thread.start(); thread.join()\n"
        "fail()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "thread reader ended by an error" in ended.stderr
    assert ended.stderr.count("rtsp://10.0.0.9:554") == 2
    assert ended.stderr.count("Traceback") == 2
    assert "ConnectionError: rtsp://10.0.0.9:554/stream?token=***" in ended.stderr
