"""What entries of the audit log say, as people read it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.times import LATEST_US
from falconeye.storage.stores.audit_store import AuditEntry
from falconeye.web.audit_words import told_file

TRUE = {
    "job": "1", "file": "Door.mp4", "bytes": 7, "camera_id": "door", "camera": "Door",
    "from_us": 1, "to_us": 2, "copy_of": "",
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def entry(detail: str, action: str = "export.hash") -> AuditEntry:
    return AuditEntry(0, "system", None, "", action, "export_file", "a" * 64, detail, "")


def test_other_entries_are_none() -> None:
    assert told_file(entry(json.dumps(TRUE))) is not None
    assert told_file(entry(json.dumps(TRUE), "export.asked")) is None


@given(key=st.sampled_from(sorted(TRUE)), value=JSON)
def test_what_another_node_tells_is_shown_or_left_as_it_is(key: str, value: object) -> None:
    file = told_file(entry(json.dumps({**TRUE, key: value})))
    if file is not None:
        assert isinstance(file.name, str)
        assert isinstance(file.camera_name, str)
        assert min(file.from_us, file.to_us, file.size_bytes) >= 0
        assert max(file.from_us, file.to_us, file.size_bytes) <= LATEST_US


def test_what_is_nested_without_end_is_left() -> None:
    assert told_file(entry("[" * 100_000)) is None
