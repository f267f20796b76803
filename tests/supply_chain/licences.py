"""The licences of all parts, and which of them a node may carry: `make licences`.

FalconEye is Apache-2.0. What is linked into its process may be permissive, or weakly copyleft and
replaceable (LGPL by import, MPL by file). The wheels of `av` carry GPL codecs: the README says so.
"""

import re
import sys
from typing import Final

from tests.supply_chain.parts import Part, parts

ALLOWED: Final = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-2.1-or-later", "MIT",
    "MIT-0", "MPL-2.0", "PSF-2.0",
})  # fmt: skip


def refused(part: Part) -> str:
    """Why a part may not be carried; empty where it may (of a choice, one is enough)."""
    if not part.licence:
        return "nobody says under which licence"
    for choice in part.licence.split(" OR "):
        if all(each in ALLOWED for each in re.split(r" AND ", choice.strip("() "))):
            return ""
    return f"{part.licence} is not among the allowed ones"


def main() -> int:
    """A line for each part; 1 where one may not be carried."""
    found = parts()
    width = max(len(f"{part.name} {part.version}") for part in found)
    for part in found:
        line = f"{f'{part.name} {part.version}':{width}}  {part.licence or '-'}"
        sys.stdout.write(f"{line}  {refused(part)}".rstrip() + "\n")
    wrong = [part for part in found if refused(part)]
    sys.stdout.write(f"{len(found)} parts, {len(wrong)} that may not be carried\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
