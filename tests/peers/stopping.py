"""A context that stops what it began."""

from abc import ABC, abstractmethod
from types import TracebackType


class Stopping(ABC):
    """For a class whose `__enter__` starts something."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def stop(self) -> None:
        """End it, and wait until it has ended."""
