"""The image is built as the Dockerfile says, and a node in it serves. See `tests.image.buildah`."""

import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from falconeye import __version__
from tests.image.buildah import IMAGE, Buildah, command_of

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]
_BASE_SH = Path(__file__).with_name("base.sh")
PORT = 18917


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("the image is built by root, on Debian")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    base = cache / "falconeye-tests" / f"image-base-{platform.machine()}.tar"
    made = subprocess.run(["bash", _BASE_SH, base], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"Debian cannot be had: {made.stderr[-500:]}")
    folder = tmp_path_factory.mktemp("image")
    built = Buildah(folder)
    built.build(base)
    yield built
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def container(buildah: Buildah) -> str:
    return buildah.ask("from", IMAGE)


def test_it_starts_the_recorder_as_a_user_of_its_own(buildah: Buildah) -> None:
    settings = buildah.settings()
    assert command_of(settings) == ["falconeye", "serve", "--host", "0.0.0.0"]  # noqa: S104
    assert settings["User"] == "10001"
    assert set(settings["Volumes"]) == {"/var/lib/falconeye"}
    assert set(settings["ExposedPorts"]) == {"8900/tcp"}
    assert settings["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_it_says_its_version_to_any_user(buildah: Buildah, container: str) -> None:
    for user in ("", "0", "12345:12345"):
        said = buildah.run(container, "falconeye", "version", user=user)
        assert said == f"falconeye {__version__}"


def test_it_has_what_runs_and_nothing_that_builds(buildah: Buildah, container: str) -> None:
    program = "import ctypes, pyudev; ctypes.CDLL('libudev.so.1'); pyudev.Context()"
    buildah.run(container, "/opt/falconeye/bin/python", "-c", program)
    look = "ls -d /src /builders /wheels; command -v gcc pip hatchling; ls /var/lib/apt/lists"
    said = buildah.run(container, "sh", "-c", f"{{ {look}; }} 2> /dev/null || true")
    assert said == ""
    modules = (
        "ls /opt/falconeye/lib/python3*/site-packages | grep -E '^(pip|setuptools|hatchling)$'"
    )
    assert buildah.run(container, "sh", "-c", f"{modules} || true") == ""
    templates = "test -d /opt/falconeye/lib/python3*/site-packages/falconeye/templates"
    buildah.run(container, "sh", "-c", templates)


def test_a_node_in_it_serves_and_records(buildah: Buildah, container: str) -> None:
    node = buildah.begin(
        "run", "--env", "FALCONEYE_DISCOVERY=false", container, "--",
        "falconeye", "serve", "--demo", "--port", str(PORT),
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{PORT}"
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert _answer(client, node, "/healthz") == {"status": "ok"}
            assert _answer(client, node, "/readyz") == {"status": "ready"}
    finally:
        os.killpg(node.pid, signal.SIGTERM)
        said, _ = node.communicate(timeout=60)
    assert "cannot be used" not in said
    footage = "find /var/lib/falconeye/media -name '*.mp4'"
    assert ".mp4" in buildah.run(container, "sh", "-c", footage)


def _answer(client: httpx.Client, node: "subprocess.Popen[str]", path: str) -> object:
    end_s = time.monotonic() + 60
    while True:
        try:
            answer = client.get(path)
        except httpx.TransportError as error:
            said: object = error
        else:
            if answer.is_success:
                return answer.json()
            said = answer.text
        assert node.poll() is None, node.communicate()[0]
        assert time.monotonic() < end_s, said
        time.sleep(0.2)
