"""What a release brings: its section of CHANGELOG.md. `make release-notes VERSION=1.2.0`."""

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_HEADING: Final = re.compile(r"^## \[?(?P<name>[^\]\s]+)\]?(?P<rest>.*)$", re.MULTILINE)


def notes(changelog: str, version: str) -> str:
    """The text below the heading of that version; LookupError where there is none, or nothing."""
    found = list(_HEADING.finditer(changelog))
    for number, heading in enumerate(found):
        if heading["name"].casefold() == version.casefold():
            end = found[number + 1].start() if number + 1 < len(found) else len(changelog)
            text = changelog[heading.end() : end].strip()
            if text:
                return f"{text}\n"
            msg = f"CHANGELOG.md says nothing of {version}"
            raise LookupError(msg)
    msg = f"CHANGELOG.md has no section {version}"
    raise LookupError(msg)


def main() -> int:
    try:
        sys.stdout.write(notes((ROOT / "CHANGELOG.md").read_text(), sys.argv[1]))
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
