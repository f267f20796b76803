"""The language of this device."""

from typing import Final

from litestar import Response, post
from litestar.datastructures import Cookie

from falconeye.base.errors import InvalidInput
from falconeye.web.i18n import gettext as _
from falconeye.web.languages import LANGUAGE_COOKIE
from falconeye.web.pages.asking import Asking, go_to, texts
from falconeye.web.security.access import signed_in
from falconeye.web.shell import shell_of

_YEAR_S: Final = 365 * 24 * 3600


@post("/settings/language", opt=signed_in(), include_in_schema=False)
async def save_language(request: Asking) -> Response[str]:
    """A cookie, as the colours are; empty: as the browser asks."""
    language = (await texts(request)).get("language", "")
    if language and language not in shell_of(request).languages:
        raise InvalidInput(_("Choose one of the languages."), field="language")
    answer = go_to("/settings")
    cookie = Cookie(
        key=LANGUAGE_COOKIE,
        value=language,
        max_age=_YEAR_S if language else 0,
        httponly=True,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )
    answer.cookies.append(cookie)
    return answer
