"""Search of very large libraries by an index that looks at few of their tracks.

The index finds candidates; they are compared in double precision by their whole vectors, as
everywhere, so a distance that is shown is never approximate. Some of the nearest may be missed. How
many is measured when the index is made, with tracks of the library as queries, and as many lists
are looked at as it takes to find `RECALL` of them. Where half of all lists do not suffice, there is
no index, and all tracks are looked at.

An index knows tracks by their ids, and holds while the library grows: tracks that came since are
looked at one by one beside it. Whether a vector went away or became another, is proven by the
digest of the library (`earmark.library.backends.since`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryError
from earmark.library.base import Library
from earmark.library.inverted_lists import InvertedLists, index_files, kept_lists
from earmark.library.keys_file import ENDING
from earmark.library.mapped import MappedSearch
from earmark.library.recall import Recall
from earmark.neighbors import subsample
from earmark.neighbors.candidates import nearest_first
from earmark.neighbors.listed import Listed

INDEX_FROM = 200_000
"""So many tracks are looked at one by one in the time in which people do not notice it."""

RECALL = 0.995
"""The part of the ten nearest that an index finds, of tracks of its own library."""

_JUDGED_BY = 200
_NEIGHBORS = 10
_MORE = 1.25
_LARGEST_SHARE = 0.5


class ApproximateSearch:
    """The labelled tracks of a library, searched by an index where there is one.

    Parameters
    ----------
    exact
        The same tracks, searched one by one.
    lists
        The index; None: all are looked at.
    ids
        Of the tracks in the index.
    """

    def __init__(
        self,
        exact: MappedSearch,
        lists: InvertedLists | None,
        ids: NDArray[np.int64] | None = None,
    ) -> None:
        self.exact = exact
        self.lists = lists
        self.known = np.zeros(0, np.int64) if ids is None else ids
        self._listed = None if lists is None else _listed(exact, lists, self.known)

    def __len__(self) -> int:
        return len(self.exact)

    @property
    def indexed(self) -> bool:
        """Whether there is an index."""
        return self.lists is not None

    @classmethod
    def make(cls, exact: MappedSearch) -> Self:
        """Make the index of what is in the file of keys, and write it in place of others.

        Raises
        ------
        LibraryError
            The extra ``ann`` is not installed; the file cannot be written.
        """
        lists, ids = (
            InvertedLists.make(exact.key_blocks, exact.filed, exact.numbers),
            exact.ids[: exact.filed],
        )
        lists.probes = _enough(exact, lists)
        path = index_path(exact)
        facts = {"made_of": exact.made_of, "mark": dataclasses.astuple(exact.mark)}
        try:
            lists.write(path, facts, ids)
        except OSError as error:
            raise LibraryError(f"{path}: cannot be written ({error.strerror})") from error
        for other in index_files(exact.path):
            if other != path:
                with contextlib.suppress(OSError):
                    other.unlink()
        return cls(exact, lists if lists.probes else None, ids)

    @classmethod
    def opened(cls, exact: MappedSearch, library: Library) -> Self | None:
        """Return the search by the index that is there; None where none holds for the library."""
        found = kept_lists(library, exact.path)
        return None if found is None else cls(exact, *found)

    def search(
        self, queries: NDArray[np.floating], n_neighbors: int, *, exact: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the nearest tracks.

        Parameters
        ----------
        queries
            Vectors [q, dimension].
        n_neighbors
            How many, k.
        exact
            Look at all tracks; otherwise use the index where there is one, which may miss some.

        Returns
        -------
        distances, ids
            As `MappedSearch.search`; the distances are exact in either case.
        """
        if exact or self._listed is None:
            return self.exact.search(queries, n_neighbors)
        return _search(self.exact, self._listed, queries, n_neighbors)

    def recall(self, n_queries: int = _JUDGED_BY, n_neighbors: int = _NEIGHBORS) -> Recall:
        """Measure how many of the true neighbors the index finds, for some tracks as queries.

        A track itself does not count as its neighbor.
        """
        rows = _some(self.exact, n_queries)
        queries, own = self.exact.vectors(rows), self.exact.ids[rows]
        found: dict[bool, NDArray[np.int64]] = {}
        times: dict[bool, list[float]] = {True: [], False: []}
        for exact, taken in times.items():
            parts = []
            for query in queries:
                start = time.perf_counter()
                parts.append(self.search(query[None], n_neighbors + 1, exact=exact)[1])
                taken.append(time.perf_counter() - start)
            found[exact] = np.concatenate(parts)
        return Recall(
            queries=len(rows),
            neighbors=n_neighbors,
            recall=_share(found[True], found[False], own),
            indexed=self.indexed,
            exact_seconds=float(np.median(times[True])),
            index_seconds=float(np.median(times[False])),
        )


def index_path(exact: MappedSearch) -> Path:
    """Return where an index of a file of keys lies: beside it, named by the library's digest."""
    told = [exact.made_of, exact.mark.digest, exact.mark.revision, exact.precision]
    name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    return exact.path.with_name(f"{exact.path.name.removesuffix(ENDING)}.{name}.index")


def _listed(exact: MappedSearch, lists: InvertedLists, ids: NDArray[np.int64]) -> Listed:
    now = exact.ids.copy()
    now[exact.gone] = -1
    return Listed.of(lists, ids, now, exact.keys_of)


def _some(exact: MappedSearch, count: int) -> NDArray[np.intp]:
    """Return the rows of some tracks in the file that have their label."""
    return subsample(np.setdiff1d(np.arange(exact.filed), exact.gone), count)


def _enough(exact: MappedSearch, lists: InvertedLists) -> int:
    """Return in how many lists to look, so that enough is found; 0 where that is in too many."""
    rows = _some(exact, _JUDGED_BY)
    queries, own = exact.vectors(rows), exact.ids[rows]
    true = exact.search(queries, _NEIGHBORS + 1)[1]
    listed = _listed(exact, lists, exact.ids[: exact.filed])
    probes, before = 1.0, 0
    while probes <= max(1.0, _LARGEST_SHARE * lists.count):
        if int(probes) != before:
            before = int(probes)
            lists.probes = before
            found = _search(exact, listed, queries, _NEIGHBORS + 1)[1]
            if _share(true, found, own) >= RECALL:
                return before
        probes *= _MORE
    return 0


def _share(true: NDArray[np.int64], found: NDArray[np.int64], own: NDArray[np.int64]) -> float:
    """Return the part of the true neighbors [q, k] that were found; tracks themselves [q] aside."""
    hits = wanted = 0
    for one, other, itself in zip(true.tolist(), found.tolist(), own.tolist(), strict=True):
        there = set(one) - {itself}
        hits += len(there & set(other))
        wanted += len(there)
    return hits / wanted if wanted else 1.0


def _search(
    exact: MappedSearch, listed: Listed, queries: NDArray[np.floating], n_neighbors: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    k = min(n_neighbors, len(exact))
    ranks, rows = np.empty((len(queries), k)), np.empty((len(queries), k), np.intp)
    for number, chosen in enumerate(listed.rows(exact.ranking.queries(queries), k)):
        query = queries[number]
        if len(chosen) < k:
            # The lists held too few, so this one is asked of all tracks.
            ranks[number], rows[number] = (part[0] for part in exact.nearest(query[None], k))
            continue
        best, where = nearest_first(exact.ranks(query, chosen)[None], chosen[None], k)
        ranks[number], rows[number] = best[0], where[0]
    return exact.ranking.distances(ranks), exact.ids[rows]
