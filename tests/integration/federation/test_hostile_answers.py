"""A member whose answers are made to do harm: refused within bounds, over real TLS."""

from collections.abc import Callable
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.federation import peer_client
from falconeye.federation.peer_address import PeerAddress
from falconeye.federation.peer_client import PeerClient
from falconeye.federation.peer_errors import PeerUnreachable
from falconeye.federation.signatures import Signer
from tests.integration.federation.two_nodes import new_keys
from tests.peers.hostile_http import (
    MB,
    TAKEN_BYTES,
    Answer,
    answer,
    deflate_bomb,
    endless_body,
    endless_chunks,
    endless_headers,
    endless_interim,
    endless_status,
    gzip_bomb,
    hostile,
    memory_below,
)

JSON = b"Content-Type: application/json"
ANSWERS: dict[str, tuple[Callable[[], Answer], str]] = {
    "gzip bomb": (lambda: answer(gzip_bomb(), JSON, b"Content-Encoding: gzip"), "packed"),
    "deflate bomb": (lambda: answer(deflate_bomb(), JSON, b"Content-Encoding: deflate"), "packed"),
    "damaged gzip": (lambda: answer(b"{}", JSON, b"Content-Encoding: gzip"), "packed"),
    "endless body": (lambda: endless_body(JSON), "more than can be held"),
    "endless chunks": (lambda: endless_chunks(JSON), "more than can be held"),
    "endless headers": (endless_headers, "broke off"),
    "endless status": (endless_status, "broke off"),
    "endless interim": (endless_interim, "did not answer within"),
    "less than it says": (lambda: answer(b"{}", JSON, b"Content-Length: 99"), "broke off"),
    "a length of thirty digits": (
        lambda: answer(b"{}", JSON, b"Content-Length: " + b"9" * 30), "broke off",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_a_member_answers_is_taken_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, method: str
) -> None:
    monkeypatch.setattr(peer_client, "MAX_ANSWER_BYTES", 4 * MB)
    make, words = ANSWERS[kind]
    pieces = list(make()) if "endless" not in kind else []  # a bomb is made before it is measured
    ours, theirs = await new_keys(tmp_path / "ours"), await new_keys(tmp_path / "theirs")
    async with hostile(lambda: iter(pieces) if pieces else make(), theirs.server_context) as member:
        place = PeerAddress(theirs.node_id, theirs.certificate, (f"127.0.0.1:{member.port}",))
        client = PeerClient(place, Signer(ours.node_id, ours.private_key), SystemClock())
        limit_s = 0.5 if kind == "endless interim" else 20
        with memory_below(24 * MB), pytest.raises(PeerUnreachable, match=words):
            _ = await client.request(method, "/peer/hello", limit_s=limit_s)
        await client.close()
        await member.until_hung_up()
    assert member.requests <= 2  # what is asked again is what changes nothing
    if kind != "endless interim":  # which is thrown away as it comes, for as long as we wait
        assert member.sent_bytes < member.requests * (4 * MB + TAKEN_BYTES)
