"""Fifty cameras: one set of parsed WSDLs, two threads, and nothing stays behind."""

import asyncio
import logging
import os
import subprocess
import sys
import threading

import pytest

from falconeye.onvif import definitions
from falconeye.onvif.device import OnvifDevice
from tests.integration.onvif.conftest import NewCamera
from tests.peers.onvif_device import OnvifCamera
from tests.peers.onvif_devices import device_of, until

COUNT = 50
_LOADED_ALONE = """
import logging, os, sys
before = dict(os.environ), list(logging.getLogger().handlers), logging.getLogger().level
import falconeye.onvif.device
assert not {"zeep", "onvif", "lxml", "requests"} & set(sys.modules), "loaded too early"
from falconeye.onvif.definitions import shared_definitions
shared_definitions()
assert before == (dict(os.environ), logging.getLogger().handlers, logging.getLogger().level)
assert "zeep" in sys.modules
"""

_LOADED_LEAN = """
import sys
from falconeye.base.memory import forgo_optional_parts, load_parts_later
load_parts_later()
import falconeye.node
import litestar.plugins.attrs  # as the application does
later = {"httpx", "yaml.loader", "bdb", "attr._make", "falconeye.discovery.imports.frigate"}
assert not later & set(sys.modules), "loaded before it is needed"
forgo_optional_parts()
import falconeye.alerts.http, falconeye.onvif.device, falconeye.sources.http_stream
from falconeye.onvif.definitions import shared_definitions
shared_definitions()
assert "httpx" in sys.modules
left_out = ("rich", "pygments", "charset_normalizer.api", "charset_normalizer.cd")
assert not set(left_out) & set(sys.modules), "what no node uses is loaded"
"""


@pytest.mark.timeout(60)
async def test_fifty_cameras_share_all_but_their_sessions(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = new_camera(slots=COUNT)
    loaded: list[str] = []
    load = definitions._Files.load

    def noted(self: definitions._Files, url: str) -> bytes:
        loaded.append(url.rpartition("/")[2])
        return load(self, url)

    monkeypatch.setattr(definitions, "_shared", [])
    monkeypatch.setattr(definitions._Files, "load", noted)
    threads: set[str] = set()

    async def watch(device: OnvifDevice) -> str:
        async with device, device.events() as events:
            threads.update(t.name for t in threading.enumerate() if t.name.startswith("onvif_"))
            return (await anext(events)).topic

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch(device_of(camera, limit_s=50))) for _ in range(COUNT)]
        await until_all_watch(camera)
        camera.tell("tns1:VideoSource/MotionAlarm", active=True)
    assert {task.result() for task in tasks} == {"VideoSource/MotionAlarm"}
    assert loaded.count("devicemgmt.wsdl") == loaded.count("events.wsdl") == 1
    assert 1 <= len(threads) <= 2
    assert (camera.created, camera.unsubscribed, camera.subscriptions) == (COUNT, COUNT, {})


async def until_all_watch(camera: OnvifCamera) -> None:
    for _ in range(5):  # each waits for 8 s at most
        try:
            await until(camera, lambda: len(camera.subscriptions) == COUNT)
        except TimeoutError:
            continue
        return
    raise TimeoutError


def test_loading_changes_neither_logs_nor_environment() -> None:
    program = [sys.executable, "-W", "error", "-c", _LOADED_ALONE]
    result = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


@pytest.mark.timeout(60)  # a process imports all of a node
def test_a_node_loads_nothing_for_it_that_libraries_can_do_without() -> None:
    program = [sys.executable, "-W", "error", "-c", _LOADED_LEAN]
    result = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (result.stderr, result.returncode) == ("", 0)


def test_root_handlers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers, environment = list(logging.getLogger().handlers), dict(os.environ)
    monkeypatch.setattr(definitions, "_shared", [])
    definitions.shared_definitions()
    assert (logging.getLogger().handlers, dict(os.environ)) == (handlers, environment)
