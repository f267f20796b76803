"""What services answer to Apprise, within bounds: its plug-ins read every answer to its end.

They read it unpacked and into memory, by `requests`, which has no bound of its own: an answer that
never ends, or a few kilobytes that unpack to gigabytes, would take the node's memory, also after
whoever sent the message has stopped waiting. What a plug-in needs of an answer is a few kilobytes.
"""

import logging
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

MAX_ANSWER_BYTES: Final = 256 * 1024  # unpacked
_PIECE_BYTES: Final = 16 * 1024


@cache
def bound_answers() -> None:
    """From here on, for all of the process that asks by `requests`; loads it."""
    import requests.sessions  # noqa: PLC0415 - Apprise brings it, when the first message is sent

    class Adapter(requests.adapters.HTTPAdapter):
        """The way out of every session that is made."""

        @override
        def build_response(self, req: "PreparedRequest", resp: Any) -> "Response":
            response = super().build_response(req, resp)
            response.raw = _Bounded(resp)
            return response

    # Plug-ins ask by functions that make a session each: there is no other place.
    requests.sessions.HTTPAdapter = Adapter  # type: ignore[attr-defined]


class _Bounded:
    """An answer of urllib3 that ends at `MAX_ANSWER_BYTES`, with an error of `requests`."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)

    def stream(self, _amt: int | None, *, decode_content: bool | None) -> Iterator[bytes]:
        """As urllib3's, in pieces of a few kilobytes; RequestException beyond the bound."""
        from requests import RequestException  # noqa: PLC0415 - loaded long since

        size = 0
        for piece in self._answer.stream(_PIECE_BYTES, decode_content=decode_content):
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                self._answer.close()
                words = f"its answer is larger than {MAX_ANSWER_BYTES // 1024} kB"
                # The plug-in says only that it failed; what is logged there is told to who asked.
                logging.getLogger("apprise").warning(words)
                raise RequestException(words)
            yield piece
