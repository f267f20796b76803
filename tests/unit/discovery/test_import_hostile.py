"""Files that want to hurt: too large, unpacked or followed without end, damaged, or anything."""

import gzip
import io
import json
import random
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.discovery.imports import archives
from falconeye.discovery.imports.imported import MAX_BYTES, MAX_CAMERAS, ImportedFile
from falconeye.discovery.imports.reading import read_import
from tests.examples import examples
from tests.unit.discovery.import_files import SECRET, backup, sample

NAMES = ("camera-1.conf", "config.yml", "cameras.csv", "backup.tar.gz", "backup.zip", "file")
NETCAM = b"netcam_url rtsp://10.0.0.9/x\n"
SAMPLES = {
    "camera-1.conf": sample("motioneye-camera-1.conf"),
    "config.yml": sample("frigate.yml"),
    "cameras.csv": sample("cameras.csv"),
    "backup.tar": gzip.decompress(backup(camera_1__conf=sample("motioneye-camera-1.conf"))),
}


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", ".").replace("_", "-"), content)
    return made.getvalue()


def seal(head: memoryview) -> None:
    """Put the right checksum into a tar's head."""
    head[148:156] = b"%06o\0 " % (sum(head) - sum(head[148:156]) + 8 * 32)


def refused(name: str, data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_import(name, data)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_zip_of_a_backup_is_read() -> None:
    made = zipped(camera_1__conf=sample("motioneye-camera-1.conf"), readme__txt=b"x")
    found = read_import("backup.zip", made)
    assert [camera.name for camera in found.cameras] == ["Hof"]
    assert [each.key for each in found.left_out] == ["readme.txt"]


def test_files_that_are_too_large_are_refused() -> None:
    assert "larger than 1 MB" in refused("cameras.csv", b"x" * (MAX_BYTES + 1))
    assert "larger than 1 MB" in refused("cameras.csv.gz", gzip.compress(b"x" * (MAX_BYTES + 1)))
    assert "larger than 1 MB" in refused("b.tar.gz", backup(camera_1__conf=b"#" * (MAX_BYTES + 1)))
    assert "larger than 1 MB" in refused("b.zip", zipped(camera_1__conf=b"#" * (MAX_BYTES + 1)))


def test_bombs_are_not_unpacked() -> None:
    bomb = b"\0" * (archives.MAX_UNPACKED_BYTES + 1)
    assert "more than 8 MB" in refused("b.tar.gz", gzip.compress(bomb))
    many = {f"file_{number}": b"\0" * MAX_BYTES for number in range(9)}
    assert "more than 8 MB" in refused("b.zip", zipped(**many))
    files = {f"file_{number}": b"" for number in range(archives.MAX_MEMBERS + 1)}
    assert "more than 1000 files" in refused("b.zip", zipped(**files))
    assert "more than 1000 files" in refused("b.tar.gz", backup(**files))


def test_damaged_archives_are_refused() -> None:
    whole = backup(camera_1__conf=sample("motioneye-camera-1.conf"))
    assert "its end is missing" in refused("b.tar.gz", whole[:-9])
    tar = gzip.decompress(whole)
    assert "its end is missing" in refused("b.tar", tar[:1200])
    assert "checksum" in refused("b.tar", b"x" + tar[1:])
    assert "damaged" in refused("b.zip", zipped(camera_1__conf=b"x")[:-5])
    assert "no backup of motionEye" in refused("b.tar.gz", backup(other=b"x"))
    assert "something follows its end" in refused("b.tar.gz", whole + b"x")
    assert "256 cameras" in refused(
        "b.tar.gz", backup(**{f"camera_{n}__conf": b"" for n in range(258)})
    )


def test_links_in_an_archive_are_named_and_not_followed() -> None:
    tar = bytearray(gzip.decompress(backup(camera_1__conf=b"", camera_2__conf=NETCAM)))
    head = memoryview(tar)[512:1024]
    head[156:157] = b"2"
    seal(head)
    found = read_import("b.tar", bytes(tar))
    assert [camera.name for camera in found.cameras] == ["camera-2"]
    assert [str(each) for each in found.left_out] == ["./camera-1.conf: a link or device, no file"]


def test_a_negative_size_in_a_tar_does_not_go_round_for_ever() -> None:
    tar = bytearray(gzip.decompress(backup(camera_1__conf=b"x")))
    head = memoryview(tar)[512:1024]
    for size in (b"\xff" * 10 + b"\xfe\x00", b"-0000001000\0"):  # base 256 of GNU: -512; octal
        head[124:136] = size
        seal(head)
        assert "a number in it" in refused("b.tar", bytes(tar))


def test_an_encrypted_zip_is_refused() -> None:
    made = bytearray(zipped(camera_1__conf=b"x" * 50))
    directory = made.index(b"PK\x01\x02")
    struct.pack_into("<H", made, directory + 8, 1)
    assert "encrypted" in refused("b.zip", bytes(made))


def test_a_link_in_a_zip_is_named_and_not_taken_for_a_file() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("camera-1.conf")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, NETCAM)
        archive.writestr("camera-2.conf", NETCAM)
    found = read_import("b.zip", made.getvalue())
    assert [camera.name for camera in found.cameras] == ["camera-2"]
    assert [str(each) for each in found.left_out] == ["camera-1.conf: a link or device, no file"]


def test_names_that_lead_elsewhere_are_names_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    names = ["../../up.conf", "/tmp/up.conf", "..\\up.conf", "a/../../camera-1.conf"]  # noqa: S108
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, NETCAM)
    tar = backup(**{name.replace(".", "__"): NETCAM for name in names})
    for data in (made.getvalue(), tar):
        found = read_import("b", data)
        assert [camera.name for camera in found.cameras] == ["camera-1"]
        assert len(found.left_out) == 3
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def overlapping(content: bytes, count: int) -> bytes:
    """A zip whose directory names the same packed bytes again and again (Fifield, 2019)."""
    made = zipped(camera_1__conf=content)
    directory, end = made.index(b"PK\x01\x02"), made.index(b"PK\x05\x06")
    entry = made[directory:end]
    tail = bytearray(made[end:])
    struct.pack_into("<HHI", tail, 8, count, count, len(entry) * count)
    return made[:directory] + entry * count + bytes(tail)


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("b.tar.gz", lambda: gzip.compress(bytes(1 << 28)), "more than 8 MB"),
        ("b.gz", lambda: gzip.compress(gzip.compress(bytes(1 << 28))), "not UTF-8"),
        ("b.zip", lambda: zipped(camera_1__conf=bytes(1 << 28)), "larger than 1 MB"),
        ("b.zip", lambda: overlapping(bytes(MAX_BYTES), 900), "more than 8 MB"),
        ("b.zip", lambda: zipped(inner__zip=zipped(camera_1__conf=bytes(1 << 28))), "no camera-1"),
    ],
)
def test_a_bomb_is_not_held_in_memory(name: str, make: Callable[[], bytes], why: str) -> None:
    bomb = make()
    assert len(bomb) < MAX_BYTES
    tracemalloc.start()
    try:
        assert why in refused(name, bomb)
        assert tracemalloc.get_traced_memory()[1] < 3 * archives.MAX_UNPACKED_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("told", [0, 10, 0xFFFFFFFE])
def test_a_zip_that_lies_about_its_sizes_is_read_by_what_is_there_or_refused(told: int) -> None:
    made = bytearray(zipped(camera_1__conf=b"#" * (MAX_BYTES + 10)))
    directory = made.index(b"PK\x01\x02")
    struct.pack_into("<I", made, directory + 24, told)  # unpacked, says the directory
    assert any(why in refused("b.zip", bytes(made)) for why in ("damaged", "larger than 1 MB"))


HUGE = "9" * 5000  # more digits than Python makes a number of


NUMBERS = {
    "port of ONVIF": ("config.yml", """
        cameras: {a: {onvif: {host: 10.0.0.9, port: HUGE},
                      ffmpeg: {inputs: [{path: 'rtsp://10.0.0.9/x'}]}}}"""),
    "picture": ("config.yml", """
        cameras: {a: {detect: {fps: HUGE, width: HUGE}, record: {retain: {days: HUGE}},
                      ffmpeg: {inputs: [{path: 'rtsp://10.0.0.9/x'}]}}}"""),
    "port": ("config.yml", "cameras: {a: {ffmpeg: {inputs: [{path: 'rtsp://h:HUGE/x'}]}}}"),
    "motion": ("camera-1.conf", """
        netcam_url rtsp://10.0.0.9/x
        framerate HUGE
        width HUGE
        height -HUGE
        rotate HUGE"""),
    "device": ("camera-1.conf", """
        videodevice /dev/video0
        width HUGE
        framerate HUGE"""),
    "list": ("cameras.csv", "name,url,record,fps\na,rtsp://10.0.0.9:HUGE/x,HUGE,HUGE\n"),
    "login": ("cameras.csv", "name,url,username,password\na,rtsp://10.0.0.9/x,HUGE,HUGE\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_number_of_any_length_is_read_or_refused(kind: str) -> None:
    name, text = NUMBERS[kind]
    found = refused_or_read(name, text.replace("HUGE", HUGE).encode())
    told = [found] if isinstance(found, str) else [str(each) for each in found.left_out]
    assert all(len(each) < 500 for each in told)


def refused_or_read(name: str, data: bytes) -> ImportedFile | str:
    try:
        return read_import(name, data)
    except InvalidInput as error:
        return str(error)


@pytest.mark.parametrize("name", ["camera-1.conf", "config.yml", "cameras.csv", "file"])
def test_a_nul_makes_it_no_text_file(name: str) -> None:
    text = b"name,url\na,rtsp://10.0.0.9/\0x\n"
    assert refused(name, text) == "this is no text file"


def test_ten_lines_that_stand_for_a_billion_words_are_refused() -> None:
    lists = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lists += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "line 5: the YAML holds more than 50000 words" in refused(
        "config.yml", "\n".join([*lists, "cameras: {}"]).encode()
    )
    tables = ["a0: &a0 {k: v}"]
    tables += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 10)]
    assert "more than 50000 words" in refused("config.yml", "\n".join(tables).encode())


def test_streams_that_name_each_other_again_and_again_are_given_up() -> None:
    """Each names the next one fifty times, and the last one nothing: 50 to the power of 8."""
    streams = {f"s{n}": [f"ffmpeg:s{n + 1}#a"] * 50 for n in range(9)}
    cameras = {f"c{n}": {"ffmpeg": {"inputs": [{"path": "rtsp://127.0.0.1:8554/s0"}]}}
               for n in range(50)}  # fmt: skip
    file = {"go2rtc": {"streams": {**streams, "s9": "x"}}, "cameras": cameras}
    found = read_import("config.yml", json.dumps(file).encode())
    assert found.cameras == ()
    assert "too many streams name each other" in found.left_out[0].reason


def test_yaml_that_is_too_deep_is_refused() -> None:
    assert "nested deeper than 40" in refused("config.yml", b"cameras: " + b"[" * 100_000)
    chain = ["a0: &a0 [x]"]
    chain += [f"a{n}: &a{n} {'[' * 9}*a{n - 1}{']' * 9}" for n in range(1, 50)]
    assert "nested deeper than 40" in refused("config.yml", "\n".join(chain).encode())


@pytest.fixture(params=["with libyaml", "without"])
def _either_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without":
        monkeypatch.delattr(yaml, "CSafeLoader")


@pytest.mark.usefixtures("_either_loader")
@pytest.mark.parametrize(
    ("text", "why"),
    [("cameras: &a [*a]", "line 1: an alias without its anchor"),
     (f"password: *{SECRET}", "line 1"),
     (f"password: @{SECRET}", "line 1"),
     (f'password: "{SECRET}', "line 1"),
     (f"a: b\n  {SECRET}: c: d", "line 2"),
     ("cameras: !!python/object:os.system {}", "line 1: a YAML tag"),
     ("cameras: !secret x", "line 1: a YAML tag"),
     ("cameras:\n  ? [a]\n  : b", "line 2: a key must be a word"),
     ("a: 1\n---\nb: 2", "not valid YAML"),
     ("cameras: {<<: 1}", "<< takes a table"),
     ("a: \x07", "characters that it may not")],
)  # fmt: skip
def test_yaml_is_refused_with_its_line_and_without_what_stood_there(text: str, why: str) -> None:
    assert why in refused("config.yml", text.encode())


@pytest.mark.parametrize("word", ["1:" * 5000 + "1", "9" * 5000, "2001-99-99", "0o9", ".inf"])
def test_words_that_look_like_numbers_and_dates_stay_words(word: str) -> None:
    found = read_import("config.yml", f"cameras: {{}}\n{'k'}: {word}\n".encode())
    assert [each.key for each in found.left_out] == ["k"]


def test_more_cameras_than_can_be_are_refused() -> None:
    rows = "".join(f"rtsp://10.0.{n >> 8}.{n & 255}/x\n" for n in range(MAX_CAMERAS + 1))
    assert "more than 256 cameras" in refused("cameras.csv", f"url\n{rows}".encode())


def test_many_unknown_keys_are_told_within_bounds() -> None:
    conf = "".join(f"key_{n} 1\n" for n in range(900))
    [camera] = read_import("camera-1.conf", f"netcam_url rtsp://h.lan/x\n{conf}".encode()).cameras
    assert "and 700 more" in camera.notes[0]
    assert len(camera.notes[0]) < 200 * 82
    keys = "".join(f"key_{n}: 1\n" for n in range(2000))
    left_out = read_import("config.yml", f"cameras: {{}}\n{keys}".encode()).left_out
    assert len(left_out) == 1001
    assert str(left_out[-1]) == "and more: 1000 others are not taken over"
    assert "1000 directives" in refused("camera-1.conf", conf.encode() + b"!\n" * 200)
    assert "10000 lines" in refused("cameras.csv", b"url\n" + b",\n" * 10_000)


@pytest.mark.parametrize("text", ["\n", " ", "#", "#\n", "a ", "@", "rtsp://", "{FRIGATE_A}", "- "])
@pytest.mark.parametrize("name", ["camera-1.conf", "config.yml", "cameras.csv", "file"])
def test_a_megabyte_of_anything_is_done_with_in_time(name: str, text: str) -> None:
    """Within the ten seconds that a test has: none of the patterns goes back and forth over it."""
    for head in ("", "url\n", "cameras: {y: {ffmpeg: {inputs: [{path: '", "netcam_url rtsp://"):
        check(name, (head + text * (1_000_000 // len(text))).encode())


def test_text_that_is_none_of_them_is_refused() -> None:
    assert "none of the files" in refused("letter.txt", b"Dear Eve")
    assert "no text file" in refused("camera-1.conf", b"a\0b")


def answer(name: str, data: bytes) -> ImportedFile | InvalidInput:
    try:
        return read_import(name, data)
    except InvalidInput as error:
        return error


def check(name: str, data: bytes, *, secret: str = SECRET) -> None:
    found = answer(name, data)
    if isinstance(found, InvalidInput):
        assert secret not in str(found)
        return
    assert secret not in repr(found) + str(found)
    shown = [*map(str, found.left_out)]
    for camera in found.cameras:
        shown += [camera.name, camera.key, camera.address or "", camera.sub_address or "",
                  *camera.notes, *camera.missing]  # fmt: skip
    assert len({camera.key for camera in found.cameras}) == len(found.cameras)
    assert all(each.isprintable() and secret not in each for each in shown)


@given(st.sampled_from(NAMES), st.binary(max_size=3000))
@settings(deadline=None, max_examples=examples(300))
def test_any_bytes_are_a_file_or_refused(name: str, data: bytes) -> None:
    check(name, data)


@given(
    st.sampled_from(NAMES),
    st.text(alphabet="ab:/@{}[]&*!#-<> \n\t,;\"'%0=$|\x07é", max_size=200),
    st.sampled_from(("", "cameras:\n", "url,name\n", "# @name ", "netcam_url ")),
)
@settings(deadline=None, max_examples=examples(500))
def test_any_text_is_a_file_or_refused(name: str, text: str, head: str) -> None:
    check(name, (head + text).encode())


BENT = b"\n\t \"'#%&*,-./:;<=>@[]{}019aZ\xff\0"


@pytest.mark.parametrize("name", SAMPLES)
@given(seed=st.integers(0, 2**32))
@settings(
    deadline=None,
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_bent_files_are_read_or_refused(name: str, seed: int) -> None:
    """Bytes changed, cut, doubled: never another error."""
    chance = random.Random(seed)  # noqa: S311 - a test
    data = bytearray(SAMPLES[name])
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[place] = chance.choice(BENT)
            case 1:
                del data[place : place + chance.randint(1, 40)]
            case _:
                data[place:place] = data[place : place + chance.randint(1, 40)]
        if not data:
            return
    check(name, bytes(data), secret="no such text")


WORDS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False),
    st.sampled_from((
        "rtsp://a:b@10.0.0.9/x", "rtsp://127.0.0.1:8554/a", "rtsp://127.0.0.1:8554/", "ffmpeg:a",
        "rtsp://[::1/x", "onvif://h.lan:99999", "onvif://h.lan", "{FRIGATE_A}", "/dev/video0", "",
        "rtspx://{FRIGATE_A}:7441/x#y", "record", "detect", "http://h.lan/{FRIGATE_A}/flv",
    )),
)  # fmt: skip
KEYS = st.sampled_from((
    "cameras", "go2rtc", "streams", "a", "ffmpeg", "inputs", "path", "roles", "record", "retain",
    "continuous", "days", "enabled", "onvif", "host", "port", "user", "password", "friendly_name",
    "environment_vars", "FRIGATE_A", "zones",
))  # fmt: skip
TREES = st.recursive(
    WORDS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4)
)


@given(TREES, TREES, TREES, TREES)
@settings(deadline=None, max_examples=examples(400))
def test_a_configuration_may_hold_anything_anywhere(
    path: Any, record: Any, onvif: Any, streams: Any
) -> None:
    inputs = [{"path": path, "roles": streams}, path, {"path": "rtsp://127.0.0.1:8554/a"}]
    camera = {"ffmpeg": {"inputs": inputs}, "record": record, "onvif": onvif}
    root = {"cameras": {"y": camera, "z": record}, "go2rtc": {"streams": streams},
            "environment_vars": onvif, "record": streams}  # fmt: skip
    check("config.yml", json.dumps(root).encode())
    login = {"host": path, "port": record, "user": onvif, "password": streams}
    camera = {"ffmpeg": {"inputs": [{"path": "rtsp://h.lan/x"}]}, "onvif": login}
    check("config.yml", json.dumps({"cameras": {"y": camera}, "go2rtc": streams}).encode())


PLACES = (
    "cameras: {y: {ffmpeg: {inputs: [{path: 'rtsp://LOGIN10.0.0.9/x'}]}}}",
    "cameras:\n  y:\n    ffmpeg:\n      inputs:\n      - path: rtsp://LOGIN10.0.0.9/x\n",
    (
        "cameras: {y: {ffmpeg: {inputs: [{path: 'rtsp://127.0.0.1:8554/a'}]}}}\n"
        "go2rtc: {streams: {a: 'ffmpeg:rtsp://LOGIN10.0.0.9/x#video=copy'}}"
    ),
)
LOGINS = ("eve:{}@", "eve:a/{}@", "eve:{}@b@", "eve:{}?@", "eve:b@{}@", ":{}@", "eve:{}:1/@")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("login", LOGINS)
def test_a_password_shows_nowhere(place: str, login: str) -> None:
    check("config.yml", place.replace("LOGIN", login.format(SECRET)).encode())


@pytest.mark.parametrize("name", ["password", "pwd", "loginpas", "token"])
def test_a_password_within_parameters_shows_nowhere(name: str) -> None:
    url = f"http://10.0.0.9/video.cgi?user=a&{name}={SECRET}"
    check("config.yml", f"cameras: {{y: {{ffmpeg: {{inputs: [{{path: '{url}'}}]}}}}}}".encode())
    check("camera-1.conf", f"netcam_url {url}\n".encode())
    check("cameras.csv", f"url\n{url}\n".encode())
