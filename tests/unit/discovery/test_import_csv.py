"""Lists of cameras as spreadsheets write them."""

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import Protocol, RecordMode
from falconeye.discovery.imports.imported import ImportKind
from falconeye.discovery.imports.reading import read_import
from tests.unit.discovery.import_files import SECRET, sample


def test_a_list_with_a_mark_semicolons_and_quotes() -> None:
    found = read_import("cameras.csv", sample("cameras.csv"))
    assert found.kind is ImportKind.CSV
    yard, other = found.cameras
    assert (yard.name, yard.source_url) == ("Yard", "rtsp://10.0.0.9:554/main")
    assert (yard.username, yard.password) == ("admin", Secret('S3CRET;"PASS'))
    assert yard.sub_url == "rtsp://10.0.0.9:554/sub"
    assert (yard.location, yard.node_name, yard.record) == (
        "behind the house", None, RecordMode.EVENT,
    )  # fmt: skip
    assert (other.name, other.protocol, other.username) == (
        "camera of line 3",
        Protocol.HTTP,
        "eve",
    )
    assert (other.password, other.node_name) == (Secret(SECRET), "pi-2")
    assert [str(each) for each in found.left_out] == [
        "column Colour (line 1): not known to this import",
        "No address (line 5): it has no address",
        "Flute (line 6): not an address that begins with rtsp, rtsps, http or https",
    ]
    assert "S3CRET" not in repr(found)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators(separator: str) -> None:
    text = "name,url,enabled\nYard,rtsp://10.0.0.9/x,no\n".replace(",", separator)
    [camera] = read_import("list", text.encode()).cameras
    assert (camera.name, camera.enabled) == ("Yard", False)


def test_utf_16_of_spreadsheets_is_read() -> None:
    text = "name\turl\r\nTür\trtsp://10.0.0.9/x\r\n"
    assert read_import("a.csv", text.encode("utf-16")).cameras[0].name == "Tür"


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "empty"), ("\n\n", "empty"), ("rtsp://10.0.0.9/x,Yard\n", "first line"),
     ("name,password\nYard,x\n", "first line"), ("url,address\na,b\n", "two columns"),
     ('url\n"rtsp://10.0.0.9/x\n', "line 2: this is not valid CSV"),
     ("url," + "," * 200 + "\n", "first line")],
)  # fmt: skip
def test_what_is_no_list_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_import("cameras.csv", text.encode())


def test_bad_bytes_are_refused_with_their_line() -> None:
    with pytest.raises(InvalidInput, match="line 2: this is not UTF-8"):
        read_import("cameras.csv", "url,name\nrtsp://10.0.0.9/x,Tür\n".encode("latin-1"))


def test_lines_that_do_not_fit_are_named_and_the_rest_is_read() -> None:
    text = (
        "url,record\nrtsp://10.0.0.9/a,sometimes\nrtsp://10.0.0.9/b,off,more\nrtsp://10.0.0.9/c\n"
    )
    found = read_import("cameras.csv", text.encode())
    assert [camera.source_url for camera in found.cameras] == ["rtsp://10.0.0.9/c"]
    assert [each.line for each in found.left_out] == [3, 2]


def test_columns_without_a_name_are_none() -> None:
    found = read_import("a.csv", b"url,,\nrtsp://10.0.0.9/c,,\n")
    assert (len(found.cameras), found.left_out) == (1, ())


def test_a_substream_that_cannot_be_read_leaves_the_camera() -> None:
    text = "url,sub_url\nrtsp://10.0.0.9/a,http://10.0.0.9/flv?x=1\n"
    text += "rtsp://10.0.0.8/a,rtsp://localhost:554/b\n"
    first, second = read_import("cameras.csv", text.encode()).cameras
    assert (first.sub_url, first.missing, second.sub_url, second.missing) == (None, (), None, ())
    assert "gives FLV" in first.notes[0]
    assert second.notes == ("substream: its address leads to that machine itself",)


def test_the_login_of_the_substream_counts_where_the_main_one_has_none() -> None:
    text = "url,sub_url\nrtsp://10.0.0.9/a,rtsp://eve:pw@10.0.0.9/b\n"
    [camera] = read_import("cameras.csv", text.encode()).cameras
    assert (camera.username, camera.password) == ("eve", Secret("pw"))
    assert camera.sub_url == "rtsp://10.0.0.9/b"
