"""What may be sent about a camera, and that a stored password goes to no other address."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import redact_text
from falconeye.base.secret import Secret
from falconeye.cameras.changes import changed_config, needs_reconnect, new_config
from falconeye.config.camera import CameraConfig, Protocol, RecordMode
from falconeye.web.api.camera_input import CameraInput, CameraPatch

STORED = CameraConfig(
    id="0b7e6f0e-6a54-4f9e-9d0c-0d6a1c1f8a11",
    name="Gate",
    protocol=Protocol.RTSP,
    source_url="rtsp://10.0.0.5/main",
    sub_url="rtsp://10.0.0.6:8554/sub",
    username="viewer",
    password=Secret("hunter2"),
    created_at_us=0,
    updated_at_us=0,
)
NETWORK = {"name": "Gate", "protocol": "rtsp", "source_url": "rtsp://10.0.0.5/main"}


def changes(**fields: Any) -> dict[str, Any]:
    return CameraPatch.model_validate(fields).to_changes(STORED)


def test_a_network_camera_is_created_stopped_unless_told_otherwise() -> None:
    new = CameraInput.model_validate(NETWORK).to_new_camera(node_name="pi-1")
    assert new.start is False
    assert (new.framerate, new.record, new.audio) == (15, RecordMode.CONTINUOUS, False)
    heard = CameraInput.model_validate({**NETWORK, "audio": True})
    assert heard.to_new_camera(node_name="pi-1").audio is True
    started = CameraInput.model_validate({**NETWORK, "start": True})
    assert started.to_new_camera(node_name="pi-1").start is True


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 256},
        {"name": 5},
        {"protocol": "ftp"},
        {"framerate": 0},
        {"framerate": 61},
        {"framerate": "15"},
        {"resolution": "640"},
        {"resolution": "640x480\n"},
        {"audio": "yes"},
        {"colour": "red"},
        {"metadata": []},
        {"metadata": {str(n): n for n in range(101)}},
        {"source_url": "x" * 2049},
        {"start": 1},
        {"keep_days": 0},
        {"keep_days": 36_501},
        {"keep_days": 1.5},
        {"keep_bytes": 999_999_999},
        {"keep_bytes": 10**19},
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CameraInput.model_validate({**NETWORK, **fields})


def test_a_refusal_never_repeats_the_password() -> None:
    with pytest.raises(ValidationError) as caught:
        CameraInput.model_validate({**NETWORK, "password": "hunter2" * 100})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"record": "schedule"},
        {"record": "schedule", "schedule": {"mon": []}},
        {"record": "schedule", "schedule": {"mon": ["8:00"]}},
        {"privacy_schedule": {"monday": ["08:00-09:00"]}},
        {"source_url": None},
        {"source_url": "rtsp://[::1/main"},
        {"source_url": "rtsp://host:port/main"},
        {"source_url": "rtsp://host:99999/main"},
        {"sub_url": "rtsp://host:99999/main"},
        {"node_name": "pi-2"},
    ],
)
def test_what_this_release_cannot_do_is_said(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        CameraInput.model_validate({**NETWORK, **fields}).to_new_camera(node_name="pi-1")


def test_a_schedule_is_the_continuous_mode_in_its_hours() -> None:
    hours = {"mon": ["08:00-17:00"]}
    fields = {**NETWORK, "record": "schedule", "schedule": hours}
    new = CameraInput.model_validate(fields).to_new_camera(node_name="pi-1")
    assert new.record is RecordMode.CONTINUOUS
    assert new.schedule
    assert new.schedule.ranges()["mon"] == hours["mon"]
    stored = new_config(new, 1, "pi-1")

    def patched(**changes: Any) -> CameraConfig:
        given = CameraPatch.model_validate(changes).to_changes(stored)
        return changed_config(stored, given, 2)

    assert patched(name="Yard").schedule == new.schedule
    assert patched(record="continuous").schedule is None  # at all times
    event = patched(record="event")
    assert (event.record, event.schedule) == (RecordMode.EVENT, new.schedule)
    assert patched(schedule=None).schedule is None
    assert not needs_reconnect(stored, patched(schedule=None))
    with pytest.raises(InvalidInput):
        patched(record="schedule", schedule=None)


def test_a_camera_may_have_its_own_rule() -> None:
    fields = {**NETWORK, "keep_days": 7, "keep_bytes": 10**9}
    new = CameraInput.model_validate(fields).to_new_camera(node_name="pi-1")
    assert (new.keep_days, new.keep_bytes) == (7, 10**9)
    config = new_config(new, 1, "pi-1")
    assert (config.keep_days, config.keep_bytes) == (7, 10**9)
    back = CameraPatch.model_validate({"keep_days": None, "keep_bytes": 2 * 10**9})
    changed = changed_config(config, back.to_changes(config), 2)
    assert (changed.keep_days, changed.keep_bytes) == (None, 2 * 10**9)
    assert not needs_reconnect(config, changed)


def test_only_what_changes_is_changed() -> None:
    assert changes(name="Gate", location="") == {}
    assert changes(name=" Door ", location="yard") == {"name": "Door", "location": "yard"}
    assert changes(metadata={"a": 1}, record="manual") == {
        "metadata": {"a": 1},
        "record": RecordMode.MANUAL,
    }


@pytest.mark.parametrize("field", ["name", "source_url", "transport", "audio", "record"])
def test_null_is_refused_where_there_must_be_a_value(field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        changes(**{field: None})


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.5/other",
        "rtsp://10.0.0.5:554/main?channel=2",
        "RTSP://10.0.0.5/other",
        "rtsp://10.0.0.6:8554/sub",  # the substream's address had the password already
    ],
)
def test_another_path_keeps_the_password(url: str) -> None:
    assert "password" not in changes(source_url=url)


@pytest.mark.parametrize(
    "fields",
    [
        {"source_url": "rtsp://10.0.0.9/main"},
        {"source_url": "rtsp://10.0.0.5:8554/main"},
        {"source_url": "http://10.0.0.5/main"},
        {"source_url": "rtsps://10.0.0.5/main"},
        {"source_url": "rtsp://other@10.0.0.9/main"},
        {"source_url": "rtsp://10.0.0.9/main", "username": "other"},
        {"sub_url": "rtsp://10.0.0.9/sub"},
        {"source_url": "rtsp://10.0.0.5@10.0.0.9/main"},
    ],
)
def test_another_address_needs_the_password_again(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="password again"):
        changes(**fields)


def test_a_login_in_the_address_of_the_substream_is_that_of_the_camera() -> None:
    """Or refused: the main stream would be asked with it, and the camera lock the account."""

    def patched(stored: CameraConfig, **fields: Any) -> CameraConfig:
        return changed_config(
            stored, CameraPatch.model_validate(fields).to_changes(stored), stored.updated_at_us
        )

    login = (STORED.username, STORED.password)
    assert all(login)
    own = f"{STORED.username}:{STORED.password.reveal() if STORED.password else ''}"
    same = patched(STORED, sub_url=f"rtsp://{own}@10.0.0.5/small")
    assert (same.sub_url, same.username, same.password) == ("rtsp://10.0.0.5/small", *login)
    for other in ("guest:pw", f"{STORED.username}:another", "guest"):
        with pytest.raises(InvalidInput, match="one login") as refused:
            patched(STORED, sub_url=f"rtsp://{other}@10.0.0.5/small")
        assert refused.value.field == "sub_url"
    open_to_all = replace(STORED, username=None, password=None)
    first = patched(open_to_all, sub_url="rtsp://guest:pw@10.0.0.5/small")
    assert (first.username, first.password) == ("guest", Secret("pw"))
    both = patched(
        STORED, sub_url="rtsp://guest:pw@10.0.0.5/small", username="guest", password="pw"
    )
    assert (both.username, both.password) == ("guest", Secret("pw"))
    entered_anew = patched(
        replace(STORED, password=None), sub_url=f"rtsp://{STORED.username}:pw@10.0.0.5/small"
    )
    assert (entered_anew.username, entered_anew.password) == (STORED.username, Secret("pw"))


def test_another_address_with_its_password_is_taken() -> None:
    assert changes(source_url="rtsp://bob:new%40@10.0.0.9/main") == {
        "source_url": "rtsp://10.0.0.9/main",
        "username": "bob",
        "password": Secret("new@"),
        "allow_local": True,
    }
    separate = changes(source_url="rtsp://10.0.0.9/main", username="bob", password="p")
    assert (separate["username"], separate["password"]) == ("bob", Secret("p"))
    cleared = changes(source_url="rtsp://10.0.0.9/main", password="")
    assert cleared["password"] is None


def test_an_address_as_it_was_answered_changes_nothing() -> None:
    stored = replace(STORED, source_url="http://10.0.0.5/v?user=admin&password=x&ch=1")
    answered = redact_text(stored.source_url or "")
    patch = CameraPatch.model_validate({"source_url": answered})
    assert "source_url" not in patch.to_changes(stored)
