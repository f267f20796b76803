"""Serial numbers as devices spell them."""

import pytest

from falconeye.cameras.identity.same_device import serials_differ


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("0815", "0816", True),
        ("00408C-12AB34", "00408c12ab34", False),
        ("DS-2CD2043G2-I20210101AAWRF12345678", "F12345678", False),
        ("0815", "", False),
        ("", "", False),
        ("---", "0815", False),
    ],
)
def test_spelling_is_no_difference(one: str, other: str, differ: bool) -> None:
    assert serials_differ(one, other) is differ
    assert serials_differ(other, one) is differ
