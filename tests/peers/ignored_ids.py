"""A store of ignored found cameras that lives in memory."""

from collections.abc import Collection


class RememberedIds:
    """Outlives the list it is given to."""

    def __init__(self) -> None:
        self.ids: frozenset[str] = frozenset()

    async def load(self) -> frozenset[str]:
        return self.ids

    async def add(self, ids: Collection[str]) -> None:
        self.ids |= set(ids)

    async def remove(self, ids: Collection[str]) -> None:
        self.ids -= set(ids)
