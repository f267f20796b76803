"""Growing waits between tries, with jitter, reset after a success."""

import random


class Backoff:
    """`next_s()` doubles from `first_s` to `last_s`, each ± 20 %."""

    def __init__(self, first_s: float, last_s: float) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._current_s = first_s

    def reset(self) -> None:
        self._current_s = self._first_s

    def next_s(self) -> float:
        """The wait before the next try, in seconds."""
        wait = self._current_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        self._current_s = min(self._current_s * 2, self._last_s)
        return wait
