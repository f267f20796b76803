"""What the writer of one volume does, in numbers."""

import threading
from dataclasses import dataclass, field

from falconeye.storage.segments.histogram import Histogram


@dataclass(slots=True)
class WriteMetrics:
    """What one volume's writer does; plain attributes, read by /metrics."""

    latency: Histogram = field(default_factory=Histogram)  # of one fragment's write
    waiting_fragments: int = 0
    waiting_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def queued(self, fragments: int, size_bytes: int) -> None:
        with self.lock:
            self.waiting_fragments += fragments
            self.waiting_bytes += size_bytes
