"""Files of motionEye: one, a backup of many, of old and new motion."""

import re

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import Protocol, RecordMode, Transport
from falconeye.discovery.imports.imported import ImportedCamera, ImportKind
from falconeye.discovery.imports.reading import read_import
from tests.unit.discovery.import_files import SECRET, backup, sample

NEW, OLD = sample("motioneye-camera-1.conf"), sample("motioneye-thread-2.conf")


def only(conf: str, name: str = "camera-1.conf") -> ImportedCamera:
    [camera] = read_import(name, conf.encode()).cameras
    return camera


def test_a_network_camera_with_a_large_and_a_small_stream() -> None:
    found = read_import("camera-1.conf", NEW)
    assert found.kind is ImportKind.MOTIONEYE
    [camera] = found.cameras
    assert (camera.name, camera.protocol, camera.transport) == ("Hof", Protocol.RTSP, Transport.UDP)
    assert camera.source_url == "rtsp://10.0.0.9:554/large"  # motion records the large one
    assert camera.sub_url == "rtsp://10.0.0.9:554/small"
    assert (camera.username, camera.password) == ("admin", Secret(SECRET))
    assert camera.key == "10.0.0.9:554/large"
    assert camera.enabled
    assert SECRET not in repr(found) + str(found.left_out)


def test_each_directive_is_taken_or_named() -> None:
    [camera] = read_import("camera-1.conf", NEW).cameras
    told = " ".join(camera.notes)
    taken = {"@name", "@id", "@enabled", "netcam_url", "netcam_high_url", "netcam_userpass",
             "netcam_use_tcp"}  # fmt: skip
    names = [line.lstrip("# ").split()[0] for line in NEW.decode().splitlines() if line.strip()]
    assert len(names) > 20
    for name in names:
        assert (re.search(rf"(?:^| ){name}[,:]", told) is None) is (name in taken), name
    assert "colour_of_the_sky: not known to this import" in camera.notes
    assert "rotate: the picture is not turned; turn it in the camera" in camera.notes


def test_a_usb_camera_of_old_motion() -> None:
    [camera] = read_import("thread-2.conf", OLD).cameras
    assert (camera.name, camera.protocol) == ("Tür", Protocol.USB)
    assert camera.device_path == "/dev/v4l/by-id/usb-046d_HD_Webcam_C525_A1B2C3-video-index0"
    assert camera.device_hint == "046d_HD_Webcam_C525_A1B2C3"
    assert camera.key == f"usb:{camera.device_path}"
    assert (camera.resolution, camera.framerate) == ("1280x720", 10)
    assert camera.record is RecordMode.CONTINUOUS
    assert not any("recorded at motion" in note for note in camera.notes)


@pytest.mark.parametrize("name", ["videodevice", "video_device", "v4l2_device"])
def test_each_release_of_motion_calls_the_device_otherwise(name: str) -> None:
    camera = only(f"{name} /dev/video0\n")
    assert (camera.device_path, camera.device_hint) == ("/dev/video0", None)
    assert (camera.resolution, camera.framerate) == (None, None)


def test_a_device_may_stand_as_an_address() -> None:
    assert only("netcam_url v4l2:///dev/video2\n").device_path == "/dev/video2"


def test_the_address_of_a_network_camera_counts_more_than_a_device() -> None:
    camera = only("videodevice /dev/video0\nnetcam_url http://10.0.0.8/v\nframerate 5\n")
    assert (camera.protocol, camera.framerate) == (Protocol.HTTP, 5)
    assert any(note.startswith("videodevice: ") for note in camera.notes)


@pytest.mark.parametrize(
    ("url", "taken"),
    [("mjpg://10.0.0.8/v", "http://10.0.0.8/v"), ("mjpeg://10.0.0.8/v", "http://10.0.0.8/v"),
     ("rtsps://10.0.0.8/v", "rtsps://10.0.0.8/v")],
)  # fmt: skip
def test_schemes_that_motion_has_for_itself(url: str, taken: str) -> None:
    assert only(f"netcam_url {url}\n").source_url == taken


@pytest.mark.parametrize(
    ("conf", "why"),
    [("netcam_url jpeg://10.0.0.8/still.jpg", "single pictures"),
     ("netcam_url file:///srv/x.mp4", "a file is no camera"),
     ("netcam_url rtmp://10.0.0.8/x", "RTMP"),
     ("netcam_url gopher://10.0.0.8/x", "not an address"),
     ("mmalcam_name vc.ril.camera", "Found cameras"),
     ("libcam_device camera0", "Found cameras"),
     ("# @proto motioneye\n# @host 10.0.0.3\n# @password S3CRET-PASS", "another motionEye"),
     ("# @name Hof", "neither an address nor a device"),
     ("videodevice relative", "neither an address nor a device")],
)  # fmt: skip
def test_what_is_no_camera_for_us_is_named(conf: str, why: str) -> None:
    found = read_import("camera-1.conf", conf.encode())
    assert found.cameras == ()
    [left] = found.left_out
    assert left.key == "camera-1.conf"
    assert why in left.reason


def test_a_simple_mjpeg_camera_has_its_login_in_the_address() -> None:
    camera = only("# @proto mjpeg\n# @name Gate\n# @url http://eve:pw@10.0.0.8/v.mjpg\n")
    assert (camera.source_url, camera.username) == ("http://10.0.0.8/v.mjpg", "eve")
    assert camera.password == Secret("pw")


@pytest.mark.parametrize(
    ("conf", "mode", "told"),
    [("movie_output off", RecordMode.OFF, "nothing was recorded"),
     ("ffmpeg_output_movies on\nemulate_motion off", RecordMode.CONTINUOUS, "at motion only"),
     ("movie_output on\nemulate_motion on", RecordMode.CONTINUOUS, None),
     ("", RecordMode.CONTINUOUS, None)],
)  # fmt: skip
def test_when_it_recorded(conf: str, mode: RecordMode, told: str | None) -> None:
    """Never a mode that records nothing for want of events: a person would miss the footage."""
    camera = only(f"netcam_url rtsp://10.0.0.9/x\n{conf}\n")
    assert camera.record is mode
    assert any("record" in note for note in camera.notes) is (told is not None)
    assert told is None or any(told in note for note in camera.notes)


def test_values_may_stand_in_quotes_and_behind_an_equals_sign() -> None:
    camera = only('camera_name = "Back yard"\nnetcam_url="rtsp://10.0.0.9/x"\n')
    assert (camera.name, camera.source_url) == ("Back yard", "rtsp://10.0.0.9/x")


def test_another_login_for_the_small_stream_leaves_that_out() -> None:
    camera = only("netcam_high_url rtsp://a:1@10.0.0.9/l\nnetcam_url rtsp://b:2@10.0.0.9/s\n")
    assert (camera.username, camera.sub_url) == ("a", None)
    assert any("another login" in note for note in camera.notes)


def test_a_backup_holds_all_and_its_main_file_says_which_run() -> None:
    main = b"# @admin_password S3CRET-PASS\nwebcontrol_port 7999\ncamera camera-1.conf\n"
    made = backup(camera_1__conf=NEW, camera_2__conf=OLD, motion__conf=main, mask_1__pgm=b"P5 1 1")
    found = read_import("motioneye-config.tar.gz", made)
    assert [(camera.name, camera.enabled) for camera in found.cameras] == [
        ("Hof", True),
        ("Tür", False),
    ]
    assert {each.key for each in found.left_out} == {
        "./mask-1.pgm", "motion.conf: @admin_password", "motion.conf: webcontrol_port",
    }  # fmt: skip
    assert SECRET not in repr(found)


def test_a_main_file_that_names_no_camera_says_that_none_runs() -> None:
    made = backup(camera_1__conf=NEW, camera_3__conf=b"# @proto mjpeg\n# @url http://h.lan/v\n",
                  motion__conf=b"# @enabled on\n")  # fmt: skip
    found = read_import("b.tar.gz", made)
    assert [camera.enabled for camera in found.cameras] == [False, True]  # motion runs no MJPEG one


def test_latin_1_is_read_and_said() -> None:
    found = read_import("thread-2.conf", OLD.decode().encode("latin-1"))
    assert found.cameras[0].name == "Tür"
    [told] = found.left_out
    assert "Latin-1" in told.reason
    assert told.line == 2


def test_names_lose_what_cannot_be_shown() -> None:
    camera = only("# @name Ya\x07rd\x1b[31m\nnetcam_url rtsp://10.0.0.9/x\n")
    assert camera.name == "Ya rd [31m"
    assert any(note.startswith("name: ") for note in camera.notes)
    assert only("netcam_url rtsp://10.0.0.9/x\n").name == "camera-1"


def test_a_main_file_alone_has_no_camera() -> None:
    found = read_import("motion.conf", b"camera camera-1.conf\nlog_level 6\n")
    assert found.cameras == ()
    assert [str(each) for each in found.left_out] == [
        "motion.conf: log_level (line 2): concerns that program, not the camera"
    ]


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no camera"):
        read_import("motion.conf", b"\n# nothing\n")
