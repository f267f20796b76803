"""Entries with fields, against a socket like the journal's; tests/vm has the real one."""

import io
import logging
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from falconeye.base.journal import JournalSocket, Sent, encoded
from falconeye.base.logs import JournalHandler, configure_logs

CAMERA = "6f7c2a52-6f0e-4a40-9f0e-1d2c3b4a5968"
PASSWORD = "s3cr3t-pass"


class Journal:
    """Takes datagrams as the journal does."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind(self.path)

    def entry(self) -> dict[str, str]:
        data, fds, _flags, _address = socket.recv_fds(self.socket, 1 << 20, 1)
        for fd in fds:
            with os.fdopen(fd, "rb") as file:
                data = os.pread(fd, 1 << 26, 0)
                with pytest.raises(PermissionError):
                    os.write(fd, b"x")
                del file
        return decoded(data)


def decoded(data: bytes) -> dict[str, str]:
    """As the protocol's text says it is read."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, separator, value = line.partition(b"=")
        if not separator:
            (length,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + length], data[8 + length + 1 :]
        found[name.decode()] = value.decode()
    return found


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    made = Journal(Path("journal"))
    yield made
    made.socket.close()


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[io.TextIOWrapper]:
    """What JOURNAL_STREAM names; `log` has it so."""
    with (tmp_path / "stream").open("w+") as opened:
        yield opened


@pytest.fixture
def log(stream: io.TextIOWrapper, journal: Journal) -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    status = os.fstat(stream.fileno())
    environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    configure_logs(
        node="pi-2", stream=stream, environment=environment, journal=journal.path
    )  # fmt: skip
    yield logging.getLogger("falconeye.cameras.pipeline")
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


def test_an_entry_has_its_fields(
    log: logging.Logger, journal: Journal, stream: io.TextIOWrapper
) -> None:
    log.warning("camera %s: %s", CAMERA, f"rtsp://eve:{PASSWORD}@10.0.0.9/ says = two\nlines")
    entry = journal.entry()
    line = entry.pop("CODE_LINE")
    assert int(line) > 50
    assert entry == {
        "MESSAGE": f"cameras.pipeline: camera {CAMERA}: rtsp://10.0.0.9/ says = two\nlines",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "falconeye",
        "LOGGER": "falconeye.cameras.pipeline",
        "CODE_FILE": __file__,
        "CODE_FUNC": "test_an_entry_has_its_fields",
        "THREAD": "MainThread",
        "CAMERA_ID": CAMERA,
        "NODE": "pi-2",
    }
    log.info("nothing of a camera")
    assert "CAMERA_ID" not in journal.entry()
    stream.seek(0)
    assert stream.read() == ""


def test_the_thread_of_a_camera_tells_which(journal: Journal, stream: io.TextIOWrapper) -> None:
    handler = JournalHandler(stream, JournalSocket(journal.path), "")
    record = logging.LogRecord("falconeye.hub", logging.INFO, "", 1, "late", (), None)
    record.threadName = f"source-{CAMERA}-main"
    handler.emit(record)
    entry = journal.entry()
    assert entry["CAMERA_ID"] == CAMERA
    assert "NODE" not in entry
    handler.close()


def test_an_exception_is_part_of_the_message_without_its_secrets(
    log: logging.Logger, journal: Journal
) -> None:
    try:
        raise ConnectionError(f"rtsp://eve:{PASSWORD}@10.0.0.9/")  # noqa: TRY301
    except ConnectionError:
        log.exception("failed")
    message = journal.entry()["MESSAGE"]
    assert "Traceback" in message
    assert PASSWORD not in message


def test_what_is_too_large_for_a_datagram_comes_as_a_file(
    log: logging.Logger, journal: Journal
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    log.error("%s", "x" * 3_000_000)
    assert len(journal.entry()["MESSAGE"]) > 3_000_000
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_full_journal_holds_nobody_up_and_the_loss_is_told(
    log: logging.Logger, journal: Journal, stream: io.TextIOWrapper
) -> None:
    sent = 0
    probe = JournalSocket(journal.path)
    while probe.send({"MESSAGE": "fill"}) is Sent.TAKEN:
        sent += 1
    for _ in range(3):
        log.info("lost")
    for _ in range(sent):
        assert journal.entry() == {"MESSAGE": "fill"}
    log.info("after")
    assert journal.entry()["MESSAGE"].endswith("after")
    assert "3 messages were lost" in journal.entry()["MESSAGE"]
    log.info("later")
    assert journal.entry()["MESSAGE"].endswith("later")
    probe.close()
    stream.seek(0)
    assert stream.read() == ""


def test_lines_are_written_while_the_journal_is_away(
    log: logging.Logger, journal: Journal, stream: io.TextIOWrapper
) -> None:
    journal.socket.close()
    log.error("first\nsecond")
    Path(journal.path).unlink()
    log.info("third")
    stream.seek(0)
    lines = "<3>cameras.pipeline: first\n<3>    second\n<6>cameras.pipeline: third\n"
    assert stream.read() == lines
    again = Journal(Path(journal.path))  # one that was started again is found by its address
    log.info("fourth")
    assert again.entry()["MESSAGE"].endswith("fourth")
    again.socket.close()


def test_text_that_is_no_unicode_is_sent_all_the_same() -> None:
    assert decoded(encoded({"MESSAGE": "a\udce9"})) == {"MESSAGE": "a\\udce9"}
