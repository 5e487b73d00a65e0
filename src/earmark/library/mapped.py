"""Exact search in a file that is mapped into memory, for libraries larger than memory is.

Beside a library lie the keys of its tracks, in single precision or as halves, and their vectors.
A search reads the keys block by block, so memory holds one block and what the system has room for;
vectors are read of the candidates alone. A key's product with a query is never above the rank of
its track (`earmark.neighbors.Ranking`), also where halves have rounded it: how far they did is
measured for each key and taken off. So the answer is that of double precision, whatever the keys
are kept in; halves only leave more candidates to be compared.

Tracks that come to the library later are searched beside the file, in memory, and those that lose
their label are left out, so a file holds until a vector went away or became another, or very many
came. Whether that is so is proven by the digest of the library (`earmark.library.backends.since`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryBusy, LibraryEmpty, LibraryError
from earmark.library import kept, keys_file
from earmark.library.base import Library
from earmark.library.fitting import fit, kept_parameters
from earmark.library.kept import Precision
from earmark.library.model import Mark, Since
from earmark.library.snapshot import Snapshot
from earmark.neighbors import RANKED, Ranking, make_voter
from earmark.neighbors.candidates import nearest_first, smallest

QUERIES_A_BLOCK = 256

_SPARE = 8
_WIDER = 8
_TRIES = 5


class MappedSearch:
    """The labelled tracks of a library: those of its file of keys, and those that came since.

    Tracks have rows: first those of the file, in the order of every list, then the others, by id.

    Parameters
    ----------
    path
        What `make` wrote.
    library
        The library, as it is to be searched.

    Attributes
    ----------
    path
        Of the file.
    numbers
        Of how many numbers a key is, without its error.
    mark
        Of the library when the file was made.
    ranking
        How its tracks are ranked.
    ids
        Of all rows, also those of tracks that lost their label.
    filed
        How many rows are those of the file.
    gone
        The rows of tracks in the file that lost their label, sorted.

    Raises
    ------
    ValueError
        It is something else, or of the library as it was before it changed too much.
    OSError
        It cannot be read.
    """

    def __init__(self, path: Path, library: Library) -> None:
        facts, arrays = keys_file.read(path)
        self.path, self.filed = path, int(facts["tracks"])
        self.made_of, self.precision = str(facts["made_of"]), str(facts["precision"])
        if self.filed < 1 or self.precision not in ("float32", "float16"):
            raise ValueError("it holds no keys")
        self.numbers = int(facts["numbers"])
        self._blocks = [
            (part.start, keys[: self.numbers], np.array(arrays["errors"][part]))
            for part, keys in kept.key_blocks(facts, arrays)
        ]
        self._weights = np.array(arrays["weights"]) if len(arrays["weights"]) else None
        self._vectors = arrays["vectors"]
        self.ranking = Ranking.from_bytes(arrays["model"].tobytes())
        made = Mark(*facts["mark"])
        self.mark = made
        self.ids = np.array(arrays["ids"])
        changes = None
        if self.made_of == kept.made_of(library):
            changes = kept.since(library, made, self.ids)
        if changes is None:
            raise ValueError("it is of the library as it was")
        self._add(changes)

    def _add(self, changes: Since) -> None:
        """Take in what has changed since the file was made."""
        self.gone = np.flatnonzero(np.isin(self.ids, changes.gone))
        self.ids = np.concatenate([self.ids, changes.added])
        self._new = changes.vectors
        self._new_weights = self.ranking.weights(self._new)
        keys, self._new_errors = kept.rounded(
            self.ranking.keys(self._new, self._new_weights), "float32"
        )
        self._new_keys = np.ascontiguousarray(keys.T)

    def __len__(self) -> int:
        return len(self.ids) - len(self.gone)

    @classmethod
    def make(cls, path: Path, library: Library, precision: Precision = "float32") -> MappedSearch:
        """Write the file of a library, in place of one that may be there.

        Raises
        ------
        LibraryEmpty
            There are no labelled tracks.
        LibraryError
            They are compared in a way that single precision does not bound, or there is no room.
        """
        snapshot, now = _read(library)
        if not len(snapshot):
            raise LibraryEmpty(f"{library.location}: has no labelled tracks to compare with")
        parameters = kept_parameters(library, snapshot) or fit(library, snapshot)
        similarity = parameters.comparison.similarity
        if similarity not in RANKED:
            raise LibraryError(
                f"{library.location}: single precision does not bound {similarity} distances"
            )
        vote = make_voter(snapshot.vectors, *snapshot.top, parameters)
        try:
            kept.write(path, library, snapshot, now, vote, precision)
        except OSError as error:
            raise LibraryError(f"{path}: cannot be written ({error.strerror})") from error
        try:
            return cls(path, library)
        except ValueError as error:
            raise LibraryBusy(f"{library.location}: keeps changing; try again later") from error

    def search(
        self, queries: NDArray[np.floating], n_neighbors: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the nearest tracks.

        Parameters
        ----------
        queries
            Vectors [q, dimension].
        n_neighbors
            How many, k.

        Returns
        -------
        distances
            [q, min(k, n)], those of the vote, computed in double precision.
        ids
            Of the tracks, likewise. Equally near ones stand in the order of their rows.
        """
        ranks, rows = self.nearest(queries, min(n_neighbors, len(self)))
        return self.ranking.distances(ranks), self.ids[rows]

    def nearest(
        self, queries: NDArray[np.floating], k: int
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return the ranks and rows [q, k] of the nearest tracks; k is at most their number."""
        ranks = np.empty((len(queries), k))
        found = np.empty((len(queries), k), np.intp)
        for start in range(0, len(queries), QUERIES_A_BLOCK):
            part = slice(start, start + QUERIES_A_BLOCK)
            self._fill(queries[part], ranks[part], found[part])
        return ranks, found

    def ranks(self, query: NDArray[np.floating], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the ranks [r] of the tracks of some rows for a query [d], in double precision."""
        later = rows >= self.filed
        first, then = rows[~later], rows[later] - self.filed
        found = np.empty(len(rows))
        weights = None if self._weights is None else self._weights[first]
        found[~later] = self.ranking.ranks(query, np.asarray(self._vectors[first]), weights)
        if len(then):
            found[later] = self.ranking.ranks(query, self._new[then], self._new_weights[then])
        return found

    def _fill(
        self, queries: NDArray[np.floating], ranks: NDArray[np.float64], found: NDArray[np.intp]
    ) -> None:
        """Put the nearest of some queries where they belong."""
        k = ranks.shape[1]
        prepared = self.ranking.queries(queries)
        open_ones, width = np.arange(len(queries)), k + _SPARE
        while len(open_ones):
            bounds, rows, limits = self.candidates(prepared[open_ones], min(width, len(self)))
            left = []
            for number, query in enumerate(open_ones.tolist()):
                chosen = np.unique(rows[number][bounds[number] < np.inf])
                exact = self.ranks(queries[query], chosen)
                best, tracks = nearest_first(exact[None], chosen[None], k)
                # What was left out has a bound, and so a rank, of at least the limit.
                if len(chosen) < len(self) and not (
                    best.shape[1] == k and best[0, -1] < limits[number]
                ):
                    left.append(query)
                    continue
                ranks[query], found[query] = best[0], tracks[0]
            open_ones, width = np.array(left, np.intp), width * _WIDER

    def candidates(
        self, prepared: NDArray[np.floating], width: int, *, first: int = 0
    ) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[Any]]:
        """Return the tracks of the smallest bounds, and what no other bound is below.

        Parameters
        ----------
        prepared
            What `Ranking.queries` made of q queries.
        width
            How many at least, where there are so many.
        first
            The row from which on tracks are looked at: 0 or ``filed``.

        Returns
        -------
        bounds, rows
            [q, w]; a bound that is infinite stands for no track.
        limits
            [q].
        """
        q = len(prepared)
        bounds = np.empty((q, 0), np.float32)
        rows = np.empty((q, 0), np.intp)
        limits = np.full(q, np.inf, np.float32)
        directions, lengths = prepared[:, :-1], prepared[:, -1:]
        for start, keys, errors in self._parts(first):
            with np.errstate(invalid="ignore", over="ignore"):
                new = directions @ keys.astype(np.float32, copy=False)
                new += lengths * errors
            # Beyond what a key can hold: nothing is known of such a track.
            new[~np.isfinite(new)] = -np.inf
            stop = start + len(errors)
            low, high = np.searchsorted(self.gone, [start, stop])
            new[:, self.gone[low:high] - start] = np.inf
            numbers = np.broadcast_to(np.arange(start, stop), new.shape)
            bounds, rows, limits = smallest(
                np.concatenate([bounds, new], axis=1),
                np.concatenate([rows, numbers], axis=1),
                width,
                limits,
            )
        return bounds, rows, limits

    def key_blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the keys of the tracks in the file, block by block [b, m], without their errors."""
        for _, keys, _ in self._blocks:
            yield keys.T.astype(np.float32)

    def keys_of(self, rows: NDArray[np.intp]) -> NDArray[np.floating]:
        """Return the keys of some tracks, with their errors [r, m + 1]."""
        first, then = rows[rows < self.filed], rows[rows >= self.filed] - self.filed
        weights = None if self._weights is None else self._weights[first]
        return np.concatenate(
            [
                self.ranking.keys(np.asarray(self._vectors[first]), weights),
                self.ranking.keys(self._new[then], self._new_weights[then]),
            ]
        )

    def vectors(self, rows: NDArray[np.intp]) -> NDArray[np.floating]:
        """Return the vectors [r, d] of tracks in the file."""
        return np.array(self._vectors[rows])

    def _parts(self, first: int) -> Iterator[tuple[int, NDArray[np.floating], NDArray[np.float32]]]:
        """Yield the first row of each block, its keys [m, b] and their errors [b]."""
        if not first:
            yield from self._blocks
        if len(self._new):
            yield self.filed, self._new_keys, self._new_errors


def _read(library: Library) -> tuple[Snapshot, Mark]:
    """Return the tracks of a library and its mark, both of one moment.

    Raises
    ------
    LibraryBusy
        It changes all the time.
    """
    for _ in range(_TRIES):
        snapshot, now = library.snapshot(), kept.mark(library)
        if now.revision == snapshot.revision:
            return snapshot, now
    raise LibraryBusy(f"{library.location}: keeps changing; try again later")


def opened(path: Path, library: Library, precision: Precision | None = None) -> MappedSearch | None:
    """Return what lies at a path; None where that is not of the library, or it changed too much."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = MappedSearch(path, library)
        if precision in (None, found.precision):
            return found
    return None
