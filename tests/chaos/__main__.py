"""Nodes die at random, somebody watches: `make chaos`, or `python -m tests.chaos`; root.

python -m tests.chaos [--seed N] [--minutes M] [--nodes N] [--cameras N] [--keep FOLDER]
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.plan import make_plan
from tests.chaos.run import Run, print_now

NEEDS = ("ip", "tc", "nft", "chromium")


def main() -> int:
    """0 where nothing was wrong."""
    parser = argparse.ArgumentParser(description="nodes die at random, somebody watches")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--keep", type=Path, help="keep data, footage and logs here")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print_now("This needs root: network namespaces are made, and removed again.")
        return 2
    if missing := [program for program in NEEDS if shutil.which(program) is None]:
        print_now(f"This needs {', '.join(missing)} (Debian: iproute2 nftables chromium).")
        return 2
    with tempfile.TemporaryDirectory(prefix="falconeye-chaos-") as made:
        folder = options.keep or Path(made)
        return asyncio.run(_run(folder, options))


async def _run(folder: Path, options: argparse.Namespace) -> int:
    counts = options.nodes, options.cameras
    print_now(f"SEED={options.seed} repeats this: {options.nodes} nodes, {options.cameras} cameras")
    plan = make_plan(
        options.seed, nodes=counts[0], cameras=counts[1], length_s=options.minutes * 60
    )
    for fault in plan:
        print_now(str(fault))
    outcome = await Run(folder, plan, counts, print_now).run()
    for words in outcome.lines:
        print_now(words)
    for words in outcome.wrong:
        print_now(f"WRONG: {words}")
    print_now("all is well" if not outcome.wrong else f"{len(outcome.wrong)} things are wrong")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
