"""Measure how often the reference library refuses what it has no genre for.

    python scripts/measure_unknown.py [--library LIBRARY] [ARTISTS]

Each genre in turn is left out, with the artists who have tracks in others too: its songs are then
unknown, and the rest, artists left out, are the library's own. ``ARTISTS`` is a folder with
``musicnn1.npz``, embeddings of recordings from other sources.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from earmark.library import open_library
from earmark.library.fitting import tracks_together
from earmark.library.fitting import voter as voter_of
from earmark.neighbors import fit, leave_group_out, make_voter


def leave_genres_out(name_of_library: str) -> None:
    """Print the share refused of each genre, and the share kept of all others."""
    with open_library(name_of_library, read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
    groups = tracks_together(snapshot, comparison.similarity)
    vectors, labels, seconds = np.asarray(snapshot.vectors), snapshot.labels, snapshot.seconds
    refused, kept = [], []
    for genre, name in enumerate(snapshot.genre_names):
        own = np.flatnonzero(labels[:, genre] == 0)
        unknown = np.flatnonzero(labels[:, genre])
        unknown = unknown[~np.isin(groups[unknown], groups[own])]
        rest = np.delete(labels[own], genre, axis=1)
        names = [other for other in snapshot.genre_names if other != name]
        asked = {"comparison": comparison, "seconds": seconds[own]}
        voter = make_voter(vectors[own], rest, names, fit(vectors[own], rest, groups[own], **asked))
        answers = voter.predict(vectors[unknown], seconds=seconds[unknown])
        honest = leave_group_out(vectors[own], rest, names, groups[own], **asked)
        refused.append(answers.abstained.mean())
        kept.append(1 - honest.abstained.mean())
        print(f"{name:10} {refused[-1]:.1%} refused, {kept[-1]:.1%} of the others answered")
    print(f"{'mean':10} {np.mean(refused):.1%} refused, {np.mean(kept):.1%} of the others answered")


def other_sources(name_of_library: str, folder: Path) -> None:
    """Print what the whole library says of recordings from other sources that it has not."""
    with open_library(name_of_library, read_only=True) as library:
        voter = voter_of(library)
        known = [track.name for track in library.tracks(limit=library.count())]
    with np.load(folder / "musicnn1.npz") as file:
        new = ~np.isin(file["track"], known)
        vectors, genres = file["vectors"][new], file["genre"][new].astype(object)
        seconds = file["duration"][new].astype(np.float64)
    answers = voter.predict(vectors, seconds=seconds)
    own = np.isin(genres, voter.genre_names)
    right = np.array(voter.genre_names, dtype=object)[answers.winners] == genres
    answered = ~answers.abstained
    print(f"own genres: {answered[own].mean():.1%} of {own.sum()} answered, of which ", end="")
    print(f"{right[own & answered].mean():.1%} right; of all {right[own].mean():.1%}")
    print(f"other genres: {1 - answered[~own].mean():.1%} of {(~own).sum()} refused")
    for genre in sorted(set(genres[~own])):
        print(f"  {genre:10} {1 - answered[genres == genre].mean():.1%}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artists", type=Path, nargs="?", help="the folder of musicnn1.npz")
    parser.add_argument("--library", default="reference")
    arguments = parser.parse_args()
    leave_genres_out(arguments.library)
    if arguments.artists is not None:
        other_sources(arguments.library, arguments.artists)


if __name__ == "__main__":
    main()
