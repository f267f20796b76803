"""Five thousand made-up requests over the whole OpenAPI document, by everybody."""

import subprocess
import sys

import pytest

from tests.examples import examples
from tests.fuzz.enclosure import can_enter

SEED = 20261123  # `make fuzz` takes another each time
CASES = 5_000


@pytest.mark.timeout(1500)
def test_no_made_up_request_breaks_it_or_is_answered_above_its_role() -> None:
    if not can_enter():
        pytest.skip("namespaces need root, or user namespaces")
    words = ("--cases", str(examples(CASES)), "--seed", str(SEED))
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    print(done.stdout)  # noqa: T201 - the seed, and what was asked
    assert done.returncode == 0, done.stdout[-20_000:]
