"""Guards around every test: nothing blocks the loop, no thread or task stays behind."""

import asyncio
import gc
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from falconeye.storage.index.database import Database
from falconeye.web.i18n import SOURCE_LANGUAGE, current_language
from tests.clock import FakeClock
from tests.databases import closed_database, lay_new_database
from tests.examples import examples

# No node of a test asks this machine's network; what looks there has namespaces of its own.
os.environ["FALCONEYE_DISCOVERY"] = "false"
# Many nodes run beside each other.
os.environ["FALCONEYE_PEER_PORT"] = "0"

if examples(100) < 100:  # those of tests that do not say how many
    import hypothesis

    hypothesis.settings.register_profile("few", max_examples=examples(100))
    hypothesis.settings.load_profile("few")

# The longest that a test waits for the next hour: nearly all that record need less for themselves.
LONGEST_WAIT_S = 90.0

# Where our code may block the loop: (file, function), each with its reason.
MAY_BLOCK: tuple[tuple[str, str], ...] = ()


def pytest_collection_finish() -> None:
    """Nothing that was loaded is looked through again: an eighth of the time went there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No long test crosses the top of an hour: continuous recordings are cut there.

    Outside of the test's own time limit. What happens at the hour has tests with their own clock.
    """
    marker = item.get_closest_marker("timeout")
    limit_s = min(float(marker.args[0]), LONGEST_WAIT_S) if marker and marker.args else 10.0
    left_s = 3600 - time.time() % 3600
    if left_s < limit_s:
        threading.Event().wait(left_s + 0.1)  # time.sleep fails under faketime, which proves this
    return (yield)


@pytest.fixture(autouse=True)
def in_english() -> None:
    """A page that a test rendered in another language leaves that behind, outside of a request."""
    current_language.set(SOURCE_LANGUAGE)


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """A blocking call in `falconeye` on a running loop raises BlockingError."""
    with blockbuster_ctx("falconeye") as blockbuster:
        for function in blockbuster.functions.values():
            for filename, name in MAY_BLOCK:
                function.can_block_in(filename, name)
        yield blockbuster


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """Every thread a test starts has ended, or ends within a second."""
    before = set(threading.enumerate())
    yield
    # The loop's own pool ("asyncio_0": getaddrinfo, to_thread) ends with the loop, after this.
    started = set(threading.enumerate()) - before
    left = [thread for thread in started if not thread.name.startswith("asyncio_")]
    for thread in left:
        thread.join(timeout=1)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads still running: {alive}"


@pytest.fixture(autouse=True)
def no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """Every task an asynchronous test starts has ended."""
    function = getattr(request, "function", None)
    if inspect.iscoroutinefunction(function):
        request.getfixturevalue("_no_leaked_tasks")


@pytest.fixture
async def _no_leaked_tasks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    # What was just cancelled or resolved gets its turn first.
    for _ in range(3):
        await asyncio.sleep(0)
    current = asyncio.current_task()
    left = [task.get_name() for task in asyncio.all_tasks() - before if task is not current]
    assert not left, f"tasks still running: {left}"
    # A transport that nobody closed would be told by a later test, when it is collected there.
    transports = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]
    open_still = [str(each) for each in transports.values() if not each.is_closing()]
    assert not open_still, f"connections still open: {open_still}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    """An open database of the newest schema in `tmp_path / "data"`, as `serve` opens it."""
    await lay_new_database(tmp_path / "data")
    opened = closed_database(tmp_path / "data", clock)
    await opened.open(exclusive=True)
    yield opened
    await opened.close()
