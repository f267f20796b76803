"""In the guest: the kernel knows Python's threads by name, as Python 3.14 has it by itself."""

import ctypes
import threading

_SET_NAME = 15  # PR_SET_NAME of prctl(2): at most 15 bytes
_prctl = ctypes.CDLL(None).prctl
_begin = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]


def _named(thread: threading.Thread) -> None:
    _prctl(_SET_NAME, thread.name.encode()[:15], 0, 0, 0)
    _begin(thread)


threading.Thread._bootstrap_inner = _named  # type: ignore[attr-defined]
