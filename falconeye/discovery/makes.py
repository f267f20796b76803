"""Who made a camera, told by its hardware address or its words; and where makers put streams.

Data, looked up in public: hardware addresses in the IEEE's list of OUIs (only makers of cameras,
and no block that carries routers and phones as well), stream paths in the makers' own pages where
one is named, else in what integrators write. A make told here is a guess for the person who adds
the camera; nothing depends on it.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StreamPaths:
    """Where a maker's cameras have their streams; `channel` 1 is the only one of a camera."""

    main: str
    sub: str | None = None
    port: int = 554


AXIS: Final = "Axis"
AMCREST: Final = "Amcrest"
DAHUA: Final = "Dahua"
EZVIZ: Final = "EZVIZ"
FOSCAM: Final = "Foscam"
HANWHA: Final = "Hanwha"
HIKVISION: Final = "Hikvision"
MOBOTIX: Final = "Mobotix"
REOLINK: Final = "Reolink"
TAPO: Final = "TP-Link Tapo"
UBIQUITI: Final = "Ubiquiti"
UNIVIEW: Final = "Uniview"
VIVOTEK: Final = "Vivotek"
WYZE: Final = "Wyze"

_PREFIXES: Final = {
    AXIS: "00408c accc8e b8a44f e82725",
    AMCREST: "00651e 9c8ecd a06032",
    DAHUA: "14a78b 24526a 38af29 3ce36b 3cef8c 4c11bf 6c1c71 8ce9b4 9002a9 98f9cc 9c1463 a0bd1d"
    " b44c3b bc325f c0395a c4aac4 e02efe e0508b e4246c f4b1c2"
    " f8ce07 fcb69d",
    EZVIZ: "20bbbc 54d60d 588fcf 64f2fb 78a6a0 78c1ae ec97e0",
    HIKVISION: "040312 085411 08a189 08cc81 0c75d2 1012fb 1868cb 188025 240f9b 2428fd 2432ae 244845"
    " 2857be 2ca59c 3c1bf8 40acbf 4419b6 4447cc 44a642 4c62df 4cbd8f 4cf5dc 50e538 548c81 54c415"
    " 5803fb 5850ed 5c345b 64db8b 686dbc 743fc2 807c62 80beaf 80f5ae 849a40 8ce748 94e1ac 988b0a"
    " 989de5 98df82 98f112 a0ff0c a41437 a4d5c2 acb92f accb51 b4a382 bc5e33 bc9b5e bcad28 bcbac2"
    " c0517e c056e3 c06ded c42f90 d4e853 dc07f8 dcd26a e0baad e0ca3c e0df13 e8a0ed eca971 ecc89c"
    " f84dfc fc9ffd",
    HANWHA: "e43022",
    MOBOTIX: "0003c5",
    REOLINK: "ec71db",
    UNIVIEW: "48ea63 6cf17e c47905",
    VIVOTEK: "0002d1",
    WYZE: "2caa8e 7c78b2 80482c d03f27",
}
_BY_PREFIX: Final = {
    prefix: make for make, prefixes in _PREFIXES.items() for prefix in prefixes.split()
}

# Words of names, web pages, realms and Server headers. The first that fits counts, so what is sold
# under another's name (Amcrest's cameras say Dahua, too) comes first.
_WORDS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        (r"\bamcrest", AMCREST),
        (r"\bezviz", EZVIZ),
        (r"\bhik-?vision|\bdnvrs-webs|\bapp-webs|\bDS-2[A-Z]{2}\d", HIKVISION),
        (r"\bdahua|\bDH[I]?-(?:IPC|NVR|XVR)|\bIPC-HF?D?W\d", DAHUA),
        (r"\breolink|\bRLC-\d", REOLINK),
        (r"\baxis\b", AXIS),
        (r"\btapo\b", TAPO),
        (r"\bfoscam|\bnetwave ip camera", FOSCAM),
        (r"\bubiquiti|\bunifi|\bUVC-? ?G\d", UBIQUITI),
        (r"\bhanwha|\bwisenet", HANWHA),
        (r"\buniview", UNIVIEW),
        (r"\bvivotek", VIVOTEK),
        (r"\bmobotix", MOBOTIX),
        (r"\bwyze", WYZE),
    )
)

STREAMS: Final = {
    # developer.axis.com/vapix/network-video/video-streaming
    AXIS: StreamPaths("/axis-media/media.amp", "/axis-media/media.amp?resolution=640x360"),
    # ISAPI "rtsp://<host>/ISAPI/Streaming/channels/<ID>" on enpinfo.hikvision.com: ID is
    # channel x 100 + 1 (main), 2 (sub); the form without ISAPI is taken by older firmware, too.
    HIKVISION: StreamPaths("/Streaming/Channels/101", "/Streaming/Channels/102"),
    EZVIZ: StreamPaths("/Streaming/Channels/101", "/Streaming/Channels/102"),
    # Integrators agree on it; Amcrest sells the same cameras.
    DAHUA: StreamPaths(
        "/cam/realmonitor?channel=1&subtype=0", "/cam/realmonitor?channel=1&subtype=1"
    ),
    AMCREST: StreamPaths(
        "/cam/realmonitor?channel=1&subtype=0", "/cam/realmonitor?channel=1&subtype=1"
    ),
    # support.reolink.com/hc/en-us/articles/900000630706; older firmware: /h264Preview_01_main
    REOLINK: StreamPaths("/Preview_01_main", "/Preview_01_sub"),
    # Integrators; the user and password are made in the app first (camera account).
    TAPO: StreamPaths("/stream1", "/stream2"),
    # Integrators; older cameras have RTSP at the port of their web page, 88.
    FOSCAM: StreamPaths("/videoMain", "/videoSub"),
    # support.hanwhavision.eu/hc/en-gb/articles/4414178841746; profile 1 is MJPEG
    HANWHA: StreamPaths("/profile2/media.smp", "/profile3/media.smp"),
    # Integrators.
    UNIVIEW: StreamPaths("/media/video1", "/media/video2"),
    # VIVOTEK's manuals, "URL commands": the streams are numbered, the first has no number.
    VIVOTEK: StreamPaths("/live.sdp", "/live2.sdp"),
    # UniFi gives each camera a path of its own (RTSP must be switched on there): none is known
    # here. Wyze's cameras speak RTSP only with the firmware made for it, which has one stream.
    WYZE: StreamPaths("/live"),
}


def make_of_mac(mac: str) -> str:
    """The maker of a hardware address in `Evidence`'s spelling; "" where it is not known."""
    return _BY_PREFIX.get(mac.replace(":", "")[:6], "")


def make_named(*texts: str) -> str:
    """The maker that the first of these texts names that names one; "" where none does."""
    for text in texts:
        for pattern, make in _WORDS:
            if pattern.search(text):
                return make
    return ""


def stream_urls(make: str, address: str, port: int | None = None) -> tuple[str, str | None] | None:
    """Main and substream (None: it has none) as this make usually has them; None if unknown.

    `port` is where RTSP answered, else the make's own.
    """
    paths = STREAMS.get(make)
    if paths is None:
        return None
    host = f"[{address}]" if ":" in address else address
    place = f"rtsp://{host}:{port or paths.port}"
    return place + paths.main, place + paths.sub if paths.sub else None
