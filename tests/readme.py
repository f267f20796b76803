"""The README as a source of what tests run: what it shows is what was tried."""

import re
from pathlib import Path
from typing import Final

README: Final = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading of the second level."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def blocks(title: str, language: str) -> list[str]:
    """The fenced blocks of a section in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)


def file(title: str, name: str) -> str:
    """A file that a section shows: the block whose first line is `# NAME`."""
    (found,) = [one for one in blocks(title, "yaml") if one.startswith(f"# {name}\n")]
    return found


def cells(title: str) -> dict[str, str]:
    """A section's table of two columns: the first column to the second, without marks."""
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", section(title), re.MULTILINE)
    return {first: second.strip("`") for first, second in rows if set(first) != {"-"}}
