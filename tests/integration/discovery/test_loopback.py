"""Discovery on the loopback interface: what needs no root, on the loop that the product uses."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import uvloop

from falconeye.base.clock import SystemClock
from falconeye.discovery.evidence import Way
from falconeye.discovery.interfaces import look_at_interfaces
from falconeye.discovery.scan import Limits
from falconeye.discovery.service import Discovery
from falconeye.discovery.ws_budget import MAX_REFUSED
from falconeye.discovery.ws_sockets import ProbeSocket
from tests.peers.ignored_ids import RememberedIds
from tests.peers.site import HOST


def free_port() -> int:
    with socket.create_server(("127.0.0.3", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def port() -> Iterator[int]:
    """Of a camera at 127.0.0.3 that speaks RTSP there, and WS-Discovery."""
    port = free_port()
    what = {
        "address": "127.0.0.3",
        "onvif": [{"reference": "urn:uuid:loopback", "xaddrs": ["http://127.0.0.3/"]}],
        "tcp": {port: "rtsp"},
    }
    program = [sys.executable, str(HOST), json.dumps(what)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdin is not None
        assert host.stdout.readline() == b"ready\n"
        yield port
        host.stdin.close()
        host.wait(timeout=3)


def test_a_camera_on_this_machine_is_found(port: int) -> None:
    uvloop.run(_found_on_this_machine(port))


async def _found_on_this_machine(port: int) -> None:
    changed = asyncio.Event()
    discovery = Discovery(SystemClock(), RememberedIds(), on_change=changed.set, loopback=True)
    await discovery.start()
    try:
        async with asyncio.timeout(8):
            while not any(
                one.endpoint_reference == "urn:uuid:loopback" for one in discovery.candidates.list()
            ):
                changed.clear()
                await changed.wait()
        limits = Limits(rtsp_ports=(port,), http_ports=())
        result = await discovery.scan(["127.0.0.2/31"], limits=limits).wait()
    finally:
        await discovery.stop()
    assert [one.url for one in result.found] == [f"rtsp://127.0.0.3:{port}/"]
    assert result.connects == 2
    rows = discovery.candidates.list()
    assert any(one.way is Way.SCAN for row in rows for one in row.evidence)


async def test_a_socket_that_is_flooded_is_closed_until_the_next_round() -> None:
    (lo,) = (one for one in look_at_interfaces(loopback=True) if one.name == "lo")
    probes = ProbeSocket(lo, lambda *_: None, lambda _: None)
    await probes.open()
    port = probes.port
    assert port is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooder:
        flooder.connect(("127.0.0.1", port))
        flooder.settimeout(0)
        for _ in range(10 * MAX_REFUSED):
            if probes.port is None:
                break
            flooder.send(b"x")
            await asyncio.sleep(0)
    assert probes.broken
    assert probes.budget.refused == MAX_REFUSED + 1
    await probes.close()
