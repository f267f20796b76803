"""Plays a replay camera to one client: paced RTP and RTCP, with the camera's faults applied."""

import asyncio
import os
import re
import socket
import struct
import time

from tests.peers.media_samples import VideoClip
from tests.peers.replay_camera import ReplayCamera
from tests.peers.rtp import VIDEO_TYPE, RtpTrack, audio_payload, audio_type, video_payloads

_payloads: dict[int, list[list[bytes]]] = {}  # by id of a cached clip: per picture its payloads


def _packetised(clip: VideoClip) -> list[list[bytes]]:
    """The RTP payloads of every picture of a clip, made once."""
    known = _payloads.get(id(clip))
    if known is None:
        known = [video_payloads(frame.data, clip.codec) for frame in clip.frames]
        _payloads[id(clip)] = known
    return known


class _TcpChannel:
    def __init__(self, writer: asyncio.StreamWriter, number: int) -> None:
        self._writer, self._number = writer, number

    def rtp(self, packets: list[bytes]) -> None:
        self._writer.write(b"".join(self._framed(packet, self._number) for packet in packets))

    def rtcp(self, packet: bytes) -> None:
        self._writer.write(self._framed(packet, self._number + 1))

    def close(self) -> None:
        pass  # the connection is closed by its owner

    @staticmethod
    def _framed(packet: bytes, channel: int) -> bytes:
        return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


class _UdpChannel:
    def __init__(self, host: str, port: int) -> None:
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for one in (self._rtp, self._rtcp):
            one.bind(("127.0.0.1", 0))
        self._target, self._rtcp_target = (host, port), (host, port + 1)
        self.ports = f"{self._rtp.getsockname()[1]}-{self._rtcp.getsockname()[1]}"

    def rtp(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._rtp.sendto(packet, self._target)

    def rtcp(self, packet: bytes) -> None:
        self._rtcp.sendto(packet, self._rtcp_target)

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


class Player:
    """One session of one client."""

    def __init__(self, camera: ReplayCamera, writer: asyncio.StreamWriter) -> None:
        self._camera = camera
        self._writer = writer
        self._channels: dict[bool, _TcpChannel | _UdpChannel] = {}  # by "is video"
        self._task: asyncio.Task[None] | None = None

    def add_track(self, is_video: bool, transport: str) -> str:
        """Take a SETUP; the Transport header of its answer."""
        if found := re.search(r"client_port=(\d+)", transport):
            channel = _UdpChannel("127.0.0.1", int(found[1]))
            self._channels[is_video] = channel
            client = f"{found[1]}-{int(found[1]) + 1}"
            return f"RTP/AVP;unicast;client_port={client};server_port={channel.ports}"
        number = re.search(r"interleaved=(\d+)", transport)
        first = int(number[1]) if number else 0
        self._channels[is_video] = _TcpChannel(self._writer, first)
        return f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}"

    def play(self) -> None:
        if self._task is None:
            kinds = {
                "udp" if isinstance(c, _UdpChannel) else "tcp" for c in self._channels.values()
            }
            self._camera.transports.append("+".join(sorted(kinds)))
            self._camera.sessions += 1
            self._camera.played += 1
            self._task = asyncio.get_running_loop().create_task(self._play())

    def stop(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None
            self._camera.sessions -= 1
        for channel in self._channels.values():
            channel.close()

    async def _play(self) -> None:
        camera, tracks = self._camera, _Tracks(self._camera)
        fps = camera.video.fps if camera.video else 25
        started, number = time.monotonic(), 0
        next_report_s = 0.0
        while True:
            media_s = number / fps
            await asyncio.sleep(max(started + media_s - time.monotonic(), 0))
            number += 1
            if camera.faults.silent:
                continue
            if media_s >= next_report_s:
                next_report_s = media_s + camera.faults.sender_report_s
                self._report(tracks, media_s)
            if not self._show(tracks):
                return
            if (channel := self._channels.get(False)) and not camera.faults.audio_silent:
                channel.rtp(tracks.audio_until(media_s + 1 / fps))
            unsent = self._writer.transport.get_write_buffer_size()
            camera.max_unsent_bytes = max(camera.max_unsent_bytes, unsent)

    def _report(self, tracks: "_Tracks", media_s: float) -> None:
        wall_s = time.time() + self._camera.faults.clock_step_s
        for is_video, channel in self._channels.items():
            channel.rtcp(tracks.of(is_video=is_video).sender_report(media_s, wall_s))

    def _show(self, tracks: "_Tracks") -> bool:
        """Send the next picture; False after the fault that ends the connection within one."""
        camera, channel = self._camera, self._channels.get(True)
        if channel is None or camera.video is None:
            return True
        packets = tracks.next_picture()
        if camera.faults.skipping:
            return True
        if camera.faults.cut:
            channel.rtp(packets[:1])
            self._writer.close()  # sends what is buffered, then FIN
            return False
        channel.rtp(packets)
        camera.pictures_sent += 1
        camera.sent_at.append((tracks.shown, time.time()))
        return True


def _first_half(payloads: list[bytes]) -> list[bytes]:
    """The first half of a picture's bytes: its last packet ends anywhere."""
    left, found = sum(map(len, payloads)) // 2, []
    for payload in payloads:
        found.append(payload[:left])
        left -= len(payload)
        if left <= 0:
            break
    return found


class _Tracks:
    """The packets of one session, in order; times count from the session's start."""

    def __init__(self, camera: ReplayCamera) -> None:
        self._camera = camera
        start = camera.faults.start_timestamp
        self._video = RtpTrack(VIDEO_TYPE, 90_000, start)
        self._clip = camera.video
        self._position = camera.faults.start_picture
        start_90k = self._clip.frames[self._position].dts_90k if self._clip else 0
        self._base_90k = -start_90k  # times begin at 0 wherever the session joins
        self.shown = 0  # number (bar code) of the picture sent last
        audio = camera.audio
        rate = audio.sample_rate if audio else 8000
        self._audio = RtpTrack(audio_type(audio) if audio else 0, rate, start)
        self._audio_frame = 0

    def of(self, *, is_video: bool) -> RtpTrack:
        return self._video if is_video else self._audio

    def next_picture(self) -> list[bytes]:
        """The RTP packets of the next picture in decode order."""
        clip = self._clip
        assert clip
        frame = clip.frames[self._position]
        if frame.is_keyframe and self._camera.next_video:
            self._base_90k += frame.dts_90k
            clip = self._clip = self._camera.next_video
            self._camera.next_video, self._position = None, 0
            frame = clip.frames[0]
        payloads = _packetised(clip)[self._position]
        if self._camera.faults.short:
            payloads = _first_half(payloads)
        if self._camera.faults.garbage:
            payloads = [os.urandom(len(payload)) for payload in payloads]
        self.shown = frame.pts_90k * clip.fps // 90_000
        ticks = self._base_90k + frame.pts_90k
        last = len(payloads) - 1
        packets = [
            self._video.packet(payload, ticks, marker=index == last)
            for index, payload in enumerate(payloads)
        ]
        self._position += 1
        if self._position == len(clip.frames):
            self._position = 0
            self._base_90k += clip.duration_90k
        return packets

    def audio_until(self, media_s: float) -> list[bytes]:
        """The audio packets up to this time."""
        clip = self._camera.audio
        assert clip
        packets: list[bytes] = []
        while self._audio_frame * clip.frame_ticks < media_s * clip.sample_rate:
            frame = clip.frames[self._audio_frame % len(clip.frames)]
            ticks = self._audio_frame * clip.frame_ticks
            payload = audio_payload(frame, clip.codec)
            packets.append(self._audio.packet(payload, ticks, marker=clip.codec == "aac"))
            self._audio_frame += 1
        return packets
