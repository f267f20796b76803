"""`falconeye config export | apply`: there and back, a second time nothing, never a secret."""

import tomllib
from pathlib import Path

import pytest

from falconeye.cli.exit_codes import ExitCode
from tests.integration.cli.conftest import Falconeye

SECRET = "s3cret-pass"
MANY = """
format = 1
[settings]
keep_days = 14
site_time_zone = "Europe/Vienna"
notify_urls = [{ env = "NTFY" }]
webhook_secret = { file = "hook" }

[[cameras]]
name = "Yard"
source_url = "rtsp://10.0.0.9/main"
username = "admin"
password = { env = "CAMERA_YARD_PASSWORD" }
record = "manual"
start = false

[[cameras]]
name = "Door"
source_url = { file = "door" }
keep_days = 3
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAMERA_YARD_PASSWORD", SECRET)
    monkeypatch.setenv("NTFY", f"ntfy://host/{SECRET}")
    (tmp_path / "hook").write_text(f"{SECRET}-{SECRET}\n")
    (tmp_path / "door").write_text(f"http://10.0.0.8/v?loginuse=eve&loginpas={SECRET}\n")
    made = tmp_path / "node.toml"
    made.write_text(MANY)
    return made


def test_a_second_time_changes_nothing(falconeye: Falconeye, file: Path) -> None:
    first = falconeye("config", "apply", str(file), "--json")
    assert first.code == 0
    assert [(one["what"], one["name"], one["action"]) for one in first.json["changes"]] == [
        ("settings", "keep_days", "change"),
        ("settings", "site_time_zone", "change"),
        ("settings", "notify_urls", "change"),
        ("settings", "webhook_secret", "change"),
        ("camera", "Yard", "add"),
        ("camera", "Door", "add"),
    ]
    again = falconeye("config", "apply", str(file), "--json")
    assert (again.code, again.json["changes"]) == (0, [])
    assert SECRET not in first.out + first.err + again.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = " + "9" * 5000, "is not valid TOML"),
        ("format = " + "[" * 100_000, "is nested too deep"),
        ("format = " + "{a = " * 100_000, "is nested too deep"),
        ("format = 1\0", "is not valid TOML"),
    ],
)
def test_a_file_that_is_made_to_do_harm_is_refused_in_words(
    falconeye: Falconeye, tmp_path: Path, data_dir: Path, text: str, words: str
) -> None:
    made = tmp_path / "node.toml"
    made.write_text(text)
    told = falconeye("config", "apply", str(made))
    assert told.code == ExitCode.USAGE
    assert words in told.err
    assert "Traceback" not in told.err
    assert not data_dir.exists()


def test_cameras_exchange_their_addresses(falconeye: Falconeye, tmp_path: Path) -> None:
    """And a new one takes what another gives up: what the file asks for in the end is possible."""
    made = tmp_path / "node.toml"
    camera = '[[cameras]]\nname = "{}"\nsource_url = "rtsp://10.0.0.{}/main"\nstart = false\n'

    def apply(keep_days: int, **places: int) -> int:
        entries = "".join(camera.format(name, place) for name, place in places.items())
        made.write_text(f"format = 1\n[settings]\nkeep_days = {keep_days}\n{entries}")
        return falconeye("config", "apply", str(made)).code

    assert apply(14, Yard=1, Door=2, Gate=3) == 0
    assert apply(15, Yard=2, Door=1, Gate=4, New=3) == 0
    listed = tomllib.loads(falconeye("config", "export", "-").out)["cameras"]
    found = {one["name"]: one["source_url"] for one in listed}
    places = {"Yard": 2, "Door": 1, "Gate": 4, "New": 3}
    assert found == {name: f"rtsp://10.0.0.{place}/main" for name, place in places.items()}


def test_sound_is_as_the_file_says_and_a_new_camera_has_none_without_it(
    falconeye: Falconeye, tmp_path: Path
) -> None:
    made = tmp_path / "node.toml"
    camera = '[[cameras]]\nname = "Yard"\nsource_url = "rtsp://10.0.0.9/main"\nstart = false\n'

    def applied(*more: str) -> object:
        made.write_text("format = 1\n" + camera + "".join(more))
        assert falconeye("config", "apply", str(made)).code == 0
        [found] = tomllib.loads(falconeye("config", "export", "-").out)["cameras"]
        return found["audio"]

    assert applied() is False
    assert applied("audio = true\n") is True
    assert applied() is True  # a camera that is there stays as it is
    assert applied("audio = false\n") is False


def test_a_dry_run_changes_nothing(falconeye: Falconeye, file: Path, data_dir: Path) -> None:
    assert falconeye("config", "apply", str(file), "--dry-run").code == 3  # no data yet
    assert not data_dir.exists()
    assert falconeye("camera", "add", "demo", "--name", "Demo").code == 0
    shown = falconeye("config", "apply", str(file), "--dry-run")
    assert shown.code == 0
    assert "keep_days: none → 14" in shown.out
    assert "nothing was changed" in shown.err
    assert [row["name"] for row in falconeye("camera", "list", "--json").json] == ["Demo"]


def test_an_export_is_what_apply_takes(
    falconeye: Falconeye, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert falconeye("config", "apply", str(file)).code == 0
    assert falconeye("camera", "add", "demo", "--name", 'Demo "é"\\').code == 0
    exported = tmp_path / "exported.toml"
    assert falconeye("config", "export", str(exported)).code == 0
    text = exported.read_text()
    assert SECRET not in text
    assert 'password = { env = "CAMERA_YARD_PASSWORD" }' in text
    assert exported.stat().st_mode & 0o077 == 0
    assert falconeye("config", "export", str(exported)).code == 3
    assert falconeye("config", "export", "-").out == text
    monkeypatch.delenv("CAMERA_YARD_PASSWORD")
    same = falconeye("config", "apply", str(exported), "--json")
    assert (same.code, same.json["changes"]) == (0, [])
    assert "CAMERA_YARD_PASSWORD is not set, what is stored stays" in same.err
    assert falconeye("config", "export", "-").out == text


def test_an_export_makes_another_node_the_same(
    falconeye: Falconeye, file: Path, tmp_path: Path
) -> None:
    file.write_text(MANY.replace('{ file = "door" }', '"http://10.0.0.8/v"')
                    .replace('notify_urls = [{ env = "NTFY" }]', "")
                    .replace('webhook_secret = { file = "hook" }', ""))  # fmt: skip
    assert falconeye("config", "apply", str(file)).code == 0
    text = falconeye("config", "export", "-").out
    exported = tmp_path / "exported.toml"
    exported.write_text(text)
    other = str(tmp_path / "other")
    assert falconeye("config", "--data-dir", other, "apply", str(exported)).code == 0
    # Here the last --data-dir counts, that of the fixture: the words before are looked at below.
    assert [row["name"] for row in falconeye("camera", "list", "--json").json] == ["Door", "Yard"]


def test_changes_are_named_and_made(falconeye: Falconeye, file: Path) -> None:
    assert falconeye("config", "apply", str(file)).code == 0
    file.write_text("""
format = 1
[settings]
keep_days = ""
[[cameras]]
name = "yard"
location = "Behind the house"
start = true
keep_days = 7
""")
    done = falconeye("config", "apply", str(file))
    assert done.code == 0
    assert "keep_days: 14 → none" in done.out
    assert "started: False → True" in done.out
    rows = {row["name"]: row for row in falconeye("camera", "list", "--json").json}
    assert rows["yard"]["location"] == "Behind the house"
    assert rows["yard"]["started"] is True
    assert rows["yard"]["record"] == "manual"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("format = 2", 2, "format = 1"),
        ("format = 1\n[setings]", 2, "did you mean 'settings'"),
        ("format = 1\n[settings]\nkeep_day = 1", 2, "did you mean 'keep_days'"),
        ("format = 1\n[settings]\nkeep_days = 0", 2, "keep_days"),
        ('format = 1\n[settings]\nwebhook_url = "https://x/TOKEN"', 2, "does not stand here"),
        ("format = ", 2, "not valid TOML"),
        ("format = 1\ncameras = 3", 2, "must be tables"),
        ('format = 1\n[[cameras]]\nname = "A"', 2, "needs its address"),
        ('format = 1\n[[cameras]]\nname = "A"\nsource_url = "rtsp://a/"\npassword = "x"', 2,
         "does not stand in this file"),
        ('format = 1\n[[cameras]]\nname = "A"\nsource_url = "rtsp://u:geheim@a/"', 2,
         "holds a login"),
        ('format = 1\n[[cameras]]\nname = "A"\nsource_url = "rtsp://a/"\nframerate = 99', 2,
         "framerate"),
        ('format = 1\n[[cameras]]\nname = "A"\nsource_url = { env = "NOT_SET_AT_ALL" }', 2,
         "NOT_SET_AT_ALL is not set"),
        ('format = 1\n[[cameras]]\nname = "A"\nsource_url = { file = "/nowhere" }', 2,
         "cannot read the secret"),
        ('format = 1\n[[cameras]]\nname = "A"\nsource_url = "rtsp://10.0.0.9/main"', 3,
         "the same address"),
        ('format = 1\n[[cameras]]\nname = "Yard"\nprotocol = "http"', 2, "its protocol is rtsp"),
        ('format = 1\n[[cameras]]\nname = "Yard"\n[[cameras]]\nname = "yard"', 3,
         "the same camera"),
        ('format = 1\n[[cameras]]\nname = "Yard"\nstart = 1', 2, "true or false"),
        ('format = 1\n[[cameras]]\nname = "Yard"\nsource_url = "rtsp://10.0.0.1/"', 2,
         "enter the password again"),
    ],
)  # fmt: skip
def test_what_cannot_be_changes_nothing(
    text: str, code: int, words: str, falconeye: Falconeye, file: Path
) -> None:
    assert falconeye("config", "apply", str(file)).code == 0
    before = falconeye("config", "export", "-").out
    file.write_text(text + "\n")
    answer = falconeye("config", "apply", str(file))
    assert (answer.code, words in answer.err) == (code, True), answer.err
    assert "geheim" not in answer.err
    assert falconeye("config", "export", "-").out == before


def test_the_audit_log_has_each_change(falconeye: Falconeye, file: Path, data_dir: Path) -> None:
    import sqlite3  # noqa: PLC0415
    from contextlib import closing  # noqa: PLC0415

    assert falconeye("config", "apply", str(file)).code == 0
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as connection:
        rows = connection.execute("SELECT action, detail FROM audit ORDER BY id").fetchall()
    assert [row[0] for row in rows] == ["settings.changed", "camera.added", "camera.added"]
    assert not any(SECRET in row[1] for row in rows)


def test_the_audit_log_says_what_each_value_was_and_is(
    falconeye: Falconeye, file: Path, data_dir: Path
) -> None:
    import sqlite3  # noqa: PLC0415
    from contextlib import closing  # noqa: PLC0415

    assert falconeye("config", "apply", str(file)).code == 0
    hook = "https://ha.example/api/webhook/of-nobody-else"
    file.with_name("hook").write_text(hook)
    file.write_text(
        'format = 1\n[settings]\nclock_format = "12h"\naudit_keep_days = 40\n'
        'webhook_url = { file = "hook" }\n[[cameras]]\nname = "Yard"\nlocation = "By the shed"\n'
        'username = "root"\npassword = { file = "hook" }\n'
    )
    answer = falconeye("config", "apply", str(file))
    assert answer.code == 0, answer.err
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as connection:
        rows = connection.execute("SELECT action, detail FROM audit ORDER BY id").fetchall()
    settings, camera = rows[-2:]
    assert settings == (
        "settings.changed",
        "audit_keep_days: 365, then 40; clock_format: 24h, then 12h; webhook_url: changed",
    )
    assert camera[0] == "camera.changed"
    assert "→ By the shed" in camera[1]
    assert "password: *** → ***" in camera[1] or "password: none → ***" in camera[1]
    assert not any("of-nobody-else" in row[1] for row in rows)


def test_a_usb_camera_is_named_by_what_it_is(falconeye: Falconeye, tmp_path: Path) -> None:
    """Where it is plugged in today means nothing to a file."""
    identity = "usb:046d:0825:serial:SN1"
    file = tmp_path / "usb.toml"
    text = 'format = 1\n[[cameras]]\nname = "Bench"\nprotocol = "usb"\nstart = false\n'
    file.write_text(f'{text}device_path = "/dev/video0"\n')
    refused = falconeye("config", "apply", str(file))
    assert (refused.code, "what it stays itself by" in refused.err) == (2, True), refused.err
    file.write_text(f'{text}device_path = "{identity}"\n')
    assert falconeye("config", "apply", str(file)).code == 0
    exported = falconeye("config", "export", "-").out
    assert f'device_path = "{identity}"' in exported
    file.write_text(exported)
    again = falconeye("config", "apply", str(file))
    assert (again.code, "changed" in again.out) == (0, False), again.out
    file.write_text(exported.replace("SN1", "SN2"))
    assert falconeye("config", "apply", str(file)).code == 0
    assert "SN2" in falconeye("config", "export", "-").out


ONVIF = """
format = 1
[[cameras]]
name = "Gate"
protocol = "onvif"
source_url = "rtsp://10.0.0.7:554/main?channel=1"
sub_url = "rtsp://10.0.0.7:554/sub"
username = "admin"
password = { env = "CAMERA_GATE_PASSWORD" }
mac_address = "00-1A-2B-3C-4D-5E"
endpoint_reference = "uuid:11111111-2222-4333-8444-555555555555"
onvif_url = "onvif://10.0.0.7:8000"
record = "event"
schedule = { mon = ["08:00-12:00", "22:00-06:00"] }
privacy_schedule = { sun = ["00:00-24:00"] }
pre_roll_s = 7
start = false
metadata = { make = "Strict", serial = "0815", floor = 1 }
"""


def test_an_onvif_camera_goes_to_another_node_as_it_is(
    falconeye: Falconeye, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA_GATE_PASSWORD", SECRET)
    file = tmp_path / "gate.toml"
    file.write_text(ONVIF)
    first = falconeye("config", "apply", str(file))
    assert first.code == 0, first.err
    text = falconeye("config", "export", "-").out
    [camera] = tomllib.loads(text)["cameras"]
    assert camera["mac_address"] == "00:1a:2b:3c:4d:5e"
    assert camera["endpoint_reference"] == "urn:uuid:11111111-2222-4333-8444-555555555555"
    assert camera["onvif_url"] == "http://10.0.0.7:8000/onvif/device_service"
    assert camera["metadata"] == {"make": "Strict", "serial": "0815", "floor": 1}
    assert camera["record"] == "event"
    assert SECRET not in text
    file.write_text(text)
    again = falconeye("config", "apply", str(file), "--json")
    assert (again.code, again.json["changes"] if again.out else again.err) == (0, [])
    data_dir.rename(tmp_path / "before")  # from here on it is another node
    assert falconeye("config", "apply", str(file)).code == 0
    [other] = tomllib.loads(falconeye("config", "export", "-").out)["cameras"]
    assert other | {"id": camera["id"]} == camera


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('mac_address = "00:00:00:00:00:00"', "identifies no device"),
        ('mac_address = "somewhere"', "identifies no device"),
        ("endpoint_reference = 3", "a text is needed"),
        ('onvif_url = "http://admin:geheim@10.0.0.7/"', "holds a login"),
        ('onvif_url = "ftp://10.0.0.7/"', "looks like onvif://"),
        ('onvif_url = "onvif://10.0.0.66"', "another host: give the password again"),
    ],
)
def test_an_identity_that_cannot_be_changes_nothing(
    line: str, words: str, falconeye: Falconeye, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA_GATE_PASSWORD", SECRET)
    file = tmp_path / "gate.toml"
    file.write_text(ONVIF)
    assert falconeye("config", "apply", str(file)).code == 0
    before = falconeye("config", "export", "-").out
    file.write_text(f'format = 1\n[[cameras]]\nname = "Gate"\n{line}\n')
    answer = falconeye("config", "apply", str(file))
    assert (answer.code, words in answer.err) == (2, True), answer.err
    assert "geheim" not in answer.err
    assert falconeye("config", "export", "-").out == before


def test_an_identity_is_taken_away(
    falconeye: Falconeye, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA_GATE_PASSWORD", SECRET)
    file = tmp_path / "gate.toml"
    file.write_text(ONVIF)
    assert falconeye("config", "apply", str(file)).code == 0
    file.write_text('format = 1\n[[cameras]]\nname = "Gate"\nmac_address = ""\n')
    assert "mac_address: 00:1a:2b:3c:4d:5e → none" in falconeye("config", "apply", str(file)).out
    [camera] = tomllib.loads(falconeye("config", "export", "-").out)["cameras"]
    assert (camera["mac_address"], bool(camera["endpoint_reference"])) == ("", True)
