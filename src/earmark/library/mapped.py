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
import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earmark import atomic
from earmark.errors import LibraryBusy, LibraryEmpty, LibraryError
from earmark.library import digest
from earmark.library.backends.since import Mark, Since, mark, since
from earmark.library.backends.sql import SqlLibrary
from earmark.library.base import Library
from earmark.library.fitting import fit, kept_parameters
from earmark.library.snapshot import Snapshot
from earmark.neighbors import Ranking
from earmark.neighbors.candidates import nearest_first, smallest

Precision = Literal["float32", "float16"]

MAGIC = b"earmark keys 2\n"
BLOCK = 4_096
"""Tracks whose keys are read at a time; each block lies as one query reads it, [m, b]."""

QUERIES_A_BLOCK = 256

MOST_ADDED = 0.1
"""A file is made anew when more than this share of its tracks came to the library since."""

_SPARE = 8
_WIDER = 8
_ALIGNED = 64
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
    name
        16 hexadecimal digits, others for a file of other contents.
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
        facts, start = _head(path)
        n, m, d = (int(facts[name]) for name in ("tracks", "numbers", "dimension"))
        self.path = path
        self.made_of = str(facts["made_of"])
        self.precision = str(facts["precision"])
        numbers = {"float16", "float32", "float64"}
        if min(n, m, d) < 1 or not {self.precision, str(facts["dtype"])} <= numbers:
            raise ValueError("it holds no numbers")
        self._m = m
        layout: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = [
            ("model", np.dtype(np.uint8), (int(facts["model"]),)),
            ("ids", np.dtype(np.int64), (n,)),
            ("weights", np.dtype(np.float64), (n,)),
            ("errors", np.dtype(np.float32), (n,)),
            ("keys", np.dtype(self.precision), (n * m,)),
            ("vectors", np.dtype(str(facts["dtype"])), (n, d)),
        ]
        arrays: dict[str, NDArray[Any]] = {}
        for name, kind, shape in layout:
            size = math.prod(shape) * kind.itemsize
            if start + size > path.stat().st_size:
                raise ValueError("it ends early")
            arrays[name] = np.memmap(path, dtype=kind, mode="r", offset=start, shape=shape)
            start = _aligned(start + size)
        self._weights, self._errors = np.array(arrays["weights"]), np.array(arrays["errors"])
        self._keys, self._vectors = arrays["keys"], arrays["vectors"]
        self.ranking = Ranking.from_bytes(arrays["model"].tobytes())
        made = Mark(*facts["mark"])
        told = json.dumps([self.made_of, made.digest, made.revision, self.precision])
        self.name = hashlib.sha256(told.encode()).hexdigest()[:16]
        self.ids = np.array(arrays["ids"])
        self.filed = n
        changes = None
        if self.made_of == _made_of(library):
            changes = _since(library, made, self.ids)
        if changes is None:
            raise ValueError("it is of the library as it was")
        self._add(changes)

    def _add(self, changes: Since) -> None:
        """Take in what has changed since the file was made."""
        self.gone = np.flatnonzero(np.isin(self.ids, changes.gone))
        self.ids = np.concatenate([self.ids, changes.added])
        self._new = changes.vectors
        self._new_weights = self.ranking.weights(self._new)
        keys, self._new_errors = _rounded(
            self.ranking.keys(self._new, self._new_weights), "float32"
        )
        self._new_keys = np.ascontiguousarray(keys.T)

    def __len__(self) -> int:
        return len(self.ids) - len(self.gone)

    @property
    def numbers(self) -> int:
        """Of how many numbers a key is, without its error."""
        return self._m

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
        try:
            ranking = Ranking.fit(snapshot.vectors, parameters)
        except ValueError as error:
            raise LibraryError(f"{library.location}: {error}") from error
        model = np.frombuffer(ranking.to_bytes(), np.uint8)
        vectors = np.ascontiguousarray(snapshot.vectors)
        facts = {
            "tracks": len(snapshot),
            "numbers": ranking.keys(vectors[:1]).shape[1] - 1,
            "dimension": vectors.shape[1],
            "dtype": str(vectors.dtype),
            "precision": precision,
            "model": len(model),
            "made_of": _made_of(library),
            "mark": dataclasses.astuple(now),
        }
        weights = np.empty(len(snapshot))
        errors = np.empty(len(snapshot), np.float32)
        try:
            with atomic.new_file(path, overwrite=True) as whole, whole.open("wb") as file:
                head = json.dumps(facts).encode()
                file.write(MAGIC + len(head).to_bytes(8, "little") + head)
                _write(file, model)
                _write(file, np.asarray(snapshot.ids, np.int64))
                for start, stop in _blocks(len(snapshot)):
                    weights[start:stop] = ranking.weights(vectors[start:stop])
                _write(file, weights)
                # Known only when the keys are: their place is filled at the end.
                _pad(file)
                place = file.tell()
                file.write(errors.tobytes())
                _pad(file)
                for start, stop in _blocks(len(snapshot)):
                    part = slice(start, stop)
                    keys, errors[part] = _rounded(
                        ranking.keys(vectors[part], weights[part]), precision
                    )
                    file.write(np.ascontiguousarray(keys.T).tobytes())
                _write(file, vectors)
                file.seek(place)
                file.write(errors.tobytes())
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
        found[~later] = self.ranking.ranks(
            query, np.asarray(self._vectors[first]), self._weights[first]
        )
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
        for start, stop in _blocks(self.filed):
            yield self._block(start, stop).T.astype(np.float32)

    def vectors(self, rows: NDArray[np.intp]) -> NDArray[np.floating]:
        """Return the vectors [r, d] of tracks in the file."""
        return np.array(self._vectors[rows])

    def _block(self, start: int, stop: int) -> NDArray[np.floating]:
        return self._keys[start * self._m : stop * self._m].reshape(self._m, -1)

    def _parts(self, first: int) -> Iterator[tuple[int, NDArray[np.floating], NDArray[np.float32]]]:
        """Yield the first row of each block, its keys [m, b] and their errors [b]."""
        if not first:
            for start, stop in _blocks(self.filed):
                yield start, self._block(start, stop), self._errors[start:stop]
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
        snapshot, now = library.snapshot(), _mark(library)
        if now.revision == snapshot.revision:
            return snapshot, now
    raise LibraryBusy(f"{library.location}: keeps changing; try again later")


def _mark(library: Library) -> Mark:
    if isinstance(library, SqlLibrary):
        return mark(library)
    # What is in memory alone is known again by its revision, and only whole.
    told = hashlib.sha256(json.dumps([library.revision, library.count()]).encode()).hexdigest()
    return Mark(library.revision, told, digest.EMPTY, 0)


def _since(library: Library, before: Mark, ids: NDArray[np.int64]) -> Since | None:
    if isinstance(library, SqlLibrary):
        return since(library, before, ids, int(MOST_ADDED * len(ids)))
    if _mark(library) != before:
        return None
    nothing = np.zeros(0, dtype=np.int64)
    return Since(nothing, np.zeros((0, library.spec.dimension), library.spec.working), nothing)


def _made_of(library: Library) -> str:
    """Return what tells by what the tracks of a library are ranked."""
    fitted = library.fitted()
    told = hashlib.sha256(json.dumps(library.spec.to_json()).encode())
    told.update(b"" if fitted is None else fitted.blob)
    return told.hexdigest()


def _rounded(
    keys: NDArray[Any], precision: Precision
) -> tuple[NDArray[np.floating], NDArray[np.float32]]:
    """Return keys [b, m] of a precision, and how far their products with a query may be off."""
    numbers, errors = keys[:, :-1], keys[:, -1].astype(np.float64)
    if precision == "float32":
        return numbers.astype(np.float32), keys[:, -1].astype(np.float32)
    most = float(np.finfo(np.float16).max)
    halves = np.clip(numbers, -most, most).astype(np.float16)
    lost = np.linalg.norm(numbers.astype(np.float64) - halves.astype(np.float64), axis=1)
    # A hundredth more than was lost is for the rounding of the longer products.
    whole = (errors + 1.01 * lost).astype(np.float32)
    return halves, np.nextafter(whole, np.float32(np.inf))


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, BLOCK):
        yield start, min(start + BLOCK, count)


def _aligned(place: int) -> int:
    return -(-place // _ALIGNED) * _ALIGNED


def _pad(file: Any) -> None:
    file.write(bytes(_aligned(file.tell()) - file.tell()))


def _write(file: Any, array: NDArray[Any]) -> None:
    _pad(file)
    file.write(np.ascontiguousarray(array).data)


def _head(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it is no file of keys")
        size = int.from_bytes(file.read(8), "little")
        if size > 10_000:
            raise ValueError("it is no file of keys")
        facts = json.loads(file.read(size))
        start = _aligned(file.tell())
    known = {"tracks", "numbers", "dimension", "dtype", "precision", "model", "made_of", "mark"}
    if not isinstance(facts, dict) or set(facts) != known:
        raise ValueError("it is a file of keys of another version")
    return facts, start


def opened(path: Path, library: Library, precision: Precision | None = None) -> MappedSearch | None:
    """Return what lies at a path; None where that is not of the library, or it changed too much."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = MappedSearch(path, library)
        if precision in (None, found.precision):
            return found
    return None
