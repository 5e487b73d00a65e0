"""Measure how often the tracks that sound most alike have the same genre, or the same artist.

    python scripts/measure_similar.py

Of the ten tracks of other artists that are most similar to each track of a library of the package,
the share with its genre, beside the share that chance would give; the interval is over artists.

Of the other songs of a track's artist, the share that comes back among the ten tracks most similar
to it; copies and other versions of a song do not count. Songs of one album share their studio and
their year, so the same is measured with songs of other albums only. GTZAN's index names no albums;
`gtzan_albums.csv` has those that a service of song recognition gave for the clips, as far as it
knew the artist (the results of 2023 in https://github.com/seungheondoh/gtzan-bind). It names the
album that is sold today: songs of a collection may have come from one album, or from several.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from earmark.library import Library, open_library
from earmark.library.fitting import tracks_together
from earmark.recommend import Recommender, catalog_of

N = 10
DRAWS = 2_000
ALBUMS = Path(__file__).with_name("gtzan_albums.csv")
_EDITION = re.compile(r"\s*[(\[][^)\]]*[)\]]|\s+-?\s*(EP|Single)$")


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


def albums_of(library: Library, ids: np.ndarray) -> np.ndarray:
    """Return the number of the album of each track, whatever its edition; -1: nobody knows."""
    with ALBUMS.open(encoding="utf-8", newline="") as file:
        known = {row["track"]: row["album"] for row in csv.DictReader(file)}
    tracks = library.get_many(ids.tolist())
    names = [tracks[track_id].name for track_id in ids.tolist()]
    albums = [_EDITION.sub("", known.get(name, "")).casefold() for name in names]
    codes = np.unique(albums, return_inverse=True)[1]
    return np.where(np.array(albums) == "", -1, codes)


def returning(name: str, *, other_albums: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shares of an artist's other songs among the ten, by chance too, and the artists.

    Each [n], of the n tracks whose artist has another song. An artist of more than ten others can
    have all ten at most.

    Parameters
    ----------
    other_albums
        Count songs of other albums only: those of the same album, and of one that nobody knows, are
        neither asked nor listed.
    """
    with open_library(name, read_only=True) as library:
        snapshot = library.snapshot()
        space = Recommender(library).space
        catalog = catalog_of(library, snapshot)
        albums = albums_of(library, snapshot.ids)
    artists = catalog.artists
    same_artist = (artists[:, None] == artists) & (artists >= 0)
    left_out = catalog.recordings[:, None] == catalog.recordings
    left_out |= (catalog.works[:, None] == catalog.works) & (catalog.works >= 0)
    if other_albums:
        unknown = (albums < 0) | (albums[:, None] < 0)
        left_out |= same_artist & (unknown | (albums[:, None] == albums))
    distances = space.of_rows(np.arange(len(snapshot)))
    distances[left_out] = np.inf
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :N]
    others = same_artist & ~left_out
    asked = others.any(axis=1)
    possible = np.minimum(N, others.sum(axis=1))[asked]
    found = np.take_along_axis(others, nearest, axis=1).sum(axis=1)[asked] / possible
    by_chance = N * others.sum(axis=1)[asked] / (~left_out).sum(axis=1)[asked] / possible
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
        for other_albums in (False, True):
            found, chance, artists = returning(name, other_albums=other_albums)
            low, high = interval(found, artists)
            which = "songs of other albums" if other_albums else "other songs"
            print(
                f"  {found.mean():.1%} ({low:.1%} to {high:.1%}) of an artist's {which} are among"
            )
            print(
                f"  the {N} nearest; by chance {chance.mean():.1%}; {len(found)} tracks, "
                f"{len(np.unique(artists))} artists"
            )


if __name__ == "__main__":
    main()
