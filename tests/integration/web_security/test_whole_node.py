"""A whole node with a demo camera: every readable route, by everybody who may, works."""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from typing_extensions import override

from falconeye.accounts.model import Role, may
from falconeye.base.clock import SystemClock
from falconeye.base.times import HOUR_US
from falconeye.config.serving_address import read_serving_address
from falconeye.config.settings import NodeSettings
from falconeye.node import Node
from falconeye.web.app import create_app
from falconeye.web.security.access import access_of, routes_of

_PARAMETER: Final = re.compile(r"\{([a-z_]+):[a-z]+\}")
# A program has no account: it is told so.
_OF_PEOPLE: Final = {"/account", "/api/account/sessions"}
_MAY_BE_ABSENT: Final = {404, 502, 503}  # no such recording; no picture yet


_QUERIES: Final = {"/api/exports/check": "?sha256=" + "0" * 64}  # what a route cannot do without


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    settings = NodeSettings(
        discovery=False,
        data_dir=tmp_path / "data",
        media_dir=tmp_path / "media",
        port=0,
        demo=True,
        free_floor_bytes=1,
        node_name="node-a",
    )
    started = Node(settings)
    try:
        await started.start()
        yield started
    finally:
        await started.stop()


@pytest.mark.timeout(60)
async def test_who_may_read_reads(node: Node) -> None:
    services = node.services
    assert services is not None
    (camera,) = services.cameras.list()
    base = await asyncio.to_thread(read_serving_address, node.settings.data_dir)
    assert base is not None
    app = await asyncio.to_thread(create_app, services)
    tokens = {role: (await services.accounts.tokens.add(role.value, role))[0] for role in Role}
    limited, _ = await services.accounts.tokens.add(
        "limited", Role.VIEWER, cameras=frozenset({camera.config.id}), live_only=True
    )
    checked = 0
    async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False) as client:
        for method, path, handler in routes_of(app):
            declared = access_of(handler)
            assert declared is not None
            if method != "GET" or declared.public or declared.displays:
                continue
            address = _PARAMETER.sub(
                lambda found: camera.config.id if found[1] == "camera_id" else "1", path
            ) + _QUERIES.get(path, "")
            for name, plain in (*tokens.items(), ("limited", limited)):
                who = await services.accounts.authenticate_token(plain)
                assert who is not None
                action = declared.action
                camera_id = camera.config.id if "{camera_id" in path else None
                allowed = action is None or may(who, action, camera_id)
                headers = {"authorization": f"Bearer {plain}"}
                async with client.stream("GET", address, headers=headers) as answer:
                    status = answer.status_code
                if path.rstrip("/") in _OF_PEOPLE:
                    assert status == 403, (name, path, status)
                elif allowed:
                    assert status < 400 or status in _MAY_BE_ABSENT, (name, path, status)
                else:
                    assert status == 403, (name, path, status)
                checked += 1
    assert checked > 40


async def test_a_full_disk_where_the_address_is_noted_keeps_nothing_from_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_what: object, **_url: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    caplog.set_level("WARNING")
    monkeypatch.setattr("falconeye.web.announcing.write_serving_address", full)
    monkeypatch.setattr("falconeye.web.federated.write_peer_place", full)
    monkeypatch.setattr("falconeye.web.announcing.remove_serving_address", full)
    settings = NodeSettings(
        tmp_path / "data", tmp_path / "media", port=0, free_floor_bytes=1, discovery=False
    )
    started = Node(settings)
    try:
        await started.start()
        assert started.services is not None
    finally:
        await started.stop()
    assert caplog.text.count("address is not noted") == 2
    assert caplog.text.count("what other commands ask for is not noted") == 1


class Behind(SystemClock):
    """That of a board without a battery: an hour behind."""

    @override
    def utc_us(self) -> int:
        return super().utc_us() - HOUR_US


async def _first_recording(node: Node, known: frozenset[str] = frozenset()) -> str:
    """The id of the first recording beside the known ones, once it has begun."""
    assert node.services is not None
    with node.services.bus.subscribe() as events:
        while True:
            found, _ = await node.services.recordings.list(limit=5)
            for recording in found:
                if recording.id not in known:
                    return recording.id
            _ = await events.get()


async def test_a_node_whose_clock_is_behind_gives_no_id_again(tmp_path: Path) -> None:
    settings = NodeSettings(
        tmp_path / "data",
        tmp_path / "media",
        port=0,
        demo=True,
        free_floor_bytes=1,
        discovery=False,
    )
    ids: list[str] = []
    for clock in (SystemClock(), Behind()):
        node = Node(settings, clock)
        try:
            await node.start()
            ids.append(await _first_recording(node, frozenset(ids)))
        finally:
            await node.stop()
    before, behind = (re.fullmatch(r".*_[0-9]{14}(-[0-9]{6})?", one) for one in ids)
    assert before
    assert behind
    assert (before[1], behind[1] is not None) == (None, True)
