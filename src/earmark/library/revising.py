"""A snapshot after a few changes, made of the one before, so that not all tracks are read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.library.model import Track
from earmark.library.snapshot import Indices, Snapshot


def revised(
    known: Snapshot,
    revision: int,
    touched: NDArray[np.int64],
    tracks: Sequence[Track],
    vectors: NDArray[np.floating],
    behind: Sequence[int],
) -> Snapshot:
    """Return a snapshot in which some tracks are as they are now, and all others as they were.

    Parameters
    ----------
    known
        The snapshot before.
    revision
        Of the library now.
    touched
        The ids of the tracks that were added, changed or removed since [t].
    tracks
        Those of them that the new snapshot holds [m], in the order of every list.
    vectors
        Theirs [m, d].
    behind
        Behind which row of ``known`` each of them stands, -1 where it is the first; a row of a
        track that was not touched.
    """
    n, some = len(known), Snapshot.of(tracks, vectors, revision, known.parents)
    kept = np.delete(np.arange(n), known.rows_of(touched.tolist()))
    # Rows of those before, then of the others, in their new order.
    both = np.concatenate([kept, n + np.arange(len(some))])
    order = both[np.argsort(np.concatenate([kept, np.asarray(behind) + 0.5]), kind="stable")]
    place = np.full(n + len(some), -1, dtype=np.intp)
    place[order] = np.arange(len(order))
    rows = place[np.concatenate([known.weights[0], n + some.weights[0]])]
    weighed = rows >= 0
    artist_names, (artists,) = _named(
        (known.artist_names, some.artist_names), [(known.artist_codes, some.artist_codes, order)]
    )
    genre_names, (genres, weight_codes) = _named(
        (known.genre_names, some.genre_names),
        [
            (known.genre_codes, some.genre_codes, order),
            (known.weights[1], some.weights[1], np.flatnonzero(weighed)),
        ],
    )

    def woven(column: str) -> NDArray[Any]:
        joined = np.concatenate([getattr(known, column), getattr(some, column)])
        column_now: NDArray[Any] = joined[order]
        return column_now

    return replace(
        known,
        revision=revision,
        ids=woven("ids"),
        vectors=_woven_vectors(known.vectors, some.vectors, order),
        genre_names=genre_names,
        genre_codes=genres,
        artist_names=artist_names,
        artist_codes=artists,
        seconds=woven("seconds"),
        taught=woven("taught"),
        content_hashes=woven("content_hashes"),
        audio_hashes=woven("audio_hashes"),
        weights=(
            rows[weighed],
            weight_codes,
            np.concatenate([known.weights[2], some.weights[2]])[weighed],
        ),
        since=(known.revision, touched),
    )


def _named(
    names: tuple[tuple[str, ...], tuple[str, ...]], columns: Sequence[tuple[Indices, ...]]
) -> tuple[tuple[str, ...], list[Indices]]:
    """Join columns of codes, each of two parts and the order of what remains of both.

    Returns the names that are still in use, sorted, and the columns with their places in these.
    """
    every = sorted({*names[0], *names[1]})
    number = {name: code for code, name in enumerate(every)}
    # The last one is for -1, which stands for no name.
    old, new = (np.array([*map(number.__getitem__, part), -1], dtype=np.intp) for part in names)
    joined = [np.concatenate([old[one], new[other]])[order] for one, other, order in columns]
    used = np.zeros(len(every) + 1, dtype=np.bool_)
    for codes in joined:
        used[codes] = True
    used[-1] = False
    places = np.where(used, np.cumsum(used) - 1, -1)
    return tuple(every[code] for code in np.flatnonzero(used)), [places[codes] for codes in joined]


def _woven_vectors(
    known: NDArray[np.floating], some: NDArray[np.floating], order: Indices
) -> NDArray[np.floating]:
    """Return vectors in their new order, the same array where nothing of it is new."""
    n = len(known)
    fresh = np.flatnonzero(order >= n)
    if (
        len(order) == n
        and np.array_equal(np.delete(order, fresh), np.delete(np.arange(n), fresh))
        and np.array_equal(known[fresh], some[order[fresh] - n])
    ):
        return known
    vectors = np.empty((len(order), known.shape[1]), dtype=known.dtype)
    # Of a few changes long stretches remain, which are copied whole.
    edges = np.flatnonzero(np.diff(order + (order >= n), prepend=-2, append=-2) != 1)
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        first = int(order[start])
        source, at = (known, first) if first < n else (some, first - n)
        vectors[start:stop] = source[at : at + stop - start]
    vectors.flags.writeable = False
    return vectors
