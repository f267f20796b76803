"""`make` on machines that lack something: what it says, what it installs, what it leaves behind."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HAS_ALL_BUT = """
[[ ${!#} == @(ffmpeg|chromium) ]] || { echo -n installed; exit; }
exit 1
"""
NOBODY = 65534


class Machine:
    """Programs of the test's own before (or instead of) those of this machine."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.bin.mkdir()
        self.log.touch()
        for path in (folder, self.log):
            path.chmod(0o777)

    def has(self, name: str, script: str = "") -> None:
        """A program that notes its words, then does `script`."""
        program = self.bin / name
        program.write_text(
            f'#!/bin/bash\nshopt -s extglob\necho "{name} $*" >> {self.log}\n{script}\n'
        )
        program.chmod(0o755)

    def packages(
        self, *, alone: bool = False, user: int | None = None, in_ci: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """`tests/packages.sh`; `alone`: this machine's programs are not to be found."""
        script = shutil.copy(ROOT / "tests" / "packages.sh", self.bin.parent)
        return subprocess.run(
            ["/bin/bash", script],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=user,
            env={
                "PATH": str(self.bin) if alone else f"{self.bin}:/usr/bin:/bin",
                **({"CI": "true"} if in_ci else {}),
            },
        )

    @property
    def installed(self) -> list[str]:
        """What was asked of apt-get, but for the lists."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if line.startswith("apt-get install")]


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A Debian without ffmpeg and Chromium."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        made = Machine(Path(folder))
        made.has("dpkg-query", HAS_ALL_BUT)
        made.has("apt-get")
        made.has("apt-cache")
        yield made


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user: needs root")


@as_root
@pytest.mark.root
def test_a_user_is_told_what_is_missing_and_how_to_get_it(machine: Machine) -> None:
    answer = machine.packages(user=NOBODY)
    assert (answer.returncode, answer.stderr, machine.installed) == (0, "", [])
    first, second = answer.stdout.splitlines()
    assert first.endswith("missing: ffmpeg chromium")
    assert second.endswith("apt-get install -y --no-install-recommends ffmpeg chromium")


def test_a_machine_with_everything_is_left_alone(machine: Machine) -> None:
    machine.has("dpkg-query", "echo -n installed")
    answer = machine.packages()
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert machine.installed == []


def test_a_system_of_another_family_is_told_the_names(machine: Machine) -> None:
    (machine.bin / "dpkg-query").unlink()
    answer = machine.packages(alone=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "counterparts" in answer.stdout
    assert "apt-get" not in answer.stdout


@as_root
@pytest.mark.root
def test_root_gets_what_the_archive_has(machine: Machine) -> None:
    """Ubuntu has no package chromium: that keeps nobody from the others."""
    machine.has("apt-cache", "[[ $2 != chromium ]]")
    answer = machine.packages()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "chromium is not to be had here" in answer.stdout
    assert machine.installed == ["apt-get install -y --no-install-recommends -q ffmpeg"]


@as_root
@pytest.mark.root
@pytest.mark.parametrize(("in_ci", "code"), [(False, 0), (True, 1)])
def test_without_a_network_a_person_goes_on_and_ci_stops(
    machine: Machine, in_ci: bool, code: int
) -> None:
    machine.has("apt-get", "exit 100")
    answer = machine.packages(in_ci=in_ci)
    assert answer.returncode == code
    assert ("cannot be installed now: ffmpeg chromium" in answer.stdout) is not in_ci


@as_root
@pytest.mark.root
def test_ci_installs_by_sudo_and_takes_nothing_less(machine: Machine) -> None:
    machine.has("sudo", 'while [[ $1 == -* ]]; do shift; done; exec "$@"')
    machine.has("apt-cache", "exit 100")
    answer = machine.packages(user=NOBODY, in_ci=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert machine.installed == ["apt-get install -y --no-install-recommends -q ffmpeg chromium"]


def test_half_an_environment_does_not_pass_for_a_whole_one(tmp_path: Path) -> None:
    """Debian's Python without python3-venv fails after it has made `bin/python`."""
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/bash\nmkdir -p .venv/bin && ln -sf /usr/bin/python3 .venv/bin/python\nexit 1\n"
    )
    python.chmod(0o755)
    words: list[str | Path] = [
        "make",
        "-f",
        ROOT / "Makefile",
        f"PYTHON={python}",
        ".venv/bin/python",
    ]
    for _ in range(2):
        answer = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
        assert answer.returncode == 2
        assert not (tmp_path / ".venv" / "bin" / "python").is_symlink()


def test_the_thirds_of_the_check_have_each_unit_test_once() -> None:
    thirds = ["unit-footage", "unit-storage", "unit-rest"]
    words = ["make", "--dry-run", "SIDE_BY_SIDE=1", *thirds]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    named = [ROOT / word for word in answer.stdout.split() if word.startswith("tests/")]
    found = [file for path in named for file in ([path] if path.is_file() else files_in(path))]
    assert sorted(found) == sorted(
        [*files_in(ROOT / "tests" / "unit"), *(ROOT / "tests").glob("test_*.py")]
    )


def files_in(folder: Path) -> list[Path]:
    return list(folder.rglob("test_*.py"))


def test_help_lists_the_two_commands() -> None:
    answer = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in answer.stdout.splitlines()}
    assert {"run", "test", "check"} <= listed
    assert "packages" not in listed
