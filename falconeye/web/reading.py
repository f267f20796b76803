"""Request bodies as Litestar reads them, with every unreadable one as a 400 instead of a 500.

Posted forms are read here: Litestar's own reader keeps the last 1024 bodies in memory, passwords
and all, up to a megabyte each, whoever sent them.
"""

from typing import Any, Final
from urllib.parse import parse_qs

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException, SerializationException
from typing_extensions import override

from falconeye.base.errors import FalconEyeError

MAX_FORM_BYTES: Final = 128 * 1024  # the longest of ours: twenty addresses, percent-encoded
MAX_FORM_FIELDS: Final = 200


class FormTooLarge(FalconEyeError):
    """Reading it would hold up the loop (413)."""

    status = 413


class ReadRequest(Request[Any, Any, Any]):
    """The request class of all handlers."""

    @override
    async def json(self) -> Any:
        """The body; SerializationException when it is not JSON, not UTF-8 or nested too deep."""
        try:
            return await super().json()
        except UnicodeDecodeError as error:
            raise SerializationException("it is not UTF-8") from error
        except RecursionError as error:
            raise SerializationException("it is nested too deep") from error

    @override
    async def form(self) -> FormMultiDict:
        """The posted form; ClientException when it cannot be read, FormTooLarge for a long one."""
        if self.content_type[0] == RequestEncodingType.URL_ENCODED:
            return _fields(await self.body())
        try:
            return await super().form()
        except (UnicodeError, RecursionError) as error:
            raise ClientException("the form cannot be read") from error


def _fields(body: bytes) -> FormMultiDict:
    """The fields of application/x-www-form-urlencoded (WHATWG URL 5.1)."""
    if len(body) > MAX_FORM_BYTES:
        msg = f"the form is larger than {MAX_FORM_BYTES // 1024} kB"
        raise FormTooLarge(msg)
    try:
        fields = parse_qs(
            body.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise ClientException("the form has too many fields") from error
    return FormMultiDict([(name, value) for name, values in fields.items() for value in values])
