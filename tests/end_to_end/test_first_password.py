"""A machine that comes new is opened by the Secret's password at no time, once that was changed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.end_to_end.keyed_nodes import (
    KEY,
    free_ports,
    keyed_node,
    ready,
    secret,
    sign_in,
    tried_to_sign_in,
    until_ready,
)
from tests.nodes import PASSWORD, RunningNode

pytestmark = [pytest.mark.timeout(120), pytest.mark.fault]
OTHER = "another one to know"


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[tuple[RunningNode, RunningNode]]:
    """A cluster of one, whose admin has another password by now, and one that comes new."""
    ports, secrets, old = free_ports(2), secret(tmp_path / "secret"), secret(tmp_path / "old")
    one = keyed_node(tmp_path / "pi-1", ports[0], ports, secrets, alone_s=0)
    two = keyed_node(tmp_path / "pi-2", ports[1], ports, old)
    try:
        await one.start()
        await until_ready(one)
        code, _, err = await one.command(
            "user", "passwd", "admin", "--password-stdin", stdin=OTHER + "\n"
        )
        assert code == 0, err
        yield one, two
    finally:
        for node in (one, two):
            await node.stop()
            await node.client.aclose()


async def lets_nobody_in(node: RunningNode) -> None:
    """Neither by the password nor by a link in its log."""
    assert (await ready(node)).status_code == 503
    assert (await tried_to_sign_in(node)).status_code == 401
    assert "/setup/" not in "".join(node.lines)
    assert (await node.command("user", "list", "--json"))[1].strip() == "[]"


async def opened_by_the_cluster_s_password_alone(node: RunningNode) -> None:
    await until_ready(node)
    assert (await tried_to_sign_in(node, OTHER)).status_code == 303
    assert (await tried_to_sign_in(node, PASSWORD)).status_code == 401


async def test_where_the_cluster_refuses_it(
    nodes: tuple[RunningNode, RunningNode], tmp_path: Path
) -> None:
    one, two = nodes
    secret(tmp_path / "old", key="of before " + KEY)
    await two.start()
    _ = await two.line("does not take this one in: it holds another cluster key")
    await lets_nobody_in(two)
    secret(tmp_path / "old")
    await opened_by_the_cluster_s_password_alone(two)
    assert (await tried_to_sign_in(one, OTHER)).status_code == 303


async def test_where_the_cluster_begins_anew_just_then(
    nodes: tuple[RunningNode, RunningNode],
) -> None:
    one, two = nodes
    await one.terminate()
    await two.start()
    _ = await two.line("nodes that are said to be there do not answer")
    await lets_nobody_in(two)
    await one.start()
    await opened_by_the_cluster_s_password_alone(two)


async def test_the_first_of_all_waits_for_those_who_do_not_answer_and_is_opened_then(
    tmp_path: Path,
) -> None:
    node = keyed_node(
        tmp_path / "pi-1", free_ports(1)[0], free_ports(2), secret(tmp_path / "secret"), alone_s=2
    )
    try:
        await node.start()
        _ = await node.line("nodes that are said to be there do not answer")
        await until_ready(node)
        await sign_in(node)
        assert "/setup/" not in "".join(node.lines)
    finally:
        await node.stop()
        await node.client.aclose()
