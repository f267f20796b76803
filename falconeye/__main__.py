"""`python -m falconeye` and the `falconeye` program."""

import sys

from falconeye.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
