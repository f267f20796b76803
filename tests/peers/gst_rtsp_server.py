"""The program behind `gst_rtsp`: gst-rtsp-server under the system's Python (it has `gi`).

Serves every mount of `MOUNTS` on three ports of 127.0.0.1: without login, Basic, Digest; prints one
JSON line with the ports and runs until SIGTERM. Imports nothing but `gi` and the standard library.
"""

import json
import signal
import sys
from typing import Any

import gi  # type: ignore[import-not-found,import-untyped,unused-ignore]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: E402
    GLib,
    Gst,
    GstRtsp,
    GstRtspServer,
)

USER, PASSWORD = "viewer", "kp?w@rd:1/2"


def _video(width: int, height: int, fps: int) -> str:
    return (
        "videotestsrc is-live=true pattern=ball "
        f"! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 "
    )


def _h264(width: int = 1280, height: int = 720, fps: int = 25, gop_s: int = 2) -> str:
    return (
        _video(width, height, fps)
        + "! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000 threads=1 "
        + f"key-int-max={fps * gop_s} ! video/x-h264,profile=constrained-baseline "
        + "! rtph264pay name=pay0 pt=96 config-interval=-1 "
    )


def _b_frames() -> str:
    return (
        _video(640, 360, 25)
        + "! x264enc speed-preset=superfast bitrate=800 threads=1 key-int-max=50 bframes=2 "
        + "b-adapt=false rc-lookahead=0 sync-lookahead=0 ! video/x-h264,profile=high "
        + "! rtph264pay name=pay0 pt=96 config-interval=-1 "
    )


def _hevc() -> str:
    return (
        _video(640, 360, 15)
        + "! x265enc speed-preset=ultrafast tune=zerolatency bitrate=500 key-int-max=30 "
        + "! rtph265pay name=pay0 pt=96 config-interval=-1 "
    )


def _tone(rate: int, channels: int = 1) -> str:
    return (
        "audiotestsrc is-live=true wave=sine freq=440 volume=0.2 "
        f"! audio/x-raw,rate={rate},channels={channels} ! audioconvert "
    )


_AAC = _tone(48_000, 2) + "! avenc_aac bitrate=64000 ! aacparse ! rtpmp4gpay name=pay1 pt=97 "
_PCMU = _tone(8000) + "! mulawenc ! rtppcmupay name=pay1 pt=0 "
_PCMA = _tone(8000) + "! alawenc ! rtppcmapay name=pay1 pt=8 "
_OPUS = _tone(48_000) + "! opusenc ! rtpopuspay name=pay1 pt=97 "

MOUNTS: dict[str, str] = {
    "h264-aac": _h264() + _AAC,
    "h264-pcmu": _h264(640, 360) + _PCMU,
    "h264-pcma": _h264(640, 360) + _PCMA,
    "h264-opus": _h264(640, 360) + _OPUS,
    "h264": _h264(640, 360),
    "b-frames": _b_frames(),
    "b-frames-aac": _b_frames() + _AAC,
    "hevc": _hevc(),
    "hevc-aac": _hevc() + _AAC,
    "hevc-pcmu": _hevc() + _PCMU,
    "sub": _h264(640, 360, 15),
    "udp-only": _h264(640, 360),
    "mjpeg": _video(640, 360, 10) + "! jpegenc ! rtpjpegpay name=pay0 pt=26 ",
    "audio-only": _PCMU.replace("pay1", "pay0"),
}


def _serve(login: str) -> Any:
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    mounts = server.get_mount_points()
    for name, launch in MOUNTS.items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {launch} )")
        factory.set_shared(True)
        if name == "udp-only":
            factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
        if login != "open":
            _require_user(factory)
        mounts.add_factory(f"/{name}", factory)
    if login != "open":
        server.set_auth(_auth(login))
    server.attach(None)
    return server


def _require_user(factory: Any) -> None:
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)


def _auth(login: str) -> Any:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if login == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(USER, PASSWORD, token)
    return auth


def main() -> None:
    Gst.init(None)
    servers = {login: _serve(login) for login in ("open", "basic", "digest")}
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, loop.quit)
    ports = {login: server.get_bound_port() for login, server in servers.items()}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
