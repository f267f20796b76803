"""`/static/…`: the files of `assets.py`, from memory."""

from typing import Any, Final

from litestar import HttpMethod, MediaType, Request, Response, route
from litestar.params import FromPath

from falconeye.base.errors import NotFound
from falconeye.web.headers import IMMUTABLE, REVALIDATE
from falconeye.web.security.access import public
from falconeye.web.shell import shell_of

_READ: Final = [HttpMethod.GET, HttpMethod.HEAD]


@route(
    "/static/{path:path}",
    http_method=_READ,
    opt=public(),
    include_in_schema=False,
    sync_to_thread=False,
)
def static_file(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    """One file: kept for ever under the current hash, else asked for again with its ETag."""
    asset, current = shell_of(request).assets.find(path)
    if asset is None:
        raise NotFound("there is no such file")
    wants_gzip = "gzip" in request.headers.get("accept-encoding", "")
    packed = asset.gzipped and wants_gzip
    etag = f'"{asset.etag}{"-gz" if packed else ""}"'
    headers = {
        "cache-control": IMMUTABLE if current else REVALIDATE,
        "etag": etag,
        "vary": "Accept-Encoding",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if packed:
        headers["content-encoding"] = "gzip"
    body = asset.body if packed else asset.plain()
    return Response(body, headers=headers, media_type=asset.media_type or MediaType.TEXT)
