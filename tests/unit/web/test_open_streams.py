"""Open connections end when their holder may no longer have them, and when the node stops."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.accounts.revocations import Ended, Revocation, Revocations
from falconeye.web import open_streams
from falconeye.web.open_streams import CloseReason, OpenConnection, OpenStreams
from falconeye.web.security.credentials import SESSION, TOKEN, Credential

ANNA = Principal(PrincipalKind.USER, "u1", "anna", Role.ADMIN, session_id="s1")
BERT = Principal(PrincipalKind.USER, "u2", "bert", Role.VIEWER, session_id="s2")
SCRIPT = Principal(PrincipalKind.TOKEN, "t1", "script", Role.VIEWER)


class Directory:
    """Who each credential is now."""

    def __init__(self) -> None:
        self.known: dict[str, Principal | None] = {"a": ANNA, "b": BERT, "t": SCRIPT}
        self.broken = False

    async def who(self, credential: Credential) -> Principal | None:
        if self.broken:
            raise OSError("disk")
        return self.known[credential.value]


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def streams(directory: Directory) -> OpenStreams:
    return OpenStreams(directory.who)


@contextmanager
def opened(streams: OpenStreams, who: Principal) -> Iterator[OpenConnection]:
    value = {"u1": "a", "u2": "b", "t1": "t"}[who.id]
    kind = TOKEN if who.kind is PrincipalKind.TOKEN else SESSION
    with streams.opened(who, Credential(kind, value)) as connection:
        yield connection


async def test_a_stream_that_says_nothing_is_cancelled(streams: OpenStreams) -> None:
    began = asyncio.Event()

    async def endless() -> None:
        with opened(streams, ANNA) as connection:
            connection.began()
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await began.wait()
    assert streams.streaming == 1
    streams.end(Revocation(Ended.USER, "u2").concerns)
    await asyncio.sleep(0)
    assert not task.cancelling()
    streams.end(Revocation(Ended.SESSION, "s1").concerns)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert streams.streaming == 0


async def test_a_short_answer_finishes(streams: OpenStreams) -> None:
    with opened(streams, ANNA) as connection:
        streams.end(lambda _: True)
        await asyncio.sleep(0)
        assert connection.reason is CloseReason.REVOKED


async def test_an_answer_that_begins_to_stream_after_the_end_is_cut(streams: OpenStreams) -> None:
    with opened(streams, ANNA) as connection:
        streams.end(lambda _: True)
        connection.began()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()


async def test_who_watches_closing_is_given_time_to_say_goodbye(streams: OpenStreams) -> None:
    with opened(streams, ANNA) as connection:
        connection.began()
        waiting = asyncio.create_task(connection.wait_closing())
        await asyncio.sleep(0)
        streams.end(lambda _: True)
        assert await waiting is CloseReason.REVOKED
        assert not connection.cancelled


async def test_who_does_not_go_is_cancelled_after_the_grace(
    streams: OpenStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_streams, "GRACE_S", 0.01)
    with opened(streams, ANNA) as connection:
        connection.says_goodbye = True
        connection.began()
        streams.end(lambda _: True)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.Event().wait()
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()


async def test_run_gives_the_result_or_ends_with_the_connection(streams: OpenStreams) -> None:
    async def seven() -> int:
        return 7

    async def for_ever() -> int:
        await asyncio.Event().wait()
        return 8

    with opened(streams, ANNA) as connection:
        connection.began()
        assert await connection.run(seven()) == 7
        endless = asyncio.create_task(connection.run(for_ever()))
        await asyncio.sleep(0)
        connection.close(CloseReason.STOPPING)
        assert await endless is None


async def test_run_hands_on_what_goes_wrong(streams: OpenStreams) -> None:
    async def fails() -> None:
        raise ValueError("x")

    with opened(streams, ANNA) as connection, pytest.raises(ValueError, match="x"):
        await connection.run(fails())


async def test_a_recheck_ends_those_who_are_nobody_or_somebody_else_now(
    streams: OpenStreams, directory: Directory
) -> None:
    with (
        opened(streams, ANNA) as anna,
        opened(streams, BERT) as bert,
        opened(streams, SCRIPT) as script,
    ):
        await streams.recheck()
        assert {anna.reason, bert.reason, script.reason} == {None}
        directory.known["a"] = None
        directory.known["b"] = Principal(
            PrincipalKind.USER, "u2", "bert", Role.VIEWER, frozenset({"c1"}), session_id="s2"
        )
        await streams.recheck()
        assert anna.reason is CloseReason.REVOKED
        assert bert.reason is CloseReason.REVOKED
        assert script.reason is None


async def test_the_watch_hears_revocations_and_outlives_a_failed_look(
    streams: OpenStreams, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_streams, "RECHECK_S", 0.01)
    directory.broken = True
    revocations = Revocations()
    watch = asyncio.create_task(streams.watch(revocations))
    with opened(streams, ANNA) as anna, opened(streams, SCRIPT) as script:
        await asyncio.sleep(0)
        revocations.publish(Revocation(Ended.TOKEN, "t1"))
        await script.closing.wait()
        assert anna.reason is None
        directory.known["a"] = None
        directory.broken = False
        await anna.closing.wait()
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def test_revocations_however_often_do_not_put_the_look_off(
    streams: OpenStreams, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_streams, "RECHECK_S", 0.5)  # a busy machine pauses for less
    revocations = Revocations()
    watch = asyncio.create_task(streams.watch(revocations))
    with opened(streams, ANNA) as anna:
        directory.known["a"] = None
        async with asyncio.timeout(5):
            while anna.reason is None:  # somebody signs out at each turn of the loop
                revocations.publish(Revocation(Ended.SESSION, "another"))
                await asyncio.sleep(0)
        assert anna.reason is CloseReason.REVOKED
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def test_stop_tells_everybody_and_waits_until_they_went(streams: OpenStreams) -> None:
    began = asyncio.Event()
    reasons: list[CloseReason] = []

    async def polite() -> None:
        with opened(streams, BERT) as connection:
            connection.began()
            began.set()
            reasons.append(await connection.wait_closing())

    task = asyncio.create_task(polite())
    await began.wait()
    await streams.stop(5)
    assert reasons == [CloseReason.STOPPING]
    assert streams.streaming == 0
    await task
    with opened(streams, ANNA) as late:
        assert late.reason is CloseReason.STOPPING


async def test_stop_does_not_wait_for_ever(streams: OpenStreams) -> None:
    with opened(streams, BERT) as connection:
        connection.says_goodbye = True
        connection.began()
        await streams.stop(0.01)
        assert connection.reason is CloseReason.STOPPING


@pytest.mark.parametrize("reason", list(CloseReason))
def test_close_codes_are_of_the_ranges_an_application_may_send(reason: CloseReason) -> None:
    assert 3000 <= reason.websocket_code <= 4999 or reason.websocket_code in {1001, 1012}
