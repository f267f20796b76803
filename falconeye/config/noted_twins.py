"""Node ids that are at two addresses, noted by the node that serves for other commands."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from falconeye.base.times import MINUTE_US

FILE_NAME: Final = "node-twins.json"
FRESH_US: Final = 5 * MINUTE_US  # it is noted each minute, while it is so


def write_twins(data_dir: Path, twins: Mapping[str, Sequence[str]], now_us: int) -> None:
    """Note them: addresses by node id; blocks for a moment."""
    aside = data_dir / f".{FILE_NAME}.{os.getpid()}"
    aside.write_text(json.dumps({"at_us": now_us, "twins": {k: list(v) for k, v in twins.items()}}))
    aside.replace(data_dir / FILE_NAME)


def read_twins(data_dir: Path, now_us: int) -> dict[str, list[str]]:
    """What was noted in the last five minutes; `now_us`: UTC."""
    try:
        noted = json.loads((data_dir / FILE_NAME).read_text(encoding="utf-8"))
        is_fresh = abs(now_us - int(noted["at_us"])) <= FRESH_US
        return dict(noted["twins"]) if is_fresh else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
