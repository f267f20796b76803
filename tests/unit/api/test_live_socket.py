"""The pump of live sockets: choices, revocation, slow and leaving viewers."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar.exceptions import WebSocketDisconnect

from falconeye.base.errors import InvalidInput, NotFound
from falconeye.web import i18n
from falconeye.web.api.live_socket import (
    CLOSE_GOING_AWAY,
    CLOSE_INVALID,
    CLOSE_TOO_BIG,
    CLOSE_TOO_SLOW,
    CLOSING,
    close_with,
    pump,
)
from falconeye.web.open_streams import CloseReason, OpenConnection

OFFER = json.dumps({"type": "offer", "streams": [{"stream": "main"}, {"stream": "sub"}]})


class Session:
    """A viewer's session whose messages the test hands out; None ends it."""

    def __init__(self) -> None:
        self.outgoing: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.choices: list[dict[str, Any]] = []
        self.chosen = asyncio.Event()
        self.closed = 0
        self.ended = False

    async def messages(self) -> AsyncIterator[str | bytes]:
        try:
            while (message := await self.outgoing.get()) is not None:
                yield message
        finally:
            self.ended = True

    def choose(self, request: dict[str, Any]) -> None:
        if request.get("stream") not in {"main", "sub"}:
            msg = "there is no such stream"
            raise InvalidInput(msg)
        self.choices.append(request)
        self.chosen.set()

    def close(self) -> None:
        self.closed += 1


class Connection:
    """The client's end of a socket."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[str | None] = asyncio.Queue()
        self.received: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.close_code: int | None = None
        self.close_reason = ""

    async def receive_text(self) -> str:
        if (text := await self.incoming.get()) is None:
            raise WebSocketDisconnect(detail="left")
        return text

    async def send_text(self, data: str) -> None:
        await self.reads.wait()
        self.received.put_nowait(data)

    async def send_bytes(self, data: bytes) -> None:
        await self.reads.wait()
        self.received.put_nowait(data)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        self.close_code, self.close_reason = code, reason or ""


class Viewer:
    """Session, connection and the pump between them, running."""

    def __init__(self, preferred: Any = "auto", send_limit_s: float = 5.0) -> None:
        self.session = Session()
        self.connection = Connection()
        self.open = OpenConnection(None, None)
        self.task = asyncio.create_task(
            pump(
                self.connection,
                self.session,
                connection=self.open,
                preferred=preferred,
                send_limit_s=send_limit_s,
            )
        )


async def test_messages_pass_in_both_directions() -> None:
    viewer = Viewer()
    viewer.session.outgoing.put_nowait(OFFER)
    assert await viewer.connection.received.get() == OFFER
    choice = {"type": "choose", "stream": "sub", "audio": False, "focused": True}
    viewer.connection.incoming.put_nowait(json.dumps(choice))
    await viewer.session.chosen.wait()
    assert viewer.session.choices == [choice]
    viewer.session.outgoing.put_nowait(b"init")
    assert await viewer.connection.received.get() == b"init"
    viewer.session.outgoing.put_nowait(None)
    await viewer.task
    assert viewer.connection.close_code == CLOSE_GOING_AWAY
    assert viewer.session.closed == 1


async def test_the_stream_of_the_address_is_chosen_when_it_is_offered() -> None:
    viewer = Viewer(preferred="sub")
    viewer.session.outgoing.put_nowait(json.dumps({"type": "offline", "reason": "off"}))
    viewer.session.outgoing.put_nowait(OFFER)
    await viewer.session.chosen.wait()
    viewer.session.outgoing.put_nowait(OFFER)
    viewer.session.outgoing.put_nowait(None)
    await viewer.task
    assert [choice["stream"] for choice in viewer.session.choices] == ["sub"]


async def test_why_there_is_no_picture_is_said_in_the_language_of_who_watches() -> None:
    await asyncio.to_thread(i18n.keep_catalogues)  # as a node does when it starts
    told = {"type": "offline", "reason_code": "error", "reason": "no answer from 10.0.0.9"}
    languages = {"en": "no answer from 10.0.0.9", "de": "keine Antwort von 10.0.0.9"}
    for language, words in languages.items():
        before = i18n.current_language.set(language)
        viewer = Viewer()
        i18n.current_language.reset(before)
        viewer.session.outgoing.put_nowait(json.dumps(told))
        received = await viewer.connection.received.get()
        assert json.loads(received) == told | {"reason": words}
        viewer.session.outgoing.put_nowait(None)
        await viewer.task


async def test_the_clients_own_choice_beats_the_address() -> None:
    viewer = Viewer(preferred="sub")
    viewer.connection.incoming.put_nowait('{"type":"choose","stream":"main"}')
    await viewer.session.chosen.wait()
    viewer.session.outgoing.put_nowait(OFFER)
    viewer.session.outgoing.put_nowait(None)
    await viewer.task
    assert [choice["stream"] for choice in viewer.session.choices] == ["main"]


async def test_a_viewer_that_leaves_frees_the_session() -> None:
    viewer = Viewer()
    viewer.session.outgoing.put_nowait(OFFER)
    await viewer.connection.received.get()
    viewer.connection.incoming.put_nowait(None)
    await viewer.task
    assert viewer.session.closed == 1
    assert viewer.session.ended
    assert viewer.connection.close_code is None


async def test_a_viewer_that_reads_nothing_is_dropped_and_holds_one_message() -> None:
    viewer = Viewer(send_limit_s=0.01)
    viewer.connection.reads.clear()
    for number in range(10):
        viewer.session.outgoing.put_nowait(bytes([number]))
    await viewer.task
    assert viewer.connection.close_code == CLOSE_TOO_SLOW
    assert viewer.session.outgoing.qsize() == 9
    assert viewer.session.closed == 1
    assert viewer.session.ended


@pytest.mark.parametrize(
    ("reason", "code", "last_words"),
    [(CloseReason.REVOKED, 4401, []), (CloseReason.STOPPING, 1012, [CLOSING])],
)
async def test_the_shell_ends_the_stream_at_once(
    reason: CloseReason, code: int, last_words: list[str]
) -> None:
    viewer = Viewer()
    viewer.session.outgoing.put_nowait(b"init")
    assert await viewer.connection.received.get() == b"init"
    viewer.open.close(reason)
    await viewer.task
    assert viewer.connection.close_code == code
    assert [viewer.connection.received.get_nowait() for _ in last_words] == last_words
    assert viewer.connection.received.empty()
    assert viewer.session.closed == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", CLOSE_INVALID),
        ("[" * 4000, CLOSE_INVALID),
        ("[]", CLOSE_INVALID),
        ('{"type":"choose","stream":"third"}', CLOSE_INVALID),
        ('"' + "x" * 5000 + '"', CLOSE_TOO_BIG),
    ],
)
async def test_what_is_no_choice_closes_with_words(text: str, code: int) -> None:
    viewer = Viewer()
    viewer.connection.incoming.put_nowait(text)
    await viewer.task
    assert viewer.connection.close_code == code
    assert viewer.connection.close_reason
    assert viewer.session.closed == 1


async def test_a_refusal_says_the_same_as_http_would() -> None:
    connection = Connection()
    await close_with(connection, NotFound("there is no such camera: " + "ü" * 200))
    assert connection.close_code == 4404
    assert len(connection.close_reason.encode()) <= 123


async def test_of_many_choices_at_once_the_newest_counts() -> None:
    viewer = Viewer()
    for number in range(100):
        viewer.connection.incoming.put_nowait(
            json.dumps({"type": "choose", "stream": "sub", "number": number})
        )
    while not viewer.session.choices or viewer.session.choices[-1]["number"] != 99:
        viewer.session.chosen.clear()
        await viewer.session.chosen.wait()
    assert len(viewer.session.choices) <= 2
    viewer.session.outgoing.put_nowait(None)
    await viewer.task
