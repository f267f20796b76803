"""New and changed configurations: cleaned, checked, and logins that go nowhere else."""

from dataclasses import replace
from typing import Any

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import redact_text
from falconeye.base.secret import Secret
from falconeye.cameras.changes import changed_config, needs_reconnect, new_config
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import CameraConfig, Protocol, RecordMode


def new(**fields: Any) -> NewCamera:
    base = NewCamera("Door", Protocol.RTSP, "rtsp://10.0.0.9:554/main")
    return replace(base, **fields)


def config(**fields: Any) -> CameraConfig:
    return new_config(new(username="admin", password=Secret("secret"), **fields), 1, "node")


def test_login_in_the_address_is_split_off() -> None:
    found = new_config(new(source_url="rtsp://ad%40min:p%2Fw@10.0.0.9/main"), 1, "node")
    assert found.source_url == "rtsp://10.0.0.9/main"
    assert found.username == "ad@min"
    assert found.password == Secret("p/w")


def test_both_addresses_have_one_login_and_another_one_is_not_dropped_silently() -> None:
    found = new_config(
        new(source_url="rtsp://a:1@10.0.0.9/main", sub_url="rtsp://a:1@10.0.0.9/sub"), 1, "node"
    )
    assert (found.username, found.password) == ("a", Secret("1"))
    assert found.sub_url == "rtsp://10.0.0.9/sub"
    other = new(source_url="rtsp://a:1@10.0.0.9/main", sub_url="rtsp://b:2@10.0.0.9/sub")
    with pytest.raises(InvalidInput, match="one login") as caught:
        new_config(other, 1, "node")
    assert caught.value.field == "sub_url"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"source_url": "file:///etc/passwd"}, "source_url"),
        ({"source_url": "rtsp://"}, "source_url"),
        ({"source_url": None}, "source_url"),
        ({"source_url": "rtsp://[::1"}, "source_url"),
        ({"sub_url": "javascript:alert(1)"}, "sub_url"),
        ({"protocol": Protocol.USB}, "device_path"),
        ({"protocol": Protocol.ONVIF, "source_url": "onvif://10.0.0.9"}, "source_url"),
        ({"resolution": "large"}, "resolution"),
    ],
)
def test_bad_values_name_their_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        new_config(new(**fields), 1, "node")
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"source_url": "http://10.0.0.9/video"}, "source_url"),
        ({"source_url": "demo:"}, "source_url"),
        ({"protocol": Protocol.HTTP}, "source_url"),
        ({"sub_url": "demo:"}, "sub_url"),
        ({"protocol": Protocol.DEMO, "sub_url": "rtsp://10.0.0.9/sub"}, "sub_url"),
    ],
)
def test_an_address_fits_the_protocol(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput, match="begins with") as refused:
        new_config(new(**fields), 1, "node")
    assert refused.value.field == field


def test_a_camera_stays_of_its_kind() -> None:
    demo = new_config(new(protocol=Protocol.DEMO), 1, "node")
    with pytest.raises(InvalidInput, match="demo"):
        changed_config(demo, {"source_url": "rtsp://10.0.0.9:554/main"}, 2)
    assert changed_config(demo, {"sub_url": "demo:"}, 2).sub_url == "demo:"
    mixed = changed_config(config(), {"sub_url": "http://10.0.0.9/sub", "password": None}, 2)
    assert mixed.sub_url == "http://10.0.0.9/sub"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"username": "admin\r\nX-Evil: 1"}, "username"),
        ({"username": "admin", "password": Secret("a\nb")}, "password"),
        ({"source_url": "rtsp://ad%0Amin:x@10.0.0.9/main"}, "username"),
    ],
)
def test_a_login_has_no_line_breaks(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput, match="control characters") as refused:
        new_config(new(**fields), 1, "node")
    assert refused.value.field == field


HIDING = "http://10.0.0.9/v.cgi?loginuse=admin&loginpas=s3cret&ch=1"


def hiding() -> CameraConfig:
    return new_config(new(protocol=Protocol.HTTP, source_url=HIDING), 1, "node")


def test_a_hidden_part_of_an_address_stays_what_it_was() -> None:
    before, shown = hiding(), redact_text(HIDING)
    assert changed_config(before, {"source_url": shown}, 2) is before
    changed = changed_config(before, {"source_url": shown.replace("ch=1", "ch=2")}, 2)
    assert changed.source_url == HIDING.replace("ch=1", "ch=2")
    changed = changed_config(before, {"source_url": shown.replace("pas=***", "pas=new")}, 2)
    assert changed.source_url == HIDING.replace("s3cret", "new")


@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("source_url", "http://10.6.6.6/v.cgi?loginuse=***&loginpas=***"),
        ("source_url", "http://10.0.0.9:8080/v.cgi?loginuse=***&loginpas=***"),
        ("source_url", "https://10.0.0.9/v.cgi?loginuse=***&loginpas=***"),
        ("source_url", "http://10.0.0.9/v.cgi?loginuse=***&token=***"),
        ("sub_url", "http://10.0.0.9/v.cgi?loginuse=***&loginpas=***"),
    ],
)
def test_a_hidden_part_goes_nowhere_else(field: str, url: str) -> None:
    with pytest.raises(InvalidInput, match="instead of") as refused:
        changed_config(hiding(), {field: url}, 2)
    assert refused.value.field == field
    with pytest.raises(InvalidInput, match="instead of"):
        new_config(new(protocol=Protocol.HTTP, **{"source_url": HIDING, field: url}), 1, "node")


def test_password_is_not_taken_to_another_host() -> None:
    with pytest.raises(InvalidInput, match="enter the password again"):
        changed_config(config(), {"source_url": "rtsp://10.6.6.6:554/main"}, 2)
    with pytest.raises(InvalidInput, match="enter the password again"):
        changed_config(config(), {"sub_url": "rtsp://10.6.6.6/sub"}, 2)


def test_password_stays_for_another_path_and_the_default_port() -> None:
    changed = changed_config(config(), {"source_url": "rtsp://10.0.0.9/other"}, 2)
    assert changed.password == Secret("secret")
    assert changed.updated_at_us == 2


def test_another_host_with_its_password_is_taken() -> None:
    changed = changed_config(
        config(), {"source_url": "rtsp://10.6.6.6/main", "password": Secret("other")}, 2
    )
    assert changed.password == Secret("other")


def test_nothing_changed_is_the_same() -> None:
    before = config()
    assert changed_config(before, {"name": before.name}, 2) is before


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(InvalidInput, match="id"):
        changed_config(config(), {"id": "other"}, 2)


@pytest.mark.parametrize(
    ("changes", "reconnects"),
    [({"location": "Yard"}, False), ({"metadata": {"a": 1}}, False), ({"audio": True}, True),
     ({"record": RecordMode.OFF}, True), ({"password": Secret("x")}, True), ({"name": "Y"}, False)],
)  # fmt: skip
def test_what_needs_another_connection(changes: dict[str, Any], *, reconnects: bool) -> None:
    before = config()
    assert needs_reconnect(before, changed_config(before, changes, 2)) is reconnects


def test_another_record_mode_forgets_who_stopped_the_earlier_one() -> None:
    before = replace(config(record=RecordMode.CONTINUOUS), recording_stopped_by="eve")
    assert changed_config(before, {"name": "Y"}, 2).recording_stopped_by == "eve"
    changed = changed_config(before, {"record": RecordMode.MANUAL}, 2)
    assert changed.recording_stopped_by is None
