"""Where a browser reaches this node: worked out at start, and noted for other commands.

`falconeye setup-link` does not know the flags of the node that runs; the node leaves its address in
a file of the data directory from its start to its end.
"""

import ipaddress
import os
import socket
from collections.abc import Sequence
from pathlib import Path

FILE_NAME = "address"
PEER_FILE_NAME = "peer-place"
# TEST-NET-1 (RFC 5737) and the documentation prefix (RFC 3849): nothing is ever sent there.
_ELSEWHERE = {socket.AF_INET: ("192.0.2.1", 9), socket.AF_INET6: ("2001:db8::1", 9)}


def reachable_url(host: str, port: int, scheme: str = "http") -> str:
    """`http://address:port/` that other machines can open when `host` lets them."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return f"{scheme}://{host}:{port}/"
    name = _own_address() if address.is_unspecified else host
    return f"{scheme}://[{name}]:{port}/" if ":" in name else f"{scheme}://{name}:{port}/"


def below(url: str, base_path: str) -> str:
    """That address with the base path, which the node takes from a proxy and without one alike."""
    return f"{url.removesuffix('/')}{base_path}/"


def write_serving_address(data_dir: Path, url: str) -> None:
    """Note `url` while the node serves; blocks for a moment."""
    aside = data_dir / f".{FILE_NAME}.{os.getpid()}"
    aside.write_text(f"{url}\n", encoding="utf-8")
    aside.replace(data_dir / FILE_NAME)


def remove_serving_address(data_dir: Path) -> None:
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def read_serving_address(data_dir: Path) -> str | None:
    """What the node that serves (or crashed) noted; None when there is nothing."""
    try:
        return (data_dir / FILE_NAME).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def write_peer_place(data_dir: Path, name: str, addresses: Sequence[str]) -> None:
    """Note how and where other nodes know this one while it serves; blocks for a moment."""
    aside = data_dir / f".{PEER_FILE_NAME}.{os.getpid()}"
    aside.write_text("".join(f"{each}\n" for each in (name, *addresses)), encoding="utf-8")
    aside.replace(data_dir / PEER_FILE_NAME)


def remove_peer_place(data_dir: Path) -> None:
    (data_dir / PEER_FILE_NAME).unlink(missing_ok=True)


def read_peer_place(data_dir: Path) -> tuple[str, list[str]]:
    """Name and addresses that the node that serves (or crashed) noted; "" and none without."""
    try:
        lines = (data_dir / PEER_FILE_NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return "", []
    return (lines[0], lines[1:]) if lines else ("", [])


def _own_address() -> str:
    """The address that the default route would use, else the host name.

    Connecting a UDP socket only chooses a route (connect(2)); no packet leaves.
    """
    for family, elsewhere in _ELSEWHERE.items():
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(elsewhere)
                return str(probe.getsockname()[0])
        except OSError:  # no such route, or a kernel without IPv6 (`ipv6.disable=1`)
            continue
    return socket.gethostname()
