"""Applies a plan in processes of their own, which a test may end at any moment.

Run as a program, with a plan and the folder of the journals: for each line on standard input a new
process applies the plan. It says its number, and then a letter a file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from earmark.listen import identify
from earmark.tagging.apply import Options, apply
from earmark.tagging.journal import Journal
from earmark.tagging.plan import read_plan


def main() -> None:
    """Apply, as often as asked for."""
    plan, journals = map(Path, sys.argv[1:])
    proposals = list(read_plan(plan))
    for _ in sys.stdin:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            say("ended\n")
            continue
        say(f"{os.getpid()}\n")
        with Journal(journals) as journal:
            for outcome in apply(proposals, journal, identify, Options()):
                if outcome.done:
                    say("d")
        say("\n")
        os._exit(0)


def say(text: str) -> None:
    """Write to standard output at once."""
    os.write(1, text.encode())


if __name__ == "__main__":
    main()
