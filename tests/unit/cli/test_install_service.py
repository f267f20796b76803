"""What `install-service` writes, what it does not overwrite, and what systemd thinks of it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.cli import service_place
from falconeye.cli.main import main
from falconeye.cli.service_drop_ins import DropIns
from falconeye.cli.service_files import (
    SYSUSERS,
    TMPFILES,
    UNIT,
    FileState,
    ServiceFile,
    exec_path,
    is_untouched,
    service_files,
)
from falconeye.config.default_directories import SYSTEM_DATA_DIR
from falconeye.storage.volumes.mount_lines import DROP_INS, drop_in_path

PROGRAM = Path("/opt/falconeye/bin/falconeye")
FILES = {UNIT, SYSUSERS, TMPFILES}


def below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., int]:
    """Below `tmp_path`."""

    def run(*words: str, command: str = "install-service") -> int:
        more = ["--program", str(PROGRAM)] if command == "install-service" else []
        return main([command, "--root", str(tmp_path), *more, *words])

    return run


def test_all_files_are_written_and_a_second_time_changes_nothing(
    install: Callable[..., int], tmp_path: Path
) -> None:
    assert install() == 0
    texts = {path: below(tmp_path, path).read_text() for path in FILES}
    assert f"ExecStart={PROGRAM} serve --lan\n" in texts[UNIT]
    assert below(tmp_path, UNIT).stat().st_mode & 0o777 == 0o644
    before = {path: below(tmp_path, path).stat().st_ino for path in FILES}
    assert install() == 0
    assert {path: below(tmp_path, path).stat().st_ino for path in FILES} == before
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("mine", ["[Service]\nNice=5\n", None])
def test_what_a_person_made_or_changed_is_told_and_not_overwritten(
    install: Callable[..., int],
    tmp_path: Path,
    mine: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unit = below(tmp_path, UNIT)
    if mine is None:
        assert install() == 0
        mine = unit.read_text().replace("[Service]\n", "[Service]\nNice=5\n")
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text(mine)
    (tmp_path / "etc/sysusers.d").mkdir(exist_ok=True)
    capsys.readouterr()
    assert install() == 3
    said = capsys.readouterr().err
    assert "Nice=5" in said
    assert "--force" in said
    assert unit.read_text() == mine
    assert install(command="uninstall-service") == 3
    assert unit.read_text() == mine
    assert install("--force") == 0
    assert "Nice=5" not in unit.read_text()
    assert unit.with_name("falconeye.service.before-falconeye").read_text() == mine


def test_a_unit_of_an_older_release_is_made_anew(
    install: Callable[..., int], tmp_path: Path
) -> None:
    older = ServiceFile(UNIT, "[Service]\nExecStart=/old serve\n")
    older.write(tmp_path)
    assert is_untouched(below(tmp_path, UNIT).read_text())
    assert install() == 0
    assert str(PROGRAM) in below(tmp_path, UNIT).read_text()


def test_uninstall_removes_the_files_and_says_what_stays(
    install: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = below(tmp_path, SYSTEM_DATA_DIR)
    data.mkdir(parents=True)
    (data / "falconeye.sqlite3").touch()
    drop_in = below(tmp_path, DROP_INS) / "mine.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.touch()
    assert install() == 0
    capsys.readouterr()
    assert install("--json", command="uninstall-service") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["removed"]) == {str(below(tmp_path, path)) for path in FILES}
    assert not any(below(tmp_path, path).exists() for path in FILES)
    assert (data / "falconeye.sqlite3").exists()
    assert drop_in.exists()
    assert any(str(data) in line for line in told["stays"])
    assert any(str(drop_in.parent) in line for line in told["stays"])
    assert install(command="uninstall-service") == 0
    assert "no service" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/home/eve/venv", "/root/x", "/run/user/1", "/tmp/x"])  # noqa: S108
def test_a_place_that_the_service_does_not_see_is_refused(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = f"{path}/bin/falconeye"
    assert main(["install-service", "--root", str(tmp_path), "--program", program]) == 2
    said = capsys.readouterr().err
    assert ("ProtectHome=yes" in said) == (not path.startswith("/tmp"))  # noqa: S108
    assert "/opt/falconeye" in said
    assert list(tmp_path.iterdir()) == []


def test_an_interpreter_below_home_is_seen_through_its_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv's own interpreters lie there, whatever environment links to them."""
    home = tmp_path / "home"
    monkeypatch.setattr(service_place, "_NOT_SEEN", ((home, "ProtectHome=yes"),))
    link = tmp_path / "python"
    link.symlink_to("/usr/bin/python3")
    service_place.require_seen((link,))
    link.unlink()
    link.symlink_to(home / "eve/.local/share/uv/python")
    with pytest.raises(InvalidInput, match="home/eve"):
        service_place.require_seen((link,))


def test_what_only_its_owner_may_enter_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "opt" / "falconeye"
    program.parent.mkdir()
    program.touch(0o755)
    for part in (tmp_path, *tmp_path.parents):
        if part.stat().st_mode & 0o001 == 0:
            part.chmod(0o755)
    service_place.require_open((program,))
    program.parent.chmod(0o700)
    with pytest.raises(InvalidInput, match=f"enter {program.parent}"):
        service_place.require_open((program,))
    program.parent.chmod(0o755)
    program.chmod(0o700)
    with pytest.raises(InvalidInput, match="run"):
        service_place.require_open((program,))


def test_without_root_the_line_to_type_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for command in ("install-service", "uninstall-service"):
        assert main([command]) == 1
        assert f"falconeye {command}" in capsys.readouterr().err.partition("sudo ")[2]


def test_a_volume_has_a_drop_in_which_a_person_may_change(tmp_path: Path) -> None:
    path, text = Path("/srv/my disk"), '[Service]\nReadWritePaths="-/srv/my disk"\n'
    there = below(tmp_path, drop_in_path(path))
    drop_ins = DropIns(SYSTEM_DATA_DIR, tmp_path)
    assert drop_ins.write(path, text) == ""  # no service is installed
    assert not there.exists()
    service_files(PROGRAM)[0].write(tmp_path)
    if os.geteuid() != 0:
        pytest.skip("needs root")
    assert DropIns(tmp_path, tmp_path).write(path, text) == ""  # another node's data
    assert drop_ins.write(path, "") == ""
    assert "wrote" in drop_ins.write(path, text)
    assert there.read_text().endswith(text)
    assert "already" in drop_ins.write(path, text)
    there.write_text("[Service]\nNice=1\n")
    for said in (drop_ins.write(path, text), drop_ins.remove(path)):
        assert "own" in said
    assert there.read_text() == "[Service]\nNice=1\n"
    ServiceFile(drop_in_path(path), "[Service]\nReadWritePaths=/older\n").write(tmp_path)
    assert "removed" in drop_ins.remove(path)
    assert not there.exists()
    assert drop_ins.remove(path) == ""


def test_names_of_drop_ins_fit_into_a_directory() -> None:
    long = [Path("/srv/" + letter * 120 + "/" + "ü" * 40) for letter in "ab"]
    names = {drop_in_path(path).name for path in long}
    assert len(names) == 2
    assert all(len(name) < 255 for name in names)
    assert drop_in_path(Path("/srv/my disk")).name == r"storage-srv-my\x20disk.conf"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("program", ["/opt/fal con/50%", "/opt/a$HOME", "/opt/größe"])
def test_systemd_finds_a_program_of_any_name(tmp_path: Path, program: str) -> None:
    analyze = systemd("systemd-analyze")
    there = tmp_path / program.removeprefix("/")
    there.mkdir(parents=True)
    (there / "falconeye").symlink_to("/bin/true")
    unit = tmp_path / "falconeye.service"
    unit.write_text(f"[Service]\nExecStart={exec_path(there / 'falconeye')} serve\n")
    done = subprocess.run(
        [analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    (there / "falconeye").unlink()
    gone = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, check=False)
    assert gone.returncode != 0


@pytest.mark.parametrize("program", ["/opt/it's", r"/opt/a\b", '/opt/"a"', "/opt/a\nb"])
def test_a_program_that_systemd_cannot_name_is_refused(program: str) -> None:
    with pytest.raises(InvalidInput, match="quotes"):
        exec_path(Path(program))


@pytest.mark.timeout(30)
def test_the_unit_exposes_no_more_than_it_must(tmp_path: Path) -> None:
    unit = below(tmp_path, UNIT)
    for file in service_files(PROGRAM):
        file.write(tmp_path)
    words = [systemd("systemd-analyze"), "security", "--offline=yes", "--threshold=20", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.root
@pytest.mark.timeout(30)
def test_systemd_makes_the_user_and_the_directory(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for file in service_files(PROGRAM):
        file.write(tmp_path)
    root = f"--root={tmp_path}"
    subprocess.run([systemd("systemd-sysusers"), root, below(tmp_path, SYSUSERS)], check=True)
    user = next(
        line.split(":")
        for line in (tmp_path / "etc/passwd").read_text().splitlines()
        if line.startswith("falconeye:")
    )
    assert user[5] == str(SYSTEM_DATA_DIR)
    assert user[6].endswith("nologin")
    lines = (tmp_path / "etc/group").read_text().splitlines()
    groups = {line.partition(":")[0] for line in lines if line.endswith(":falconeye")}
    assert groups == {"video", "render", "audio"}
    subprocess.run(
        [systemd("systemd-tmpfiles"), root, "--create", below(tmp_path, TMPFILES)], check=True
    )
    made = below(tmp_path, SYSTEM_DATA_DIR).stat()
    assert (made.st_mode & 0o777, made.st_uid) == (0o700, int(user[2]))


def test_the_states_of_a_file(tmp_path: Path) -> None:
    file = ServiceFile(UNIT, "[Unit]\n")
    assert file.state(tmp_path) is FileState.ABSENT
    file.write(tmp_path)
    assert file.state(tmp_path) is FileState.SAME
    assert ServiceFile(UNIT, "[Unit]\nDescription=x\n").state(tmp_path) is FileState.OLDER
    with below(tmp_path, UNIT).open("a") as opened:
        opened.write("# mine\n")
    assert file.state(tmp_path) is FileState.CHANGED
    below(tmp_path, UNIT).write_text("[Unit]\n")
    assert file.state(tmp_path) is FileState.FOREIGN


def systemd(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip("systemd is not installed")
    return program
