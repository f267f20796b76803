"""What this node is called: whoever tells it holds this, and so follows a rename at once."""

from typing_extensions import override


class NodeName:
    """Its text is the name of now: `str(name)`."""

    def __init__(self, text: str) -> None:
        self._text = text

    @override
    def __str__(self) -> str:
        return self._text

    def change(self, text: str) -> None:
        """It is called otherwise from now on."""
        self._text = text
