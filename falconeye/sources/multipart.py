"""Splits multipart/x-mixed-replace (RFC 2046 5.1) as cameras send it, within fixed bounds.

Cameras put the dashes into the boundary parameter or not, quote it or leave it away, and tell a
part's length or not; all of these are read. Pure: bytes in, parts out.
"""

MAX_HEADER_BYTES = 8_192
MAX_PART_BYTES = 8 * 1024 * 1024


class MultipartParser:
    """Feed it the body in pieces; ValueError when it is no multipart body or exceeds a bound."""

    def __init__(self, content_type: str) -> None:
        self._boundary = _boundary(content_type)
        self._buffer = bytearray()
        self._length: int | None = None  # of the part being read, where the camera told it
        self._in_part = False
        self._searched = 0  # no boundary begins before this offset

    def feed(self, data: bytes) -> list[bytes]:
        """The parts that `data` completes."""
        self._buffer += data
        parts: list[bytes] = []
        while True:
            if not self._in_part and not self._read_headers():
                return parts
            part = self._read_part()
            if part is None:
                return parts
            if part:
                parts.append(part)

    def _read_headers(self) -> bool:
        """Boundary line and headers; False while they are incomplete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEADER_BYTES:
            if len(self._buffer) > MAX_HEADER_BYTES:
                msg = "no part begins where one should"
                raise ValueError(msg)
            return False
        lines = bytes(self._buffer[:end]).lstrip(b"\r\n").split(b"\r\n")
        del self._buffer[: end + 4]
        if not lines[0].startswith(b"--"):
            msg = "a part does not begin with its boundary"
            raise ValueError(msg)
        self._boundary = self._boundary or lines[0].strip().lstrip(b"-")
        self._length = _content_length(lines[1:])
        self._in_part, self._searched = True, 0
        return True

    def _read_part(self) -> bytes | None:
        """The part's data; None while it is incomplete."""
        if self._length is not None:
            end = self._length
            if len(self._buffer) < end:
                return None
        else:
            end = self._buffer.find(b"--" + self._boundary, self._searched)
            if end < 0:
                self._searched = max(len(self._buffer) - len(self._boundary) - 2, 0)
                if len(self._buffer) > MAX_PART_BYTES:
                    msg = "a picture is larger than 8 MB"
                    raise ValueError(msg)
                return None
        part = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._in_part = False
        return part if self._length is not None else part.removesuffix(b"\r\n")


def _boundary(content_type: str) -> bytes:
    """The boundary parameter without quotes and dashes; empty when there is none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "boundary":
            return value.strip().strip('"').lstrip("-").encode()
    return b""


def _content_length(lines: list[bytes]) -> int | None:
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
            if not 0 <= length <= MAX_PART_BYTES:
                msg = "a picture is larger than 8 MB"
                raise ValueError(msg)
            return length
    return None
