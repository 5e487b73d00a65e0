"""An index that looks at every track, and is exact.

An index finds candidates by one inner product in single precision, in tiles, so that no matrix of
all queries by all tracks is ever held. What it returns is computed again in double precision from
the vectors themselves, and single precision can lose no neighbor: every key carries how far
rounding can have moved its score, so a score is a lower bound, and a query whose bounds do not
prove its answer is asked again with all tracks that the bounds leave open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices, blocks
from earmark.neighbors.blocks import Block
from earmark.neighbors.candidates import (
    Excluded,
    lower_bounds,
    nearest_first,
    side_by_side,
    smallest,
)
from earmark.neighbors.listed import Listed
from earmark.neighbors.metrics import Similarity, squares

# Tracks are kept in blocks of this many, and queries asked so many at once: the scores of one by
# the other stay in a processor's cache.
TRACKS_A_BLOCK = 4_096
QUERIES_A_BLOCK = 256
# How many pairs are compared in double precision at once: so many stay in a processor's cache.
_PAIRS_A_BLOCK = 512
# Of so many tracks the form in which pairs are compared is kept; of others it is computed anew.
MOST_EXACT = 16_384
# Of how many bytes keys are kept, in all; those of further tracks are computed anew each time, so
# that an index of very many tracks takes little more memory than their vectors.
MOST_KEY_BYTES = 850_000_000
# How many more candidates are kept than asked for: where tracks lie closer together than single
# precision can tell, they mostly save asking again.
_SPARE = 8

Weights: TypeAlias = Float64 | Callable[[Float64], Float64] | None
"""What ranks are multiplied by [n], or what returns it for exact forms [b, e]; None: 1."""


def bounding_keys(
    similarity: Similarity, vectors: Float, exact: Float64, weights: Float64 | None
) -> Float:
    """Return keys [n, m + 1] whose products with `bounding_queries` are never above the rank.

    Parameters
    ----------
    similarity
        How vectors are compared.
    vectors, exact
        Tracks [n, d], and the same in their exact form [n, e].
    weights
        What the rank of each is multiplied by [n]; None: 1.
    """
    keys = similarity.keys(vectors, exact)
    if weights is not None:
        keys *= weights[:, None].astype(keys.dtype)
    lengths = np.sqrt(squares(keys))
    # Of an inner product of m numbers, in whichever order a processor sums them; twice that,
    # since keys and queries are rounded, too.
    unit = 2 * (keys.shape[1] + 2) * float(np.finfo(keys.dtype).eps)
    whole = np.empty((len(keys), keys.shape[1] + 1), dtype=keys.dtype)
    whole[:, :-1] = keys
    whole[:, -1] = unit * lengths
    return whole


def bounding_queries(similarity: Similarity, queries: Float, exact: Float64) -> Float:
    """Return queries [q, m + 1]; the last column is minus the length of each."""
    prepared = similarity.queries(queries, exact)
    whole = np.empty((len(prepared), prepared.shape[1] + 1), dtype=prepared.dtype)
    whole[:, :-1] = prepared
    whole[:, -1] = -np.sqrt(squares(prepared))
    return whole


def _of(weights: Weights, part: slice) -> Weights:
    """Return the weights of a part of the tracks."""
    return weights if weights is None or callable(weights) else weights[part]


class BruteForce:
    """An index that looks at every track, in blocks.

    Parameters
    ----------
    similarity
        How vectors are compared.
    vectors
        The tracks [n, d], at least one. They are not copied, so they may lie in a file that is
        mapped into memory; they must not change.
    weights
        What the rank of each track is multiplied by [n]; or a function that is told the exact
        forms [b, e] of some tracks, in order, and returns that [b], since it may need what is
        computed here anyway; None: 1.
    blocks
        How many tracks each block has; None: as many as suits a processor.

    Attributes
    ----------
    blocks
        The tracks, in order; for code that looks at some blocks and not at others.
    starts
        The first row of each block, and the number of all tracks.
    listed
        Candidates for the nearest, where not all tracks are to be looked at; some may be missed.
        None, as when it is made: the nearest are found exactly.
    """

    def __init__(
        self,
        similarity: Similarity,
        vectors: Float,
        weights: Weights = None,
        *,
        blocks: Sequence[int] | None = None,
    ) -> None:
        self.similarity = similarity
        self.listed: Listed | None = None
        self.blocks: list[Block] = []
        self.starts = np.zeros(1, dtype=np.intp)
        if blocks is None:
            self.add(vectors, weights)
            return
        stops = np.cumsum(blocks)
        for start, stop in zip(stops - blocks, stops, strict=True):
            part = slice(int(start), int(stop))
            self.blocks.append(self._block(vectors[part], _of(weights, part), int(start)))
        self._number()

    @classmethod
    def of_blocks(cls, similarity: Similarity, blocks: Sequence[Block]) -> Self:
        """Return an index of blocks that were made of tracks before, by the same similarity."""
        index = object.__new__(cls)
        index.similarity, index.blocks, index.listed = similarity, list(blocks), None
        index._number()
        return index

    def __len__(self) -> int:
        return int(self.starts[-1])

    def parts(self) -> Iterator[tuple[Block, Float]]:
        """Yield the blocks, and their keys [m + 1, b]; those that are not kept are computed."""
        for block in self.blocks:
            yield block, self._keys_of(block)

    def copy(self) -> Self:
        """Return an index of the same tracks that can be changed without changing this one."""
        other = object.__new__(type(self))
        other.similarity = self.similarity
        other.blocks, other.starts = list(self.blocks), self.starts
        other.listed = self.listed
        return other

    def add(self, vectors: Float, weights: Weights = None, *, rows: Indices | None = None) -> None:
        """Take in tracks [m, d], with what their ranks are multiplied by [m]."""
        before = len(self)
        if rows is None:
            for start in range(0, len(vectors), TRACKS_A_BLOCK):
                part = slice(start, start + TRACKS_A_BLOCK)
                given = _of(weights, part)
                self.blocks.append(self._block(vectors[part], given, len(self) + start))
            self._number()
        else:
            for i, row in enumerate(rows.tolist()):
                part = slice(i, i + 1)
                self._insert(row, self._block(vectors[part], _of(weights, part), 0))
        if self.listed is not None:
            new = np.arange(before, len(self)) if rows is None else rows
            self.listed = self.listed.having(new, self.keys_of(new), len(self))

    def _insert(self, row: int, one: Block) -> None:
        if not self.blocks:
            self.blocks.append(one)
        else:
            place = int(np.searchsorted(self.starts[1:-1], row, side="left"))
            wider = self.blocks[place].insert(row - int(self.starts[place]), one)
            half = len(wider) // 2
            parts = [wider] if half <= TRACKS_A_BLOCK else [wider[:half], wider[half:]]
            self.blocks[place : place + 1] = parts
        self._number()

    def _block(self, vectors: Float, given: Weights, before: int) -> Block:
        """Return a block of tracks that stand behind ``before`` others."""
        exact = self.similarity.exact(vectors)
        weights = given(exact) if callable(given) else given
        keys = bounding_keys(self.similarity, vectors, exact, weights)
        n = before + len(vectors)
        errors = keys[:, -1]
        if n * keys.shape[1] * keys.itemsize <= MOST_KEY_BYTES:
            kept = exact if n <= MOST_EXACT else None
            return Block(vectors, errors.copy(), weights, np.ascontiguousarray(keys.T), kept)
        return Block(vectors, errors.copy(), weights, None, None)

    def remove(self, rows: Indices) -> None:
        """Take tracks out; those behind them move up."""
        gone = np.unique(rows)
        if self.listed is not None:
            self.listed = self.listed.without(gone)
        places = np.searchsorted(self.starts, gone, side="right") - 1
        for place in np.unique(places)[::-1]:
            block = self.blocks[place]
            inside = gone[places == place] - self.starts[place]
            kept = np.delete(np.arange(len(block)), inside)
            self.blocks[place : place + 1] = [block[kept]] if len(kept) else []
        self._number()

    def _number(self) -> None:
        sizes = [len(block) for block in self.blocks]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)

    # Questions

    def search(
        self,
        queries: Float,
        n_neighbors: int,
        exclude: Sequence[Indices] | None = None,
        *,
        exact: bool = False,
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks.

        Where there is what is `listed`, some may be missed, unless it is to be ``exact``.
        """
        k = min(n_neighbors, len(self))
        if k and self.listed is not None and not exact:
            ranks, rows = self._search_listed(self.listed, queries, k, exclude)
        else:
            ranks, rows = self._search_all(queries, k, exclude)
        return self.similarity.distances(ranks), rows

    def keys_of(self, rows: Indices) -> Float:
        """Return the keys of some tracks, with their errors [r, m + 1]."""
        keys = np.empty((len(rows), len(self._keys_of(self.blocks[0][:1]))), dtype=np.float32)
        for mask, inside, block in self._parts(rows):
            keys[mask] = self._keys_of(block[inside]).T
        return keys

    def _search_listed(
        self, listed: Listed, queries: Float, k: int, exclude: Sequence[Indices] | None
    ) -> tuple[Float64, Indices]:
        """Return the nearest of candidates; of all tracks where these are too few."""
        exact = self.similarity.exact(queries, track=False)
        ranks = np.empty((len(queries), k))
        rows = np.empty((len(queries), k), dtype=np.intp)
        left_out = max((len(gone) for gone in exclude or ()), default=0)
        for query, found in enumerate(listed.rows(self._prepare(queries, exact), k + left_out)):
            one = slice(query, query + 1)
            only = None if exclude is None else exclude[one]
            chosen = found if only is None else np.setdiff1d(found, only[0])
            if len(chosen) < k:
                ranks[one], rows[one] = self._search_all(queries[one], k, only)
                continue
            compared = self._ranks_of_few(exact[one], chosen)
            ranks[one], rows[one] = nearest_first(compared[None], chosen[None], k)
        return ranks, rows

    def _search_all(
        self, queries: Float, k: int, exclude: Sequence[Indices] | None
    ) -> tuple[Float64, Indices]:
        """Return the nearest of all tracks."""
        ranks = np.empty((len(queries), k))
        rows = np.empty((len(queries), k), dtype=np.intp)
        if k == 0:
            return ranks, rows
        for start in range(0, len(queries), QUERIES_A_BLOCK):
            part = slice(start, start + QUERIES_A_BLOCK)
            excluded = None if exclude is None else exclude[part]
            ranks[part], rows[part] = self._search(queries[part], k, excluded)
        return ranks, rows

    def _search(
        self, queries: Float, k: int, exclude: Sequence[Indices] | None
    ) -> tuple[Float64, Indices]:
        exact = self.similarity.exact(queries, track=False)
        prepared = self._prepare(queries, exact)
        left_out = None if exclude is None else Excluded(exclude)
        bounds, rows, limits = self._candidates(prepared, k + _SPARE, left_out)
        # A candidate whose bound is above what k others surely keep need not be compared.
        if bounds.shape[1] > k:
            with np.errstate(invalid="ignore", over="ignore"):
                known = bounds - 2 * prepared[:, -1:] * self._errors(rows)
            known[~np.isfinite(known)] = np.inf
            surely = np.partition(known, k - 1, axis=1)[:, k - 1 : k]
            wanted = (bounds <= surely) & (bounds < np.inf)
        else:
            wanted = bounds < np.inf
        ranks = np.full(bounds.shape, np.inf)
        ranks[wanted] = self.ranks(exact, np.nonzero(wanted)[0], rows[wanted])
        ranks, rows = nearest_first(ranks, rows, k)
        # Every other track is at least at the limit.
        for query in np.flatnonzero((limits < np.inf) & (limits <= ranks[:, -1])):
            only = None if left_out is None else left_out.only(int(query))
            ranks[query], rows[query] = self._search_on(
                exact[query : query + 1], prepared[query : query + 1], ranks[query], only
            )
        return ranks, rows

    def _search_on(
        self, query: Float64, prepared: Float, ranks: Float64, left_out: Excluded | None
    ) -> tuple[Float64, Indices]:
        """Return the k nearest of one query [1, e], given the ranks [k] of k candidates."""
        open_rows = []
        for start, scores in self._scores(prepared, left_out):
            open_rows.append(
                start + np.flatnonzero((scores[0] <= ranks[-1]) & (scores[0] < np.inf))
            )
        rows = np.concatenate(open_rows)
        found = self.ranks(query, np.zeros(len(rows), dtype=np.intp), rows)
        best, chosen = nearest_first(found[None], rows[None], len(ranks))
        return best[0], chosen[0]

    def within(self, queries: Float, radius: Float64 | float) -> tuple[Indices, Indices, Float64]:
        """Return every pair of a query and a track that are nearer than a radius."""
        limits = np.broadcast_to(self.similarity.rank(np.asarray(radius, float)), len(queries))
        found: list[tuple[Indices, Indices, Float64]] = []
        for first in range(0, len(queries), QUERIES_A_BLOCK):
            part = slice(first, first + QUERIES_A_BLOCK)
            exact = self.similarity.exact(queries[part], track=False)
            prepared, limit = self._prepare(queries[part], exact), limits[part]
            for start, scores in self._scores(prepared, None):
                near, columns = np.nonzero(scores <= limit[:, None])
                rows = start + columns
                ranks = self.ranks(exact, near, rows)
                inside = ranks < limit[near]
                found.append((first + near[inside], rows[inside], ranks[inside]))
        if not found:
            return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
        numbers, rows, ranks = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.lexsort((rows, numbers))
        return numbers[order], rows[order], self.similarity.distances(ranks[order])

    def distances(self, queries: Float) -> Float64:
        """Return the distances [q, n] of queries [q, d] to all tracks, for small numbers of both.

        No other index can do that, so nothing that has to work on large libraries may ask for it.
        """
        numbers, rows = np.divmod(np.arange(len(queries) * len(self)), len(self))
        ranks = self.ranks(self.similarity.exact(queries, track=False), numbers, rows)
        return self.similarity.distances(ranks.reshape(len(queries), len(self)))

    def prepared(self, number: int) -> Float:
        """Return the tracks of a block as queries, for `bounds` [b, m + 1]."""
        vectors = self.blocks[number].vectors
        return self._prepare(vectors, self.similarity.exact(vectors))

    def bounds(self, prepared: Float, number: int) -> tuple[Float, Float]:
        """Return what the ranks [q, b] between queries and the tracks of a block are at least.

        The second array [q, b] is what they can be more than that.
        """
        block = self.blocks[number]
        return lower_bounds(prepared, self._keys_of(block)), -2 * prepared[:, -1:] * block.errors

    # How

    def _prepare(self, queries: Float, exact: Float64) -> Float:
        return bounding_queries(self.similarity, queries, exact)

    def _keys_of(self, block: Block) -> Float:
        if block.keys is not None:
            return block.keys
        exact = self.similarity.exact(block.vectors)
        return bounding_keys(self.similarity, block.vectors, exact, block.weights).T

    def _scores(self, prepared: Float, left_out: Excluded | None) -> Iterator[tuple[int, Float]]:
        """Yield the first row of each block, and lower bounds [q, b] of the ranks in it.

        The bounds hold until the next block is asked for, whose bounds take their place.
        """
        # New memory for each block would cost a quarter of the time of the product.
        room = np.empty(len(prepared) * int(np.diff(self.starts).max()), dtype=prepared.dtype)
        for start, block in zip(self.starts[:-1].tolist(), self.blocks, strict=True):
            scores = lower_bounds(prepared, self._keys_of(block), room)
            if left_out is not None:
                left_out.apply(scores, start)
            yield start, scores

    def _candidates(
        self, prepared: Float, width: int, left_out: Excluded | None
    ) -> tuple[Float, Indices, Float]:
        """Return bounds and rows [q, w] of the nearest candidates, and a limit [q].

        They are at least ``width`` where there are so many tracks, and the bound of no other track
        is below the limit, which is infinite where there are no others.
        """
        n_queries = len(prepared)
        bounds = np.empty((n_queries, 0), dtype=prepared.dtype)
        rows = np.empty((n_queries, 0), dtype=np.intp)
        limits = np.full(n_queries, np.inf, dtype=prepared.dtype)
        for start, scores in self._scores(prepared, left_out):
            if bounds.shape[1] < width:
                columns = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
                if bounds.shape[1]:
                    scores = np.concatenate([bounds, scores], axis=1)
                    columns = np.concatenate([rows, columns], axis=1)
                bounds, rows, limits = smallest(scores, columns, width, limits)
                continue
            near = np.flatnonzero(scores < limits[:, None])
            if not len(near):
                continue
            numbers, columns = np.divmod(near, scores.shape[1])
            more, fresh = side_by_side(
                numbers, scores[numbers, columns], start + columns, n_queries
            )
            bounds = np.concatenate([bounds, more], axis=1)
            rows = np.concatenate([rows, fresh], axis=1)
            if bounds.shape[1] >= 2 * width:
                bounds, rows, limits = smallest(bounds, rows, width, limits)
        return bounds, rows, limits

    def _errors(self, rows: Indices) -> Float:
        """Return the error columns of tracks, in the shape of ``rows``."""
        if len(self.blocks) == 1:
            only: Float = self.blocks[0].errors[rows]
            return only
        errors: Float = np.empty(rows.shape, dtype=self.blocks[0].errors.dtype)
        for mask, inside, block in self._parts(rows):
            errors[mask] = block.errors[inside]
        return errors

    def _parts(self, rows: Indices) -> Iterator[tuple[NDArray[np.bool_], Indices, Block]]:
        """Yield, for each block that some rows lie in, which these are and where in the block."""
        places = np.searchsorted(self.starts, rows, side="right") - 1
        for place in np.unique(places):
            mask = places == place
            yield mask, rows[mask] - self.starts[place], self.blocks[place]

    def ranks(self, queries: Float64, numbers: Indices, rows: Indices) -> Float64:
        """Return the ranks [p] of query ``numbers[p]``, of some in their exact form, and track."""
        if len(self.blocks) == 1:
            return self._ranks_in(self.blocks[0], queries, numbers, rows)
        ranks = np.empty(len(rows))
        for mask, inside, block in self._parts(rows):
            ranks[mask] = self._ranks_in(block, queries, numbers[mask], inside)
        return ranks

    def _ranks_of_few(self, query: Float64, rows: Indices) -> Float64:
        """Return the ranks [c] of one query [1, e] and some tracks, sorted, of many blocks.

        As `ranks`, but what is computed of the tracks is computed at once.
        """
        places = np.searchsorted(self.starts, rows, side="right") - 1
        edges = np.flatnonzero(np.diff(places, prepend=-1, append=len(self.blocks))).tolist()
        parts = [(places[a], rows[a:b]) for a, b in itertools.pairwise(edges)]
        held = [(self.blocks[place], some - self.starts[place]) for place, some in parts]
        tracks = self.similarity.exact(
            np.concatenate([block.vectors[inside] for block, inside in held])
        )
        which: Indices = np.arange(len(rows))
        ranks = self.similarity.ranks(query, np.zeros_like(which), tracks, which)
        weights = [block.weights[inside] for block, inside in held if block.weights is not None]
        return ranks * np.concatenate(weights) if weights else ranks

    def _ranks_in(
        self, block: Block, queries: Float64, numbers: Indices, inside: Indices
    ) -> Float64:
        tracks, which = block.exact, inside
        if tracks is None:
            few, which = np.unique(inside, return_inverse=True)
            tracks = self.similarity.exact(block.vectors[few])
        ranks = np.empty(len(inside))
        for part in blocks(len(inside), _PAIRS_A_BLOCK):
            ranks[part] = self.similarity.ranks(queries, numbers[part], tracks, which[part])
        return ranks if block.weights is None else ranks * block.weights[inside]
