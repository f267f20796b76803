"""Posted fields about role and limits, read and shown again."""

from collections.abc import Mapping
from dataclasses import dataclass

from falconeye.accounts.model import Role
from falconeye.accounts.tokens import Token
from falconeye.accounts.users import Rights, User
from falconeye.base.errors import InvalidInput
from falconeye.base.times import parse_rfc3339
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, services_of, texts
from falconeye.web.people import checked_rights, rights_of
from falconeye.web.people_contexts import RightsForm
from falconeye.web.people_views import camera_choices, end_text

MAX_CAMERAS = 1000
LISTED = "listed"  # of the field `scope`; else all cameras


@dataclass(frozen=True, slots=True)
class Given:
    """A posted form: its texts, and the check boxes of cameras."""

    texts: Mapping[str, str]
    cameras: frozenset[str]

    def rights(self, request: Asking, before: User | Token | None = None) -> Rights:
        """What was asked for, checked. InvalidInput with `field`."""
        had = rights_of(before) if before else None
        try:
            role = Role(self.texts.get("role", ""))
        except ValueError:
            raise InvalidInput(_("Choose a role."), field="role") from None
        listed = self.texts.get("scope") == LISTED
        if listed and not self.cameras:
            raise InvalidInput(_("Choose at least one camera."), field="cameras")
        return checked_rights(
            request,
            Rights(
                role,
                self.cameras if listed else None,
                self.texts.get("live_only") == "yes",
                self._end_us(request, had),
            ),
            had,
        )

    def form(self, request: Asking, before: User | Token | None = None) -> RightsForm:
        """The fields as they were typed, to be shown again."""
        return RightsForm(
            role=self.texts.get("role", ""),
            all_cameras=self.texts.get("scope") != LISTED,
            cameras=camera_choices(request, self.cameras, rights_of(before) if before else None),
            live_only=self.texts.get("live_only") == "yes",
            expires_at=self.texts.get("expires_at", ""),
        )

    def _end_us(self, request: Asking, had: Rights | None) -> int | None:
        text = self.texts.get("expires_at", "")
        if not text:
            return None
        if had is not None and text == end_text(request, had.expires_at_us):
            return had.expires_at_us  # the field shows minutes, and it may be over already
        try:
            return parse_rfc3339(text, services_of(request).stored_settings.zone)
        except (ValueError, OverflowError):
            words = _("This is no date and time.")
            raise InvalidInput(words, field="expires_at") from None


async def given_of(request: Asking) -> Given:
    """What the form has."""
    form = await request.form()
    chosen = [value for value in form.getall("cameras", []) if isinstance(value, str)]
    return Given(await texts(request), frozenset(chosen[:MAX_CAMERAS]))
