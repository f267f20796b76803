"""Makes one clean time line out of what cameras send, before anything else sees it.

Rules (each found with a real server; `mux()`, players and indexes die of what is repaired here):
- a picture begins where the bits say so; a packet that continues a picture joins the one before;
- nothing before the first keyframe of a run;
- leading packets without dts get it counted back from the first known one;
- small backward steps become last + 1; a jump against the arrival time begins a new run, and so
  does a hole of more than max(1 s, 3 frame intervals);
- other parameter sets in a keyframe become `ParametersChanged` before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from falconeye.media.audio_time import AudioTime
from falconeye.media.nal import NalRules, join_annex_b, join_length_prefixed, split_annex_b
from falconeye.media.packets import Output, ParametersChanged, RawPacket, RunBreak
from falconeye.media.parameters import parameters_from_keyframe
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    VIDEO_TIMESCALE,
    AudioParameters,
    VideoParameters,
    VideoSample,
)

_JUMP_90K = VIDEO_TIMESCALE  # 1 s
_MAX_UNTIMED = 32  # pictures held for a first dts: the deepest reordering is 16


@dataclass(slots=True)
class _Picture:
    units: list[bytes]
    pts: int | None
    dts: int | None
    is_keyframe: bool
    arrived_us: int


class Normaliser:
    """One per connection; a run starts at the first keyframe and after each `RunBreak`."""

    def __init__(self, video: VideoParameters, audio: AudioParameters | None) -> None:
        self._rules = NalRules(video.codec)
        self._parameters = video
        self._known_units = set(split_annex_b(video.parameter_sets))
        self._prefix: list[bytes] = []  # parameter sets and SEI that came in a packet of their own
        self._held: _Picture | None = None
        self._holds_keyframes = False
        self._holds_all = False
        self._untimed: list[_Picture] = []
        self._timed = False  # the first known dts of this connection was seen
        self._interval_90k = video.frame_interval_90k
        self._base_90k: int | None = None  # raw dts of the run's zero
        self._last_90k = 0
        self._last_raw_90k = 0
        self._last_arrived_us = 0
        self._audio = AudioTime(audio) if audio else None
        self.dropped = 0  # packets that could not be used

    @property
    def frame_interval_90k(self) -> int:
        """The measured distance of pictures, smoothed."""
        return self._interval_90k

    def video(self, packet: RawPacket) -> list[Output]:
        """Outputs that `packet` makes ready, in order."""
        return [item for picture in self._assemble(packet) for item in self._place(picture)]

    def audio(self, packet: RawPacket) -> list[Output]:
        """Audio on the run's time line; nothing before the run's first picture."""
        if self._audio is None or self._base_90k is None:
            return []
        sample = self._audio.place(
            packet,
            base_90k=self._base_90k,
            now_90k=self._last_90k + (packet.arrived_us - self._last_arrived_us) * 9 // 100,
        )
        return [sample] if sample else []

    def end(self) -> list[Output]:
        """What was held back, at the end of the connection."""
        held, self._held = self._held, None
        outputs = list(self._place(held)) if held else []
        return outputs + list(self._release_untimed(None))

    def _assemble(self, packet: RawPacket) -> Iterator[_Picture]:
        """Whole pictures out of packets."""
        rules = self._rules
        units = [unit for unit in split_annex_b(packet.data) if rules.is_valid(unit)]
        slices = [unit for unit in units if rules.is_picture(unit)]
        if not slices:
            if not units:
                self.dropped += 1
            self._prefix = (self._prefix + units)[-_MAX_UNTIMED:]
            return
        if not rules.starts_picture(slices[0]):
            self._continue(units)
            return
        if self._held:
            yield self._held
            self._held = None
        keyframe = any(rules.is_keyframe(unit) for unit in slices) or packet.is_keyframe
        units, self._prefix = self._prefix + units, []
        picture = _Picture(units, packet.pts, packet.dts, keyframe, packet.arrived_us)
        if self._holds_all or (keyframe and (self._holds_keyframes or self._base_90k is None)):
            self._held = picture
        else:
            yield picture

    def _continue(self, units: list[bytes]) -> None:
        """Join slices to the picture held; the first time on a picture that is gone, hold later."""
        if self._held is None:
            self._holds_all = True
            self.dropped += 1
            return
        self._holds_keyframes = True
        self._held.units += self._prefix + units
        self._prefix = []

    def _place(self, picture: _Picture) -> Iterator[Output]:
        """Give a picture its time; hold those without one until it can be counted back."""
        if self._base_90k is None and not picture.is_keyframe and not self._untimed:
            return
        if picture.dts is None:
            if self._timed:
                picture.dts = self._last_raw_90k + self._interval_90k
            else:
                self._untimed.append(picture)
                if len(self._untimed) > _MAX_UNTIMED:
                    yield from self._release_untimed(None)
                return
        if self._untimed:
            yield from self._release_untimed(picture.dts)
        self._timed = True
        yield from self._emit(picture)

    def _release_untimed(self, known_90k: int | None) -> Iterator[Output]:
        """Count the times of the pictures held back from the first known one."""
        pictures, self._untimed = self._untimed, []
        if not pictures:
            return
        if known_90k is None:
            known_90k = len(pictures) * self._interval_90k
        depth_90k = (len(pictures) - 1) * self._interval_90k
        for index, picture in enumerate(pictures):
            picture.dts = known_90k - (len(pictures) - index) * self._interval_90k
            if picture.pts is None:
                picture.pts = picture.dts + depth_90k
            yield from self._emit(picture)

    def _emit(self, picture: _Picture) -> Iterator[Output]:
        dts = picture.dts
        if dts is None:  # `_place` and `_release_untimed` have set it
            msg = "a picture without a time cannot be emitted"
            raise ValueError(msg)
        if self._base_90k is not None and (broken := self._break(dts, picture.arrived_us)):
            self._base_90k = None
            yield broken
        if self._base_90k is None:
            if not picture.is_keyframe:
                return
            self._base_90k, self._last_90k = dts, -1
            if self._audio:
                self._audio.restart()
        if picture.is_keyframe and (changed := self._changed_parameters(picture)):
            yield changed
        at = max(dts - self._base_90k, self._last_90k + 1)
        if 0 < at - self._last_90k < 3 * VIDEO_TIMESCALE and self._last_90k >= 0:
            self._interval_90k += (at - self._last_90k - self._interval_90k) // 8
        shown = at if picture.pts is None else max(picture.pts - self._base_90k, at)
        self._last_90k, self._last_raw_90k = at, dts
        self._last_arrived_us = picture.arrived_us
        data = join_length_prefixed([unit for unit in picture.units if not self._redundant(unit)])
        yield VideoSample(at, shown - at, picture.is_keyframe, data, picture.arrived_us)

    def _break(self, dts: int, arrived_us: int) -> RunBreak | None:
        step = dts - self._last_raw_90k
        waited = (arrived_us - self._last_arrived_us) * 9 // 100
        if step < -_JUMP_90K:
            return RunBreak(RunEnd.CAMERA_HOLE, "the camera's clock went back")
        if step > max(self._interval_90k, waited) + _JUMP_90K:
            return RunBreak(RunEnd.CAMERA_HOLE, "the camera's clock jumped ahead")
        if step > max(_JUMP_90K, 3 * self._interval_90k):
            return RunBreak(RunEnd.CAMERA_HOLE, f"no picture for {step / VIDEO_TIMESCALE:.1f} s")
        return None

    def _changed_parameters(self, picture: _Picture) -> ParametersChanged | None:
        """New parameters where the keyframe carries other parameter sets than are known."""
        sets = [unit for unit in picture.units if self._rules.is_parameter_set(unit)]
        has_sps = any(self._rules.is_sequence_parameter_set(unit) for unit in sets)
        known = self._known_units.issuperset(sets) and self._parameters.width > 0
        if known or not (has_sps or self._parameters.parameter_sets):
            return None
        if not has_sps:  # a PPS alone: it joins the sets that are known
            sets = [*split_annex_b(self._parameters.parameter_sets), *sets]
        unique = list(dict.fromkeys(sets))
        slices = [unit for unit in picture.units if self._rules.is_picture(unit)]
        parameters = parameters_from_keyframe(
            self._parameters.codec, join_annex_b(unique), join_annex_b(slices), self._interval_90k
        )
        self._known_units = set(unique)
        self._parameters = replace(parameters, frame_interval_90k=self._interval_90k)
        return ParametersChanged(self._parameters)

    def _redundant(self, unit: bytes) -> bool:
        """Whether the init segment says it already ("avc1" and "hvc1" keep it out of samples)."""
        # The kind first: a look into the set hashes the whole unit.
        if self._rules.is_parameter_set(unit):
            return unit in self._known_units
        return self._rules.is_delimiter(unit)
