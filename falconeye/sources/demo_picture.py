"""The demo camera's picture: a clock, moving shapes and a machine-readable bar code of the time.

Drawn into the luma plane (8-bit, full width rows); only what changes is redrawn. The bar code is
two rows of 32 cells at the top left: the bits of `utc_ms mod 2**32` from the highest, white = 1,
and below them their complement. A cell is as wide as the picture's width / 40.
"""

import time

from falconeye.media.font import GLYPH_HEIGHT, GLYPH_WIDTH, glyph

_CELLS = 32
_DARK, _BRIGHT = 24, 235
_BALL_LAP_MS = 4000
_BAR_LAP_MS = 7000


class DemoPicture:
    """A picture of `width` x `height` (both even, at least 160 x 90 pixels)."""

    def __init__(self, width: int = 640, height: int = 360) -> None:
        self.width, self.height = width, height
        self.luma = bytearray().join(
            bytes(60 + 70 * (x + y) // (width + height) for x in range(width))
            for y in range(height)
        )
        self.chroma_u = bytes([150]) * (width * height // 4)
        self.chroma_v = bytes([112]) * (width * height // 4)
        self._ground = bytes(self.luma)
        self._boxes: list[tuple[int, int, int, int]] = []  # what to clean before the next picture
        self._second = -1
        self._glyphs = {key: self._render(glyph(key)) for key in "0123456789:- "}

    def draw(self, utc_us: int) -> None:
        """Bring the picture to this time."""
        utc_ms = utc_us // 1000
        for x, y, width, height in self._boxes:
            self._clean(x, y, width, height)
        self._boxes = [self._draw_ball(utc_ms), self._draw_bar(utc_ms)]
        if utc_ms // 1000 != self._second:
            self._second = utc_ms // 1000
            self._draw_clock(self._second)
        draw_barcode(self.luma, self.width, utc_ms)

    def _draw_clock(self, utc_s: int) -> None:
        """Local time in large digits, the date below it."""
        local = time.localtime(utc_s)
        top = self.height * 3 // 10
        self._draw_text(time.strftime("%H:%M:%S", local), top)
        self._draw_text(time.strftime("%Y-%m-%d", local), top + self._scale * (GLYPH_HEIGHT + 3))

    @property
    def _scale(self) -> int:
        return max(self.width // 80, 1)

    def _draw_text(self, text: str, top: int) -> None:
        scale = self._scale
        advance = (GLYPH_WIDTH + 1) * scale
        left = (self.width - advance * len(text)) // 2
        for index, character in enumerate(text):
            for row, pixels in enumerate(self._glyphs[character]):
                for line in range(scale):
                    at = (top + row * scale + line) * self.width + left + index * advance
                    self.luma[at : at + len(pixels)] = pixels

    def _render(self, rows: tuple[int, ...]) -> list[bytes]:
        """A glyph's rows, each one pixel line of `scale` times the font's width."""
        return [
            b"".join(
                bytes([_BRIGHT if row >> (GLYPH_WIDTH - bit) & 1 else _DARK]) * self._scale
                for bit in range(1, GLYPH_WIDTH + 1)
            )
            + bytes([_DARK]) * self._scale
            for row in rows
        ]

    def _draw_ball(self, utc_ms: int) -> tuple[int, int, int, int]:
        """A disc that crosses the picture to and fro above the lower edge."""
        size = self.height // 8
        x = _to_and_fro(utc_ms, _BALL_LAP_MS, self.width - size)
        y = self.height - 2 * size
        radius = size / 2
        for line in range(size):
            half = int((radius**2 - (line - radius + 0.5) ** 2) ** 0.5)
            at = (y + line) * self.width + x + size // 2 - half
            self.luma[at : at + 2 * half] = bytes([_BRIGHT]) * (2 * half)
        return x, y, size, size

    def _draw_bar(self, utc_ms: int) -> tuple[int, int, int, int]:
        """A dark block that travels along the lower edge."""
        size = self.height // 16
        x = _to_and_fro(utc_ms, _BAR_LAP_MS, self.width - 4 * size)
        y = self.height - size - size // 4
        for line in range(y, y + size):
            at = line * self.width + x
            self.luma[at : at + 4 * size] = bytes([_DARK]) * (4 * size)
        return x, y, 4 * size, size

    def _clean(self, x: int, y: int, width: int, height: int) -> None:
        for line in range(y, y + height):
            at = line * self.width + x
            self.luma[at : at + width] = self._ground[at : at + width]


def _to_and_fro(utc_ms: int, lap_ms: int, span: int) -> int:
    phase = utc_ms % lap_ms / lap_ms * 2
    return int(span * (phase if phase < 1 else 2 - phase))


def draw_barcode(luma: bytearray, width: int, value: int) -> None:
    """Draw `value mod 2**32` into an 8-bit plane whose rows are `width` bytes apart."""
    cell = width // 40
    bits = [(value >> (_CELLS - 1 - index)) & 1 for index in range(_CELLS)]
    for row, inverted in enumerate((0, 1)):
        line = b"".join(bytes([_BRIGHT if bit ^ inverted else _DARK]) * cell for bit in bits)
        for y in range(row * cell, (row + 1) * cell):
            luma[y * width : y * width + len(line)] = line


def read_barcode(luma: bytes, stride: int, width: int) -> int | None:
    """The value drawn by `draw_barcode`; None where bits and complement disagree.

    `luma` is a decoded 8-bit plane with rows `stride` bytes apart, `width` pixels wide.
    """
    cell = width / 40
    value = 0
    for index in range(_CELLS):
        x = int((index + 0.5) * cell)
        bit = luma[int(cell * 0.5) * stride + x] > 128
        if bit == (luma[int(cell * 1.5) * stride + x] > 128):
            return None
        value = value << 1 | bit
    return value
