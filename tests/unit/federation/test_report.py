"""Reports of peers: read back as told, of any release, and bounded whatever they say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.federation.report import (
    MAX_LABEL,
    MAX_LABELS,
    MAX_NAME,
    CameraCounts,
    ClockReport,
    DiskReport,
    FoundReport,
    KubernetesFacts,
    NodeReport,
    NoticeReport,
    UnreadableReport,
    told,
)

WHOLE = NodeReport(
    node_id="3f9a6c0d2b1e4f58a7c6d5e4f3a2b1c0",
    name="Küche",
    version="0.1.0",
    boot_id="b",
    started_at_us=1_795_000_000_000_000,
    addresses=("192.168.1.20", "10.0.0.20"),
    architecture="arm64",
    os="linux",
    model="Raspberry Pi 5 Model B Rev 1.0",
    cpus=4,
    machine_load=0.5,
    process_load=0.25,
    memory_total_bytes=8_000_000_000,
    memory_available_bytes=5_000_000_000,
    temperature_c=-3.5,
    disks=(DiskReport(id="a", path="/srv", role="record", is_present=True, days_left=2.5),),
    clock=ClockReport(is_synchronised=True, offset_us=-12.5, max_error_us=400),
    is_ready=True,
    not_ready=("starting",),
    cameras=CameraCounts(configured=4, recording=3, failing=1),
    recorded_megabits_per_second=14.25,
    kubernetes=KubernetesFacts(node_name="n", labels={"a/b": "c"}, taints=("x=y:NoSchedule",)),
    notices=(NoticeReport(camera_id="c", name="Tür", cause="disk_full"),),
    found=(FoundReport(ids=("0a1b",), is_new=True), FoundReport()),
    certificate="certificate_ended",
    is_draining=True,
)
NAMES = tuple(NodeReport.model_fields)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=("Cs", "Cc", "Cf")))
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=30,
)


def test_what_is_told_is_read_back() -> None:
    sent = json.dumps(WHOLE.as_json())
    assert NodeReport.parse(json.loads(sent)) == WHOLE
    assert not set(NAMES) - WHOLE.model_fields_set  # a field that this test forgets proves nothing


def test_a_newer_peer_tells_more_and_an_older_one_less() -> None:
    newer = {**WHOLE.as_json(), "gpus": [{"name": "x"}], "name": "pi"}
    newer["disks"] = [{"id": "a", "health": {"smart": 1}, "role": "cache"}]
    found = NodeReport.parse(newer)
    assert (found.name, found.disks[0].role, found.cpus) == ("pi", "cache", 4)
    assert NodeReport.parse({}) == NodeReport()
    assert NodeReport.parse({"machine_load": 1}).machine_load == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        "report",
        {"name": 5},
        {"name": "a\nb"},
        {"name": "\u202eevil"},
        {"name": "\ud800"},
        {"name": "x" * (MAX_NAME + 1)},
        {"cpus": "4"},
        {"cpus": True},
        {"cpus": -1},
        {"cpus": 10**30},
        {"started_at_us": 10**18},
        {"machine_load": 1.5},
        {"machine_load": float("nan")},
        {"temperature_c": float("inf")},
        {"addresses": "192.168.1.20"},
        {"addresses": ["x"] * 17},
        {"disks": [{"total_bytes": 1.5}]},
        {"kubernetes": {"labels": {"l" * (MAX_LABEL + 1): ""}}},
        {"kubernetes": {"labels": {str(n): "" for n in range(MAX_LABELS + 1)}}},
        {"is_ready": "yes"},
    ],
)
def test_what_is_none_is_refused(bad: Any) -> None:
    with pytest.raises(UnreadableReport) as refused:
        NodeReport.parse(bad)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


@given(JSON)
def test_nothing_but_the_one_error(value: object) -> None:
    try:
        found = NodeReport.parse(value)
    except UnreadableReport:
        return
    _ = json.dumps(found.as_json(), allow_nan=False).encode()


@given(st.sampled_from(NAMES), JSON)
def test_one_bent_field_is_read_or_refused(name: str, value: object) -> None:
    try:
        found = NodeReport.parse({**WHOLE.as_json(), name: value})
    except UnreadableReport:
        return
    _ = json.dumps(found.as_json(), allow_nan=False).encode()


@given(st.text())
def test_any_text_of_this_machine_can_be_told(text: str) -> None:
    name = told(text, MAX_NAME)
    assert NodeReport.parse(NodeReport(name=name).as_json()).name == name
