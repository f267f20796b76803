"""Reads RTSP cameras with libavformat: packets as they are, no decoding but G.711.

TCP first, UDP where the camera insists (461). The options were measured: `fpsprobesize=0` opens in
0.35 s instead of 1.1 s and keeps the first keyframe; `timeout` (it fires at twice its value) is the
net below our watchdog; a PyAV read timeout would take the GIL at every socket wait.
"""

import errno
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import (
    FFmpegError,
    HTTPClientError,
    HTTPNotFoundError,
    HTTPServerError,
    HTTPUnauthorizedError,
)
from av.packet import Packet
from av.video.stream import VideoStream

from falconeye.config.camera import Transport
from falconeye.events.camera_state import ReasonCode
from falconeye.media.audio_transcoder import AacTranscoder
from falconeye.media.packets import RawPacket
from falconeye.media.parameters import (
    UnsupportedCodec,
    audio_parameters,
    codec_name,
    video_parameters,
)
from falconeye.media.samples import VIDEO_TIMESCALE, AudioParameters, VideoParameters
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.demuxer_socket import Opening, opening
from falconeye.sources.failures import SourceFailure, answer_failure, status_failure
from falconeye.sources.interrupt import Interrupt, shut_down
from falconeye.sources.rtsp_describe import Description, describe
from falconeye.sources.target import SourceTarget

OPEN_S = 10
_SILENCE_S = 3.0
_OPTIONS = {
    "timeout": "4000000",
    "fpsprobesize": "0",
    "analyzeduration": "500000",
    "format_whitelist": "rtsp",
    "codec_whitelist": "h264,hevc,aac,opus,libopus,pcm_mulaw,pcm_alaw,pcm_s16be,g722,g726,g726le",
}
_TCP_PROTOCOLS = "rtp,tcp,tls"
_UDP_PROTOCOLS = "rtp,tcp,tls,udp"
# libavformat tells some statuses and groups the rest; after a good DESCRIBE those of the group are
# nearly always refusals of one more session.
_STATUSES: dict[type[FFmpegError], int] = {
    HTTPUnauthorizedError: 401,
    HTTPNotFoundError: 404,
    HTTPClientError: 453,
    HTTPServerError: 503,
}
_TRANSCODED = {"pcm_mulaw", "pcm_alaw", "pcm_s16be", "g722", "g726", "g726le"}


class RtspReader:
    """Reads one target, connection after connection; remembers that a camera insists on UDP."""

    def __init__(self) -> None:
        self._insists_on_udp = False
        # Servers that begin a stream on demand end it with the connection that asked; cameras that
        # take one connection only refuse the second. Start with the former, change on refusal.
        self._holds = True

    def run_once(self, connection: Connection) -> None:
        """Read until the camera or an interrupt ends it; SourceFailure where it never began."""
        target, clock, interrupt = connection.target, connection.clock, connection.interrupt
        logins = connection.logins
        with ExitStack() as stack:
            with ExitStack() as asked:
                with logins.attempt(target, clock, interrupt), connection.asking():
                    description = asked.enter_context(describe(target, interrupt))
                _check_media(description)
                if not self._holds:
                    asked.close()
                with logins.noting(target, clock):
                    opened = self._open(target, description, interrupt)
                stack.enter_context(opened.container)
                control = stack.enter_context(opened.control)
            stack.enter_context(interrupt.by(lambda: shut_down(control)))
            _Reading(connection, opened).run()

    def _open(
        self, target: SourceTarget, description: Description, interrupt: Interrupt
    ) -> "_Opened":
        """Open by the wanted transport, or TCP first and UDP where the camera insists."""
        started = time.monotonic()
        try:
            if target.transport is Transport.UDP or self._insists_on_udp:
                return _av_open(target, description, Transport.UDP, interrupt)
            try:
                return _av_open(target, description, Transport.TCP, interrupt)
            except FFmpegError as error:
                if error.errno != errno.EPROTONOSUPPORT:
                    raise
                if target.transport is Transport.TCP:
                    reason = "the camera refuses RTP over TCP; let it choose the transport"
                    raise answer_failure(ReasonCode.TRANSPORT_REFUSED, reason) from None
            self._insists_on_udp = True
            return _av_open(target, description, Transport.UDP, interrupt)
        except FFmpegError as error:
            self._holds = not self._holds
            raise _open_failure(error, time.monotonic() - started, description) from None


@dataclass(frozen=True, slots=True)
class _Opened:
    """A stream that plays; both parts are the receiver's to close."""

    container: InputContainer
    control: socket.socket  # a duplicate of the control connection
    transport: Transport


class _Reading:
    """The packets of an open container."""

    def __init__(self, connection: Connection, opened: _Opened) -> None:
        container = opened.container
        self._connection = connection
        self._container = container
        self._video = _video_stream(container)
        self._audio: AudioStream | None = None
        self._transcoder: AacTranscoder | None = None
        self._audio_factor: Fraction | None = None
        video, described = _described_video(self._video)
        audio, audio_words = self._choose_audio(container.streams.audio)
        connection.open(video, audio, Carried(described, audio_words, opened.transport))

    def run(self) -> None:
        """Hand packets on until the generator ends: that is a disconnect, not an error."""
        streams = [self._video, *([self._audio] if self._audio else [])]
        video_index = self._video.index
        video_base = _factor(self._video.time_base, VIDEO_TIMESCALE)
        clock, connection = self._connection.clock, self._connection
        try:
            for packet in self._container.demux(streams):
                if not packet.size:
                    continue  # the flush at the end
                now_us = clock.monotonic_us()
                if packet.stream_index == video_index:
                    connection.video(_raw(packet, video_base, now_us))
                else:
                    self._take_audio(packet, now_us)
        except FFmpegError as error:
            connection.interrupt.check()
            timed_out = isinstance(error, TimeoutError)
            code = ReasonCode.STALLED if timed_out else ReasonCode.DISCONNECTED
            words = "the camera sends nothing any more" if timed_out else "the connection broke"
            raise SourceFailure(code, words) from None

    def _take_audio(self, packet: "Packet[Any]", now_us: int) -> None:
        if self._transcoder:
            for made in self._transcoder.push(packet, now_us):
                self._connection.audio(made)
        else:
            self._connection.audio(_raw(packet, self._audio_factor, now_us))

    def _choose_audio(
        self, streams: Sequence[AudioStream]
    ) -> tuple[AudioParameters | None, str | None]:
        """The audio track to record, and words for what the camera sends."""
        if not streams:
            return None, None
        stream = streams[0]
        name = stream.codec_context.name
        words = codec_name(name)
        if not self._connection.target.audio:
            return None, f"{words} (switched off)"
        if name in _TRANSCODED:
            self._audio, self._transcoder = stream, AacTranscoder(stream)
            return self._transcoder.parameters, f"{words} (recorded as AAC)"
        try:
            parameters = audio_parameters(stream)
        except UnsupportedCodec:
            return None, f"{words} (cannot be recorded)"
        self._audio = stream
        self._audio_factor = _factor(stream.time_base, parameters.sample_rate)
        return parameters, words


def _av_open(
    target: SourceTarget, description: Description, transport: Transport, interrupt: Interrupt
) -> _Opened:
    protocols = _UDP_PROTOCOLS if transport is Transport.UDP else _TCP_PROTOCOLS
    options = {
        **_OPTIONS,
        "rtsp_transport": transport.value,
        "protocol_whitelist": protocols,
    }
    url = _pinned_url(target, description)
    with opening(description.peer, interrupt) as one, ExitStack() as stack:
        container = av.open(url, format="rtsp", options=options, timeout=(OPEN_S, None))
        stack.enter_context(container)
        opened = _Opened(container, _control(one, description), transport)
        stack.pop_all()
        return opened


def _pinned_url(target: SourceTarget, description: Description) -> str:
    """The stream's URL at the address that was checked, with the login if the camera wanted it."""
    parts = urlsplit(description.url)
    login = ""
    if description.login:
        password = target.password.reveal() if target.password else ""
        login = f"{quote(target.username or '', safe='')}:{quote(password, safe='')}@"
    return urlunsplit(parts._replace(netloc=f"{login}{description.peer}"))


def _control(one: Opening, description: Description) -> socket.socket:
    """The control connection; a demuxer that went elsewhere than we asked is not listened to."""
    found = one.find()
    if not found:
        reason = f"the camera at {description.peer} led to another address"
        raise answer_failure(ReasonCode.ADDRESS_FORBIDDEN, reason)
    for other in found[1:]:
        other.close()
    return found[0]


def _check_media(description: Description) -> None:
    """A description without video is not worth a session."""
    if "m=video" not in description.sdp:
        has_audio = "m=audio" in description.sdp
        reason = "the camera sends audio only" if has_audio else "the camera offers no video"
        raise answer_failure(ReasonCode.NO_VIDEO, reason)


def _video_stream(container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise answer_failure(ReasonCode.NO_VIDEO, "the camera offers no video")
    return container.streams.video[0]


def _described_video(stream: VideoStream) -> tuple[VideoParameters, str]:
    try:
        video = video_parameters(stream)
    except UnsupportedCodec as error:
        raise answer_failure(ReasonCode.UNSUPPORTED_CODEC, str(error)) from error
    words = codec_name(video.codec)
    return video, f"{words}, {video.width}×{video.height}" if video.width else words


def _open_failure(error: FFmpegError, elapsed_s: float, description: Description) -> SourceFailure:
    """Why libavformat failed where our own DESCRIBE had succeeded.

    Its error types lie (a silent camera is "invalid data"), so time decides. Its message holds the
    URL with the password and is not used.
    """
    for kind, status in _STATUSES.items():
        if isinstance(error, kind):
            sent = status == 401 and description.login
            return status_failure(status, login_sent=sent, protocol="RTSP")
    if error.errno == errno.EPROTONOSUPPORT:
        return status_failure(461, login_sent=False, protocol="RTSP")
    if elapsed_s >= _SILENCE_S:
        reason = f"{description.peer} describes its stream but does not send it"
        return SourceFailure(ReasonCode.NO_ANSWER, reason)
    reason = "the camera's stream cannot be opened"
    return SourceFailure(ReasonCode.CAMERA_ERROR, reason)


def _factor(time_base: Fraction | None, timescale: int) -> Fraction | None:
    """What to multiply a time by; None for 1, the usual case."""
    factor = (time_base or Fraction(1, timescale)) * timescale
    return None if factor == 1 else factor


def _raw(packet: "Packet[Any]", factor: Fraction | None, now_us: int) -> RawPacket:
    pts, dts = packet.pts, packet.dts
    if factor is not None:
        pts = None if pts is None else int(pts * factor)
        dts = None if dts is None else int(dts * factor)
    return RawPacket(bytes(packet), pts, dts, packet.is_keyframe, now_us)
