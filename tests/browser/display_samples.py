"""The pages of displays with plausible values, for the admin and at the screen."""

from typing import Any, Final

from falconeye.web import display_contexts as of
from falconeye.web.wall_contexts import Tile

HOUR_US: Final = 3_600_000_000
NOW_US: Final = 1_795_000_000_000_000
ADDRESS: Final = "http://falconeye.lan:8900/display"
LINK: Final = f"{ADDRESS}/link/Jq3cZ0m8bXwTt1nH5vKfYy2oPzR4sDgLkUeNaVi7cQ"
CAMERAS: Final = (("c1", "Front door"), ("c2", "Yard"), ("c3", "Parking, second row"))


def _row(number: int, name: str, **more: Any) -> of.DisplayRow:
    values: dict[str, Any] = {
        "id": f"d{number}",
        "name": name,
        "shows": "all cameras",
        "created_by": "anna",
        "expires_at_us": None,
        "is_over": False,
        "is_paired": True,
        "last_seen_us": NOW_US,
        "address": f"192.168.1.{40 + number}",
        "device": "Chrome, Android",
        "is_secure": True,
    }
    return of.DisplayRow(**{**values, **more})


ROWS: Final = (
    _row(1, "Kitchen tablet", shows="Front door, Yard"),
    _row(2, "Reception", is_secure=False, device="Silk, Android", expires_at_us=NOW_US + HOUR_US),
    _row(3, "Stairs", is_paired=False, last_seen_us=None, address="", device=""),
    _row(4, "Fair stand, hall 3", is_over=True, expires_at_us=NOW_US - HOUR_US, shows="4 cameras"),
)


def display_pages() -> dict[str, tuple[str, str, Any]]:
    """Name → (template, path, page): of an admin."""
    path = "/people/displays"
    chosen = of.DisplayForm("Kitchen", "ACDE-FGHX", "cameras", frozenset({"c1"}), "", NOW_US)
    form = of.DisplayFormPage(of.DisplayForm(), CAMERAS, (("w1", "Yard and gate"),), ADDRESS)
    wrong = {
        "code": "No screen shows this code. Look again: each lasts ten minutes.",
        "password": "This is not your password.",
    }
    pairing = of.DisplayPairPage("d1", "Kitchen tablet", is_paired=True, address=ADDRESS)
    linked = of.DisplayPairPage("d1", "Hall", is_paired=False, address=ADDRESS, link=LINK)
    edited = of.DisplayFormPage(chosen, CAMERAS, (), ADDRESS, "d1", "Kitchen tablet")
    refused = of.DisplayFormPage(chosen, CAMERAS, (), ADDRESS, errors=wrong)
    return {
        "displays": ("pages/displays.html", path, of.DisplaysPage(ROWS, ADDRESS)),
        "displays-none": ("pages/displays.html", path, of.DisplaysPage((), ADDRESS)),
        "display-add": ("pages/display_form.html", f"{path}/add", form),
        "display-wrong": ("pages/display_form.html", f"{path}/add", refused),
        "display-edit": ("pages/display_form.html", f"{path}/d1", edited),
        "display-pair": ("pages/display_pair.html", f"{path}/d1/pair", pairing),
        "display-made": ("pages/display_pair.html", f"{path}/add", linked),
        "display-remove": (
            "pages/display_remove.html",
            f"{path}/d1/remove",
            of.DisplayRemovePage("d1", "Kitchen tablet", is_paired=True),
        ),
    }


def screen_pages(tiles: tuple[Tile, ...]) -> dict[str, tuple[str, str, Any]]:
    """Name → (template, path, page): of a screen, where nobody is signed in."""
    code = of.PairingPage("ACDE-FGHJ", "http://falconeye.lan:8900/people/displays")
    return {
        "display": (
            "pages/display.html",
            "/display",
            of.DisplayPage("Kitchen tablet", tiles, "0.1.0-0123", "0123"),
        ),
        "display-empty": (
            "pages/display.html",
            "/display",
            of.DisplayPage("Kitchen tablet", (), "0.1.0-0123", "0123"),
        ),
        "display-code": ("pages/display_code.html", "/display", code),
        "display-link": (
            "pages/display_link.html",
            "/display/link/x",
            of.DisplayLinkPage("Hall", "/display/link/x"),
        ),
        "display-link-over": (
            "pages/display_link.html",
            "/display/link/x",
            of.DisplayLinkPage(None),
        ),
    }
