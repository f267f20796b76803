"""The question before a change that cannot be undone."""

import signal
import sys


def agreed(question: str) -> bool:
    """Whether the person at the terminal says yes; without a terminal nobody does.

    Ctrl+C ends the command at once (KeyboardInterrupt). On an event loop the handler of asyncio
    would only ask its task to end, which it cannot while this waits for the answer.
    """
    if not sys.stdin.isatty():
        return False
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:  # from before the question is seen: a Ctrl+C at once would ask the loop
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().casefold() in {"y", "yes"}
    finally:
        signal.signal(signal.SIGINT, before)
