"""Contexts of the pages about people, tokens and one's own account."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from falconeye.web import contexts, people_contexts

NOW_US = 1_795_000_000_000_000
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
LONG_NAME = "Warehouse north, entrance with the loading ramp and the bicycle stand"
SECRET = "fe_Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0Z2FycGx5"


def rights(*limits: str, role: str = "Viewer") -> people_contexts.RightsRow:
    ends = NOW_US + 30 * DAY_US if limits else None
    return people_contexts.RightsRow(role, limits, ends, meaning="Watches, looks at recordings.")


def person(**values: Any) -> people_contexts.PersonRow:
    given: dict[str, Any] = {"is_self": True, "is_online": True, "last_seen_us": NOW_US, **values}
    given = {"id": "user-1", "name": "anna", "rights": rights(role="Admin"), **given}
    return people_contexts.PersonRow(**given)


def people() -> people_contexts.PeoplePage:
    limited = rights(f"Only Front door, Yard, {LONG_NAME}, a deleted camera", "Live pictures only")
    over = replace(rights("Only Yard"), expires_at_us=NOW_US - DAY_US, is_over=True)
    other = {"is_self": False, "is_online": False}
    return people_contexts.PeoplePage(
        (
            person(),
            person(id="user-2", name="Grandmother", rights=limited, **other),
            person(id="user-3", name="Otto", rights=over, last_seen_us=None, **other),
            person(
                id="user-4", name="Eve", rights=rights(), is_invited=True, last_seen_us=None,
                invited_until_us=NOW_US + 6 * DAY_US, **other,
            ),
            person(
                id="user-5", name="W" * 64, rights=rights(role="Operator"), is_invited=True,
                last_seen_us=None, invited_until_us=NOW_US - DAY_US, invitation_is_over=True,
                **other,
            ),
        ),
        3,
    )  # fmt: skip


def sessions() -> tuple[people_contexts.SessionRow, ...]:
    row = people_contexts.SessionRow(
        "session-1", "Firefox, Linux", "192.168.1.20", NOW_US - 9 * DAY_US, NOW_US,
        is_this=True, is_online=True,
    )  # fmt: skip
    phone = replace(
        row, id="session-2", device="Safari, iPhone", address="2001:db8::1c0a:8f2:77", is_this=False
    )
    return (row, phone, replace(phone, id="session-3", device="", address="", is_online=False))


def form(**values: Any) -> people_contexts.RightsForm:
    names = ("Front door", "Yard", LONG_NAME, "Garage")
    choices = (
        *(
            people_contexts.CameraChoice(f"camera-{n}", name, is_chosen=n < 2)
            for n, name in enumerate(names)
        ),
        people_contexts.CameraChoice("gone-1", "", is_chosen=True, is_gone=True),
    )
    return people_contexts.RightsForm(cameras=choices, **values)


def _tokens() -> tuple[people_contexts.TokenRow, ...]:
    row = people_contexts.TokenRow(
        "token-1", "Home Assistant", rights("Only Yard", "Live pictures only"),
        NOW_US - 40 * DAY_US, "anna", NOW_US - HOUR_US,
    )  # fmt: skip
    return (
        row,
        replace(row, id="token-2", name="T" * 64, created_by="", last_used_us=None),
    )


def people_pages(frame: contexts.Frame, nobody: contexts.Frame) -> Mapping[str, Any]:
    """Name → (template, frame, page)."""
    here = replace(frame, path="/people")
    listed = form(all_cameras=False, live_only=True, expires_at="2026-12-31T18:00")
    wrong = {"name": "A name has 1 to 64 characters.", "password": "This is not your password.",
             "cameras": "Choose at least one camera.", "role": "Choose a role.",
             "expires_at": "This end is over already.", "new_password": "Too short."}  # fmt: skip
    other = person(id="user-2", name="Grandmother", is_self=False)
    invited = person(
        id="user-4", name="Eve", is_self=False, is_invited=True, invited_until_us=NOW_US + DAY_US
    )
    own = replace(frame, path="/account")
    return {
        "people": ("pages/people.html", here, people()),
        "person-add": (
            "pages/person_add.html",
            here,
            people_contexts.PersonAddPage(form(), asks_password=True),
        ),
        "person-add-wrong": (
            "pages/person_add.html",
            here,
            people_contexts.PersonAddPage(listed, True, "", "password", wrong),
        ),
        "person-invited": (
            "pages/person_invited.html",
            here,
            people_contexts.InvitedPage(
                "Eve", "user-4", f"http://127.0.0.1:8080/invitation/{'a' * 32}", NOW_US, True
            ),
        ),
        "person": (
            "pages/person.html",
            here,
            people_contexts.PersonPage(other, sessions()[1:], asks_password=False),
        ),
        "person-waiting": (
            "pages/person.html",
            here,
            people_contexts.PersonPage(invited, (), asks_password=True),
        ),
        "person-rights": (
            "pages/person_rights.html",
            here,
            people_contexts.PersonRightsPage("user-2", "Grandmother", listed, True),
        ),
        "person-password": (
            "pages/person_password.html",
            here,
            people_contexts.PersonPasswordPage("user-2", "Grandmother", True),
        ),
        "person-remove": (
            "pages/person_remove.html",
            here,
            people_contexts.PersonRemovePage(other, 2, ("Home Assistant", "VLC"), True),
        ),
        "person-take-back": (
            "pages/person_remove.html",
            here,
            people_contexts.PersonRemovePage(invited, 0, (), False),
        ),
        "tokens": ("pages/tokens.html", here, people_contexts.TokensPage(_tokens())),
        "tokens-none": ("pages/tokens.html", here, people_contexts.TokensPage(())),
        "token-add": (
            "pages/token_form.html",
            here,
            people_contexts.TokenFormPage(form(), True),
        ),
        "token-rights": (
            "pages/token_form.html",
            here,
            people_contexts.TokenFormPage(listed, False, "Home Assistant", "token-1"),
        ),
        "token-made": (
            "pages/token_made.html",
            here,
            people_contexts.TokenMadePage("Home Assistant", SECRET),
        ),
        "token-remove": (
            "pages/token_remove.html",
            here,
            people_contexts.TokenRemovePage(_tokens()[0], True),
        ),
        "account": (
            "pages/account.html",
            own,
            people_contexts.AccountPage("anna", rights(role="Admin"), sessions()),
        ),
        "account-wrong": (
            "pages/account.html",
            own,
            people_contexts.AccountPage(
                "anna", rights("Only Yard"), sessions()[:1], {"password": wrong["password"]}
            ),
        ),
        "invitation": (
            "pages/invitation.html",
            nobody,
            people_contexts.InvitationPage("Eve", rights("Only Front door, Yard")),
        ),
        "invitation-wrong": (
            "pages/invitation.html",
            frame,
            people_contexts.InvitationPage(
                "Eve", rights(), "anna", {"new_password": "A password needs 10 characters."}
            ),
        ),
        "invitation-over": (
            "pages/invitation.html",
            nobody,
            people_contexts.InvitationPage(),
        ),
    }
