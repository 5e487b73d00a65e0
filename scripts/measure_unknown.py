"""Measure how often the reference library refuses what it has no genre for.

    python scripts/measure_unknown.py [--library LIBRARY]

Each genre in turn is left out, with the artists who have tracks in others too: its songs are then
unknown, and the rest, artists left out, are the library's own. What is said of genres that no
library of the package has stands in ``benchmarks/robustness.md``.
"""

from __future__ import annotations

import argparse

import numpy as np

from earmark.library import open_library
from earmark.library.fitting import excerpts_of, tracks_together
from earmark.neighbors import fit, leave_group_out, make_voter


def leave_genres_out(name_of_library: str) -> None:
    """Print the share refused of each genre, and the share kept of all others."""
    with open_library(name_of_library, read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
        excerpts = excerpts_of(library, snapshot)
    groups = tracks_together(snapshot, comparison.similarity)
    vectors, labels, seconds = np.asarray(snapshot.vectors), snapshot.labels, snapshot.seconds
    refused, kept = [], []
    for genre, name in enumerate(snapshot.genre_names):
        own = np.flatnonzero(labels[:, genre] == 0)
        unknown = np.flatnonzero(labels[:, genre])
        unknown = unknown[~np.isin(groups[unknown], groups[own])]
        rest = np.delete(labels[own], genre, axis=1)
        names = [other for other in snapshot.genre_names if other != name]
        asked = {
            "comparison": comparison,
            "seconds": seconds[own],
            "excerpts": excerpts and excerpts.of(own),
        }
        voter = make_voter(vectors[own], rest, names, fit(vectors[own], rest, groups[own], **asked))
        answers = voter.predict(vectors[unknown], seconds=seconds[unknown])
        honest = leave_group_out(vectors[own], rest, names, groups[own], **asked)
        refused.append(answers.abstained.mean())
        kept.append(1 - honest.abstained.mean())
        print(f"{name:10} {refused[-1]:.1%} refused, {kept[-1]:.1%} of the others answered")
    print(f"{'mean':10} {np.mean(refused):.1%} refused, {np.mean(kept):.1%} of the others answered")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", default="reference")
    leave_genres_out(parser.parse_args().library)


if __name__ == "__main__":
    main()
