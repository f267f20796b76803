"""HTTPS for people: how it is had, and how devices come to trust this recorder's own authority.

Public, and answered without TLS too: who has no trust yet must be able to read it.
"""

import re
from typing import Final

from litestar import Response, Router, get
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler

from falconeye.accounts.model import Action
from falconeye.base.errors import NotFound
from falconeye.web.authority_contexts import AuthorityPage
from falconeye.web.base_path import outward
from falconeye.web.https.state import OwnAuthority, https_of
from falconeye.web.pages.asking import Asking, services_of, set_language, show
from falconeye.web.security.access import may_on, principal_or_none, public
from falconeye.web.security.paths import safe_next

_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,260}")


@get("/ca", opt=public(), include_in_schema=False)
async def authority_page(request: Asking, to: FromQuery[str] = "") -> Response[str]:
    """`to`: where somebody wanted to go without TLS."""
    https = https_of(request)
    own = https.authority if https else None
    sees_why = may_on(principal_or_none(request), Action.MANAGE_SETTINGS)
    secured, host = "", request.headers.get("host", "")
    if https is not None and request.scope["scheme"] == "http" and _HOST.fullmatch(host):
        secured = f"https://{host}{outward(safe_next(to or '/'))}"
    page = AuthorityPage(
        mode=services_of(request).settings.tls,
        fingerprint=own.fingerprint if own else "",
        problem=https.problem if https and sees_why else "",  # it names files
        secured=secured,
        was_led=bool(to),
    )
    return show(request, "pages/authority.html", page)


@get("/ca.crt", opt=public(), include_in_schema=False)
async def authority_der(request: Asking) -> Response[bytes]:
    """As phones, Windows and macOS take it (DER; the media type since Netscape's days).

    The page without TLS asks for it with TLS, to learn whether this device trusts the recorder.
    """
    return Response(
        _authority(request).der,
        media_type="application/x-x509-ca-cert",
        headers={"cross-origin-resource-policy": "cross-origin"},
    )


@get("/ca.pem", opt=public(), include_in_schema=False)
async def authority_pem(request: Asking) -> Response[str]:
    """As Linux and programs take it."""
    return Response(_authority(request).certificate, media_type="application/x-pem-file")


def _authority(request: Asking) -> OwnAuthority:
    https = https_of(request)
    if https is None or https.authority is None:
        raise NotFound("this recorder has no certificate authority of its own")
    return https.authority


ROUTES: Final[list[ControllerRouterHandler]] = [
    Router(
        path="/",
        before_request=set_language,
        route_handlers=[authority_page, authority_der, authority_pem],
    )
]
