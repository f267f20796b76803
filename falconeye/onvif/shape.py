"""Answers that may be given to lxml, which holds the interpreter's lock while it parses.

zeep has libxml2 mend what is broken, and there attributes of one element cost their number squared:
1 MB of them stood still for 27 s, with all cameras of the node. So expat, which costs what it
reads, goes first: what it takes is well-formed, flat and small. Undeclared prefixes pass.
"""

from typing import Final
from xml.parsers import expat

MAX_TAGS: Final = 50_000  # a recorder of 64 channels tells its profiles in 20 000
MAX_ATTRIBUTES: Final = 250  # of one element; envelopes declare some forty namespaces
MAX_DEPTH: Final = 100
_PIECE_BYTES: Final = 16_384  # others get the interpreter in between
_JUNK_BEHIND: Final = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]


class StrangeAnswer(ValueError):
    """It is not to be parsed."""


def plain_xml(content: bytes) -> bytes:
    """`content` fit to be parsed: nothing around the XML, no byte that is none of its encoding.

    StrangeAnswer for what is no XML, has a document type (entities), or is built to be slow.
    """
    content = content.strip(b" \t\r\n\0")
    if content.count(b"<") > MAX_TAGS:
        raise StrangeAnswer
    if b"encoding=" not in content[:100] or b"utf-8" in content[:100].lower():
        # Names that people gave cameras come in whatever their browser sent.
        content = content.decode("utf-8", "replace").encode()
    walk = _Walk()
    try:
        walk.over(content)
    except expat.ExpatError as error:
        if error.code != _JUNK_BEHIND:
            raise StrangeAnswer from None
        return content[: walk.parser.ErrorByteIndex]
    finally:
        walk.forget()
    return content


class _Walk:
    def __init__(self) -> None:
        self._depth = 0
        self.parser = expat.ParserCreate()
        self.parser.ordered_attributes = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def over(self, content: bytes) -> None:
        for begin in range(0, len(content), _PIECE_BYTES):
            self.parser.Parse(content[begin : begin + _PIECE_BYTES], False)  # noqa: FBT003 - no name
        self.parser.Parse(b"", True)  # noqa: FBT003 - as above

    def forget(self) -> None:
        """The parser would keep itself alive by its handlers until it is collected."""
        self.parser.StartDoctypeDeclHandler = None
        self.parser.StartElementHandler = None
        self.parser.EndElementHandler = None

    def _start(self, _name: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH or len(attributes) > 2 * MAX_ATTRIBUTES:
            raise StrangeAnswer

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _doctype(self, *_: object) -> None:
        raise StrangeAnswer
