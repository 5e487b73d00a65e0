"""Measure how often the tracks that sound most alike have the same genre, or the same artist.

    python scripts/measure_similar.py

Of the ten tracks of other artists that are most similar to each track of a library of the package,
the share with its genre, beside the share that chance would give; the interval is over artists.

Of the other songs of a track's artist, the share that comes back among the ten tracks most similar
to it. GTZAN's index names no albums, so songs of one album, which share their studio and their
year, cannot be left out: the figure is for songs of any album, and higher than that of other albums
would be. Copies and other versions of a song do not count.
"""

from __future__ import annotations

import numpy as np

from earmark.library import open_library
from earmark.library.fitting import tracks_together
from earmark.recommend import Recommender, catalog_of

N = 10
DRAWS = 2_000


def shares(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shares of the ten that have the genre, by chance too, and the groups, all [n]."""
    with open_library(name, read_only=True) as library:
        snapshot = library.snapshot()
        space = Recommender(library).space
        groups = tracks_together(snapshot, library.spec.similarity)
    genres = snapshot.genre_codes
    distances = space.of_rows(np.arange(len(snapshot)))
    distances[groups[:, None] == groups] = np.inf
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :N]
    found = (genres[nearest] == genres[:, None]).mean(axis=1)
    others = groups[:, None] != groups
    chance = ((genres[:, None] == genres) & others).sum(axis=1) / others.sum(axis=1)
    return found, chance, groups


def returning(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shares of an artist's other songs among the ten, by chance too, and the artists.

    Each [n], of the n tracks whose artist has another song. An artist of more than ten others can
    have all ten at most.
    """
    with open_library(name, read_only=True) as library:
        snapshot = library.snapshot()
        space = Recommender(library).space
        catalog = catalog_of(library, snapshot)
    same_song = catalog.recordings[:, None] == catalog.recordings
    same_song |= (catalog.works[:, None] == catalog.works) & (catalog.works >= 0)
    distances = space.of_rows(np.arange(len(snapshot)))
    distances[same_song] = np.inf
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :N]
    artists = catalog.artists
    others = (artists[:, None] == artists) & (artists >= 0) & ~same_song
    asked = others.any(axis=1)
    possible = np.minimum(N, others.sum(axis=1))[asked]
    found = np.take_along_axis(others, nearest, axis=1).sum(axis=1)[asked] / possible
    by_chance = N * others.sum(axis=1)[asked] / (~same_song).sum(axis=1)[asked] / possible
    return found, by_chance, artists[asked]


def interval(values: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by drawing artists with replacement."""
    numbers, codes = np.unique(groups, return_inverse=True)
    totals = np.bincount(codes, values)
    sizes = np.bincount(codes)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(numbers), (DRAWS, len(numbers)))
    means = totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Print both libraries' figures."""
    for name in ("reference", "classic"):
        found, chance, groups = shares(name)
        low, high = interval(found, groups)
        print(f"{name}: {found.mean():.1%} ({low:.1%} to {high:.1%}) of the {N} nearest tracks of ")
        print(f"  other artists have the genre; by chance {chance.mean():.1%}; {len(found)} tracks")
        found, chance, artists = returning(name)
        low, high = interval(found, artists)
        print(
            f"  {found.mean():.1%} ({low:.1%} to {high:.1%}) of an artist's other songs are among"
        )
        print(
            f"  the {N} nearest; by chance {chance.mean():.1%}; {len(found)} tracks, "
            f"{len(np.unique(artists))} artists"
        )


if __name__ == "__main__":
    main()
