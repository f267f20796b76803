"""Name and time written into pictures, where they are encoded anyway."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from unicodedata import normalize

from av.video.frame import VideoFrame

from falconeye.config.device import Overlay
from falconeye.media.font import GLYPH_HEIGHT, GLYPH_WIDTH, glyph

_DARK, _BRIGHT, _GREY = 16, 235, 128
_ROWS_OF_PICTURE = 40  # a line of text is about a fortieth of the picture's height
_MAX_CHARACTERS = 60
_APART = 2  # characters between name and time

Draw = Callable[[VideoFrame], None]


def overlay_drawer(
    overlay: Overlay,
    name: Callable[[], str],
    utc_us: Callable[[], int],
    zone: Callable[[], tzinfo],
) -> Draw | None:
    """What writes it into a yuv420p picture; None where nothing is to be written.

    The time has its offset: in the hour that the end of summer time repeats it would mean two.
    """
    if overlay is Overlay.NONE:
        return None
    has_name = overlay in (Overlay.NAME, Overlay.NAME_TIME)
    has_time = overlay in (Overlay.TIME, Overlay.NAME_TIME)
    strip = _Strip()

    def draw(frame: VideoFrame) -> None:
        at = ""
        if has_time:
            now = datetime.fromtimestamp(utc_us() // 1_000_000, UTC).astimezone(zone())
            at = now.isoformat(" ", "seconds")
        strip.draw(frame, name() if has_name else "", at)

    return draw


class _Strip:
    """A line of text at the lower left edge, made anew when its text or the size changes."""

    def __init__(self) -> None:
        self._made_of: tuple[str, str, int, int] | None = None
        self._rows: list[bytes] = []

    def draw(self, frame: VideoFrame, name: str, at: str) -> None:
        """Write them into the planes of `frame`; nothing where a line does not fit."""
        wanted = (name, at, frame.width, frame.height)
        if wanted != self._made_of:
            self._made_of, self._rows = wanted, _rows(*wanted)
        if not self._rows:
            return
        height, width = len(self._rows), len(self._rows[0])
        top = (frame.height - height) // 2 * 2
        luma = frame.planes[0]
        pixels = memoryview(luma)
        for number, row in enumerate(self._rows):
            start = (top + number) * luma.line_size
            pixels[start : start + width] = row
        grey = bytes([_GREY]) * (width // 2)
        for plane in frame.planes[1:]:
            colours = memoryview(plane)
            for number in range(top // 2, top // 2 + height // 2):
                start = number * plane.line_size
                colours[start : start + width // 2] = grey


def _rows(name: str, at: str, width: int, height: int) -> list[bytes]:
    """Rows of luma, of an even number and width, dark with bright letters; none do not fit."""
    scale = max(1, height // (_ROWS_OF_PICTURE * GLYPH_HEIGHT))
    room = min(_MAX_CHARACTERS, (width // scale - 2) // (GLYPH_WIDTH + 1))
    if (GLYPH_HEIGHT + 2) * scale > height or room < len(at):
        return []  # half a time says another one
    shown = _plain(name)[: max(0, room - len(at) - _APART) if at else room]
    between = " " * _APART if shown and at else ""
    glyphs = [glyph(character) for character in shown + between + at]
    dark, bright = bytes([_DARK]) * scale, bytes([_BRIGHT]) * scale
    rows: list[bytes] = []
    for line in range(-1, GLYPH_HEIGHT + 1):
        row = dark
        for each in glyphs:
            bits = each[line] if 0 <= line < GLYPH_HEIGHT else 0
            pixels = [bits >> shift & 1 for shift in range(GLYPH_WIDTH - 1, -1, -1)]
            row += b"".join(bright if pixel else dark for pixel in pixels) + dark
        rows += [row[: len(row) // 2 * 2]] * scale
    return rows[: len(rows) // 2 * 2]


def _plain(text: str) -> str:
    """Letters without their accents: the font has ASCII. What it lacks it shows as a box."""
    decomposed = normalize("NFKD", text.replace("ß", "ss"))
    return "".join(letter for letter in decomposed if ord(letter) < 0x300 or ord(letter) > 0x36F)
