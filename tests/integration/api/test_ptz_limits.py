"""A camera never goes on moving because a stop was lost: the recorder stops it in the end."""

import asyncio
import logging
from typing import Any

import pytest
from typing_extensions import override

from falconeye.base.errors import Conflict
from falconeye.cameras.onvif import ptz_sessions
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import onvif_site
from tests.integration.api.test_ptz import added


async def test_a_move_that_nobody_ends_is_ended_when_its_time_is_over(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        body = {"pan": 1.0, "timeout_s": 0.2}
        assert (await served.operator.post(path, json=body)).status_code == 204
        await asyncio.to_thread(site.device.wait_until, lambda: site.device.stops == 1)
        await asyncio.gather(*watches(served))
        assert site.device.operations[-1] == "Stop"


async def test_who_moves_on_is_not_stopped_in_between(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        for timeout_s in (0.2, 10.0):
            body = {"pan": 1.0, "timeout_s": timeout_s}
            assert (await served.operator.post(path, json=body)).status_code == 204
        assert len(watches(served)) == 1  # of the second move; the first one's is over
        await asyncio.sleep(0.3)  # nothing is to happen
        assert site.device.stops == 0
        assert (await served.operator.post(path, json={"stop": True})).status_code == 204
        assert watches(served) == []
        assert site.device.stops == 1


@pytest.mark.parametrize("wish", [{"preset": "1"}, {"home": True}])
async def test_a_camera_on_its_way_to_a_place_is_not_stopped(
    served: Served, wish: dict[str, object]
) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        for body in ({"pan": 1.0, "timeout_s": 10}, wish):
            assert (await served.operator.post(path, json=body)).status_code == 204
        assert watches(served) == []
        assert site.device.stops == 0


async def test_a_paused_camera_is_stopped_and_not_moved(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        body = {"pan": 1.0, "timeout_s": 10}
        assert (await served.operator.post(path, json=body)).status_code == 204
        _ = await served.services.cameras.pause(path.split("/")[3], by="ann", until_us=None)
        assert (await served.operator.post(path, json=body)).status_code == 409
        assert (await served.operator.post(path, json={"stop": True})).status_code == 204
        assert (len(site.device.moves), site.device.stops) == (1, 1)


async def test_a_camera_that_goes_while_it_moves_is_stopped_all_the_same(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        body = {"tilt": 1.0, "timeout_s": 0.4}
        assert (await served.operator.post(path, json=body)).status_code == 204
        gone = await served.admin.delete(path.removesuffix("/ptz"))
        assert gone.status_code == 200
        await asyncio.to_thread(site.device.wait_until, lambda: site.device.stops == 1)


async def test_a_stop_that_fails_is_tried_again_by_a_new_connection(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ptz_sessions, "STOP_WAITS_S", (0.05, 0.05))
    with onvif_site() as site:
        path = await added(served, site)
        site.device.deviations.answers = Resets(2)
        before = site.device.operations.count("GetServices")
        body = {"pan": 1.0, "timeout_s": 0.1}
        assert (await served.operator.post(path, json=body)).status_code == 204
        await asyncio.to_thread(site.device.wait_until, lambda: site.device.stops == 1)
        assert site.device.operations.count("Stop") == 3
        assert site.device.operations.count("GetServices") > before + 1


async def test_a_camera_that_hears_no_stop_is_named_and_left(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ptz_sessions, "STOP_WAITS_S", (0.01,))
    with onvif_site() as site:
        path = await added(served, site)
        body = {"pan": 1.0, "timeout_s": 0.1}
        assert (await served.operator.post(path, json=body)).status_code == 204
    with caplog.at_level(logging.WARNING):
        await asyncio.gather(*watches(served))
    assert caplog.text.count("moves and does not hear a stop") == 2
    assert served.services.onvif.ptz.open_sessions == 0


async def test_the_end_of_the_node_stops_what_moves(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        body = {"pan": 1.0, "timeout_s": 10}
        assert (await served.operator.post(path, json=body)).status_code == 204
        await served.services.onvif.ptz.stop()
        assert site.device.stops == 1


async def test_whether_a_camera_can_be_moved_is_remembered(served: Served) -> None:
    ptz = served.services.onvif.ptz
    with onvif_site(has_ptz=False) as fixed, onvif_site() as dome:
        paths = [await added(served, fixed), await added(served, dome)]
        ids = [path.split("/")[3] for path in paths]
        assert [ptz.can_move(each) for each in ids] == [None, None]
        for path in paths:
            await served.operator.get(path)
        assert [ptz.can_move(each) for each in ids] == [False, True]
        changed = await served.admin.patch(
            paths[0].removesuffix("/ptz"), json={"password": "another"}
        )
        assert changed.status_code == 200
        assert ptz.can_move(ids[0]) is None


class Resets(dict[str, str]):
    """The first `times` stops are answered by a reset connection."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    @override
    def get(self, key: str, default: Any = None) -> Any:
        if key != "Stop" or not self.times:
            return default
        self.times -= 1
        return "reset"


def watches(served: Served) -> list[asyncio.Task[object]]:
    """What is to stop a camera in the end."""
    tasks = served.services.onvif.ptz._tasks._tasks
    return [task for task in tasks if task.get_name() == "ptz:watch" and not task.cancelling()]


async def test_who_waited_for_his_turn_does_not_move_a_camera_that_was_paused_meanwhile(
    served: Served,
) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        ptz, camera_id = served.services.onvif.ptz, path.split("/")[3]
        assert (await served.operator.post(path, json={"stop": True})).status_code == 204
        place = ptz._places[camera_id]
        async with place.turn:
            waiting = asyncio.gather(
                ptz.move(camera_id, 0.5, 0, 0, timeout_s=1), return_exceptions=True
            )
            for _ in range(3):
                await asyncio.sleep(0)
            assert place.turn._waiters
            _ = await served.services.cameras.pause(camera_id, by="ann", until_us=None)
        (outcome,) = await waiting
        assert isinstance(outcome, Conflict)
        assert site.device.moves == []
