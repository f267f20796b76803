"""What the node that serves leaves for `falconeye node list`."""

from pathlib import Path

import pytest

from falconeye.config.noted_twins import FILE_NAME, FRESH_US, read_twins, write_twins


def test_what_was_noted_is_read_while_it_is_fresh(tmp_path: Path) -> None:
    assert read_twins(tmp_path, 0) == {}
    write_twins(tmp_path, {"n": ("10.0.0.1:8901", "10.0.0.2:8901")}, 1000)
    assert read_twins(tmp_path, 1000 + FRESH_US) == {"n": ["10.0.0.1:8901", "10.0.0.2:8901"]}
    assert read_twins(tmp_path, 1001 + FRESH_US) == {}
    assert [one.name for one in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("text", ["", "[]", '{"at_us": 5}', '{"at_us": "x", "twins": {}}', "null"])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert read_twins(tmp_path, 5) == {}
