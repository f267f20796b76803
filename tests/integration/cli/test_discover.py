"""`falconeye discover`: cameras are found without a node, on the loop that commands use."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from falconeye.cli.discover import look, row_of
from falconeye.cli.parser import make_parser
from tests.integration.cli.conftest import Falconeye
from tests.peers.site import HOST

REFERENCE = "urn:uuid:0f0f0f0f-2222-4333-8444-555555555555"


@pytest.fixture
def camera() -> Iterator[None]:
    """One at 127.0.0.3 that answers WS-Discovery."""
    service = {"reference": REFERENCE, "xaddrs": ["http://127.0.0.3/onvif/device_service"]}
    what = {"address": "127.0.0.3", "onvif": [service], "tcp": {}}
    program = [sys.executable, str(HOST), json.dumps(what)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdin is not None
        assert host.stdout.readline() == b"ready\n"
        yield
        host.stdin.close()
        host.wait(timeout=3)


@pytest.mark.usefixtures("camera")
def test_a_camera_in_the_network_is_found_without_a_node() -> None:
    found = asyncio.run(look(2.0, loopback=True))
    mine = [one for one in found if one.endpoint_reference == REFERENCE]
    (row,) = [row_of(one) for one in mine if (one.address or "").startswith("127.")]
    assert row["found_by"] == "onvif"
    # At the address that answered, whatever it announces.
    assert row["url"] == f"http://{row['where']}/onvif/device_service"


def test_where_none_is_found_it_says_so(falconeye: Falconeye) -> None:
    answer = falconeye("discover", "--seconds", "0.2", "--json")
    assert answer.code == 0
    assert isinstance(json.loads(answer.out), list)


@pytest.mark.parametrize("seconds", ["0", "61", "nan", "x", "-1"])
def test_a_time_that_is_none_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:

    with pytest.raises(SystemExit) as refused:
        make_parser().parse_args(["discover", f"--seconds={seconds}"])
    assert refused.value.code == 2
    assert "--seconds" in capsys.readouterr().err
