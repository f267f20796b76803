"""Pictures of a camera as H.264: encoded once, at most at the wanted rate, for all who want it."""

import logging
from fractions import Fraction

from av.error import FFmpegError
from av.video.frame import PictureType, VideoFrame

from falconeye.events.camera_state import ReasonCode
from falconeye.media.encoder import ENCODERS, SOFTWARE, Encoders, VideoEncoder
from falconeye.media.overlay import overlay_drawer
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.failures import answer_failure

log = logging.getLogger(__name__)

GOP_US = 2_000_000
_BUNCHED_US = 500_000  # pictures that came late together still keep to the rate


class Recoder:
    """Encodes what a connection's reader decodes; a context, used by its thread alone."""

    def __init__(
        self,
        connection: Connection,
        framerate: float,
        kind: str,
        *,
        encoders: Encoders = ENCODERS,
    ) -> None:
        """`kind`: what the camera sends, in words."""
        target = connection.target
        self._connection = connection
        self._interval_us = int(1e6 / framerate)
        self._framerate = framerate
        self._kind = kind
        self._draw = overlay_drawer(
            target.overlay, target.name, connection.clock.utc_us, target.zone
        )
        self._encoders = encoders
        self._encoder: VideoEncoder | None = None
        self._name = ""  # of the encoder that is ours
        self._size = (0, 0)
        self._started_us = 0
        self._due_us = 0
        self._keyframe_us = 0

    def __enter__(self) -> "Recoder":
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    def is_due(self, arrived_us: int) -> bool:
        """Whether a picture of that time is wanted; then the next one is later."""
        if arrived_us < self._due_us:
            return False
        late_us = self._due_us or arrived_us
        self._due_us = max(late_us, arrived_us - _BUNCHED_US) + self._interval_us
        return True

    def rest(self) -> None:
        """Nobody wants pictures encoded; the next `frame` begins again."""
        self._give_back()
        self._encoder = None
        self._connection.rest()

    @property
    def rests(self) -> bool:
        """Whether there is nothing to end."""
        return self._encoder is None

    def frame(self, frame: VideoFrame, arrived_us: int) -> None:
        """One decoded picture; SourceFailure where no encoder takes its size."""
        width, height = frame.width // 2 * 2, frame.height // 2 * 2
        if self._encoder is None or self._size != (width, height):
            self._begin(width, height, arrived_us)
        picture = frame.reformat(width=width, height=height, format="yuv420p")
        if self._draw:
            self._draw(picture)
        picture.pts = (arrived_us - self._started_us) * 9 // 100
        picture.time_base = Fraction(1, 90_000)
        picture.pict_type = PictureType.NONE
        if arrived_us - self._keyframe_us >= GOP_US:  # the camera's real rate is not known
            self._keyframe_us = arrived_us
            picture.pict_type = PictureType.I
        self._encode(picture, arrived_us)

    def _encode(self, picture: VideoFrame, arrived_us: int) -> None:
        if self._encoder is None:
            return
        try:
            packets = self._encoder.encode(picture, arrived_us)
        except FFmpegError as error:
            if self._name == SOFTWARE:
                reason = "the camera's pictures cannot be encoded"
                raise answer_failure(ReasonCode.CAMERA_ERROR, reason) from error
            self._encoders.refuse(self._name)
            self._encoder = None  # the next picture begins another run, by another encoder
            return
        for packet in packets:
            self._connection.video(packet)

    def _begin(self, width: int, height: int, arrived_us: int) -> None:
        """Pictures of another size begin another run."""
        self._encoder = encoder = self._new_encoder(width, height)
        self._size = width, height
        self._started_us = arrived_us
        self._keyframe_us = 0
        hardware = "" if encoder.name == SOFTWARE else f" by {encoder.name}"
        words = f"{self._kind}, {width}×{height} (recorded as H.264{hardware})"
        self._connection.open(encoder.parameters, None, Carried(words))

    def _new_encoder(self, width: int, height: int) -> VideoEncoder:
        self._give_back()
        self._name = self._encoders.take()
        for name in dict.fromkeys((self._name, SOFTWARE)):
            try:
                encoder = VideoEncoder(width, height, self._framerate, gop_s=10, name=name)
            except FFmpegError as error:
                log.debug("%s takes no pictures of %d×%d: %s", name, width, height, error)
                continue
            if name != self._name:
                self._give_back()
                self._name = name
            return encoder
        reason = f"the camera's pictures, {width}×{height}, cannot be recorded"
        raise answer_failure(ReasonCode.CAMERA_ERROR, reason)

    def _give_back(self) -> None:
        if self._name:
            self._encoders.give_back(self._name)
            self._name = ""
