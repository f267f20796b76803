"""Counts in sentences."""

from falconeye.base.words import counted


def test_one_is_told_as_one() -> None:
    assert [counted(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [counted(number, "entry", "entries") for number in (1, 5)] == ["1 entry", "5 entries"]
