"""Receivers of notices that answer to do harm: refused within bounds, with a reason."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from falconeye.alerts.bounded_answers import MAX_ANSWER_BYTES
from falconeye.alerts.delivery import NotDelivered, Request
from falconeye.alerts.http import MAX_REASON, request
from falconeye.alerts.push import Push
from falconeye.base.secret import Secret
from tests.peers.hostile_http import (
    MB,
    TAKEN_BYTES,
    Answer,
    Hostile,
    answer,
    deflate_bomb,
    endless_body,
    endless_chunks,
    endless_headers,
    endless_status,
    gzip_bomb,
    hostile,
    memory_below,
    packed_twice,
)

BODIES: dict[str, Callable[[], Answer]] = {
    "gzip bomb": lambda: answer(gzip_bomb(), b"Content-Encoding: gzip"),
    "deflate bomb": lambda: answer(deflate_bomb(), b"Content-Encoding: deflate"),
    "packed twice": lambda: answer(packed_twice(), b"Content-Encoding: gzip, gzip"),
    "endless body": endless_body,
    "endless chunks": endless_chunks,
    "too long a body": lambda: answer(bytes(64 * MB)),
}
HEADS = [endless_headers, endless_status]


def url(server: Hostile, scheme: str = "http") -> Secret:
    return Secret(f"{scheme}://user:hidden@127.0.0.1:{server.port}/token")


def posted(server: Hostile) -> Request:
    return Request("POST", url(server), {}, b"{}")


def no_thread_is_left() -> None:
    for thread in threading.enumerate():
        if thread.name == "notify":
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize("kind", BODIES)
async def test_a_service_s_answer_is_taken_within_bounds(kind: str) -> None:
    """By Apprise, whose plug-ins read all that is answered, unpacked."""
    # Loaded before it is measured; and what is answered within bounds is still taken.
    async with hostile(lambda: answer(bytes(MAX_ANSWER_BYTES))) as friendly:
        assert await Push(url(friendly, "json"), allow_local=True).send("a", "b")
    made = BODIES[kind]()
    async with hostile(lambda: made) as server:
        with memory_below(8 * MB):
            with pytest.raises(NotDelivered, match="larger than 256 kB") as caught:
                await Push(url(server, "json"), allow_local=True).send("title", "text")
            await asyncio.to_thread(no_thread_is_left)
        await server.until_hung_up()
    assert server.sent_bytes < TAKEN_BYTES
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("make", HEADS)
async def test_a_service_s_head_is_taken_within_bounds(make: Callable[[], Answer]) -> None:
    async with hostile(make) as server:
        with pytest.raises(NotDelivered) as caught:
            await Push(url(server, "json"), allow_local=True).send("title", "text")
        await server.until_hung_up()
    assert server.sent_bytes < TAKEN_BYTES
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize("kind", BODIES)
async def test_of_a_webhook_s_answer_only_the_status_is_taken(kind: str) -> None:
    made = BODIES[kind]()
    async with hostile(lambda: made) as server:
        with memory_below(8 * MB):
            answered = await request(posted(server), allow_local=True)
        await server.until_hung_up()
    assert answered == "it answered 200 Said"
    assert server.sent_bytes < TAKEN_BYTES


@pytest.mark.parametrize("make", HEADS)
async def test_a_webhook_s_head_is_taken_within_bounds(make: Callable[[], Answer]) -> None:
    async with hostile(make) as server:
        with pytest.raises(NotDelivered, match="the connection broke") as caught:
            await request(posted(server), allow_local=True)
        await server.until_hung_up()
    assert server.sent_bytes < TAKEN_BYTES
    assert "hidden" not in str(caught.value)


async def test_what_a_webhook_says_to_its_status_is_short() -> None:
    """It stands on pages, in the log, and in what a test of the address answers."""
    said = b"500 \t\xff" + b"a" * 60_000
    async with hostile(lambda: answer(b"", status=said)) as server:
        with pytest.raises(NotDelivered, match=r"^it answered 500 a+$") as caught:
            await request(posted(server), allow_local=True)
    assert len(str(caught.value)) <= MAX_REASON + len("it answered 500 ")
