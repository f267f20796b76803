"""Names and texts of announcements."""

import pytest

from falconeye.discovery.announcement import MAX_LABEL_BYTES, cut, label


@pytest.mark.parametrize(
    ("name", "suffix", "made"),
    [
        ("pi-2", "-abcd", "pi-2-abcd"),
        ("pi.lan", "", "pi-lan"),
        ("Küche, hinten!", "-1", "K-che-hinten-1"),
        ("", "", "node"),
        ("--", "-x", "node-x"),
        ("日本", "", "node"),
        ("a" * 100, "-12345678", "a" * 54 + "-12345678"),
        ("a" * 53 + "-" + "b" * 20, "-12345678", "a" * 53 + "-12345678"),
    ],
)
def test_a_name_becomes_a_label_of_a_host_name(name: str, suffix: str, made: str) -> None:
    assert label(name, suffix) == made
    assert len(made) <= MAX_LABEL_BYTES


def test_a_text_is_cut_between_characters() -> None:
    assert cut("aü", 3) == "aü"
    assert cut("aü", 2) == "a"
