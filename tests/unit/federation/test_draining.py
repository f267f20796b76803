"""Draining on demand: it lasts as long as somebody asks, and a minute."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from falconeye.federation import draining
from falconeye.federation.draining import Draining
from falconeye.federation.failover import Failover
from tests.clock import FakeClock


async def test_it_lapses_when_nobody_asks_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, failover = FakeClock(), SimpleNamespace(is_draining=False, is_drained=True)
    slept: list[float] = []
    turn = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await turn.wait()
        turn.clear()

    monkeypatch.setattr(draining, "asyncio", SimpleNamespace(sleep=sleep))
    drains = Draining(cast("Failover", failover), clock)
    assert drains.ask() is False  # nothing was decided with it yet
    assert failover.is_draining
    await asyncio.sleep(0)
    clock.advance(40)
    assert drains.ask() is True
    failover.is_drained = False
    assert drains.ask() is False
    clock.advance(20)
    turn.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert failover.is_draining
    assert slept == [60, 40]
    clock.advance(40)
    turn.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not failover.is_draining
    await drains.stop()
