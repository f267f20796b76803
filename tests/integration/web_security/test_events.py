"""The stream of changes: everything first, then what changed, for those who may know it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Request

from falconeye.accounts.model import Role
from falconeye.events.bus import CameraChanged, CameraStateChanged, RecordingChanged
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.web import sse
from falconeye.web.sse import Changes
from tests.integration.web_security.site import Site


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Changes]:
    """What the renderers were asked for; only one of ours answers."""
    asked: list[Changes] = []

    async def render(_: Request[Any, Any, Any], changes: Changes) -> str:
        asked.append(changes)
        names = "everything" if changes.everything else ",".join(sorted(changes.states))
        return f'<hx-partial hx-target="#x">{names}\n</hx-partial>'

    async def broken(_: Request[Any, Any, Any], __: Changes) -> str:
        raise RuntimeError("cannot render")

    monkeypatch.setattr(sse, "_renderers", [broken, render])
    monkeypatch.setattr(sse, "INTERVAL_S", 0.1)
    return asked


def state(camera_id: str) -> CameraStateChanged:
    return CameraStateChanged(
        CameraState(camera_id, CameraStatus.RUNNING, online=True, reason_code=ReasonCode.NONE,
                    reason="", since_us=0)
    )  # fmt: skip


async def messages(answer: httpx.Response) -> AsyncIterator[str]:
    """The blocks of the stream that say more than that it lives."""
    block: list[str] = []
    async for line in answer.aiter_lines():
        if line:
            block.append(line)
        elif block:
            text, block = "\n".join(block), []
            if not text.startswith("event: alive"):
                yield text


async def bearer(site: Site, **rights: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {await site.token(Role.VIEWER, **rights)}"}


async def test_everything_first_then_changes_together(site: Site, seen: list[Changes]) -> None:
    async with site.client.stream("GET", "/events", headers=await bearer(site)) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        told = messages(answer)
        assert await anext(told) == "retry: 2000"
        first = await anext(told)
        assert first == 'data: <hx-partial hx-target="#x">everything\ndata: </hx-partial>'
        for camera_id in ("c1", "c2", "c1"):
            site.services.bus.publish(state(camera_id))
        site.services.bus.publish(CameraChanged("c3", "created"))
        site.services.bus.publish(RecordingChanged("c1", "c1_2026", "grown"))
        assert "c1,c2" in await anext(told)
    assert seen[1] == Changes(
        states=frozenset({"c1", "c2"}),
        cameras=frozenset({"c3"}),
        recordings=frozenset({("c1", "c1_2026")}),
    )


async def test_nobody_hears_of_what_they_may_not_see(site: Site, seen: list[Changes]) -> None:
    headers = await bearer(site, cameras=frozenset({"c1"}), live_only=True)
    async with site.client.stream("GET", "/events", headers=headers) as answer:
        told = messages(answer)
        await anext(told)
        await anext(told)
        for event in (state("c2"), CameraChanged("c2", "deleted"), state("c1"),
                      RecordingChanged("c1", "r", "started")):  # fmt: skip
            site.services.bus.publish(event)
        await anext(told)
    assert seen[1:] == [Changes(states=frozenset({"c1"}))]


async def test_lost_events_bring_everything_again(site: Site, seen: list[Changes]) -> None:
    async with site.client.stream("GET", "/events", headers=await bearer(site)) as answer:
        told = messages(answer)
        await anext(told)
        await anext(told)
        for number in range(300):
            site.services.bus.publish(state(f"c{number}"))
        assert "everything" in await anext(told)
    assert [changes.everything for changes in seen] == [True, True]


async def test_a_quiet_stream_stays_alive(
    site: Site, seen: list[Changes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.01)
    async with site.client.stream("GET", "/events", headers=await bearer(site)) as answer:
        lives = 0
        async for line in answer.aiter_lines():
            lives += line == "event: alive"
            if lives == 4:
                break
    assert len(seen) == 1


async def test_a_page_learns_at_once_how_long_silence_may_last(
    site: Site, seen: list[Changes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 7.5)
    async with site.client.stream("GET", "/events", headers=await bearer(site)) as answer:
        lines = answer.aiter_lines()
        begin = [await anext(lines) for _ in range(4)]
    assert begin == ["retry: 2000", "", "event: alive", "data: 7.5"]
    assert len(seen) <= 1


async def test_the_last_message_says_why(site: Site, seen: list[Changes]) -> None:
    plain, token = await site.accounts.tokens.add("page", Role.VIEWER)
    headers = {"authorization": f"Bearer {plain}"}
    async with site.client.stream("GET", "/events", headers=headers) as answer:
        told = messages(answer)
        await anext(told)
        await anext(told)
        await site.accounts.tokens.remove(token.id)
        assert await anext(told) == "event: signed-out\ndata: revoked"
        assert [text async for text in told] == []
    assert seen


async def test_who_leaves_is_no_longer_subscribed(site: Site, seen: list[Changes]) -> None:
    async with site.client.stream("GET", "/events", headers=await bearer(site)) as answer:
        told = messages(answer)
        await anext(told)
        await anext(told)
        assert len(site.services.bus._subscriptions) == 1
    await site.shell.streams.none_left()
    assert not site.services.bus._subscriptions
    assert seen


async def test_nobody_gets_no_events(site: Site) -> None:
    answer = await site.client.get("/events", headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login"
