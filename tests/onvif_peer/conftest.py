"""Servers of the tests, each ended after its test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.onvif_peer.building import missing
from tests.onvif_peer.server import OnvifPeer

NewPeer = Callable[..., OnvifPeer]


@pytest.fixture
def new_peer() -> Iterator[NewPeer]:
    """A server with these options (see `peer/src/main.rs`)."""
    if reason := missing():
        pytest.skip(reason)
    with ExitStack() as stack:

        def start(*options: str, inside: str | None = None) -> OnvifPeer:
            return stack.enter_context(OnvifPeer(*options, inside=inside))

        yield start
