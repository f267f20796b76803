"""Imported cameras in the list of found cameras: one key each, never a login."""

from falconeye.config.camera import Protocol
from falconeye.discovery.evidence import Way
from falconeye.discovery.imports.found import INCOMPLETE, evidence_of
from falconeye.discovery.imports.imported import MAX_KEY, ImportedCamera
from falconeye.discovery.imports.reading import read_import
from tests.unit.discovery.import_files import sample


def of(url: str, name: str = "Yard") -> ImportedCamera:
    [camera] = read_import("a.csv", f"name,url\n{name},{url}\n".encode()).cameras
    return camera


def test_it_tells_where_the_camera_is_and_not_its_login() -> None:
    found = evidence_of(of("rtsp://eve:s3cret@10.0.0.9/v?pwd=s3cret"), 7)
    assert (found.way, found.key, found.seen_us) == (Way.IMPORT, "10.0.0.9:554/v", 7)
    assert (found.name, found.address, found.port) == ("Yard", "10.0.0.9", 554)
    assert (found.url, found.usable, found.note) == ("rtsp://10.0.0.9/v?pwd=***", True, "")
    assert "s3cret" not in repr(found)


def test_a_name_is_no_address() -> None:
    assert evidence_of(of("rtsp://cam.lan/v"), 7).address is None


def test_one_that_lacks_something_says_so() -> None:
    cameras = read_import("config.yml", sample("frigate.yml")).cameras
    found = evidence_of(cameras[0], 7)
    assert (found.usable, found.note) == (False, INCOMPLETE)
    assert found.key == "10.0.0.9:554/main"


def test_the_device_of_another_machine_is_not_ours() -> None:
    [camera] = read_import("thread-2.conf", sample("motioneye-thread-2.conf")).cameras
    found = evidence_of(camera, 7)
    assert (found.device_path, found.url, found.name) == (None, None, "Tür")
    assert camera.protocol is Protocol.USB


def test_keys_stay_apart_and_whole_however_long() -> None:
    long = "rtsp://10.0.0.9/" + "a" * 1500
    first, second = (evidence_of(of(long + end), 7).key for end in "bc")
    assert first != second
    assert len(first) == len(second) == MAX_KEY
    assert first == of(long + "b").key
