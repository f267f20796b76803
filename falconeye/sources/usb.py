"""Reads cameras at USB ports: JPEGs go on untouched, H.264 is copied, all else encoded once.

The device is found by what it stays itself by, opened, and asked for again: between the two another
may have taken its number. Whoever hangs in the kernel with a device that hangs is left behind.
"""

import errno
from collections.abc import Iterator

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat

from falconeye.config.device import DeviceWish
from falconeye.devices import v4l2
from falconeye.devices.present import USB_DEVICES, UsbDevices
from falconeye.devices.usb_camera import Found, Presence, UsbCamera
from falconeye.devices.v4l2_capture import Capture, Captured, Negotiated
from falconeye.events.camera_state import ReasonCode
from falconeye.media.packets import RawPacket
from falconeye.media.samples import VIDEO_TIMESCALE, VideoParameters
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.device_controls import set_controls
from falconeye.sources.failures import SourceFailure, answer_failure
from falconeye.sources.jpeg_recoder import JpegRecoder
from falconeye.sources.recoder import Recoder
from falconeye.sources.usb_format import CODED, JPEG, RAW, choose, unusable
from falconeye.sources.usb_openings import OPENINGS, Openings

DEFAULT_FPS = 15
SILENT_S = 5.0  # at least; three intervals where pictures come more seldom
GONE_S = 0.5  # from the error of a device that was pulled out to udev's knowing
ANSWER_US = 9_000_000  # to be opened and to send a first picture, which `SILENT_S` limits as well
_GONE = {errno.ENODEV, errno.ENOENT, errno.ENXIO}
_MAYBE_GONE = {errno.EINVAL, errno.EIO, errno.EPROTO}  # a bad cable says the same


class UsbReader:
    """Reads one device, connection after connection."""

    def __init__(self, devices: UsbDevices = USB_DEVICES, openings: Openings = OPENINGS) -> None:
        self._devices = devices
        self._openings = openings

    def run_once(self, connection: Connection) -> None:
        """Read until the device or an interrupt ends it; SourceFailure says why."""
        if connection.target.device is None:
            raise answer_failure(ReasonCode.DEVICE_MISSING, "this camera names no device")
        wish = connection.target.device()
        with connection.asking(ANSWER_US):
            camera = present(self._devices.find(wish.identity))
            try:
                with self._openings.opened(camera.device_path, connection.interrupt) as capture:
                    self._check_identity(capture, wish)
                    _Reading(connection, capture, wish).run()
            except OSError as error:
                connection.interrupt.check()
                if error.errno in _MAYBE_GONE:
                    connection.interrupt.wait(GONE_S)
                    connection.interrupt.check()
                    if self._devices.find(wish.identity).cameras == (camera,):
                        raise _faulty(error) from None
                raise device_failure(error) from None

    def _check_identity(self, capture: Capture, wish: DeviceWish) -> None:
        camera = present(self._devices.find(wish.identity))
        if camera.device_number != capture.device_number:
            reason = "the camera was plugged in anew while it was opened"
            raise SourceFailure(ReasonCode.DEVICE_MISSING, reason)


class _Reading:
    """The pictures of an open device."""

    def __init__(self, connection: Connection, capture: Capture, wish: DeviceWish) -> None:
        self._connection = connection
        self._capture = capture
        self._framerate = float(connection.target.framerate or DEFAULT_FPS)
        set_controls(capture.descriptor, wish.controls)
        choice = choose(v4l2.pixel_formats(capture.descriptor), wish, self._framerate)
        self._agreed = capture.start(choice.fourcc, choice.width, choice.height, choice.rate)
        self._limit_s = max(SILENT_S, 3 / (self._agreed.rate or self._framerate))

    def run(self) -> None:
        """Hand pictures on until there are none any more."""
        fourcc = self._agreed.fourcc
        with self._connection.interrupt.by(self._capture.wake):
            if fourcc in CODED:
                self._copy()
            elif fourcc in JPEG:
                self._jpegs()
            elif fourcc in RAW:
                self._raw()
            else:
                raise unusable(fourcc)
        self._connection.interrupt.check()

    def _copy(self) -> None:
        """The camera's own H.264 or HEVC; it tells its parameters in its keyframes."""
        agreed, codec = self._agreed, CODED[self._agreed.fourcc]
        interval = round(VIDEO_TIMESCALE / (agreed.rate or self._framerate))
        parameters = VideoParameters(codec, b"", agreed.width, agreed.height, interval)
        name = "H.264" if agreed.fourcc == "H264" else "HEVC"
        words = f"{name}, {agreed.width}×{agreed.height}"
        self._connection.open(parameters, None, Carried(words))
        for captured in self._pictures():
            now_us = self._connection.clock.monotonic_us()
            taken_us = now_us if captured.taken_us is None else captured.taken_us
            time_90k = taken_us * 9 // 100
            packet = RawPacket(
                captured.data, time_90k, time_90k, is_keyframe=False, arrived_us=now_us
            )
            self._connection.video(packet)

    def _jpegs(self) -> None:
        with self._recoder("MJPEG") as recoder:
            jpegs = JpegRecoder(self._connection, recoder)
            for captured in self._pictures():
                jpegs.picture(captured.data, self._connection.clock.monotonic_us())

    def _raw(self) -> None:
        with self._recoder(f"raw pictures ({self._agreed.fourcc})") as recoder:
            decoder = _raw_decoder(self._agreed)
            for captured in self._pictures():
                arrived_us = self._connection.clock.monotonic_us()
                if not recoder.is_due(arrived_us):
                    continue
                try:
                    frames = decoder.decode(av.Packet(captured.data))
                except FFmpegError:
                    continue  # shorter than a picture: it was cut on its way
                for frame in frames:
                    recoder.frame(frame, arrived_us)

    def _recoder(self, kind: str) -> Recoder:
        return Recoder(self._connection, self._framerate, kind)

    def _pictures(self) -> Iterator[Captured]:
        """Whole pictures; SourceFailure when none comes in time."""
        while True:
            try:
                captured = self._capture.read(self._limit_s)
            except TimeoutError:
                more = " any more" if self._connection.delivered else ""
                reason = f"the camera is plugged in but sends no pictures{more}"
                raise SourceFailure(ReasonCode.STALLED, reason) from None
            if captured is None:
                return
            if captured.data and not captured.is_damaged:
                yield captured


def present(found: Found) -> UsbCamera:
    """The camera that was found; SourceFailure where there is none, or more than one."""
    if found.presence is Presence.PRESENT:
        return found.cameras[0]
    places = " and ".join(camera.device_path for camera in found.cameras)
    if found.presence is Presence.CONFLICT:
        reason = f"several devices claim to be this camera: {places}; say which one it is"
        raise answer_failure(ReasonCode.DEVICE_CONFLICT, reason)
    if found.presence is Presence.OTHER:
        other = found.cameras[0].name or "unknown"
        reason = f"another device is plugged in where this camera was: {other} ({places})"
        raise SourceFailure(ReasonCode.DEVICE_CONFLICT, reason)
    raise SourceFailure(ReasonCode.DEVICE_MISSING, "the camera is not plugged in")


def device_failure(error: OSError) -> SourceFailure:
    """What the kernel says of a device, in words."""
    if error.errno == errno.EBUSY:
        reason = "another program is using the camera"
        return SourceFailure(ReasonCode.DEVICE_BUSY, reason)
    if error.errno in (errno.EACCES, errno.EPERM):
        reason = "FalconEye may not open the camera: its user must belong to the group “video”"
        return answer_failure(ReasonCode.DEVICE_FORBIDDEN, reason)
    if error.errno in _GONE | _MAYBE_GONE:
        return SourceFailure(ReasonCode.DEVICE_MISSING, "the camera was unplugged")
    if error.errno == errno.ENOSPC:
        reason = (
            "the USB bus has no room for this camera: choose a smaller picture, or another port"
        )
        return answer_failure(ReasonCode.CAMERA_ERROR, reason)
    return SourceFailure(ReasonCode.CAMERA_ERROR, f"the camera cannot be read: {error.strerror}")


def _faulty(error: OSError) -> SourceFailure:
    """It is there, and fails."""
    reason = f"the camera is plugged in but fails ({error.strerror}); try another cable or port"
    return SourceFailure(ReasonCode.CAMERA_ERROR, reason)


def _raw_decoder(agreed: Negotiated) -> VideoCodecContext:
    """SourceFailure where rows are padded: read as if they were not, pictures would be slanted."""
    layout = VideoFormat(RAW[agreed.fourcc], agreed.width, agreed.height)
    row_bytes = agreed.width * (8 if layout.is_planar else layout.padded_bits_per_pixel) // 8
    if agreed.bytes_per_line > row_bytes:
        reason = f"the camera pads pictures of {agreed.width} pixels' width; choose another size"
        raise answer_failure(ReasonCode.UNSUPPORTED_CODEC, reason)
    decoder = VideoCodecContext.create("rawvideo", "r")
    decoder.width, decoder.height = agreed.width, agreed.height
    decoder.pix_fmt = RAW[agreed.fourcc]
    return decoder
