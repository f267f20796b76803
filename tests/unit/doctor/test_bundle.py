"""What goes out in a report."""

import os
from pathlib import Path

import pytest

from falconeye.doctor import bundle

HINT = (
    "Hint: You are currently not seeing messages from other users and the system.\n"
    "      Users in groups 'adm', 'systemd-journal' can see all messages."
)


def test_a_set_up_link_of_the_journal_is_hidden() -> None:
    """It is good for an hour while there is no user, and whoever has it becomes the admin."""
    line = "falconeye[1]: open http://192.168.1.7:8900/setup/Zm9vYmFyYmF6cXV4eHl6enk to begin"
    clean = bundle._clean(line, [])
    assert "Zm9vYmFy" not in clean
    assert "http://192.168.1.7:8900/setup/***" in clean


def journal(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """As `journalctl` this script answers; whoever asks is in no group."""
    program = folder / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 999)
    monkeypatch.setattr(os, "getgroups", lambda: [65534])


@pytest.mark.parametrize("script", ["echo '-- No entries --'", "exit 1", "true"])
def test_a_journal_that_may_not_be_read_is_said_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    journal(tmp_path, monkeypatch, f"cat >&2 <<'END'\n{HINT}\nEND\n{script}")
    said = bundle._log()
    assert "may not read the journal" in said
    assert "SupplementaryGroups=systemd-journal" in said
    assert "usermod -aG systemd-journal" in said
    assert "Users in groups 'adm', 'systemd-journal' can see all messages." in said


def test_what_can_be_read_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal(tmp_path, monkeypatch, "echo 2026-11-22T10:00:00 pi falconeye: started")
    assert bundle._log() == "2026-11-22T10:00:00 pi falconeye: started\n"


def test_who_may_read_it_is_told_that_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal(tmp_path, monkeypatch, "echo '-- No entries --'")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    said = bundle._log()
    assert "nothing of the unit falconeye" in said
    assert "usermod" not in said
