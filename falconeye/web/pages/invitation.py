"""For who was invited: the link's page, where the password is chosen."""

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.users import User
from falconeye.base.errors import InvalidInput, NotAuthenticated, NotFound, TooManyAttempts
from falconeye.base.secret import Secret
from falconeye.web.audit import address_of, record_of
from falconeye.web.frame import page
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, sentence, texts
from falconeye.web.pages.session import begin_session
from falconeye.web.people_contexts import InvitationPage
from falconeye.web.people_views import rights_row
from falconeye.web.security.access import principal_or_none, public
from falconeye.web.shell import shell_of

_LINK = "/invitation/{secret:str}"


@get(_LINK, opt=public(), include_in_schema=False)
async def invitation_page(request: Asking, secret: FromPath[str]) -> Response[str]:
    """The form; looking at it does not use the link up."""
    try:
        user = shell_of(request).services.accounts.invitations.whose(secret, address_of(request))
    except NotFound:
        return _none(request)
    return _form(request, user, {})


@post(_LINK, opt=public(csrf=False), include_in_schema=False, status_code=303)
async def accept_invitation(request: Asking, secret: FromPath[str]) -> Response[str]:
    """Choose the password, which uses the link up, and sign in."""
    accounts = shell_of(request).services.accounts
    given = await texts(request)
    password = given.get("new_password", "")
    try:
        user = accounts.invitations.whose(secret, address_of(request))
        if given.get("again_password") != password:
            return _form(request, user, {"again_password": _("The two passwords differ.")})
        try:
            user = await accounts.invitations.accept(secret, Secret(password), address_of(request))
        except InvalidInput as error:
            return _form(request, user, {"new_password": sentence(error)})
    except NotFound:
        return _none(request)
    await record_of(request, None, "invitation.accepted", "user", user.id, user.name)
    try:
        return await begin_session(request, user.name, password, "/")
    except (NotAuthenticated, TooManyAttempts):  # past the end date; many sign in just now
        return go_to("/login")


def _form(request: Asking, user: User, errors: dict[str, str]) -> Response[str]:
    who = principal_or_none(request)
    context = InvitationPage(
        name=user.name,
        rights=rights_row(request, user),
        signed_in_as=who.name if who else "",
        errors=errors,
    )
    status = 422 if errors else 200
    return page(request, "pages/invitation.html", context, status=status)


def _none(request: Asking) -> Response[str]:
    return page(request, "pages/invitation.html", InvitationPage(), status=404)
