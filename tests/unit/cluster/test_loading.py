"""Nodes without Kubernetes do not pay for it."""

import subprocess
import sys


def test_the_client_is_loaded_with_the_first_call_only() -> None:
    program = (
        "import sys, falconeye.cluster.leader, falconeye.cluster.pod\n"
        "print([name for name in ('kubernetes', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
