"""A file that a command makes is whole, or not there; run in a process that may write little."""

import subprocess
import sys
from pathlib import Path

import pytest

from falconeye.base.errors import Conflict, Unavailable
from falconeye.cli.new_file import write_new

MOST = 4096  # bytes that the process may write into a file
PROGRAM = """
import resource, sys
from pathlib import Path
from falconeye.base.errors import Unavailable
from falconeye.cli.new_file import write_new
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    write_new(Path(sys.argv[1]), bytes(3 * int(sys.argv[2])))
except Unavailable as error:
    print(error)
"""


def test_half_a_file_does_not_stay(tmp_path: Path) -> None:
    target = tmp_path / "bundle.zip"
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(target), str(MOST)],
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert run.stdout == f"cannot write {target}: File too large\n"
    assert not target.exists()


def test_a_file_is_its_owners_and_replaces_none(tmp_path: Path) -> None:
    target = tmp_path / "config.toml"
    write_new(target, b"one")
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="is there already: give another name"):
        write_new(target, b"two")
    assert target.read_bytes() == b"one"
    with pytest.raises(Unavailable, match="No such file or directory"):
        write_new(tmp_path / "none" / "config.toml", b"one")
