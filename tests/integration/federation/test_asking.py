"""What a member may ask of another, over real TLS."""

import asyncio
from urllib.parse import unquote

from falconeye import __version__
from falconeye.accounts.model import Role
from tests.integration.federation.two_nodes import TwoNodes


async def test_hello_tells_release_and_time(nodes: TwoNodes) -> None:
    answer = await nodes.asker.request("GET", "/peer/hello")
    assert answer.status_code == 200
    told = answer.json()
    clock = nodes.site.services.clock
    assert abs(told.pop("time_us") - clock.utc_us()) < 5_000_000
    assert told == {
        "node_id": nodes.keys.node_id, "name": "test-node", "version": __version__, "api": [1],
    }  # fmt: skip


async def test_a_route_knows_which_node_asks(nodes: TwoNodes) -> None:
    answer = await nodes.asker.request("GET", "/peer/test/who")
    assert answer.json() == {"peer": nodes.asking.node_id}


async def test_many_at_once(nodes: TwoNodes) -> None:
    answers = await asyncio.gather(
        *(nodes.asker.request("GET", f"/peer/test/who?n={n}") for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}


async def test_a_person_is_who_they_are_at_the_other_node(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.OPERATOR)
    answer = await nodes.asker.request("GET", "/api/test/who", acting=acting)
    assert answer.json() == {"name": "anna", "node": "test-node"}
    answer = await nodes.asker.request(
        "POST", "/api/test/things", json={"name": "door", "size": 3}, acting=acting
    )
    assert (answer.status_code, answer.json()) == (200, {"name": "door", "size": 3})
    plain, token = await nodes.site.accounts.tokens.add("vlc", Role.VIEWER)
    answer = await nodes.asker.request("GET", "/api/test/who", acting=f"token={token.id}")
    assert answer.json()["name"] == "vlc"
    assert plain


async def test_a_path_arrives_as_it_was_asked_for(nodes: TwoNodes) -> None:
    """Proxied addresses are what browsers send: nobody between may spell them otherwise."""
    acting = await nodes.session("anna", Role.VIEWER)
    for spelled in ("a%2Fb", "a|b", "x;y", "..", "%2e%2e", "~'(*)", "a%00"):
        answer = await nodes.asker.request(
            "GET", f"/api/test/cameras/{spelled}?q[]=1&&x=%zz", acting=acting
        )
        assert (answer.status_code, "falconeye-refused" in answer.headers) in {
            (200, False), (404, False),
        }  # fmt: skip
        if answer.status_code == 200:
            assert answer.json() == {"id": unquote(spelled)}
