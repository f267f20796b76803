"""The kernel's neighbours as a test wants them: loopback has no hardware."""

from collections.abc import Collection

from typing_extensions import override

from falconeye.cameras.identity.neighbours import Neighbours


class KnownNeighbours(Neighbours):
    """`table`: IP address → hardware address; `asked`: for which addresses somebody asked."""

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[str, str] = {}
        self.asked: list[str] = []

    @override
    def mac_of(self, address: str) -> str | None:
        self.asked.append(address)
        return self.table.get(address)

    @override
    def identifies(self, mac: str, addresses: Collection[str]) -> bool:
        return {one for one, there in self.table.items() if there == mac} <= set(addresses)
