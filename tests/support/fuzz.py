"""Guesses inputs of one target by coverage, with atheris; run as a program by the test of fuzzing.

``python fuzz.py TARGET FOLDER [options of libFuzzer]``: the folder holds inputs that were found
before, and gets the one that broke something.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["earmark"]):
    from support import fuzz_targets

from earmark.errors import EarmarkError


def main() -> None:
    """Run until the time is over or something breaks."""
    name, folder, *options = sys.argv[1:]
    target = fuzz_targets.TARGETS[name]
    for number, seed in enumerate(fuzz_targets.seeds(name)):
        (Path(folder) / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            target(data)
        except EarmarkError:
            return

    atheris.Setup([sys.argv[0], f"-artifact_prefix={folder}/broke-", *options, folder], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
