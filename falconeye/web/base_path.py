"""The base path: what stands before every address of ours that leaves a node.

Inside, addresses begin at "/". A reverse proxy may serve a node below "/falconeye"; then pages,
answers and headers carry that, and whatever comes with it is read as if it came without. Where a
node asks a peer for a page, the page carries the path of the node that the person asked.
"""

from contextvars import ContextVar
from typing import Annotated, Any, Final

from litestar.connection import ASGIConnection
from pydantic import PlainSerializer

from falconeye.config.reverse_proxy import is_base_path

BASE_PATH_HEADER: Final = "x-base-path"  # what a node tells a peer that it asks for a person

_current: ContextVar[str] = ContextVar("base_path", default="")


def base_path() -> str:
    """That of the request which is being answered: "/falconeye", or empty."""
    return _current.get()


def answer_below(path: str) -> None:
    """All that this request's task makes from now on lies below `path`."""
    _current.set(path)


def outward(path: str) -> str:
    """An address of ours ("/cameras/1"), as who asks can use it."""
    return _current.get() + path


def address_at(connection: ASGIConnection[Any, Any, Any, Any], path: str) -> str:
    """The whole address of a page of ours, as whoever asks reached this node."""
    url = connection.url
    return f"{url.scheme}://{url.netloc}{outward(path)}"


def inward(path: str) -> str:
    """The counterpart: without the base path, if it lies below that."""
    base = _current.get()
    rest = path[len(base) :]
    if not base or not path.startswith(base) or rest[:1] not in {"", "/", "?"}:
        return path
    return rest if rest.startswith("/") else f"/{rest}"


OwnAddress = Annotated[str, PlainSerializer(outward, return_type=str)]
"""A field of an answer that holds an address of ours: "/…" in the model, outward as JSON."""


def told_by_peer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The base path that a peer asks for a person below; empty for what is none."""
    told = connection.headers.get(BASE_PATH_HEADER, "")
    return told if is_base_path(told) else ""
