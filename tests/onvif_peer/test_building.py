"""What becomes of the tests where the server cannot be built: told in words, or a failure."""

import tomllib
from pathlib import Path

import pytest

from tests.onvif_peer import building

CARGO = """#!/bin/sh
case "$1" in
--version) echo "cargo {version} (0000000 2026-01-01)" ;;
generate-lockfile) printf 'source = "here"\\n' > Cargo.lock; exit {lock} ;;
fetch) exit {fetch} ;;
build)
    cp Cargo.lock "{kept}"
    mkdir -p target/debug
    echo made > target/debug/onvif_peer
    exit {build} ;;
esac
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing was built yet; of this machine's programs only the plain ones are there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "cache"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **says: object) -> Path:
    """A cargo that ends as `says` (exit codes); where it keeps the lock file that it built by."""
    told = {"version": "1.88.0", "lock": 0, "fetch": 0, "build": 0, "kept": folder / "lock", **says}
    for name, text in (("cargo", CARGO.format(**told)), ("cc", "#!/bin/sh\n")):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
    return folder / "lock"


def test_without_rust_it_is_said() -> None:
    assert building.build() == ("needs Rust 1.88 or newer (no cargo)", False)
    assert building.missing() == "needs Rust 1.88 or newer (no cargo)"


@pytest.mark.parametrize("version", ["1.87.0", "0.66.0"])
def test_an_older_rust_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    install(tmp_path, monkeypatch, version=version)
    reason, is_failure = building.build()
    assert (is_failure, building.missing()) == (False, reason)
    assert reason.startswith(f"needs Rust 1.88 or newer (cargo {version}")


@pytest.mark.parametrize("step", ["lock", "fetch"])
def test_crates_that_cannot_be_had_are_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    install(tmp_path, monkeypatch, **{step: 101})
    assert building.build() == ("its crates cannot be had here", False)
    assert "make onvif-peer" in building.missing()


def test_a_build_that_fails_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    install(tmp_path, monkeypatch, build=101)
    assert building.build() == ("cargo build failed", True)
    assert building.missing() != ""
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_it_is_built_by_the_pinned_crates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    lock = install(tmp_path, monkeypatch)
    assert building.build() == ("", False)
    assert building.missing() == ""
    pinned = (building.PROJECT / "Cargo.lock.in").read_text()
    assert pinned.count('source = "registry"\n') > 100
    assert lock.read_text() == pinned.replace('source = "registry"\n', 'source = "here"\n')
    assert [path for path in cache.rglob("*") if path.is_file()] == [building.program()]


def test_each_crate_is_pinned_and_no_registry_is_named() -> None:
    lock = (building.PROJECT / "Cargo.lock.in").read_text()
    wanted = tomllib.loads((building.PROJECT / "Cargo.toml").read_text())["dependencies"]
    locked = {one["name"]: one for one in tomllib.loads(lock)["package"]}
    own = locked.pop("onvif_peer")
    assert own["dependencies"] == sorted(wanted)
    for name, one in wanted.items():
        assert one["version"] == f"={locked[name]['version']}"
    assert {(one["source"], len(one["checksum"])) for one in locked.values()} == {("registry", 64)}
    assert "://" not in lock
