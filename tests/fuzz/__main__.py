"""Made-up requests at every operation of the OpenAPI document: `make fuzz`, `python -m tests.fuzz`.

python -m tests.fuzz [--cases N] [--seed N]      0 where nothing was wrong, 2 where it cannot run
"""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.fuzz.enclosure import can_enter, close_in, enter


def main() -> int:
    parser = argparse.ArgumentParser(description="made-up requests at every operation")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--in", type=Path, dest="folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        return _inside(options.folder, options.cases, options.seed)
    if not can_enter():
        _say("This needs root or user namespaces: no made-up address may be asked in earnest.")
        return 2
    _say(f"SEED={options.seed} repeats this: {options.cases} cases")
    with tempfile.TemporaryDirectory(prefix="falconeye-fuzz-") as made:
        folder = Path(made) / "all"
        (folder / "tmp").mkdir(parents=True)
        canary = Path(made) / "canary"
        canary.write_text(f"nobody reads this {secrets.token_hex(16)}", encoding="utf-8")
        words = ("--cases", str(options.cases), "--seed", str(options.seed), "--in", str(folder))
        return enter([sys.executable, "-m", "tests.fuzz", *words], folder)


def _inside(folder: Path, cases: int, seed: int) -> int:
    from tests.fuzz.fuzzed_node import FuzzedNode  # noqa: PLC0415 - heavy, and not for outside
    from tests.fuzz.run import Fuzzing  # noqa: PLC0415

    close_in(folder)
    node = FuzzedNode(folder)
    try:
        node.start()
        fuzzing = Fuzzing(node, folder.parent / "canary", cases, seed)
        fuzzing.run(_say)
    finally:
        node.stop()
    judge = fuzzing.judge
    wrong = judge.lines()
    if "Traceback" in (log := node.log()):
        wrong.append("the log has a trace:\n" + log[log.index("Traceback") - 300 :][:3000])
    for told in wrong:
        _say(f"WRONG: {told}")
    told = ", ".join(f"{count} × {status}" for status, count in sorted(judge.statuses.items()))
    _say(f"{fuzzing.count} cases answered: {told}")
    _say("all is well" if not wrong else f"{len(wrong)} things are wrong; SEED={seed} repeats them")
    return 1 if wrong else 0


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - a program's answer


if __name__ == "__main__":
    sys.exit(main())
