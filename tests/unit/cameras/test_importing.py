"""Which cameras of a file are added: checked, those that are there already left as they are."""

from dataclasses import replace

from falconeye.base.secret import Secret
from falconeye.cameras.changes import new_config
from falconeye.cameras.found.importing import ADD, LEFT_OUT, THERE, ImportPlan, make_plan
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import CameraConfig, Protocol, RecordMode, Transport
from falconeye.discovery.imports.imported import ImportedCamera, ImportedFile, ImportKind

YARD = ImportedCamera(
    "Yard", Protocol.RTSP, "rtsp://10.0.0.9/main", "rtsp://10.0.0.9/sub", "admin", Secret("pw"),
    transport=Transport.UDP, record=RecordMode.MANUAL, location="behind",
    onvif_host="fd00::9", onvif_port=8000,
)  # fmt: skip


def plan(*cameras: ImportedCamera, known: str = "", start: bool = False) -> ImportPlan:
    file = ImportedFile(ImportKind.CSV, cameras, ())
    there = [stored(known)] if known else []
    return make_plan(file, there, node_name="pi-1", now_us=5, start=start)


def stored(url: str) -> CameraConfig:
    return new_config(NewCamera("Old one", Protocol.RTSP, url), 1, "pi-1")


def test_all_of_a_camera_is_taken_over() -> None:
    [made] = plan(YARD).added
    assert (made.name, made.protocol, made.location) == ("Yard", Protocol.RTSP, "behind")
    assert (made.source_url, made.sub_url) == (YARD.source_url, YARD.sub_url)
    assert (made.username, made.password) == ("admin", Secret("pw"))
    assert (made.transport, made.record) == (Transport.UDP, RecordMode.MANUAL)
    assert (made.node_name, made.created_at_us, made.audio) == ("pi-1", 5, False)
    assert made.onvif_url == "http://[fd00::9]:8000/onvif/device_service"
    assert made.allow_local is False


def test_cameras_start_only_where_that_is_asked_for_and_they_ran_there() -> None:
    off = replace(YARD, source_url="rtsp://10.0.0.8/", enabled=False)
    assert [made.started for made in plan(YARD, off).added] == [False, False]
    assert [made.started for made in plan(YARD, off, start=True).added] == [True, False]


def test_a_camera_that_is_there_is_named_whatever_its_login() -> None:
    made = plan(YARD, known="rtsp://other:login@10.0.0.9:554/main")
    assert made.added == []
    assert [(one.action, one.detail) for one in made.planned] == [(THERE, "as “Old one”")]


def test_what_cannot_be_added_says_why() -> None:
    wrong = [
        (replace(YARD, missing=("password: …",)), "password: …"),
        (ImportedCamera("U", Protocol.USB, device_path="/dev/video0"),
         "a USB camera: add it from Found cameras"),
        (replace(YARD, node_name="pi-2"),
         "the file wants it at the node 'pi-2'; this one is 'pi-1'"),
        (replace(YARD, name=""), "a name of 1 to 255 printable characters is needed"),
        (replace(YARD, username="a\nb"),
         "the username holds control characters, such as a line break"),
    ]  # fmt: skip
    made = plan(*(camera for camera, _ in wrong), replace(YARD, node_name="pi-1"))
    assert [each.detail for each in made.planned[:-1]] == [why for _, why in wrong]
    assert [each.action for each in made.planned] == [LEFT_OUT] * len(wrong) + [ADD]
    assert len(made.added) == 1
