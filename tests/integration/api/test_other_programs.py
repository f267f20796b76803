"""What the README says of other programs, run as it stands there against a node with a camera."""

import asyncio
import io
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import pytest
import yaml  # type: ignore[import-untyped]

from falconeye.accounts.model import Role
from falconeye.alerts.faults import WANTED
from falconeye.events.bus import CameraStateChanged
from falconeye.storage.ledger.coverage import GapReason
from tests import readme
from tests.integration.api import home_assistant
from tests.integration.api.conftest import Served

pytestmark = pytest.mark.timeout(60)

SECTION: Final = "Other programs"
COMMANDS: Final = readme.blocks(SECTION, "sh")[0].splitlines()
PROMTOOL: Final = shutil.which("promtool")


@dataclass(frozen=True, slots=True)
class Site:
    """A node with a camera that delivers, and tokens as a person makes them."""

    served: Served
    camera_id: str
    viewer: str
    operator: str

    def filled(self, text: str, token: str = "") -> str:
        """A text of the README with its placeholders replaced."""
        host = self.served.url.removeprefix("http://")
        text = text.replace("falconeye.lan:8900", host)
        text = re.sub(r"\bTOKEN\b", token or self.viewer, text)
        return re.sub(r"\bID\b", self.camera_id, text)


@pytest.fixture
async def site(served: Served) -> AsyncIterator[Site]:
    tokens = served.services.accounts.tokens
    viewer, _ = await tokens.add("ffmpeg", Role.VIEWER)
    operator, _ = await tokens.add("home-assistant", Role.OPERATOR)
    with served.services.bus.subscribe() as events:
        body = {"name": "Yard", "protocol": "demo", "record": "manual", "start": True}
        answer = await served.admin.post("/api/cameras/", json=body)
        assert answer.status_code == 201, answer.text
        async with asyncio.timeout(15):
            async for event in events:
                if isinstance(event, CameraStateChanged) and event.state.online:
                    break
    yield Site(served, answer.json()["id"], viewer, operator)
    await served.services.cameras.stop(answer.json()["id"], by="ann")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a person stands who types the commands."""
    made = tmp_path / "person"
    made.mkdir()
    return made


async def run(command: str, folder: Path) -> str:
    """A line as a shell runs it; what it printed."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=folder,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0, f"{command}\n{out.decode()}"
    return out.decode()


def made(folder: Path) -> list[Path]:
    """What a command left."""
    return sorted(folder.iterdir())


def pictures_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _frame in container.decode(video=0))


def test_the_commands_are_there() -> None:
    programs = [line.split()[0] for line in COMMANDS]
    assert programs == ["curl", "ffprobe", "ffmpeg", "ffmpeg", "ffmpeg", "curl"]


@pytest.mark.parametrize("number", range(len(COMMANDS)))
async def test_each_command_of_the_readme_works(site: Site, folder: Path, number: int) -> None:
    line = site.filled(COMMANDS[number])
    program = line.split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    # A minute is for people.
    said = await run(line.replace("-t 60", "-t 2"), folder)
    files = made(folder)
    if program == "ffprobe":
        assert "codec_name=h264" in said
        assert not files
        return
    assert files, said
    if files[0].suffix == ".mp4":
        assert await asyncio.to_thread(pictures_in, files[0]) > 5
    elif "%02d" in line:
        assert len(files) == 10
        assert all(one.read_bytes().startswith(b"\xff\xd8") for one in files)
    elif files[0].suffix == ".jpg":
        assert files[0].read_bytes().startswith(b"\xff\xd8")
    else:
        assert yaml.safe_load(files[0].read_text())["count"] == 0


async def test_a_wrong_token_gets_nothing(site: Site, folder: Path) -> None:
    line = site.filled(COMMANDS[0], "wrong").replace("curl ", "curl --fail --silent ", 1)
    with pytest.raises(AssertionError):
        await run(line, folder)
    assert not made(folder)


async def test_home_assistants_generic_camera_shows_and_plays(site: Site) -> None:
    fields = {name: site.filled(value) for name, value in readme.cells(SECTION).items()}
    assert fields["Authentication"] == "basic"
    user, password = fields["Username"], fields["Password"]
    picture = await home_assistant.still(fields["Still image URL"], user, password)
    with av.open(io.BytesIO(picture), mode="r", format="image2pipe") as container:
        assert next(container.decode(video=0)).width > 100
    source = home_assistant.stream_source(fields["Stream source URL"], user, password)
    played = await asyncio.to_thread(home_assistant.play, source, 60)
    with av.open(io.BytesIO(played), mode="r") as container:
        assert sum(1 for _frame in container.decode(video=0)) > 50


async def test_home_assistants_sensors_switch_and_command(site: Site) -> None:
    secrets = site.filled(readme.file(SECTION, "secrets.yaml"), site.operator)
    text = site.filled(readme.file(SECTION, "configuration.yaml"))
    config = home_assistant.configuration(text, secrets)
    (rest,), (switch,) = config["rest"], config["switch"]
    state, rate = rest["sensor"]
    (recording,) = rest["binary_sensor"]

    answer = await home_assistant.rest_text(rest)
    assert home_assistant.value_of(state["value_template"], answer) == "online"
    told = home_assistant.attributes(state["json_attributes"], answer)
    assert set(told) == set(state["json_attributes"])
    assert told["node_name"] == "pi-1"
    assert float(home_assistant.value_of(rate["value_template"], answer)) >= 0
    assert not home_assistant.binary(recording["value_template"], answer)

    assert await home_assistant.switch_state(switch) is False
    for on in (True, True, False, False):
        assert await home_assistant.turn(switch, on=on) == 200
        assert await home_assistant.switch_state(switch) is on
        await says(rest, recording["value_template"], on=on)

    command = config["rest_command"]["yard_motion"]
    assert await home_assistant.command(command) == 201
    events = (await site.served.viewer.get(f"/api/cameras/{site.camera_id}/events")).json()
    assert [event["kind"] for event in events["events"]] == ["motion"]

    await site.served.services.cameras.stop(site.camera_id, by="ann")
    answer = await home_assistant.rest_text(rest)
    assert home_assistant.value_of(state["value_template"], answer) == "stopped_by_user"
    assert await home_assistant.turn(switch, on=True) == 400


async def says(rest: dict[str, Any], template: str, *, on: bool) -> None:
    """Wait until the sensor says so: the state follows within a second."""
    async with asyncio.timeout(5):
        while home_assistant.binary(template, await home_assistant.rest_text(rest)) is not on:  # noqa: ASYNC110 - asked as it asks
            await asyncio.sleep(0.05)


async def test_a_viewers_token_cannot_switch(site: Site) -> None:
    secrets = site.filled(readme.file(SECTION, "secrets.yaml"), site.viewer)
    text = site.filled(readme.file(SECTION, "configuration.yaml"))
    (switch,) = home_assistant.configuration(text, secrets)["switch"]
    assert await home_assistant.switch_state(switch) is False
    assert await home_assistant.turn(switch, on=True) == 403


@pytest.mark.parametrize("body", ["{}", '{"recording": "yes"}', '{"recording": 1}', "[", "null"])
async def test_what_is_no_wish_is_refused(site: Site, body: str) -> None:
    answer = await site.served.operator.put(
        f"/api/cameras/{site.camera_id}/recording", content=body.encode(),
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code in {400, 422}, answer.text


async def test_prometheus_scrapes_what_the_alarms_ask_for(site: Site) -> None:
    config = yaml.safe_load(site.filled(readme.file(SECTION, "prometheus.yml")))
    (job,) = config["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    answer = await site.served.nobody.get(
        f"http://{target}{job.get('metrics_path', '/metrics')}",
        headers={
            "authorization": f"Bearer {site.viewer}",
            "accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "user-agent": "Prometheus/2.53.0",
            "x-prometheus-scrape-timeout-seconds": "10",
        },
    )
    assert answer.status_code == 200, answer.text
    known = set(re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE))
    asked = set()
    for group in yaml.safe_load(readme.file(SECTION, "falconeye-rules.yml"))["groups"]:
        for rule in group["rules"]:
            asked |= set(re.findall(r"\b(falconeye_\w+)", rule["expr"]))
    assert len(asked) > 6
    assert not asked - known - {f"{name}_total" for name in known}
    reasons = re.search(r'reason=~"([^"]+)"', readme.file(SECTION, "falconeye-rules.yml"))
    assert reasons
    named = {GapReason(reason) for reason in reasons[1].split("|")}
    assert not named & WANTED


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
async def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a token")
    config = readme.file(SECTION, "prometheus.yml")
    assert "/etc/prometheus/falconeye-token" in config
    config = config.replace("/etc/prometheus/falconeye-token", str(token))
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "falconeye-rules.yml").write_text(readme.file(SECTION, "falconeye-rules.yml"))
    said = await run("promtool check config --lint-fatal prometheus.yml", tmp_path)
    assert "SUCCESS" in said


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    """One of promtool's: `1x9` stays, `0+60x9` grows by 60 a minute."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return {"series": f"{name}{{{inside}}}", "values": values}


def alarm(at: str, name: str, *expected: dict[str, Any]) -> dict[str, Any]:
    return {"eval_time": at, "alertname": name, "exp_alerts": list(expected)}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
async def test_the_alarms_ring_when_they_should_and_else_not(tmp_path: Path) -> None:
    away, off = {"camera": "Yard"}, {"camera": "Off"}
    lost = "falconeye_camera_not_recorded_seconds_total"
    words = {"summary": "Yard should be recorded and is not"}
    hour = {"summary": "Yard was not recorded for more than a minute of the last hour"}
    tests = {
        "rule_files": ["falconeye-rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    series("falconeye_camera_recording_expected", "1x90", **away),
                    series("falconeye_camera_recorded", "1x60 0x30", **away),
                    series(lost, "0x60 0+60x30", **away, reason="camera_offline"),
                    series("falconeye_camera_recording_expected", "0x90", **off),
                    series("falconeye_camera_recorded", "0x90", **off),
                    series(lost, "0+60x90", **off, reason="recording_off"),
                ],
                "alert_rule_test": [
                    alarm("60m", "CameraNotRecorded"),
                    alarm("60m", "CameraLosesFootage"),
                    alarm(
                        "70m", "CameraNotRecorded", {"exp_labels": away, "exp_annotations": words}
                    ),
                    alarm(
                        "70m", "CameraLosesFootage", {"exp_labels": away, "exp_annotations": hour}
                    ),
                    alarm("70m", "DiskMissing"),
                ],
            }
        ],
    }
    await asyncio.to_thread((tmp_path / "test.yml").write_text, yaml.safe_dump(tests))
    rules = readme.file(SECTION, "falconeye-rules.yml")
    await asyncio.to_thread((tmp_path / "falconeye-rules.yml").write_text, rules)
    said = await run("promtool test rules test.yml", tmp_path)
    assert "SUCCESS" in said
