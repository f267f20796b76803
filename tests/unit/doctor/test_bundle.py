"""What goes out in a report."""

from falconeye.doctor import bundle


def test_a_set_up_link_of_the_journal_is_hidden() -> None:
    """It is good for an hour while there is no user, and whoever has it becomes the admin."""
    line = "falconeye[1]: open http://192.168.1.7:8900/setup/Zm9vYmFyYmF6cXV4eHl6enk to begin"
    clean = bundle._clean(line, [])
    assert "Zm9vYmFy" not in clean
    assert "http://192.168.1.7:8900/setup/***" in clean
