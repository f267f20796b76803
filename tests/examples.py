"""How many examples Hypothesis tries: all in `make test`, a third in `make check`.

`make check` is for between two edits and has 90 s; what it leaves out is tried before anything is
merged. TEST_EXAMPLES=few chooses the third; whatever else it says, all are tried.
Its name is no setting's: a node that a test starts would say that there is no such one.
"""

import os
from typing import Final

_LEAST: Final = 3


def examples(count: int) -> int:
    """`max_examples` of a test that tries `count`."""
    if os.environ.get("TEST_EXAMPLES") == "few":
        return max(min(count, _LEAST), count // 3)
    return count
