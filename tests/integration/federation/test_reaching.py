"""Whether a port answers, with real ones: no byte goes over the connection, and none is left."""

import asyncio
import socket
from ipaddress import IPv4Address

from falconeye.base.clock import SystemClock
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.federation.reaching import Reaching, answers
from tests.peers.own_address import own_address


async def test_a_port_that_listens_is_told_from_one_that_does_not() -> None:
    read: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.set_result(await reader.read())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await answers("127.0.0.1", port)
    assert await read == b""
    server.close()
    await server.wait_closed()
    assert not await answers("127.0.0.1", port)
    assert not await answers("no address\n", port)


def same_port(*addresses: str) -> list[socket.socket]:
    """Bound to each of these addresses, at one port that is free at all of them."""
    for _ in range(100):
        bound = [socket.socket() for _ in addresses]
        port = 0
        try:
            for one, address in zip(bound, addresses, strict=True):
                one.bind((address, port))
                port = one.getsockname()[1]
        except OSError:  # other tests have it at one of them
            for one in bound:
                one.close()
        else:
            return bound
    raise AssertionError("no port is free at all of them")


async def test_a_camera_by_its_name() -> None:
    """One that leads to this node itself is no camera: its owner has another place there."""
    address = own_address()
    # In a spelling that only the resolver reads, as a name is.
    name = str(int(IPv4Address(address)))
    reaching = Reaching(SystemClock())
    listening, inner = same_port(address, "127.0.0.1")
    with listening, inner, socket.socket() as silent:
        listening.listen()
        inner.listen()
        port = listening.getsockname()[1]
        silent.bind((address, 0))  # nobody else gets it meanwhile, and nobody answers there
        cameras = {
            camera: CameraConfig(camera, camera, Protocol.RTSP, url, 0, 0)
            for camera, url in {
                "there": f"rtsp://{name}:{port}/main",
                "away": f"rtsp://{name}:{silent.getsockname()[1]}/main",
                "nowhere": "rtsp://name.invalid/main",
            }.items()
        }
        reaching.follow(cameras, cameras.keys())
        await asyncio.gather(*reaching._tasks._tasks)
        found = {one: probe.is_reached for one in cameras if (probe := reaching.probe(one))}
        assert found == {"there": True, "away": False, "nowhere": False}
        # As /etc/hosts of some machines has it for the machine's own name.
        assert not await reaching._try("localhost", port)
        assert await answers("127.0.0.1", port)
    await reaching.stop()
