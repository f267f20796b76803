"""What is not given to lxml, and what is made fit for it."""

import pytest

from falconeye.onvif.shape import StrangeAnswer, plain_xml


@pytest.mark.parametrize(
    "content",
    [
        b"<a " + b" ".join(b'a%d="1"' % number for number in range(300)) + b"/>",
        b"<a " + b" ".join(b'a%d="><"' % number for number in range(300)) + b"/>",
        b"<a>" * 101 + b"</a>" * 101,
        b"<a>" + b"<b/>" * 50_000 + b"</a>",
        b"<!DOCTYPE a><a/>",
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>',
        b"<a", b"<a>", b"<a></b>", b"", b"text", b"\xff\xfe\x00", b"<a b=1/>",
        b'<?xml version="1.0" encoding="cp037"?><a/>', "<a/>".encode("cp037"),
    ],
)  # fmt: skip
def test_refused(content: bytes) -> None:
    with pytest.raises(StrangeAnswer):
        plain_xml(content)


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (b"<a/>", b"<a/>"),
        (b"\r\n <?xml version='1.0'?><a/>\r\n\0\0", b"<?xml version='1.0'?><a/>"),
        (b"<a/>--boundary--", b"<a/>"),
        (b"<a>b</a> <c/>", b"<a>b</a> "),
        (b"<what:a/>", b"<what:a/>"),
        ("<a>Tür</a>".encode(), "<a>Tür</a>".encode()),
        ("<a>Tür</a>".encode("latin-1"), "<a>T\ufffdr</a>".encode()),
        (b"<a>" * 100 + b"</a>" * 100, b"<a>" * 100 + b"</a>" * 100),
    ],
)
def test_made_fit(content: bytes, plain: bytes) -> None:
    assert plain_xml(content) == plain


def test_other_encodings_stay() -> None:
    content = '<?xml version="1.0" encoding="iso-8859-1"?><a>Tür</a>'.encode("latin-1")
    assert plain_xml(content) == content


def test_a_long_answer_is_cut_where_it_ends() -> None:
    answer = b"<a>" + b"<b>text</b>" * 20_000 + b"</a>"
    assert plain_xml(answer + b"x" * 100_000) == answer
