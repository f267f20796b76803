"""A host on the tests' network, as a program: `network_host.py JSON`, until its input ends.

address     where it is
onvif       list of devices that answer WS-Discovery: reference, types, scopes, xaddrs, says (a kind
            of answer: "match", "garbage", "bomb", "foreign", "many", "mute"), reuse (of port 3702),
            hello and bye (whether it says them)
mdns        list of services: type, name, port, txt
flood       how many services are announced by packets alone, of the type "flood_type"
told        like mdns, but said once, by packets alone, and all at once
tcp         port → what answers there: "rtsp", "onvif", "mute", "babble", or {"http": page, "realm"}
It says "ready" once all of that is there.
"""

import asyncio
import json
import re
import socket
import struct
import sys
from typing import Any

GROUP = "239.255.255.250"
ENVELOPE = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
    "<a:RelatesTo>{relates}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
)
DEVICE = (
    "<a:EndpointReference><a:Address>{reference}</a:Address></a:EndpointReference>"
    "<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
    "<d:MetadataVersion>1</d:MetadataVersion>"
)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><b>&j;</b>"
)


def fields(device: dict[str, Any]) -> str:
    return DEVICE.format(
        reference=device["reference"],
        types=device.get("types", "dn:NetworkVideoTransmitter"),
        scopes=" ".join(device.get("scopes", ())),
        xaddrs=" ".join(device.get("xaddrs", ())),
    )


def match(device: dict[str, Any], relates: str) -> bytes:
    body = f"<d:ProbeMatches><d:ProbeMatch>{fields(device)}</d:ProbeMatch></d:ProbeMatches>"
    return ENVELOPE.format(relates=relates, body=body).encode()


def answers(device: dict[str, Any], relates: str) -> list[bytes]:
    says = device.get("says", "match")
    if says == "garbage":
        return [b"\x00\xff" * 700, b"<", b"", b"<a" * 30_000]
    if says == "bomb":
        return [BOMB.encode(), ("<a>" * 20_000).encode()]
    if says == "foreign":
        return [match(device, "urn:uuid:of-somebody-else")]
    if says == "many":
        every = ({**device, "reference": f"urn:uuid:{n}"} for n in range(10_000))
        return [match(one, relates) for one in every]
    return [] if says == "mute" else [match(device, relates)]


class Responder(asyncio.DatagramProtocol):
    def __init__(self, device: dict[str, Any]) -> None:
        self.device = device

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = re.search(rb"MessageID>([^<]+)<", data)
        if b"Probe>" in data and asked:
            for answer in answers(self.device, asked[1].decode()):
                self.transport.sendto(answer, addr)


async def onvif(address: str, device: dict[str, Any]) -> None:
    local = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if device.get("reuse", True):
        local.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    local.bind(("", 3702))
    joined = struct.pack("=4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
    local.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Responder(device), sock=local)
    if device.get("hello"):
        say(address, f"<d:Hello>{fields(device)}</d:Hello>")


def say(address: str, body: str) -> None:
    """To all who listen: Hello or Bye."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as local:
        local.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        local.sendto(ENVELOPE.format(relates="", body=body).encode(), (GROUP, 3702))


async def tcp(address: str, port: int, what: object) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if what == "babble":
                writer.write(b"x" * 1_000_000)
                await writer.drain()
            asked = await reader.readuntil(b"\r\n\r\n")
            if b"Content-Length: " in asked:
                length = int(asked.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
            if what == "mute":
                await reader.read()
            writer.write(answer(what, asked))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    await asyncio.start_server(serve, address, port)


def answer(what: object, asked: bytes) -> bytes:
    if what == "rtsp":
        return b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE\r\nServer: Dahua\r\n\r\n"
    if what == "onvif" and asked.startswith(b"POST"):
        body = ENVELOPE.format(relates="", body="<GetSystemDateAndTimeResponse/>").encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body
    page = what if isinstance(what, dict) else {"http": "<title>a page</title>"}
    realm = f'WWW-Authenticate: Digest realm="{page["realm"]}"\r\n' if "realm" in page else ""
    status = "401 Unauthorized" if realm else "200 OK"
    return f"HTTP/1.1 {status}\r\nServer: tiny\r\n{realm}\r\n{page['http']}".encode()


async def main(what: dict[str, Any]) -> None:
    address = what["address"]
    for device in what.get("onvif", ()):
        await onvif(address, device)
    for port, kind in what.get("tcp", {}).items():
        await tcp(address, int(port), kind)
    announced = None
    if what.get("mdns"):
        announced = await announce(address, what["mdns"])
    if what.get("flood"):
        flood(address, what["flood"], what.get("flood_type", "_rtsp._tcp.local."))
    if what.get("told"):
        tell(address, what["told"])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for device in what.get("onvif", ()):
        if device.get("bye"):
            say(address, f"<d:Bye>{fields(device)}</d:Bye>")
    if announced is not None:
        await announced.async_unregister_all_services()
        await announced.async_close()


def flood(address: str, count: int, service_type: str) -> None:
    """Answers that nobody asked for, ten pointers a packet (RFC 6762, 6)."""
    kind = wire(service_type)
    with responding(address) as local:
        for first in range(0, count, 10):
            packet = struct.pack("!6H", 0, 0x8400, 0, 10, 0, 0)
            for number in range(first, first + 10):
                label = b"%08d" % number if number else b"esc\x1b[31m"  # zeroconf makes no such
                name = b"\x08" + label + kind
                packet += kind + struct.pack("!HHIH", 12, 1, 4500, len(name)) + name
            local.sendto(packet, ("224.0.0.251", 5353))


def tell(address: str, services: list[dict[str, Any]]) -> None:
    """Whole services, one a packet: pointer, place, texts, address."""
    with responding(address) as local:
        for service in services:
            name = wire(service["name"] + "." + service["type"])
            host = wire(service["name"] + ".local.")
            texts = (f"{key}={value}".encode() for key, value in service["txt"].items())
            records = (
                (wire(service["type"]), 12, 1, name),
                (name, 33, 0x8001, struct.pack("!3H", 0, 0, service["port"]) + host),
                (name, 16, 0x8001, b"".join(bytes([len(text)]) + text for text in texts)),
                (host, 1, 0x8001, socket.inet_aton(service.get("at", address))),
            )
            packet = struct.pack("!6H", 0, 0x8400, 0, len(records), 0, 0)
            for owner, kind, group, data in records:
                packet += owner + struct.pack("!HHIH", kind, group, 4500, len(data)) + data
            local.sendto(packet, ("224.0.0.251", 5353))


def wire(name: str) -> bytes:
    """A name as labels (RFC 1035, 3.1)."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))


def responding(address: str) -> socket.socket:
    """What a responder sends by."""
    local = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    local.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    local.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    local.bind((address, 5353))
    return local


async def announce(address: str, services: list[dict[str, Any]]) -> Any:
    # Here, because a host without mDNS starts twice as fast.
    from zeroconf import IPVersion  # noqa: PLC0415
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf  # noqa: PLC0415

    announced = AsyncZeroconf(interfaces=[address], ip_version=IPVersion.V4Only)
    for service in services:
        info = AsyncServiceInfo(
            service["type"],
            f"{service['name']}.{service['type']}",
            addresses=[socket.inet_aton(service.get("at", address))],
            port=service.get("port", 80),
            properties=service.get("txt", {}),
            server=f"{service.get('server', 'camera-' + address.replace('.', '-'))}.local.",
        )
        await (
            await announced.async_register_service(info, strict=False, cooperating_responders=True)
        )
    return announced


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
