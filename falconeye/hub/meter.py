"""Frame rate and bit rate of a stream over the last seconds."""

from collections import deque

_WINDOW_US = 5_000_000
_BUCKET_US = 500_000


class StreamMeter:
    """Written by the stream's thread for each sample, read by any thread."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, int, int]] = deque()  # (start, pictures, bytes)
        self.samples = 0
        self.bytes = 0
        self.last_arrived_us = 0

    def add(self, size: int, arrived_us: int, *, picture: bool) -> None:
        self.bytes += size
        start = arrived_us // _BUCKET_US * _BUCKET_US
        pictures = 1 if picture else 0
        self.samples += pictures
        if picture:
            self.last_arrived_us = arrived_us
        if self._buckets and self._buckets[-1][0] == start:
            _, count, total = self._buckets[-1]
            self._buckets[-1] = (start, count + pictures, total + size)
            return
        self._buckets.append((start, pictures, size))
        while self._buckets[0][0] < start - _WINDOW_US:
            self._buckets.popleft()

    def rates(self, now_us: int) -> tuple[float, float]:
        """(pictures per second, bits per second) over the last 5 s; zeros when nothing came."""
        current = now_us // _BUCKET_US * _BUCKET_US
        whole = [b for b in tuple(self._buckets) if now_us - _WINDOW_US <= b[0] < current]
        if not whole:
            return 0.0, 0.0
        span_s = (current - whole[0][0]) / 1_000_000
        return sum(b[1] for b in whole) / span_s, 8 * sum(b[2] for b in whole) / span_s
