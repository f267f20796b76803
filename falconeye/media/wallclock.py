"""Where media time lies in wall time: camera clocks drift 2–43 s a day, arrival jitters.

The network only ever delays, so the smallest (arrival − media time) of the last minutes is the
best estimate: the lower envelope. It follows a drift of 500 ppm to within 0.15 s.
"""

from collections import deque

_BUCKET_US = 30_000_000
_BUCKETS = 10


class RunClock:
    """Wall ↔ media time of one run; written by the stream's thread, read by any."""

    def __init__(self, utc_offset_us: int) -> None:
        self.utc_offset_us = utc_offset_us  # UTC − monotonic, as it was when the run began
        self._buckets: deque[tuple[int, int]] = deque(maxlen=_BUCKETS)  # (bucket, least)
        self._least_us: int | None = None

    def observe(self, dts_90k: int, arrived_us: int) -> None:
        """Note that media time `dts_90k` arrived at monotonic `arrived_us`."""
        delay_us = arrived_us - dts_90k * 100 // 9
        bucket = arrived_us // _BUCKET_US
        if self._buckets and self._buckets[-1][0] == bucket:
            if delay_us >= self._buckets[-1][1]:
                return
            self._buckets[-1] = (bucket, delay_us)
        else:
            self._buckets.append((bucket, delay_us))
        self._least_us = min(least for _, least in self._buckets)

    def wall_us(self, dts_90k: int) -> int:
        """UTC of a media time, in microseconds; ValueError before the first observation."""
        if self._least_us is None:
            msg = "nothing has arrived in this run yet"
            raise ValueError(msg)
        return self.utc_offset_us + self._least_us + dts_90k * 100 // 9
