"""Frigate's config.yml: inputs by their roles, restreams by their sources, variables by name."""

import subprocess
import sys

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import Protocol, RecordMode
from falconeye.discovery.imports.imported import ImportedCamera, ImportKind
from falconeye.discovery.imports.reading import read_import
from tests.unit.discovery.import_files import SECRET, sample

FILE = sample("frigate.yml")
VARIABLES = {"FRIGATE_RTSP_PASSWORD": "p@ss/w#rd"}


def cameras(text: str, **variables: str) -> dict[str, ImportedCamera]:
    found = read_import("config.yml", text.encode(), variables)
    return {camera.name: camera for camera in found.cameras}


def with_input(path: str, more: str = "") -> str:
    return f"{more}\ncameras:\n  yard:\n    ffmpeg:\n      inputs:\n        - path: {path}\n"


def why_not(text: str) -> str:
    found = read_import("config.yml", text.encode())
    assert found.cameras == ()
    [left] = [each for each in found.left_out if each.key == "cameras.yard"]
    assert left.line is not None
    return left.reason


def test_restreams_are_resolved_to_the_camera() -> None:
    found = read_import("config.yml", FILE, VARIABLES)
    assert found.kind is ImportKind.FRIGATE
    yard = found.cameras[0]
    assert (yard.name, yard.protocol) == ("Hof hinten", Protocol.RTSP)
    assert yard.source_url == "rtsp://10.0.0.9:554/main"
    assert yard.sub_url == "rtsp://10.0.0.9:554/sub"
    assert (yard.username, yard.password) == ("admin", Secret("p@ss/w#rd"))
    assert (yard.onvif_host, yard.onvif_port) == ("10.0.0.9", 8000)
    assert (yard.missing, yard.record, yard.enabled) == ((), RecordMode.CONTINUOUS, True)
    assert "p@ss" not in repr(found) + str(found)


def test_a_variable_that_is_not_given_is_named_and_not_guessed() -> None:
    yard = read_import("config.yml", FILE).cameras[0]
    assert (yard.username, yard.password) == ("admin", None)
    assert yard.missing == (
        "password: the variable FRIGATE_RTSP_PASSWORD, which the file only names",
    )
    assert yard.variables == ("FRIGATE_RTSP_PASSWORD",)
    assert yard.source_url == "rtsp://10.0.0.9:554/main"


def test_the_file_may_hold_its_variables_itself() -> None:
    text = with_input("rtsp://eve:{FRIGATE_A}@10.0.0.9/x", "environment_vars: {FRIGATE_A: 0123}")
    assert cameras(text)["yard"].password == Secret("0123")  # no number
    assert cameras(text, FRIGATE_A="other")["yard"].password == Secret("other")


def test_a_camera_that_was_off_stays_off_and_onvif_gives_the_login() -> None:
    door = read_import("config.yml", FILE).cameras[1]
    assert (door.enabled, door.record) == (False, RecordMode.OFF)
    assert (door.username, door.password) == ("eve", Secret("0123"))
    assert (door.onvif_host, door.onvif_port) == ("10.0.0.8", 8000)


def test_onvif_elsewhere_gives_no_login_to_the_camera() -> None:
    text = (
        with_input("rtsp://10.0.0.9/x") + "    onvif: {host: 10.0.0.66, user: eve, password: p}\n"
    )
    camera = cameras(text)["yard"]
    assert (camera.username, camera.password, camera.onvif_host) == (None, None, None)
    assert any(note.startswith("onvif.host") for note in camera.notes)


def test_an_address_that_is_not_whole_is_no_host() -> None:
    text = with_input('"rtsp://[{FRIGATE_A}/x"') + "    onvif: {host: 10.0.0.66}\n"
    assert cameras(text)["yard"].onvif_host is None


@pytest.mark.parametrize(
    ("login", "host"),
    [("", None), (", user: eve, password: p", None), (", user: bob, password: x", "10.0.0.66")],
)
def test_the_login_of_a_stream_does_not_go_to_a_service_elsewhere(
    login: str, host: str | None
) -> None:
    text = with_input("rtsp://bob:x@10.0.0.9/x") + f"    onvif: {{host: 10.0.0.66{login}}}\n"
    camera = cameras(text)["yard"]
    assert (camera.username, camera.onvif_host) == ("bob", host)


def test_streams_of_a_protect_console_and_devices() -> None:
    found = {camera.name: camera for camera in read_import("config.yml", FILE).cameras}
    assert found["porch"].source_url == "rtsps://10.0.0.1:7441/Ab3"
    assert (found["desk"].protocol, found["desk"].device_path) == (Protocol.USB, "/dev/video0")


def test_what_is_fed_by_a_program_or_by_nothing_is_left_out_with_its_reason() -> None:
    left = {each.key: each for each in read_import("config.yml", FILE).left_out}
    assert "a program" in left["cameras.shed"].reason
    assert "go2rtc.streams.not_there, which is not in this file" in left["cameras.gone"].reason
    assert left["cameras.gone"].line == FILE.decode().splitlines().index("  gone:") + 1


def test_all_that_is_not_used_is_named_with_its_place() -> None:
    found = read_import("config.yml", FILE)
    assert {each.key for each in found.left_out} == {
        "mqtt", "version", "detectors", "my_own_key", "ffmpeg", "record.continuous",
        "go2rtc.streams.nobody", "go2rtc.webrtc", "cameras.shed", "cameras.gone",
    }  # fmt: skip
    [own] = [each for each in found.left_out if each.key == "my_own_key"]
    assert (own.reason, own.line) == ("not known to this import", 8)
    told = " | ".join(found.cameras[0].notes)
    for key in ("zones", "motion", "detect", "onvif.autotracking", "ffmpeg.hwaccel_args",
                "ffmpeg.inputs[0].input_args", "behind #", "ffmpeg: the stream was converted",
                "go2rtc.streams.yard: one of its 2 sources"):  # fmt: skip
        assert key in told, key
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("record", "mode", "told"),
    [("{}", RecordMode.OFF, True),
     ("{enabled: true, retain: {days: 7, mode: all}}", RecordMode.CONTINUOUS, False),
     ("{enabled: true, continuous: {days: 0.5}}", RecordMode.CONTINUOUS, False),
     ("{enabled: true, retain_days: 3}", RecordMode.CONTINUOUS, False),
     ("{enabled: true, retain: {days: 0}}", RecordMode.CONTINUOUS, True),
     ("{enabled: true}", RecordMode.CONTINUOUS, True)],
)  # fmt: skip
def test_when_it_recorded(record: str, mode: RecordMode, told: bool) -> None:
    for text in (
        with_input("rtsp://10.0.0.9/x", f"record: {record}"),
        with_input("rtsp://10.0.0.9/x") + f"    record: {record}\n",
    ):
        camera = cameras(text)["yard"]
        assert camera.record is mode
        assert any(note.startswith("record: ") for note in camera.notes) is told


def test_the_recorded_input_is_the_main_stream_wherever_it_stands() -> None:
    text = (
        "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n"
        "        - {path: rtsp://10.0.0.9/sound, roles: [audio]}\n"
        "        - {path: rtsp://10.0.0.9/sub, roles: [detect]}\n"
        "        - {path: rtsp://10.0.0.9/main, roles: [record]}\n"
    )
    camera = cameras(text)["yard"]
    assert (camera.source_url, camera.sub_url) == ("rtsp://10.0.0.9/main", "rtsp://10.0.0.9/sub")
    assert any(note.startswith("ffmpeg.inputs[0]: ") for note in camera.notes)


def test_another_login_for_the_second_input_leaves_that_out() -> None:
    text = (
        "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n"
        "        - {path: 'rtsp://a:1@10.0.0.9/main', roles: [record]}\n"
        "        - {path: 'rtsp://b:2@10.0.0.9/sub', roles: [detect]}\n"
    )
    camera = cameras(text)["yard"]
    assert (camera.username, camera.sub_url) == ("a", None)
    assert any("one login" in note for note in camera.notes)


def test_a_second_input_with_another_variable_leaves_that_out() -> None:
    text = (
        "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n"
        "        - {path: 'rtsp://a:{FRIGATE_A}@10.0.0.9/main', roles: [record]}\n"
        "        - {path: 'rtsp://a:{FRIGATE_B}@10.0.0.9/sub', roles: [detect]}\n"
    )
    camera = cameras(text, FRIGATE_A="x")["yard"]
    assert (camera.password, camera.sub_url, camera.missing) == (Secret("x"), None, ())
    assert any(
        "ffmpeg.inputs[1], password: the variable FRIGATE_B" in each for each in camera.notes
    )


def test_streams_may_name_each_other_but_not_in_a_circle() -> None:
    head = "go2rtc:\n  streams:\n    a: {}\n    b: {}\n"
    path = "rtsp://localhost:8554/a"
    chain = head.format("'ffmpeg:b#audio=opus'", "rtsp://10.0.0.9/x")
    assert cameras(with_input(path, chain))["yard"].source_url == "rtsp://10.0.0.9/x"
    assert "circle" in why_not(with_input(path, head.format("ffmpeg:b", "ffmpeg:a")))
    own = head.format("rtsp://127.0.0.1:8554/a", "x")
    assert cameras(with_input(path, own))["yard"].missing  # leads to that machine itself


def test_an_onvif_source_says_where_its_service_is() -> None:
    source = "onvif://eve:pw@10.0.0.9:2020?subtype=0"
    text = with_input("rtsp://127.0.0.1:8554/a", f"go2rtc: {{streams: {{a: '{source}'}}}}")
    camera = cameras(text)["yard"]
    assert (camera.protocol, camera.onvif_host, camera.onvif_port) == (
        Protocol.ONVIF, "10.0.0.9", 2020,
    )  # fmt: skip
    assert (camera.username, camera.password) == ("eve", Secret("pw"))


@pytest.mark.parametrize(
    ("text", "why"),
    [("cameras: {yard: }", "nothing is said"),
     ("cameras: {yard: {ffmpeg: {inputs: []}}}", "no ffmpeg.inputs"),
     (f"cameras: {{yard: {{ffmpeg: {{inputs: [{'{path: x}, ' * 21}]}}}}}}", "more than 20"),
     ("cameras: {yard: {ffmpeg: {inputs: [{path: [1]}, x]}}}", "no ffmpeg.inputs"),
     (with_input("/srv/film.mp4"), "not an address")],
)  # fmt: skip
def test_a_camera_without_an_address_is_named(text: str, why: str) -> None:
    assert why in why_not(text)


def test_a_key_that_stands_twice_is_told() -> None:
    found = read_import("config.yml", with_input("rtsp://10.0.0.9/x", "mqtt: 1\nmqtt: 2").encode())
    assert any(each.key == "mqtt" and "twice" in each.reason for each in found.left_out)


def test_the_same_address_twice_is_one_camera() -> None:
    text = with_input("rtsp://eve:a@10.0.0.9:554/x") + (
        "  other:\n    ffmpeg:\n      inputs: [{path: 'rtsp://10.0.0.9/x'}]\n"
    )
    found = read_import("config.yml", text.encode())
    assert [camera.name for camera in found.cameras] == ["yard"]
    assert [str(each) for each in found.left_out] == ["other: it has the same address as “yard”"]


def test_yaml_is_loaded_only_for_such_a_file() -> None:
    code = (
        "import sys; from falconeye.discovery.imports.reading import read_import;"
        "read_import('a.csv', b'url\\nrtsp://h.lan/x'); print('yaml' in sys.modules);"
        "read_import('a.yml', b'cameras: {}\\na: 1'); print('yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_other_yaml_is_no_configuration_of_frigate() -> None:
    for text in (b"a: 1", b"[1, 2]", b"", b"word", b"cameras: [1]"):
        with pytest.raises(InvalidInput, match="cameras"):
            read_import("config.yml", text)
