"""What README, ARCHITECTURE and the unit say is what the program does."""

import re
import subprocess
from pathlib import Path

import pytest

from falconeye.base.times import DAY_US
from falconeye.cli.exit_codes import ExitCode
from falconeye.config.loading import SETTINGS
from falconeye.web.own_jobs import MAX_CAMERAS, MAX_SPAN_US
from tests.unit.cli.commands import COMMANDS, leaves

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
UNIT = (ROOT / "systemd" / "falconeye.service").read_text(encoding="utf-8")
SYSUSERS = (ROOT / "systemd" / "falconeye.sysusers").read_text(encoding="utf-8")
TEXTS = ("falconeye/locale", "k3s", "static", "systemd", "templates", ".github")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_readme_lists_every_setting_and_no_other() -> None:
    assert re.findall(r"^\| `(\w+)` \|", section("Settings"), re.MULTILINE) == list(SETTINGS)


def test_the_readme_lists_every_command_and_no_other() -> None:
    rows = re.findall(r"^\| (`falconeye .*?) \|", section("Command line"), re.MULTILINE)
    named = [words.removeprefix("falconeye ") for words in re.findall(r"`([^`]+)`", "".join(rows))]
    assert sorted(named) == sorted(COMMANDS)


def test_the_readme_names_every_exit_code() -> None:
    numbers = re.findall(r"(?:codes:|·)\s(\d+) ", section("Command line"))
    assert numbers == [str(code.value) for code in ExitCode]


def test_the_readme_tells_the_limits_of_an_export() -> None:
    assert MAX_SPAN_US == 2 * DAY_US
    words = f"at most two days and {MAX_CAMERAS} cameras"
    form = (ROOT / "templates" / "pages" / "exports.html").read_text(encoding="utf-8")
    assert words in " ".join(README.split())
    assert words in form


def test_flags_in_the_readme_exist() -> None:
    known = {flag for parser in leaves().values() for action in parser._actions
             for flag in action.option_strings}  # fmt: skip
    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", section("Command line")))
    assert mentioned - known == set()


def test_the_two_commands_and_the_licence_of_the_codecs_are_there() -> None:
    assert re.search(r"^make run\b", README, re.MULTILINE)
    assert re.search(r"^make test\b", README, re.MULTILINE)
    assert "GPL" in section("Licence")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_between_files_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (ROOT / target).exists(), target


def test_no_merge_is_left_half_done() -> None:
    """Linters see it in code, nobody in prose."""
    texts = [*ROOT.glob("*.md"), *(path for name in TEXTS for path in (ROOT / name).rglob("*"))]
    marked = [
        str(path)
        for path in texts
        if path.suffix in {".md", ".html", ".css", ".js", ".yaml", ".service", ".pot", ".po"}
        and re.search(r"^(<{7}|={7}|>{7})( |$)", path.read_text(), re.MULTILINE)
    ]
    assert not marked


def test_the_unit_starts_what_the_parser_knows() -> None:
    words = re.search(r"^ExecStart=\S+/falconeye (.+)$", UNIT, re.MULTILINE)
    assert words
    command, *flags = words[1].split()
    parser = leaves()[command]
    assert all(flag in parser._option_string_actions for flag in flags)


def test_the_unit_leaves_what_cameras_and_readers_of_proc_need() -> None:
    keys = set(re.findall(r"^(\w+)=", UNIT, re.MULTILINE))
    assert keys.isdisjoint({"MemoryDenyWriteExecute", "ProcSubset", "PrivateDevices"})
    assert {"StateDirectory", "WatchdogSec", "NoNewPrivileges", "ProtectSystem"} <= keys
    assert re.search(r"^RestrictAddressFamilies=.*\bAF_NETLINK\b", UNIT, re.MULTILINE)
    assert re.search(r"^Type=notify$", UNIT, re.MULTILINE)
    assert re.search(r"^Restart=always$", UNIT, re.MULTILINE)


def test_the_unit_lets_the_state_of_the_clock_be_read_but_not_set() -> None:
    """adjtimex(2) does both: the filter allows it, the missing CAP_SYS_TIME keeps it to reading."""
    lines = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert "ProtectClock" not in lines  # it takes @clock out of the filter again
    assert {"adjtimex", "clock_adjtime"} <= set(lines["SystemCallFilter"].split())
    assert lines["CapabilityBoundingSet"] == ""


def test_the_readme_removes_what_the_unit_and_the_repository_bring() -> None:
    text = section("Upgrade, go back, remove")
    lines = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    program = Path(lines["ExecStart"].split()[0])
    assert f"{program} uninstall-service`; `sudo rm -r {program.parents[1]}`" in text
    assert f"`/var/lib/{lines['StateDirectory']}`" in text
    assert f"userdel {lines['User']}" in text
    groups = re.findall(r"^m falconeye (\w+)$", SYSUSERS, re.MULTILINE)
    assert "groups `{}`, `{}` and `{}`".format(*groups) in " ".join(text.split())
    assert ("No udev rule is installed" in text) is (not list(ROOT.glob("*/*.rules")))
    assert "kubectl delete -k k3s/" in text


@pytest.mark.timeout(30)
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    program = Path("/usr/bin/systemd-analyze")
    if not program.exists():
        pytest.skip("systemd-analyze is not installed")
    # The program is not installed here: anything that exists stands in for it.
    unit = tmp_path / "falconeye.service"
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT))
    verified = subprocess.run(
        [program, "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_glossary_has_every_word_once_with_a_meaning() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    words = [word for row in rows for word in row[0].split(" / ")]
    assert len(words) == len(set(words)) > 15
    assert all(meaning.strip() and shown.strip() for _, meaning, shown in rows)


def test_what_people_see_is_called_as_the_glossary_says() -> None:
    """Segments, fragments and GOPs are our words; pages and help do not show them."""
    shown = "\n".join(parser.format_help() for parser in leaves().values()).lower()
    for word in ("segment", "fragment", "gop", "init segment"):
        assert not re.search(rf"\b{word}s?\b", shown), word


@pytest.mark.parametrize("name", ["constraints.txt", "tests/constraints.txt"])
def test_every_dependency_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    hashed = r"^[a-z0-9-]+==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+"
    pins = re.findall(hashed, text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > 40
    assert "://" not in text


def test_constraints_hold_what_the_project_depends_on() -> None:
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = declared.split("\ndependencies = [", 1)[1].split("\n]", 1)[0]
    names = re.findall(r'^\s*"([a-z0-9-]+)', block, re.MULTILINE)
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    assert names
    assert set(names) <= pinned
