"""The pages of an import with plausible values."""

from dataclasses import replace

from falconeye.web.claim_contexts import ClaimView
from falconeye.web.found_contexts import ImportFileView, ImportPage, ImportRow


def imported() -> ImportPage:
    """Two files of other recorders, with a camera in each state."""
    yard = ImportRow(
        "i0", "Hof hinten", "rtsp://192.168.1.64:554/Streaming/Channels/101",
        "rtsp://192.168.1.64:554/Streaming/Channels/102", is_new=True, is_there=False,
        words="records always, with its login",
        notes=(
            "zones, motion, detect: what is looked for in pictures; FalconEye looks for nothing",
            "ffmpeg.hwaccel_args: nothing is transcoded",
        ),
    )  # fmt: skip
    door = replace(
        yard, id="i1", name="Front door", address="rtsps://192.168.1.1:7441/Ab3", sub_address="",
        is_new=False, is_there=True, words="as “Front door”", notes=(),
    )  # fmt: skip
    porch = replace(
        door, id="i2", name="porch", is_there=False, address="rtsp://192.168.1.66:554/stream1",
        words="password: the variable FRIGATE_RTSP_PASSWORD, which the file only names",
    )  # fmt: skip
    desk = replace(
        porch, id="i3", name="A camera with a long name, at the desk in the second floor",
        address="/dev/video0", words="a USB camera: add it from Found cameras",
    )  # fmt: skip
    gate = replace(yard, id="i4", name="Gate", sub_address="", notes=(),
                   words="records when someone presses Record")  # fmt: skip
    return ImportPage(
        files=(
            ImportFileView(
                "config.yml", "Frigate", (yard, door, porch, desk),
                ("mqtt (line 1): there is no MQTT here", "my_own_key: not known to this import"),
                ("FRIGATE_RTSP_PASSWORD",),
            ),
            ImportFileView("cameras.csv", "list of cameras", (gate,), (), ()),
        ),
        new=2,
        at_once=1,
    )  # fmt: skip


def claims() -> tuple[ClaimView, ...]:
    """Devices that may be a camera that is away."""
    moved = ClaimView(
        "A device at 192.168.1.80:80 says that it is this camera, and nothing proves it. If you"
        " know that it is, the camera's login is shown there.",
        "It is this camera: follow it to 192.168.1.80:80",
        "/cameras/camera-0/accept",
        {"candidate": "f2", "place": "192.168.1.80:80"},
    )
    replaced = ClaimView(
        "Another device is at the address of this camera. If you replaced it, its login is shown"
        " to the new one.",
        "It was replaced: this device is the camera now",
        "/cameras/camera-0/accept",
        {"replaced": "true"},
    )
    return (moved, replaced)


def refused() -> ImportPage:
    """Nothing could be read."""
    words = "letter.txt: this is none of the files that can be read"
    return ImportPage(problems=(words,), errors={"file": "Choose a file."})
