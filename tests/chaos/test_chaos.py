"""Three minutes of `make chaos` with a fixed seed."""

import os
import shutil
from pathlib import Path

import pytest

from tests.browser.browsers import needs_chromium
from tests.chaos.plan import make_plan
from tests.chaos.run import Run, print_now

SEED = 108  # each fault, five kills of which four last longer than a failover
NODES, CAMERAS, LENGTH_S = 3, 3, 180.0
needs_networks = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(each) is None for each in ("ip", "tc", "nft")),
    reason="networks of its own need root, iproute2 and nftables",
)
pytestmark = [pytest.mark.root, pytest.mark.fault, pytest.mark.browser]


@needs_networks
@needs_chromium
@pytest.mark.timeout(600)
async def test_nodes_die_at_random_and_nothing_is_lost_that_no_fault_excuses(
    tmp_path: Path,
) -> None:
    plan = make_plan(SEED, nodes=NODES, cameras=CAMERAS, length_s=LENGTH_S)
    print_now(f"seed {SEED}:\n" + "\n".join(map(str, plan)))
    outcome = await Run(tmp_path, plan, (NODES, CAMERAS), print_now).run()
    print_now("\n".join(outcome.lines))
    assert not outcome.wrong, "\n".join(outcome.wrong)
