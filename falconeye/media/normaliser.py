"""Makes one clean time line out of what cameras send, before anything else sees it.

Rules (each found with a real server; `mux()`, players and indexes die of what is repaired here):
- a picture begins where the bits say so; a packet that continues a picture joins the one before;
- nothing before the first keyframe of a run, nor what follows that and refers to it (`open_gop`);
- a run begins while packets hold pictures, not amid noise, some of which looks like one;
- leading packets without dts get it counted back from the first known one; where none ever comes,
  times are counted on;
- small backward steps become last + 1; a jump against the arrival time begins a new run, and so
  does a hole of more than max(1 s, 3 frame intervals);
- the interval that is told may be wrong: the first steps of a connection are no holes, nor is a
  step like the one before it, up to 10 s each;
- a pts far ahead of its dts is no time to show a picture: the camera's clock is being set;
- other parameter sets in a keyframe become `ParametersChanged` before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from falconeye.media.audio_time import AudioTime
from falconeye.media.nal import NalRules, join_annex_b, join_length_prefixed, split_annex_b
from falconeye.media.open_gop import OpenGopStart
from falconeye.media.packets import Output, ParametersChanged, Picture, RawPacket, RunBreak
from falconeye.media.parameters import parameters_from_keyframe
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    VIDEO_TIMESCALE,
    AudioParameters,
    VideoParameters,
    VideoSample,
)

_JUMP_90K = VIDEO_TIMESCALE  # 1 s
_SLOWEST_90K = 10 * VIDEO_TIMESCALE  # a longer step is no frame interval
_FIRST_STEPS = 3
_MAX_UNTIMED = 32  # pictures held for a first dts: the deepest reordering is 16
# A picture counts 2, a unit that is none -1: noise has about as many good units as bad ones, and
# one of the good ones in ten begins a picture; a camera's odd unit beside each picture is no noise.
_PICTURE, _NOISE = 2, -1
_TRUST = 25  # either way; a second of noise or half a second of pictures turns it round


class Normaliser:
    """One per connection; a run starts at the first keyframe and after each `RunBreak`."""

    def __init__(self, video: VideoParameters, audio: AudioParameters | None) -> None:
        self._rules = NalRules(video.codec)
        self._parameters = video
        self._known_units = set(split_annex_b(video.parameter_sets))
        self._prefix: list[bytes] = []  # parameter sets and SEI that came in a packet of their own
        self._held: Picture | None = None
        self._holds_keyframes = False
        self._holds_all = False
        self._untimed: list[Picture] = []
        self._timed = False  # the first known dts of this connection was seen
        self._interval_90k = video.frame_interval_90k
        self._base_90k: int | None = None  # raw dts of the run's zero
        self._last_90k = 0
        self._last_raw_90k = 0
        self._last_arrived_us = 0
        self._first_steps = _FIRST_STEPS
        self._step_90k = 0  # the one before, where it may be an interval
        self._start = OpenGopStart(self._rules)
        self._audio = AudioTime(audio) if audio else None
        self._trust = 0
        self.before_keyframe = 0  # pictures that came while there was no keyframe to begin with

    @property
    def frame_interval_90k(self) -> int:
        """The measured distance of pictures, smoothed."""
        return self._interval_90k

    @property
    def is_trusted(self) -> bool:
        """Whether the packets of late held pictures rather than noise; one may be chance."""
        return self._trust > _PICTURE

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
        outputs += self._release_untimed(None)
        for picture in self._start.end():
            outputs += self._first_sample(picture)
        return outputs

    def _assemble(self, packet: RawPacket) -> Iterator[Picture]:
        """Whole pictures out of packets."""
        rules = self._rules
        sent = split_annex_b(packet.data)
        units = [unit for unit in sent if rules.is_valid(unit)]
        slices = [unit for unit in units if rules.is_picture(unit)]
        begins = bool(slices) and rules.starts_picture(slices[0])
        self._judge(begins=begins, bad=len(sent) - len(units) if sent else 1)
        if not slices:
            self._prefix = (self._prefix + units)[-_MAX_UNTIMED:]
            return
        if not begins:
            self._continue(units)
            return
        if self._held:
            yield self._held
            self._held = None
        keyframe = any(rules.is_keyframe(unit) for unit in slices) or packet.is_keyframe
        units, self._prefix = self._prefix + units, []
        picture = Picture(units, packet.pts, packet.dts, keyframe, packet.arrived_us)
        if self._holds_all or (keyframe and (self._holds_keyframes or self._base_90k is None)):
            self._held = picture
        else:
            yield picture

    def _judge(self, *, begins: bool, bad: int) -> None:
        """Follow whether packets hold pictures."""
        trust = self._trust + (_PICTURE if begins else 0) + bad * _NOISE
        self._trust = min(max(trust, -_TRUST), _TRUST)

    def _continue(self, units: list[bytes]) -> None:
        """Join slices to the picture held; the first time on a picture that is gone, hold later."""
        if self._held is None:
            self._holds_all = True
            return
        self._holds_keyframes = True
        self._held.units += self._prefix + units
        self._prefix = []

    def _place(self, picture: Picture) -> Iterator[Output]:
        """Give a picture its time; hold those without one until it can be counted back."""
        if not (self._untimed or self._may_come(picture)):
            return
        if picture.dts is None:
            if self._timed:
                picture.dts = self._last_raw_90k + self._interval_90k
            else:
                self._untimed.append(picture)
                if len(self._untimed) > _MAX_UNTIMED:
                    self._timed = True  # the camera tells none: count on from here
                    yield from self._release_untimed(None)
                return
        if self._untimed:
            yield from self._release_untimed(picture.dts)
        self._timed = True
        yield from self._emit(picture)

    def _may_come(self, picture: Picture) -> bool:
        """Whether a run is there, or this picture may begin one."""
        if self._base_90k is not None or self._start.waits:
            return True
        if picture.is_keyframe and self.is_trusted:
            return True
        self.before_keyframe += 1
        return False

    def _release_untimed(self, known_90k: int | None) -> Iterator[Output]:
        """Count the times of the pictures held back from the first known one."""
        pictures, self._untimed = self._untimed, []
        if not pictures:
            return
        if known_90k is None:
            known_90k = len(pictures) * self._interval_90k
        for index, picture in enumerate(pictures):
            picture.dts = known_90k - (len(pictures) - index) * self._interval_90k
        depth_90k = self._depth(pictures)
        for picture in pictures:
            if picture.pts is None:
                picture.pts = _dts(picture) + depth_90k
            yield from self._emit(picture)

    def _depth(self, pictures: Sequence[Picture]) -> int:
        """How long after it is decoded a picture is shown whose pts is unknown.

        As many as reordering takes are held back, and also where a camera does not say that it
        reorders none: then those beside it are shown when they are decoded.
        """
        delays = [one.pts - _dts(one) for one in pictures if one.pts is not None]
        reorders = not delays or max(delays) * 2 > self._interval_90k
        return (len(pictures) - 1) * self._interval_90k if reorders else 0

    def _emit(self, picture: Picture) -> Iterator[Output]:
        """Put a picture that has its dts into the run, or begin one with it."""
        if self._base_90k is not None and (broken := self._break(picture)):
            self._base_90k = None
            yield broken
        if self._base_90k is None:
            yield from self._begin(picture)
        elif self._start.leaves_out(picture):
            self._pass_time(picture, self._base_90k)
        else:
            yield from self._sample(picture, self._base_90k)

    def _begin(self, picture: Picture) -> Iterator[Output]:
        if not self._may_come(picture):
            return
        self._last_raw_90k = _dts(picture)
        for ready in self._start.begin(picture, self._interval_90k):
            if self._base_90k is None:
                yield from self._first_sample(ready)
            else:
                yield from self._emit(ready)

    def _first_sample(self, keyframe: Picture) -> Iterator[Output]:
        self._base_90k, self._last_90k = _dts(keyframe), -1
        if self._audio:
            self._audio.restart()
        yield from self._sample(keyframe, self._base_90k)

    def _sample(self, picture: Picture, base_90k: int) -> Iterator[Output]:
        # Amid noise nothing is believed that calls itself a parameter set.
        believed = self.is_trusted or self._parameters.width == 0
        if picture.is_keyframe and believed and (changed := self._changed_parameters(picture)):
            yield changed
        at = self._pass_time(picture, base_90k)
        data = join_length_prefixed([unit for unit in picture.units if not self._redundant(unit)])
        delay = self._delay(picture, at + base_90k)
        yield VideoSample(at, delay, picture.is_keyframe, data, picture.arrived_us)

    def _delay(self, picture: Picture, at_90k: int) -> int:
        """How long after `at_90k`, when it is decoded, a picture is shown.

        Where a camera's clock is set, the first pts may be of the new one and its dts of the old.
        """
        delay = 0 if picture.pts is None else picture.pts - at_90k
        return delay if 0 < delay <= max(_SLOWEST_90K, _MAX_UNTIMED * self._interval_90k) else 0

    def _pass_time(self, picture: Picture, base_90k: int) -> int:
        """Move on to a picture; its dts in the run."""
        dts = _dts(picture)
        at = max(dts - base_90k, self._last_90k + 1)
        if 0 < at - self._last_90k <= _SLOWEST_90K and self._last_90k >= 0:
            self._interval_90k += (at - self._last_90k - self._interval_90k) // 8
        self._last_90k, self._last_raw_90k = at, dts
        self._last_arrived_us = picture.arrived_us
        return at

    def _break(self, picture: Picture) -> RunBreak | None:
        step = _dts(picture) - self._last_raw_90k
        interval = self._longest_interval(step)
        waited = (picture.arrived_us - self._last_arrived_us) * 9 // 100
        if step < -_JUMP_90K:
            return RunBreak(RunEnd.CAMERA_HOLE, "the camera's clock went back")
        if step > max(interval, waited) + _JUMP_90K:
            return RunBreak(RunEnd.CAMERA_HOLE, "the camera's clock jumped ahead")
        if step > max(_JUMP_90K, 3 * interval):
            return RunBreak(RunEnd.CAMERA_HOLE, f"no picture for {step / VIDEO_TIMESCALE:.1f} s")
        return None

    def _longest_interval(self, step_90k: int) -> int:
        """What the frame interval may be, by what was told and measured and by this step.

        Cameras of less than a picture a second would else begin a run with each of them.
        """
        credible = step_90k if step_90k <= _SLOWEST_90K else 0
        before, self._step_90k = self._step_90k, credible
        if self._first_steps:
            self._first_steps -= 1
            self._interval_90k = max(self._interval_90k, credible)
        return max(self._interval_90k, before)

    def _changed_parameters(self, picture: Picture) -> ParametersChanged | None:
        """New parameters where the keyframe carries other parameter sets than are known."""
        sets = [unit for unit in picture.units if self._rules.is_parameter_set(unit)]
        has_sps = any(self._rules.is_sequence_parameter_set(unit) for unit in sets)
        is_known = self._known_units.issuperset(sets) and self._parameters.width > 0
        if is_known or not (has_sps or self._parameters.parameter_sets):
            return None
        if not has_sps:  # a PPS alone: it joins the sets that are known, or takes another's place
            ids = {self._rules.picture_set_id(unit) for unit in sets} - {None}
            known = split_annex_b(self._parameters.parameter_sets)
            sets = [u for u in known if self._rules.picture_set_id(u) not in ids] + sets
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


def _dts(picture: Picture) -> int:
    if picture.dts is None:
        msg = "a picture gets its time before it comes into a run"
        raise ValueError(msg)
    return picture.dts
