"""What leaves the node, at a real receiver on loopback; and that nothing does unless it is set."""

import asyncio
import hashlib
import hmac
import io
import json
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC

import httpx
import pytest

from falconeye.alerts import push
from falconeye.alerts.channel import QUEUE_MESSAGES, REFUSED_TRIES, Channel
from falconeye.alerts.delivery import NotDelivered, Request
from falconeye.alerts.faults import Change, Turn
from falconeye.alerts.heartbeat import Heartbeat
from falconeye.alerts.http import request
from falconeye.alerts.messages import MAX_LINES, Message, signed_headers
from falconeye.alerts.push import Push
from falconeye.base.backoff import Backoff
from falconeye.base.errors import Conflict
from falconeye.base.secret import Secret
from falconeye.base.tasks import TaskSet
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores.notice_store import Notice
from tests.clock import START_US, FakeClock
from tests.peers.http_receiver import HttpReceiver, http_receiver

SECRET = Secret("a secret of sixteen")


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as running:
        yield running


def message(*names: str, turn: Turn = Turn.BEGAN) -> Message:
    changes = [
        Change(turn, Notice(f"n-{name}", name, name, START_US, GapReason.CAMERA_OFFLINE, "silent"))
        for name in names
    ]
    return Message("node-1", "pi-1", START_US, tuple(changes))


async def test_the_webhook_is_signed_as_documented(receiver: HttpReceiver) -> None:
    body = message("Yard").document(UTC)
    headers = signed_headers(body, SECRET, START_US)
    wanted = Request("POST", Secret(receiver.url("/hook?x=1")), headers, body)
    assert await request(wanted, allow_local=True) == "it answered 200 Said"
    (got,) = receiver.received
    assert (got.method, got.path) == ("POST", "/hook?x=1")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    timestamp = got.headers["x-falconeye-timestamp"]
    assert timestamp == str(START_US // 1_000_000)
    signed = timestamp.encode() + b"." + got.body
    digest = hmac.new(SECRET.reveal().encode(), signed, hashlib.sha256).hexdigest()
    assert got.headers["x-falconeye-signature"] == f"sha256={digest}"
    content = json.loads(got.body)
    assert (content["kind"], content["node"]["name"]) == ("notices", "pi-1")
    assert content["notices"] == [
        {
            "id": "n-Yard", "camera_id": "Yard", "camera_name": "Yard", "since": content["at"],
            "volume_id": None, "volume_path": None,
            "until": None, "reason": "camera_offline", "detail": "silent", "turn": "began",
        }
    ]  # fmt: skip
    assert content["text"].startswith("Yard: not recorded since 2026-09-21 ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.1.1", "0.0.0.0"])  # noqa: S104
async def test_this_machine_is_not_contacted_unless_allowed(
    receiver: HttpReceiver, host: str
) -> None:
    wanted = Request("GET", Secret(f"http://{host}:{receiver.port}/token"))
    with pytest.raises(NotDelivered, match="no address of a single host") as caught:
        await request(wanted, allow_local=False)
    assert "token" not in str(caught.value)
    with pytest.raises(NotDelivered, match="no address of a single host"):
        await Push(Secret(f"json://{host}:{receiver.port}/token"), allow_local=False).send("a", "b")
    assert receiver.received == []


async def test_redirects_are_not_followed(receiver: HttpReceiver) -> None:
    receiver.status, receiver.location = 302, receiver.url("/elsewhere")
    with pytest.raises(NotDelivered, match="302 Said; FalconEye follows no redirect"):
        await request(Request("GET", Secret(receiver.url())), allow_local=True)
    url = f"json://127.0.0.1:{receiver.port}/?redirect=yes"
    with pytest.raises(NotDelivered):
        await Push(Secret(url), allow_local=True).send("title", "text")
    assert [got.path for got in receiver.received] == ["/", "/"]


async def test_why_it_failed_is_said_without_the_secret(receiver: HttpReceiver) -> None:
    receiver.status = 500
    with pytest.raises(NotDelivered, match=r"^it answered 500 Said$"):
        await request(Request("GET", Secret(receiver.url("/token"))), allow_local=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/token"
        with pytest.raises(NotDelivered, match="cannot be connected to") as caught:
            await request(Request("GET", Secret(url)), allow_local=True)
    assert "token" not in str(caught.value)
    with pytest.raises(NotDelivered, match=r"no host named nowhere\.invalid"):
        await request(Request("GET", Secret("http://nowhere.invalid/")), allow_local=True)


async def test_who_never_answers_costs_a_few_seconds(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.alerts.http.STEP_S", 0.1)
    receiver.status = None
    with pytest.raises(NotDelivered, match="no answer in time"):
        await request(Request("GET", Secret(receiver.url())), allow_local=True)


async def test_apprise_delivers_and_says_why_not(receiver: HttpReceiver) -> None:
    push = Push(Secret(f"json://user:hidden@127.0.0.1:{receiver.port}/x"), allow_local=True)
    assert await push.send("title", "text") == "the service took it"
    content = json.loads(receiver.received[0].body)
    assert (content["title"], content["message"]) == ("title", "text")
    receiver.status = 403
    with pytest.raises(NotDelivered, match="403") as caught:
        await push.send("title", "text")
    assert "hidden" not in str(caught.value)
    with pytest.raises(NotDelivered, match="does not know this address"):
        await Push(Secret("nothing://x"), allow_local=True).send("title", "text")


async def test_a_token_in_the_place_of_a_host_is_asked_of_no_name_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("falconeye.alerts.push.checked_addresses", lambda *a, **_k: asked.append(a))
    telegram = "apprise.plugins.telegram.NotifyTelegram.notify"
    monkeypatch.setattr(telegram, lambda _self, **_k: True)
    url = Secret("tgram://123456789:abcdefghijklmnopqrstuvwxyzabcdefghi/123/")
    assert await Push(url, allow_local=False).send("title", "text")
    assert asked == []


async def test_a_channel_tries_again_until_it_arrives(clock: FakeClock) -> None:
    outcome: asyncio.Queue[bool] = asyncio.Queue()
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    failed = asyncio.Event()

    async def deliver(_message: Message) -> str:
        if not await outcome.get():
            failed.set()
            raise NotDelivered("it is away")
        return "yes"

    channel = Channel("webhook", "http://x/***", deliver, clock, Backoff(0.001, 0.001))
    tasks = TaskSet("test")
    _ = tasks.start(channel.run(arrived.put_nowait), "channel")
    first, second = message("a"), message("b")
    channel.put(first)
    channel.put(second)
    outcome.put_nowait(False)
    outcome.put_nowait(False)
    await failed.wait()
    await asyncio.sleep(0)
    state = channel.state
    assert (state.problem, state.waiting, state.delivered_us) == ("it is away", 2, None)
    outcome.put_nowait(True)
    outcome.put_nowait(True)
    assert [await arrived.get(), await arrived.get()] == [first, second]
    state = channel.state
    assert (state.problem, state.waiting, state.tried_us) == ("", 0, clock.utc_us())
    await tasks.stop()


async def test_a_message_that_is_always_refused_is_given_up(clock: FakeClock) -> None:
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    first, second = message("a"), message("b")
    tries: list[Message] = []

    async def deliver(given: Message) -> str:
        tries.append(given)
        if given is second:
            return "yes"
        if len(tries) == 3:  # it may be away between two refusals
            raise NotDelivered("it is away")
        raise NotDelivered("it answered 413 Said", refused=True)

    channel = Channel("webhook", "x", deliver, clock, Backoff(0.0, 0.0))
    tasks = TaskSet("test")
    channel.put(first)
    channel.put(second)
    _ = tasks.start(channel.run(arrived.put_nowait), "channel")
    assert await arrived.get() is second
    assert tries == [first] * (REFUSED_TRIES + 1) + [second]
    assert (channel.state.refused, channel.state.dropped, channel.state.waiting) == (1, 0, 0)
    await tasks.stop()


@pytest.mark.parametrize(
    ("status", "is_final"), [(400, True), (403, True), (413, True), (429, False), (503, False)]
)
async def test_a_refusal_is_told_from_a_failure(
    receiver: HttpReceiver, status: int, is_final: bool
) -> None:
    receiver.status = status
    with pytest.raises(NotDelivered, match=str(status)) as asked:
        await request(Request("POST", Secret(receiver.url())), allow_local=True)
    assert asked.value.refused is is_final
    with pytest.raises(NotDelivered, match=str(status)) as pushed:
        await Push(Secret(f"json://127.0.0.1:{receiver.port}/"), allow_local=True).send("a", "b")
    assert pushed.value.refused is is_final


@pytest.mark.parametrize("reason", ["another message", "a test that arrives"])
async def test_a_reason_to_try_again_ends_the_wait(clock: FakeClock, reason: str) -> None:
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    refused = asyncio.Event()

    async def deliver(_message: Message) -> str:
        if not refused.is_set():
            refused.set()
            raise NotDelivered("it is away")
        return "yes"

    channel = Channel("webhook", "x", deliver, clock, Backoff(3600, 3600))
    tasks = TaskSet("test")
    _ = tasks.start(channel.run(arrived.put_nowait), "channel")
    first, second = message("a"), message("b")
    channel.put(first)
    await refused.wait()
    while not channel.state.problem:  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(0)
    if reason == "another message":
        channel.put(second)
    else:
        assert await channel.test(second) == "yes"
    assert await arrived.get() == first
    await tasks.stop()


@pytest.mark.parametrize(
    "url", ["tgram://SECRETTOKEN/chat", "slack://SECRETA1/SECRETB2", "discord://1234567/"]
)
async def test_a_token_in_an_address_is_never_logged(url: str) -> None:
    logged = io.StringIO()  # not caplog: that listens to loggers that tell nobody, too
    listener = logging.StreamHandler(logged)
    logging.getLogger().addHandler(listener)
    try:
        with pytest.raises(NotDelivered) as caught:
            await Push(Secret(url), allow_local=False).send("title", "text")
    finally:
        logging.getLogger().removeHandler(listener)
    for part in ("SECRET", "1234567"):
        assert part not in logged.getvalue()
        assert part not in str(caught.value)


def test_what_apprise_says_is_told_without_the_address() -> None:
    said = ["Failed to send to hooks.example: error=403", "token SECRETTOKEN is not valid"]
    words = push._words(said, "slack://hooks.example/SECRETTOKEN")
    assert words == "Failed to send to ***: error=403 token *** is not valid"


async def test_a_full_queue_drops_the_oldest_and_counts(clock: FakeClock) -> None:
    async def never(_message: Message) -> str:
        raise NotDelivered("away")

    channel = Channel("webhook", "x", never, clock)
    for number in range(QUEUE_MESSAGES + 3):
        channel.put(message(str(number)))
    assert (channel.state.waiting, channel.state.dropped) == (QUEUE_MESSAGES, 3)
    with pytest.raises(NotDelivered):
        await channel.test(message())
    assert channel.state.problem == "away"


async def test_one_try_at_a_time(clock: FakeClock) -> None:
    go = asyncio.Event()

    async def slow(_message: Message) -> str:
        await go.wait()
        return "yes"

    channel = Channel("webhook", "x", slow, clock)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(channel.test(message()))
        await asyncio.sleep(0)
        with pytest.raises(Conflict):
            await channel.test(message())
        go.set()
    assert first.result() == "yes"


def test_the_heartbeat_beats_only_while_everything_records(clock: FakeClock) -> None:
    heartbeat = Heartbeat(clock)
    beats = []
    for second in range(400):
        clock.advance(1)
        if heartbeat.is_due(everything_records=not 100 <= second < 290):
            beats.append(second)
    assert beats == [59, 290, 350]  # at once when it is due and all is well again


def test_many_cameras_are_counted_in_the_text() -> None:
    names = [f"camera {number}" for number in range(MAX_LINES + 5)]
    told = message(*names)
    assert told.title == f"FalconEye pi-1: {len(names)} cameras are not recorded"
    assert told.text(UTC).splitlines()[-1] == "and 5 more"
    assert len(json.loads(told.document(UTC))["notices"]) == len(names)
    assert message("Yard", turn=Turn.RECORDS).title == "FalconEye pi-1: Yard is recorded again"
    assert message().title.endswith("this is a test")


def test_what_sends_is_not_loaded_unless_an_address_is_used() -> None:
    """31 MB and 5 MB of a node's memory; httpx brings rich along."""
    code = (
        "import falconeye.node, sys; sys.exit(bool({'apprise', 'httpx', 'rich'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_httpx_is_asked_to_check_the_name_of_the_certificate() -> None:
    """The connection goes to an address; the name is checked by `sni_hostname`."""
    assert httpx.create_ssl_context().check_hostname
