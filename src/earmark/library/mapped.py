"""Exact search in a file that is mapped into memory, for libraries larger than memory is.

Beside a library lie the keys of its tracks, in single precision or as halves, and their vectors.
A search reads the keys block by block, so memory holds one block and what the system has room for;
vectors are read of the candidates alone. A key's product with a query is never above the rank of
its track (`earmark.neighbors.Ranking`), also where halves have rounded it: how far they did is
measured for each key and taken off. So the answer is that of double precision, whatever the keys
are kept in; halves only leave more candidates to be compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earmark import atomic
from earmark.errors import LibraryEmpty, LibraryError
from earmark.library.base import Library
from earmark.library.fitting import fit, kept_parameters
from earmark.neighbors import Ranking
from earmark.neighbors.candidates import nearest_first, smallest

Precision = Literal["float32", "float16"]

MAGIC = b"earmark keys 1\n"
BLOCK = 4_096
"""Tracks whose keys are read at a time; each block lies as one query reads it, [m, b]."""

QUERIES_A_BLOCK = 256

_SPARE = 8
_WIDER = 8
_ALIGNED = 64


class MappedSearch:
    """The labelled tracks of a library as they were when its file of keys was made.

    Parameters
    ----------
    path
        What `make` wrote.

    Raises
    ------
    ValueError
        It is something else.
    OSError
        It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        facts, start = _head(path)
        n, m, d = (int(facts[name]) for name in ("tracks", "numbers", "dimension"))
        self.made_of = str(facts["made_of"])
        self.precision = str(facts["precision"])
        numbers = {"float16", "float32", "float64"}
        if min(n, m, d) < 1 or not {self.precision, str(facts["dtype"])} <= numbers:
            raise ValueError("it holds no numbers")
        self._m = m
        layout: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = [
            ("model", np.dtype(np.uint8), (int(facts["model"]),)),
            ("ids", np.dtype(np.int64), (n,)),
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
        self._ids, self._errors = arrays["ids"], arrays["errors"]
        self._keys, self._vectors = arrays["keys"], arrays["vectors"]
        self._ranking = Ranking.from_bytes(arrays["model"].tobytes())

    def __len__(self) -> int:
        return len(self._ids)

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
        snapshot = library.snapshot()
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
            "made_of": made_of(library),
        }
        errors = np.empty(len(snapshot), np.float32)
        try:
            with atomic.new_file(path, overwrite=True) as part, part.open("wb") as file:
                head = json.dumps(facts).encode()
                file.write(MAGIC + len(head).to_bytes(8, "little") + head)
                _write(file, model)
                _write(file, np.asarray(snapshot.ids, np.int64))
                # Known only when the keys are: their place is filled at the end.
                _pad(file)
                place = file.tell()
                file.write(errors.tobytes())
                _pad(file)
                for start, stop in _blocks(len(snapshot)):
                    keys, errors[start:stop] = _rounded(
                        ranking.keys(vectors[start:stop]), precision
                    )
                    file.write(np.ascontiguousarray(keys.T).tobytes())
                _write(file, vectors)
                file.seek(place)
                file.write(errors.tobytes())
        except OSError as error:
            raise LibraryError(f"{path}: cannot be written ({error.strerror})") from error
        return cls(path)

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
            Of the tracks, likewise. Equally near ones stand in the order of every list.
        """
        k = min(n_neighbors, len(self))
        ranks = np.empty((len(queries), k))
        found = np.empty((len(queries), k), np.intp)
        for start in range(0, len(queries), QUERIES_A_BLOCK):
            part = slice(start, start + QUERIES_A_BLOCK)
            self._fill(queries[part], ranks[part], found[part])
        return self._ranking.distances(ranks), np.asarray(self._ids)[found]

    def _fill(
        self, queries: NDArray[np.floating], ranks: NDArray[np.float64], found: NDArray[np.intp]
    ) -> None:
        """Put the nearest of some queries where they belong."""
        k = ranks.shape[1]
        prepared = self._ranking.queries(queries)
        open_ones, width = np.arange(len(queries)), k + _SPARE
        while len(open_ones):
            bounds, rows, limits = self._candidates(prepared[open_ones], min(width, len(self)))
            left = []
            for number, query in enumerate(open_ones.tolist()):
                chosen = np.unique(rows[number][np.isfinite(bounds[number]) | (bounds[number] < 0)])
                exact = self._ranking.ranks(queries[query], np.asarray(self._vectors[chosen]))
                best, tracks = nearest_first(exact[None], chosen[None], k)
                # What was left out has a bound, and so a rank, of at least the limit.
                if len(chosen) < len(self) and not (
                    best.shape[1] == k and best[0, -1] < limits[number]
                ):
                    left.append(query)
                    continue
                ranks[query], found[query] = best[0], tracks[0]
            open_ones, width = np.array(left, np.intp), width * _WIDER

    def _candidates(
        self, prepared: NDArray[np.floating], width: int
    ) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[Any]]:
        """Return the tracks of the smallest bounds, and what no other bound is below."""
        q = len(prepared)
        bounds = np.empty((q, 0), np.float32)
        rows = np.empty((q, 0), np.intp)
        limits = np.full(q, np.inf, np.float32)
        directions, lengths = prepared[:, :-1], prepared[:, -1:]
        for start, stop in _blocks(len(self)):
            keys = self._keys[start * self._m : stop * self._m].reshape(self._m, -1)
            with np.errstate(invalid="ignore", over="ignore"):
                new = directions @ keys.astype(np.float32, copy=False)
                new += lengths * self._errors[start:stop]
            # Beyond what a key can hold: nothing is known of such a track.
            new[~np.isfinite(new)] = -np.inf
            numbers = np.broadcast_to(np.arange(start, stop), new.shape)
            bounds, rows, limits = smallest(
                np.concatenate([bounds, new], axis=1),
                np.concatenate([rows, numbers], axis=1),
                width,
                limits,
            )
        return bounds, rows, limits


def made_of(library: Library) -> str:
    """Return what tells whether a file of keys is of a library as it is now."""
    fitted = library.fitted()
    told = [library.spec.to_json(), library.revision, library.count()]
    digest = hashlib.sha256(json.dumps(told).encode())
    digest.update(b"" if fitted is None else fitted.blob)
    return digest.hexdigest()


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
    known = {"tracks", "numbers", "dimension", "dtype", "precision", "model", "made_of"}
    if not isinstance(facts, dict) or set(facts) != known:
        raise ValueError("it is a file of keys of another version")
    return facts, start


def opened(path: Path, library: Library, precision: Precision) -> MappedSearch | None:
    """Return what lies at a path; None where that is not of the library as it is now."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = MappedSearch(path)
        if found.made_of == made_of(library) and found.precision == precision:
            return found
    return None
