"""What makes the pages an application of the device, where they come by HTTPS.

The manifest and its icons are static files. The service worker (W3C Service Workers 1) lies beside
the pages that it sees to, and keeps the page that stands in for them while no node is reached.
"""

from typing import Any

from litestar import Request, Response, get

from falconeye.web.frame import page
from falconeye.web.headers import REVALIDATE
from falconeye.web.security.access import public
from falconeye.web.shell import shell_of

WORKER = "worker.js"


@get("/worker.js", opt=public(), include_in_schema=False, sync_to_thread=False)
def worker(request: Request[Any, Any, Any]) -> Response[bytes]:
    """With the version of all files: another one has the page for later be kept anew."""
    assets = shell_of(request).assets
    asset, _ = assets.find(WORKER)
    script = b"" if asset is None else asset.plain()
    body = script + f"// {assets.version}\n".encode()
    headers = {"cache-control": REVALIDATE}
    return Response(body, headers=headers, media_type="text/javascript")


@get("/offline", opt=public(), include_in_schema=False)
async def offline(request: Request[Any, Any, Any]) -> Response[str]:
    """For everybody: it says nothing of this place."""
    return page(request, "pages/offline.html", None)
