"""A run that begins in an open GOP: without the pictures that refer to what came before it.

A keyframe need not close the GOP before it. Pictures that follow a CRA picture (H.265 7.4.2.2) or
an I picture with a recovery point (H.264 D.2.8), but are shown before it ("leading pictures"), may
refer to pictures from before. At the start of a run those never came: a decoder makes broken
pictures of the leading ones, and where the run follows another in one download, it takes the other
run's pictures for them; libavcodec may then lose all up to the next keyframe. So they are left out:
of HEVC the RASL pictures, not the RADL ones, which need nothing from before. And the CRA picture
becomes a BLA picture, "broken link access", as H.265 has it where streams are spliced: within a
download a decoder would number and order the pictures after a CRA one as if they went on from the
other run. H.264 has no such mark.

Only the first keyframe of a run is treated so. A file or a viewer that begins at a later one keeps
its leading pictures: in a download they follow those they refer to, and a decoder that really
starts there leaves them out by itself (H.265 8.1.3: NoRaslOutputFlag is 1 for a CRA picture that is
the first in the bitstream; libavcodec does the same with H.264).
"""

from falconeye.media.nal import NalRules
from falconeye.media.packets import Picture


class OpenGopStart:
    """Tells with which pictures a run begins; one for all runs of a connection.

    A keyframe that may have leading pictures waits until it is known what follows: it then stands
    right before that picture, without a hole where others were left out (a browser takes a hole for
    lost pictures and waits for the next keyframe: "need random access point" of the Media Source
    API). Where none are left out it does not wait longer than any first keyframe does.
    """

    def __init__(self, rules: NalRules) -> None:
        self._rules = rules
        self._first: Picture | None = None  # waits for the next picture of its run
        self._first_shown: int | None = None
        self._has_leading = False  # the next picture may be a leading one
        self._left_out = False

    @property
    def waits(self) -> bool:
        """Whether a keyframe came and the run will begin with the next picture."""
        return self._first is not None

    def begin(self, picture: Picture, interval_90k: int) -> list[Picture]:
        """Pictures with which a run begins now, in order; none while the keyframe waits.

        `picture` has its dts and is a keyframe unless one waits already.
        """
        first, self._first = self._first, None
        if first is None:
            return self._begin(picture)
        if self.leaves_out(picture):
            self._first = first
            self._left_out = True
            if picture.pts is not None and (first.pts is None or picture.pts >= first.pts):
                # A keyframe that came without a time was given one that is too early.
                first.pts = picture.pts + interval_90k
            return []
        if self._left_out:
            _move_up(first, picture, interval_90k)
        return [first, picture]

    def leaves_out(self, picture: Picture) -> bool:
        """Whether `picture` refers to what came before the run that has begun."""
        if not self._has_leading:
            return False
        if self._rules.names_leading_pictures:
            one = next(unit for unit in picture.units if self._rules.is_picture(unit))
            self._has_leading = self._rules.is_rasl(one) or self._rules.is_radl(one)
            return self._rules.is_rasl(one)
        shown, first_shown = picture.pts, self._first_shown
        self._has_leading = shown is not None and first_shown is not None and shown < first_shown
        return self._has_leading

    def end(self) -> list[Picture]:
        """The keyframe that waited for a picture that will not come."""
        first, self._first = self._first, None
        return [first] if first else []

    def _begin(self, keyframe: Picture) -> list[Picture]:
        self._has_leading = any(
            self._rules.is_open(unit) for unit in keyframe.units if self._rules.is_picture(unit)
        )
        self._first_shown, self._left_out = keyframe.pts, False
        if not self._has_leading:
            return [keyframe]
        keyframe.units = [self._rules.broken_link(unit) for unit in keyframe.units]
        self._first = keyframe
        return []


def _move_up(first: Picture, following: Picture, interval_90k: int) -> None:
    """Put a keyframe right before the picture that follows it now; when it is shown stays."""
    if first.pts is None or first.dts is None or following.dts is None:
        return
    later_90k = min(following.dts - interval_90k, first.pts) - first.dts
    if later_90k > 0:
        first.dts += later_90k
        first.arrived_us += later_90k * 100 // 9  # the run's clock is read off both
