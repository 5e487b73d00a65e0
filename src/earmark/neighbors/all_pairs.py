"""Every track of a library among all others, by half of the products of all with all.

The distance of two tracks is the same from either side, so each product of two groups of tracks is
computed once and used for both. What is kept of it is how near each track is, at least, to the
nearest of each block of some hundred others. That says in which few blocks the nearest of a track
can be; only these are looked at again, and what is found is compared in double precision. So the
answers are those of `BruteForce`, which looks at every pair from both sides and keeps the nearest
so far up to date.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from earmark.neighbors.arrays import Float, Float64, Indices, blocks
from earmark.neighbors.brute_force import BruteForce, bounding_keys, bounding_queries
from earmark.neighbors.candidates import lower_bounds
from earmark.neighbors.metrics import Similarity

# Products are computed for so many tracks by so many: they stay in a processor's cache.
TRACKS_A_TILE = 1_024
# Fewer tracks a block make more numbers to keep, more make more pairs to look at again.
TRACKS_A_BLOCK = 128
# More blocks than these would take more memory than the vectors; then they are larger.
MOST_BLOCKS = 1_024
_PAIRS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class _Tile:
    """Consecutive places of tracks of one label, dealt out to blocks like cards.

    Attributes
    ----------
    places
        Where its tracks are in the order of all.
    blocks
        The numbers of its blocks, in a row.
    """

    places: slice
    blocks: slice

    def least_of_rows(self, bounds: Float) -> Float:
        """Return the smallest of those rows [z, b] that are of each block [blocks, b]."""
        n_blocks = self.blocks.stop - self.blocks.start
        whole = len(bounds) // n_blocks * n_blocks
        least: Float = bounds[:whole].reshape(-1, n_blocks, bounds.shape[1]).min(axis=0)
        rest = len(bounds) - whole
        np.minimum(least[:rest], bounds[whole:], out=least[:rest])
        return least

    def least_of_columns(self, bounds: Float) -> Float:
        """Return the smallest of those columns [a, z] that are of each block [blocks, a].

        ``bounds`` are used up. Halves are compared with each other, which is much quicker than to
        go along the rows.
        """
        n_blocks = self.blocks.stop - self.blocks.start
        width = bounds.shape[1]
        while width > n_blocks:
            half = (math.ceil(width / n_blocks) + 1) // 2 * n_blocks
            left = bounds[:, : width - half]
            np.minimum(left, bounds[:, half:width], out=left)
            width = half
        return bounds[:, :n_blocks].T


class AllPairs:
    """Some tracks, and how near each of them is to the others at least.

    It holds the tracks in the forms in which they are compared, and n numbers for each of about
    ``MOST_BLOCKS`` blocks at most: 1.2 GB for 100,000 tracks of 250 numbers.

    Parameters
    ----------
    similarity
        How vectors are compared.
    vectors
        The tracks [n, d], at least two.
    labels
        A number for each track, not negative [n]; the nearest of one label can be asked for.
    weights
        What the rank of each track is multiplied by, above 0 [n]; None: 1.
    """

    def __init__(
        self,
        similarity: Similarity,
        vectors: Float,
        labels: Indices,
        weights: Float64 | None = None,
    ) -> None:
        self.similarity, self.vectors, self.weights = similarity, vectors, weights
        self.tiles, self._rows = _tiles_of(labels)
        self._nearest: tuple[Float64, Indices] | None = None
        self._places = np.empty_like(self._rows)
        self._places[self._rows] = np.arange(len(labels))
        self.n_blocks = self.tiles[-1].blocks.stop
        self._label_of_block = np.empty(self.n_blocks, dtype=np.intp)
        self._members: list[Indices] = []
        for tile in self.tiles:
            self._label_of_block[tile.blocks] = labels[self._rows[tile.places.start]]
            step = tile.blocks.stop - tile.blocks.start
            for first in range(tile.places.start, tile.places.start + step):
                self._members.append(np.arange(first, tile.places.stop, step))

    def __len__(self) -> int:
        return len(self.vectors)

    # What is known of each track, in the order of places

    @cached_property
    def _exact(self) -> Float64:
        return self.similarity.exact(self.vectors[self._rows])

    @cached_property
    def _prepared(self) -> Float:
        queries = bounding_queries(self.similarity, self.vectors[self._rows], self._exact)
        if self.weights is not None:
            # It changes no order, and makes the products the same from both sides.
            queries *= self.weights[self._rows, None].astype(queries.dtype)
        return queries

    @cached_property
    def _keys(self) -> Float:
        """Return the keys with their errors, each track in a row [n, m + 1]."""
        weights = None if self.weights is None else self.weights[self._rows]
        return bounding_keys(self.similarity, self.vectors[self._rows], self._exact, weights)

    @cached_property
    def least(self) -> Float:
        """What the ranks of the tracks of each block, from each place, are at least [B, n].

        They are multiplied by the weights of both. Infinite where a block holds but the track
        itself, and minus infinite where single precision knows nothing.
        """
        n = len(self)
        least = np.empty((self.n_blocks, n), dtype=self._keys.dtype)
        room = np.empty(TRACKS_A_TILE**2, dtype=self._keys.dtype)
        keys = [np.ascontiguousarray(self._keys[tile.places].T) for tile in self.tiles]
        for number, one in enumerate(self.tiles):
            prepared = self._prepared[one.places]
            for other, other_keys in zip(self.tiles[number:], keys[number:], strict=True):
                bounds = lower_bounds(prepared, other_keys, room)
                if one is other:
                    np.fill_diagonal(bounds, np.inf)
                least[one.blocks, other.places] = one.least_of_rows(bounds)
                least[other.blocks, one.places] = other.least_of_columns(bounds)
        return least

    @cached_property
    def _lengths(self) -> tuple[Float64, Float64, Float64, Float64]:
        """The lengths of queries and the errors of keys: of each place [n], and at most [B]."""
        lengths = -self._prepared[:, -1].astype(np.float64)
        errors = self._keys[:, -1].astype(np.float64)
        most_length = np.array([lengths[members].max() for members in self._members])
        most_error = np.array([errors[members].max() for members in self._members])
        return lengths, errors, most_length, most_error

    def _most(self, some: Indices, places: Indices) -> Float64:
        """Return what the rank of the nearest track of some blocks is at most [b, places]."""
        lengths, errors, most_length, most_error = self._lengths
        least = self.least[np.ix_(some, places)].astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            # Whichever of two tracks was the query when they were compared.
            most: Float64 = least + 2 * np.maximum(
                np.multiply.outer(most_error[some], lengths[places]),
                np.multiply.outer(most_length[some], errors[places]),
            )
        most[~np.isfinite(most)] = np.inf
        return most

    # Questions

    def nearest(self, n_neighbors: int) -> tuple[Float64, Indices]:
        """Return the distances and rows [n, n_neighbors] of the nearest others of each track.

        They are kept for who asks for as many or fewer.
        """
        if self._nearest is None or self._nearest[0].shape[1] < n_neighbors:
            self._nearest = self.search(n_neighbors)
        distances, rows = self._nearest
        return distances[:, :n_neighbors], rows[:, :n_neighbors]

    def search(
        self, n_neighbors: int, *, label: int | None = None, rows: Indices | None = None
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [r, n_neighbors] of the nearest other tracks.

        Parameters
        ----------
        n_neighbors
            How many. Where there are fewer, the distances are infinite.
        label
            Of which label they are to be; None: of any.
        rows
            The tracks that are asked about [r]; None: all.
        """
        asked = np.arange(len(self)) if rows is None else rows
        distances = np.full((len(asked), n_neighbors), np.inf)
        found = np.zeros((len(asked), n_neighbors), dtype=np.intp)
        some, places = self._blocks_of(label), self._places[asked]
        limits = np.full(len(self), -np.inf)
        number = np.full(len(self), -1)
        number[places] = np.arange(len(asked))
        if len(some) >= n_neighbors:
            for part in blocks(len(places), TRACKS_A_TILE):
                # Each block has a track of its own that is at most so far.
                most = np.partition(self._most(some, places[part]), n_neighbors - 1, axis=0)
                limits[places[part]] = most[n_neighbors - 1]
            limits[np.isinf(limits)] = -np.inf
            one, other, ranks = self._within(some, limits)
            _put_smallest(number[one], self._rows[other], ranks, distances, found)
            distances = self.similarity.distances(distances)
        left = np.flatnonzero(limits[places] == -np.inf)
        if len(left):
            few, which = self._one_by_one(n_neighbors, label, asked[left])
            distances[left, : few.shape[1]], found[left, : few.shape[1]] = few, which
        return distances, found

    def least_of(self, label: int) -> Float64:
        """Return what the weighted distance to the nearest other track of a label is at least [n].

        It is infinite where there are no others.
        """
        least = self.least[self._blocks_of(label)].min(axis=0).astype(np.float64)
        if self.weights is not None:
            least /= self.weights[self._rows]
        distances: Float64 = self.similarity.distances(np.maximum(least, 0.0))[self._places]
        return distances

    def within(self, scales: Float64, floor: float) -> tuple[Indices, Indices, Float64]:
        """Return the pairs of tracks that are nearer than the product of their scales.

        Parameters
        ----------
        scales
            At least 0 [n].
        floor
            Pairs nearer than this belong to them in any case.

        Returns
        -------
        Rows and other, larger rows [p], and the distances [p]; only where there are no weights.
        """
        scale = scales[self._rows]
        found: list[tuple[Indices, Indices, Float64]] = []
        for block, members in enumerate(self._members):
            most = np.maximum(scale * scale[members].max(), floor)
            places = np.flatnonzero(self.least[block] <= self.similarity.rank(most))
            limits = np.maximum(np.multiply.outer(scale[places], scale[members]), floor)
            bounds = lower_bounds(self._prepared[places], self._keys[members].T)
            one, other = np.nonzero(bounds <= self.similarity.rank(limits))
            limits, one, other = limits[one, other], places[one], members[other]
            once = self._rows[one] < self._rows[other]
            limits, one, other = limits[once], one[once], other[once]
            distances = self.similarity.distances(self._ranks(one, other))
            near = distances < limits
            found.append((self._rows[one[near]], self._rows[other[near]], distances[near]))
        first, second, apart = (np.concatenate(part) for part in zip(*found, strict=True))
        return first, second, apart

    # How

    def _blocks_of(self, label: int | None) -> Indices:
        if label is None:
            return np.arange(self.n_blocks)
        return np.flatnonzero(self._label_of_block == label)

    def _within(self, some: Indices, limits: Float64) -> tuple[Indices, Indices, Float64]:
        """Return the pairs [p] of a place and one of some blocks that can be within a limit.

        ``limits`` are of what `least` has, for each place [n]. The ranks are those of the vectors,
        times the weight of the second place.
        """
        found: list[tuple[Indices, Indices, Float64]] = []
        for block in some.tolist():
            members = self._members[block]
            places = np.flatnonzero(self.least[block] <= limits)
            bounds = lower_bounds(self._prepared[places], self._keys[members].T)
            one, other = np.nonzero(bounds <= limits[places, None])
            one, other = places[one], members[other]
            apart = one != other
            one, other = one[apart], other[apart]
            found.append((one, other, self._ranks(one, other)))
        one, other, ranks = (np.concatenate(part) for part in zip(*found, strict=True))
        return one, other, ranks

    def _ranks(self, one: Indices, other: Indices) -> Float64:
        """Return the ranks [p] of pairs of places, in double precision."""
        ranks = np.empty(len(one))
        for part in blocks(len(one), _PAIRS_AT_ONCE):
            ranks[part] = self.similarity.ranks(self._exact, one[part], self._exact, other[part])
        return ranks if self.weights is None else ranks * self.weights[self._rows[other]]

    def _one_by_one(
        self, n_neighbors: int, label: int | None, rows: Indices
    ) -> tuple[Float64, Indices]:
        """Search where blocks say nothing, as they do where there are few."""
        own = np.sort(
            self._rows[np.concatenate([self._members[b] for b in self._blocks_of(label)])]
        )
        place = np.full(len(self), -1)
        place[own] = np.arange(len(own))
        weights = None if self.weights is None else self.weights[own]
        index = BruteForce(self.similarity, self.vectors[own], weights)
        itself = [one[one >= 0] for one in place[rows, None]]
        distances, found = index.search(self.vectors[rows], n_neighbors, itself)
        return distances, own[found]


def _tiles_of(labels: Indices) -> tuple[list[_Tile], Indices]:
    """Return tiles of tracks of one label, and the row of the track at each place [n]."""
    rows = np.argsort(labels, kind="stable")
    size = max(TRACKS_A_BLOCK, -(-len(labels) // MOST_BLOCKS))
    tiles: list[_Tile] = []
    start = block = 0
    for count in np.unique(labels, return_counts=True)[1].tolist():
        n_tiles = -(-count // TRACKS_A_TILE)
        for stop in (start + count * (i + 1) // n_tiles for i in range(n_tiles)):
            begin = tiles[-1].places.stop if tiles else 0
            n_blocks = -(-(stop - begin) // size)
            tiles.append(_Tile(slice(begin, stop), slice(block, block + n_blocks)))
            block += n_blocks
        start += count
    return tiles, rows


def _put_smallest(
    numbers: Indices, rows: Indices, ranks: Float64, least: Float64, found: Indices
) -> None:
    """Put the smallest ranks [p] of each number, and their rows, into arrays [q, k]."""
    order = np.lexsort((rows, ranks, numbers))
    numbers, rows, ranks = numbers[order], rows[order], ranks[order]
    counts = np.bincount(numbers, minlength=len(least))
    column = np.arange(len(numbers)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = column < least.shape[1]
    least[numbers[kept], column[kept]] = ranks[kept]
    found[numbers[kept], column[kept]] = rows[kept]
