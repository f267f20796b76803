"""The language of this device."""

from litestar import Response, post

from falconeye.base.errors import InvalidInput
from falconeye.web.i18n import gettext as _
from falconeye.web.languages import LANGUAGE_COOKIE
from falconeye.web.pages.asking import Asking, go_to, texts
from falconeye.web.security.access import signed_in
from falconeye.web.security.cookies import choice_cookie
from falconeye.web.shell import shell_of


@post("/settings/language", opt=signed_in(), include_in_schema=False)
async def save_language(request: Asking) -> Response[str]:
    """A cookie, as the colours are; empty: as the browser asks."""
    language = (await texts(request)).get("language", "")
    if language and language not in shell_of(request).languages:
        raise InvalidInput(_("Choose one of the languages."), field="language")
    answer = go_to("/settings")
    answer.cookies.append(choice_cookie(LANGUAGE_COOKIE, language))
    return answer
