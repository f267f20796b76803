"""What the workflows may do: pull requests push nothing, and nothing is taken that can change."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BUILT = (*WORKFLOWS, ROOT / "Dockerfile", ROOT / ".ci" / "image", ROOT / ".ci" / "run")
_PUSHES = re.compile(r"docker (?:push|login)|imagetools create")


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return found


def steps(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_there_are_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["image.yml", "test.yml"]
    assert ".ci/run" in steps(jobs(WORKFLOWS[1])["test"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_asked_for_where_they_are_needed(path: Path) -> None:
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert text["permissions"] == {"contents": "read"}
    for job in text["jobs"].values():
        pushes = bool(_PUSHES.search(steps(job)))
        assert ("packages" in job.get("permissions", {})) == pushes
        if pushes:
            assert job["if"].startswith("github.event_name != 'pull_request' && ")
            assert "vars.REGISTRY != ''" in job["if"]
        else:
            assert "secrets." not in str(job)
        # What others choose (the name of a branch) gets into a script as a variable only.
        assert "${{" not in steps(job)
        assert job["timeout-minutes"]


def test_the_image_is_made_for_both_processors() -> None:
    image = jobs(WORKFLOWS[0])
    pushed = {each["arch"] for each in image["push"]["strategy"]["matrix"]["include"]}
    assert pushed == {"amd64", "arm64"}
    assert f"-{{{','.join(sorted(pushed))}}}" in steps(image["join"])
    assert len(image["try"]["strategy"]["matrix"]["runner"]) == 2
    assert ":pr-$NUMBER" in steps(image["try"])
    assert ":latest" in steps(image["join"])
    assert "$GITHUB_SHA" in steps(image["join"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_named_by_their_commit(path: Path) -> None:
    used = re.findall(r"uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    for each in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_pods_have_a_user_to_whom_their_directories_belong() -> None:
    """Root where the host's devices are; without them the image's own."""
    user = re.search(
        r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert user
    for name, wanted in (("base/daemonset", 0), ("network-only/unprivileged", int(user[1]))):
        text = (ROOT / "k3s" / f"{name}.yaml").read_text(encoding="utf-8")
        pod = yaml.safe_load(text)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsUser"] == wanted


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.name)
def test_no_registry_is_named(path: Path) -> None:
    """The repository's settings name it; a base image has its short name."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(
        r"http://127\.0\.0\.1:\d+|org\.opencontainers\.image|/etc/apt/sources\.list", "", text
    )
    assert not re.findall(r"\b[\w-]+\.(?:io|com|org|dev|net)\b", text)
