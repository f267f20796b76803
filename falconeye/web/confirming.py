"""The password, once more, before what a browser left open must not be enough for.

Backups, restores and the cluster ask each time, because they hand over every key. People, tokens
and invitations ask unless the same session showed the password within the last ten minutes. The
memory of that is this node's alone: another one asks again. A token is no browser that somebody
left open: it is itself what was shown, and is asked for no password.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Request

from falconeye.accounts.model import PrincipalKind
from falconeye.base.errors import ConfirmationNeeded, NotAuthenticated, TooManyAttempts
from falconeye.web.audit import address_of
from falconeye.web.i18n import gettext as _
from falconeye.web.said import said
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class WrongPassword:
    """What stands at the field, and the answer's status."""

    words: str
    status: int


async def wrong_password(request: Asking, password: str) -> WrongPassword | None:
    """None where it is the password of who asks, which counts for ten minutes then.

    NotAllowed for a token.
    """
    accounts = shell_of(request).services.accounts
    try:
        await accounts.confirm(principal_of(request), password, address_of(request))
    except NotAuthenticated:
        return WrongPassword(_("This is not your password."), 422)
    except TooManyAttempts as error:
        words = said(str(error))
        return WrongPassword(f"{words[:1].upper()}{words[1:]}.", error.status)
    return None


async def password_errors(request: Asking, given: Mapping[str, str]) -> dict[str, str]:
    """As `wrong_password`, of a form's field `password`, as errors by field."""
    wrong = await wrong_password(request, given.get("password", ""))
    return {"password": wrong.words} if wrong else {}


def asks_password(request: Asking) -> bool:
    """Whether who asks has to show the password before people or tokens are changed."""
    who = principal_of(request)
    accounts = shell_of(request).services.accounts
    return who.kind is PrincipalKind.USER and not accounts.is_confirmed(who)


async def confirmation_errors(request: Asking, given: Mapping[str, str]) -> dict[str, str]:
    """As `password_errors`, where the password has to be shown at all."""
    return await password_errors(request, given) if asks_password(request) else {}


def require_confirmed(request: Asking) -> None:
    """ConfirmationNeeded unless the password was shown: for programs in a browser's session."""
    if asks_password(request):
        msg = "show your password first, by POST /api/account/confirm: it counts for ten minutes"
        raise ConfirmationNeeded(msg)
