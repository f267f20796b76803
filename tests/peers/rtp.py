"""RTP payloads and RTCP sender reports, byte by byte (RFC 3550, 6184, 7798, 3640, 3551)."""

import struct
from base64 import b64encode

from tests.peers.media_samples import AudioClip, VideoClip, nal_type, split_nal_units

_MTU = 1400
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
VIDEO_TYPE, AUDIO_TYPE = 96, 97


def video_payloads(access_unit: bytes, codec: str) -> list[bytes]:
    """The RTP payloads of one access unit; the last one gets the marker bit."""
    delimiter = 9 if codec == "h264" else 35
    payloads: list[bytes] = []
    for unit in split_nal_units(access_unit):
        if nal_type(unit, codec) == delimiter:
            continue
        if len(unit) <= _MTU:
            payloads.append(unit)
        else:
            payloads += _fragments(unit, codec)
    return payloads


def _fragments(unit: bytes, codec: str) -> list[bytes]:
    """Fragmentation units: FU-A (RFC 6184 5.8) or FU (RFC 7798 4.4.3)."""
    if codec == "h264":
        indicator, kind, body = bytes([unit[0] & 0xE0 | 28]), unit[0] & 0x1F, unit[1:]
    else:
        indicator = bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
        kind, body = unit[0] >> 1 & 0x3F, unit[2:]
    parts = [body[at : at + _MTU] for at in range(0, len(body), _MTU)]
    last = len(parts) - 1
    return [
        indicator + bytes([(index == 0) << 7 | (index == last) << 6 | kind]) + part
        for index, part in enumerate(parts)
    ]


def audio_payload(frame: bytes, codec: str) -> bytes:
    """One audio frame: with an AU header for AAC (RFC 3640, mode AAC-hbr), bare for G.711."""
    if codec == "aac":
        return struct.pack(">HH", 16, len(frame) << 3) + frame
    return frame


class RtpTrack:
    """Numbers the packets of one track of one session."""

    def __init__(self, payload_type: int, clock_rate: int, start_timestamp: int) -> None:
        self._type = payload_type
        self._rate = clock_rate
        self._start = start_timestamp
        self._sequence = 1
        self._ssrc = 0x1000 + payload_type
        self._sent = 0
        self._octets = 0

    def packet(self, payload: bytes, ticks: int, *, marker: bool) -> bytes:
        """One RTP packet; `ticks` count from the session's start and wrap at 2**32."""
        header = struct.pack(
            ">BBHII",
            0x80,
            self._type | marker << 7,
            self._sequence & 0xFFFF,
            (self._start + ticks) & 0xFFFFFFFF,
            self._ssrc,
        )
        self._sequence += 1
        self._sent += 1
        self._octets += len(payload)
        return header + payload

    def sender_report(self, media_s: float, utc_s: float) -> bytes:
        """RTCP SR (RFC 3550 6.4.1): media time `media_s` is the camera's wall time `utc_s`."""
        seconds, fraction = divmod(utc_s + _NTP_EPOCH, 1)
        return struct.pack(
            ">BBHIIIIII",
            0x80,
            200,
            6,
            self._ssrc,
            int(seconds) & 0xFFFFFFFF,
            int(fraction * 2**32),
            (self._start + int(media_s * self._rate)) & 0xFFFFFFFF,
            self._sent & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
        )


def sdp(video: VideoClip | None, audio: AudioClip | None) -> str:
    """The session description (RFC 8866): track1 is video, track2 audio."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=replay", "c=IN IP4 0.0.0.0", "t=0 0"]
    if video:
        lines += _video_lines(video)
    if audio:
        lines += _audio_lines(audio)
    return "\r\n".join([*lines, ""])


def _video_lines(video: VideoClip) -> list[str]:
    sets = split_nal_units(video.parameter_sets)
    if video.codec == "h264":
        listed = ",".join(b64encode(unit).decode() for unit in sets)
        profile = sets[0][1:4].hex()
        fmtp = f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={listed}"
        name = "H264"
    else:
        names = ("sprop-vps", "sprop-sps", "sprop-pps")
        pairs = zip(names, sets, strict=True)
        fmtp = ";".join(f"{key}={b64encode(unit).decode()}" for key, unit in pairs)
        name = "H265"
    return [
        f"m=video 0 RTP/AVP {VIDEO_TYPE}",
        f"a=rtpmap:{VIDEO_TYPE} {name}/90000",
        f"a=fmtp:{VIDEO_TYPE} {fmtp}",
        f"a=framerate:{video.fps}",
        "a=control:track1",
    ]


def _audio_lines(audio: AudioClip) -> list[str]:
    kind = audio_type(audio)
    lines = [f"m=audio 0 RTP/AVP {kind}"]
    if audio.codec == "aac":
        lines += [
            f"a=rtpmap:{kind} MPEG4-GENERIC/{audio.sample_rate}/{audio.channels}",
            (
                f"a=fmtp:{kind} streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;"
                f"indexlength=3;indexdeltalength=3;config={audio.config[:2].hex()}"
            ),
        ]
    else:
        lines.append(f"a=rtpmap:{kind} {'PCMU' if kind == 0 else 'PCMA'}/8000")
    return [*lines, "a=control:track2"]


def audio_type(audio: AudioClip) -> int:
    """The RTP payload type of a clip."""
    return {"pcm_mulaw": 0, "pcm_alaw": 8}.get(audio.codec, AUDIO_TYPE)
