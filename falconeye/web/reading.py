"""Request bodies as Litestar reads them, with every unreadable one as a 400 instead of a 500."""

from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.exceptions import ClientException, SerializationException
from typing_extensions import override


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
        """The posted form; ClientException when it cannot be read."""
        try:
            return await super().form()
        except (UnicodeError, RecursionError) as error:
            raise ClientException("the form cannot be read") from error
