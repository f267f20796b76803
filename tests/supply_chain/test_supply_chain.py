"""What a node carries: licences, bill of materials, known weaknesses, the notes of a release."""

import datetime as dt
import json
import os
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.supply_chain.bill import bill
from tests.supply_chain.licences import refused
from tests.supply_chain.parts import CONSTRAINTS, ROOT, Part, licence_of, parts
from tests.supply_chain.release_notes import notes

AT = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def test_every_part_may_be_carried() -> None:
    """`make licences` shows them."""
    assert {part.name: why for part in parts() if (why := refused(part))} == {}


@pytest.mark.parametrize(
    ("licence", "is_allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("MIT AND PSF-2.0", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND AGPL-3.0-only", False),
        ("", False),
    ],
)
def test_what_may_be_carried(licence: str, is_allowed: bool) -> None:
    assert (refused(Part("pypi", "some", "1", licence, ())) == "") is is_allowed


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ([("License-Expression", "MIT AND PSF-2.0"), ("License", "else")], "MIT AND PSF-2.0"),
        ([("License", "Apache 2.0")], "Apache-2.0"),
        ([("License", "MIT License\n\nCopyright (c) somebody")], "MIT"),
        (
            [
                ("License", "Copyright (c) 2021, somebody\nAll rights"),
                ("Classifier", "License :: OSI Approved :: BSD License"),
            ],
            "BSD-3-Clause",
        ),
        ([("Classifier", "Programming Language :: Python")], ""),
    ],
)
def test_how_a_distribution_says_its_licence(fields: list[tuple[str, str]], licence: str) -> None:
    metadata = Message()
    for name, value in fields:
        metadata[name] = value
    assert licence_of(metadata) == licence  # type: ignore[arg-type]


def test_the_pinned_are_all_there_with_their_hashes() -> None:
    pinned = [part for part in parts() if part.kind == "pypi"]
    lines = CONSTRAINTS.read_text().splitlines()
    assert len(pinned) == sum(1 for line in lines if "==" in line)
    assert all(part.sha256 for part in pinned)
    assert {"htmx.org", "hls.js"} <= {part.name for part in parts() if part.kind == "npm"}


def test_the_bill_is_valid_and_the_same_again() -> None:
    found = parts()
    made = bill(found, AT)
    assert made == bill(list(reversed(found)), AT)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made) is None
    told = json.loads(made)
    assert len(told["components"]) == len(found)
    (links,) = (each for each in told["dependencies"] if each["ref"] == "falconeye")
    assert len(links["dependsOn"]) == len(found)
    other = bill(found[1:], AT)
    assert json.loads(other)["serialNumber"] != told["serialNumber"]


@pytest.mark.timeout(300)
def test_nothing_that_is_pinned_has_a_known_weakness() -> None:
    """Asks the package index; a mirror without its database of weaknesses knows of none."""
    program = Path(sys.executable).with_name("pip-audit")
    answer = subprocess.run(
        [
            program, "--requirement", CONSTRAINTS, "--require-hashes", "--disable-pip",
            "--format", "json", "--progress-spinner", "off",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not answer.stdout:
        last = answer.stderr.strip().splitlines()[-1:]
        pytest.skip(f"the package index was not reached: {last}")
    told = json.loads(answer.stdout)["dependencies"]
    audited = [each for each in told if "vulns" in each]
    if not audited:
        pytest.skip("the package index here has no database of weaknesses: `make audit` elsewhere")
    assert {each["name"]: each["vulns"] for each in audited if each["vulns"]} == {}
    assert len(audited) == len(told)


@pytest.mark.timeout(300)
def test_the_wheel_is_the_same_from_anywhere_at_any_time(tmp_path: Path) -> None:
    """For one commit's time (SOURCE_DATE_EPOCH): another folder, another day, other rights."""
    made = []
    for number, mask in enumerate((0o022, 0o077)):
        copy = tmp_path / ("one", "another/deeper")[number]
        _copy(copy, mask)
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", copy / "made"],
            cwd=copy, check=True, capture_output=True, umask=mask,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000", "TZ": f"Etc/GMT+{number}"},
        )  # fmt: skip
        (wheel,) = (copy / "made").glob("*.whl")
        made.append(wheel.read_bytes())
    assert made[0] == made[1]


def _copy(target: Path, mask: int) -> None:
    """What git knows, as a fresh checkout has it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    for name in listed.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source.read_bytes())
            place.chmod(0o666 & ~mask)


CHANGELOG = """# Changelog

Words.

## Unreleased

## [1.1.0] - 2026-12-01

### Added

- A thing.

## 1.0.0
- The first.
"""


def test_the_notes_of_a_release_are_its_section() -> None:
    assert notes(CHANGELOG, "1.1.0") == "### Added\n\n- A thing.\n"
    assert notes(CHANGELOG, "1.0.0") == "- The first.\n"
    for version in ("Unreleased", "2.0.0", "1.1"):
        with pytest.raises(LookupError):
            notes(CHANGELOG, version)
    assert notes((ROOT / "CHANGELOG.md").read_text(), "unreleased")
