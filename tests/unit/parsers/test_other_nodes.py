"""What other nodes say, and what others wrote onto disks: read, or the error that is told."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.federation.certificates import _parse as parse_certificate
from falconeye.federation.certificates import certificate_of, new_key, read_key
from falconeye.federation.data_keys import GivenKeys
from falconeye.federation.exchange import Page
from falconeye.federation.join_words import JoinAnswer, JoinRequest
from falconeye.federation.join_words import parse as parse_join
from falconeye.federation.key_words import Proved
from falconeye.federation.kubernetes_told import KubernetesTold, read_told
from falconeye.storage.export.export_found import UNREADABLE
from falconeye.storage.export.export_found import _parse as parse_sidecar
from falconeye.storage.segments.clock_journal import _parse as parse_correction
from falconeye.storage.volumes.mounts import read_mounts
from falconeye.storage.volumes.volume import Volume
from tests.examples import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def of_fields(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of these names, and anything as their values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON))


PAGES = of_fields("incarnation", "changes", "next_seq", "more")
JOINS = of_fields(
    "secret", "node_id", "name", "version", "certificate", "addresses", "cameras", "data_keys",
    "changes",
)  # fmt: skip
pytestmark = pytest.mark.timeout(60)
DEEP = "[" * 50_000


@given(JSON | PAGES)
def test_a_page_of_changes(told: Any) -> None:
    try:
        page = Page.parse(told)
    except InvalidInput:
        return
    assert page.next_seq >= 0


@given(
    JSON | of_fields("keys") | st.lists(st.text("aA0-_=", min_size=40)).map(lambda k: {"keys": k})
)
def test_data_keys(told: Any) -> None:
    try:
        keys = GivenKeys.parse(told).keys
    except InvalidInput:
        return
    assert all(len(key) == 44 for key in keys)


@given(JSON | JOINS)
def test_words_of_joining(told: Any) -> None:
    for kind in (JoinRequest, JoinAnswer):
        try:
            said = parse_join(kind, told)
        except InvalidInput:
            continue
        if isinstance(said, JoinRequest):
            try:
                assert isinstance(said.secret_bytes, bytes)
            except InvalidInput:
                continue


@given(JSON | of_fields("read_at_us", "nodes"))
def test_what_the_api_server_said(told: Any) -> None:
    if isinstance(told, dict):
        assert isinstance(read_told(told), KubernetesTold)


@given(
    JSON
    | st.fixed_dictionaries({"said": st.text() | JSON.map(json.dumps), "proof": st.just("0" * 64)})
)
def test_an_introduction_by_the_cluster_key(told: Any) -> None:
    try:
        proved = Proved.parse(told)
    except InvalidInput:
        return
    assert len(proved.claimed_id) <= 64


def test_an_introduction_that_is_nested_too_deep_names_nobody() -> None:
    """Anybody may send one: it is looked at before anything is proved."""
    assert Proved(said=DEEP, proof="0" * 64).claimed_id == ""


CERTIFICATE = certificate_of(read_key(new_key()), "a" * 32).decode()
KEY = new_key()


@settings(max_examples=examples(200), deadline=None)
@given(st.integers(0, len(CERTIFICATE)), st.text(max_size=6), st.integers(0, 6))
def test_a_bent_certificate(at: int, put: str, gone: int) -> None:
    text = CERTIFICATE[:at] + put + CERTIFICATE[at + gone :]
    try:
        _ = parse_certificate(text)
    except InvalidInput:
        return


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, len(KEY)), st.binary(max_size=6), st.integers(0, 6))
def test_a_bent_key(at: int, put: bytes, gone: int) -> None:
    try:
        _ = read_key(KEY[:at] + put + KEY[at + gone :])
    except InvalidInput:
        return


PARTS = of_fields("name", "from", "to", "size_bytes", "sha256")
CAMERA = {"camera_id": "c", "camera_name": "C"}
TIMES = {"from": "2026-11-20T14:00:00Z", "to": "2026-11-20T14:01:00Z"}
SIDECAR = {
    **CAMERA, "file": "a.mp4", "size_bytes": 5, "sha256": "0" * 64, "asked": TIMES, "gaps": [],
    "asked_by": "anna", "made_at": TIMES["to"], "asked_at": TIMES["to"], "parts": [],
}  # fmt: skip


@settings(max_examples=examples(100), deadline=None)
@given(
    JSON
    | st.fixed_dictionaries({}, optional=dict.fromkeys([*SIDECAR, "cameras"], JSON | st.just([])))
    | st.dictionaries(st.sampled_from([*SIDECAR, "cameras"]), JSON | st.lists(PARTS)).map(
        lambda bent: SIDECAR | bent
    )
)
def test_the_paper_beside_an_export(told: Any) -> None:
    volume = cast("Volume", SimpleNamespace(number=1))
    try:
        found = parse_sidecar(volume, "job", told)
    except UNREADABLE:
        return
    assert found.job_id == "job"


@pytest.mark.parametrize(
    "bent", [{"cameras": []}, {"parts": [], "size_bytes": float("inf")}, {"parts": [1]}]
)
def test_a_paper_without_cameras_or_with_endless_sizes_is_unreadable(bent: dict[str, Any]) -> None:
    volume = cast("Volume", SimpleNamespace(number=1))
    with pytest.raises(UNREADABLE):
        parse_sidecar(volume, "job", SIDECAR | bent)


@given(JSON | of_fields("boot", "offset_us", "shift_us", "from_us", "to_us"))
def test_a_correction_of_the_clock(told: Any) -> None:
    try:
        found = parse_correction(told)
    except (ValueError, KeyError, TypeError):
        return
    numbers = (found.offset_us, found.shift_us, found.from_us or 0, found.to_us or 0)
    assert all(-(1 << 63) <= number < 1 << 63 for number in numbers)  # SQLite takes them


@given(
    st.binary(max_size=300)
    | st.lists(
        st.sampled_from([b"36", b" ", b"/", b"\\040", b"-", b"\n", b"rw", b"\\", b"\xff"])
    ).map(b"".join)
)
def test_mounts_of_the_kernel(content: bytes) -> None:
    assert all(str(mount.path) for mount in read_mounts(content))
