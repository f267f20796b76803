"""Counts in English sentences: for logs, messages and the command line; pages use `ngettext`."""


def counted(number: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`; `many` where an s does not make the plural: `2 entries`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
