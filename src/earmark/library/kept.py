"""What opening a large library costs, kept in a file beside it: columns, vectors, keys, the vote.

The snapshot and the vote hold for one state of a library: every change gives it another token, at
random. What the file says of tracks alone holds longer (`earmark.library.mapped`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earmark import neighbors
from earmark.library import digest, keys_file
from earmark.library.base import Library, marked
from earmark.library.model import Mark, Since
from earmark.library.snapshot import Snapshot
from earmark.neighbors import FittedVoter, MajorityVoter, Parameters, Ranking
from earmark.neighbors.blocks import Block

Precision = Literal["float32", "float16"]

KEPT_FROM = 50_000
"""Smaller libraries are opened in the time in which people do not notice it."""

MOST_ADDED = 0.1
"""A file is made anew when more than this share of its tracks came to the library since."""

_COLUMNS = ("ids", "genre_codes", "artist_codes", "seconds", "taught")
_HASHES = ("content_hashes", "audio_hashes")
_WEIGHTS = ("weight_rows", "weight_codes", "weight_shares")


def write(
    path: Path,
    library: Library,
    snapshot: Snapshot,
    now: Mark,
    vote: MajorityVoter | FittedVoter,
    precision: Precision = "float32",
) -> None:
    """Write the file of a library, in place of one that may be there.

    Parameters
    ----------
    path
        Its place.
    library, snapshot, now
        The library, its labelled tracks and its mark, of one moment.
    vote
        Of these tracks, as it was made, without later changes.
    precision
        Of the keys.

    Raises
    ------
    ValueError
        The tracks are compared in a way that single precision does not bound.
    OSError
        It cannot be written.
    """
    told = vote.facts()
    n = len(snapshot)
    numbers = Ranking(told).keys(snapshot.vectors[:1]).shape[1] - 1
    whole = precision == "float32"
    errors, weights = np.empty(n, np.float32), np.empty(n if "median" in told else 0)

    def keys() -> Iterator[NDArray[np.floating]]:
        """Yield the keys block by block, as one query reads them, and fill what stands behind."""
        start = 0
        for block, numbered in vote.parts():
            part = slice(start, start + len(block))
            start = part.stop
            if len(weights) and block.weights is not None:
                weights[part] = block.weights
            if whole:
                errors[part] = block.errors
                yield numbered
            else:
                halves, errors[part] = rounded(numbered.T, precision)
                yield halves.T

    names = json.dumps([snapshot.genre_names, snapshot.artist_names, dict(snapshot.parents)])
    stored = np.dtype(precision)
    facts = {
        "tracks": n,
        "numbers": numbers,
        "block": len(next(vote.parts())[0]),
        "precision": precision,
        "made_of": made_of(library),
        "neighbors": vote.parameters.n_neighbors,
        "mark": dataclasses.astuple(now),
        "token": now.token,
    }
    arrays: keys_file.Arrays = {
        "model": np.frombuffer(Ranking(told).to_bytes(), np.uint8),
        "keys": (stored, (n * (numbers + whole),), keys()),
        # Known only when the keys are.
        "errors": errors,
        "weights": weights,
        "vectors": snapshot.vectors,
        **{name: getattr(snapshot, name) for name in (*_COLUMNS, *_HASHES)},
        **dict(zip(_WEIGHTS, snapshot.weights, strict=True)),
        "names": np.frombuffer(names.encode(), np.uint8),
    }
    keys_file.write(path, facts, arrays)


def made_of(library: Library) -> str:
    """Return what tells by what the tracks of a library are ranked."""
    fitted = library.fitted()
    told = hashlib.sha256(json.dumps(library.spec.to_json()).encode())
    told.update(b"" if fitted is None else fitted.blob)
    return told.hexdigest()


def mark(library: Library) -> Mark:
    """Return by what a library is known again."""
    known = marked(library)
    if known is not None:
        return known.mark()
    # What is in memory alone is known again by its revision, and only whole.
    told = hashlib.sha256(json.dumps([library.revision, library.count()]).encode()).hexdigest()
    return Mark(library.revision, told, digest.EMPTY, 0, "")


def since(library: Library, before: Mark, ids: NDArray[np.int64]) -> Since | None:
    """Return what came to a library since a mark, when it had tracks of these ids [n].

    None as `earmark.library.base.Marked.since`, and where more than ``MOST_ADDED`` came.
    """
    known = marked(library)
    if known is not None:
        return known.since(before, ids, int(MOST_ADDED * len(ids)))
    if mark(library) != before:
        return None
    nothing = np.zeros(0, dtype=np.int64)
    return Since(nothing, np.zeros((0, library.spec.dimension), library.spec.working), nothing)


def kept_snapshot(path: Path, token: str, revision: int) -> Snapshot | None:
    """Return the snapshot of labelled tracks in a file; None where it is of another state.

    Parameters
    ----------
    path
        Of the file; it need not be there.
    token, revision
        Of the library now.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        if not token or keys_file.facts_of(path)["token"] != token:
            return None
        _, arrays = keys_file.read(path)
        genre_names, artist_names, parents = json.loads(arrays["names"].tobytes())
        rows, codes, shares = (np.array(arrays[name]) for name in _WEIGHTS)
        columns: dict[str, Any] = {name: np.array(arrays[name]) for name in (*_COLUMNS, *_HASHES)}
        return Snapshot(
            revision=revision,
            vectors=arrays["vectors"],
            genre_names=tuple(genre_names),
            artist_names=tuple(artist_names),
            weights=(rows, codes, shares),
            parents=parents,
            **columns,
        )
    return None


def kept_vote(
    path: Path, token: str, snapshot: Snapshot, parameters: Parameters
) -> MajorityVoter | FittedVoter | None:
    """Return the vote of the tracks in a file; None where it is of another state.

    Parameters
    ----------
    path, token
        As for `kept_snapshot`.
    snapshot
        Of the library now.
    parameters
        How its tracks vote.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        facts, arrays = keys_file.read(path)
        same = (token, snapshot.revision, parameters.n_neighbors, "float32", len(snapshot))
        of = (facts["token"], facts["mark"][0], *map(facts.get, ("neighbors", "precision")))
        if not token or (*of, facts["tracks"]) != same:
            return None
        ranking = Ranking.from_bytes(arrays["model"].tobytes())
        start, stop = (int(place) for place in ranking.facts["columns"])
        compared = arrays["vectors"][:, start:stop]
        blocks = [
            Block(
                compared[part],
                np.array(arrays["errors"][part]),
                np.array(arrays["weights"][part]) if len(arrays["weights"]) else None,
                keys,
                None,
            )
            for part, keys in key_blocks(facts, arrays)
        ]
        return neighbors.kept_voter(ranking.facts, blocks, *snapshot.top, parameters)
    return None


def key_blocks(
    facts: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> Iterator[tuple[slice, NDArray[np.floating]]]:
    """Yield which rows of a file are in each block, and their keys.

    They are [m + 1, b] in single precision, the last row the errors; [m, b] as halves.
    """
    n, size = int(facts["tracks"]), int(facts["block"])
    height = int(facts["numbers"]) + (facts["precision"] == "float32")
    for start in range(0, n, size):
        stop = min(start + size, n)
        yield slice(start, stop), arrays["keys"][start * height : stop * height].reshape(height, -1)


def rounded(
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
