"""How much of what strangers send is read: who answers ten thousand times is not heard."""

from collections import Counter
from typing import Final

MAX_DATAGRAMS: Final = 2_048  # of one socket in one round
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_OF_ONE: Final = 256  # one address; a recorder answers four probes for each of 64 channels
MAX_BYTES_OF_ONE: Final = 1024 * 1024
MAX_REFUSED: Final = 8_192  # in one round; then even refusing costs too much


class Budget:
    """What may still be read in this round; `refused` counts what was not."""

    def __init__(self) -> None:
        self.refused = 0
        self._refused_before = 0
        self._datagrams = 0
        self._bytes = 0
        self._by_address: Counter[str] = Counter()
        self._bytes_by_address: Counter[str] = Counter()

    def renew(self) -> None:
        """Begin a round."""
        self._datagrams = self._bytes = 0
        self._refused_before = self.refused
        self._by_address.clear()
        self._bytes_by_address.clear()

    @property
    def is_flooded(self) -> bool:
        """Whether so much was refused in this round that nothing should be read until the next."""
        return self.refused - self._refused_before > MAX_REFUSED

    def take(self, address: str, size_bytes: int) -> bool:
        """Whether this datagram is read."""
        if (
            self._datagrams >= MAX_DATAGRAMS
            or self._bytes + size_bytes > MAX_BYTES
            or self._by_address[address] >= MAX_OF_ONE
            or self._bytes_by_address[address] + size_bytes > MAX_BYTES_OF_ONE
        ):
            self.refused += 1
            return False
        self._datagrams += 1
        self._bytes += size_bytes
        self._by_address[address] += 1
        self._bytes_by_address[address] += size_bytes
        return True
