"""Vectors of a foreign feature space, brought along in a NumPy archive."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.atomic import new_file
from earmark.errors import ImportFormatError
from earmark.features import FOREIGN
from earmark.importing.archive import read_arrays
from earmark.importing.imported import Imported, keep
from earmark.importing.table import GENRE_SEPARATOR, OTHER_GENRES
from earmark.library.base import Library
from earmark.library.model import ExtractorSpec, Track
from earmark.neighbors import metrics
from earmark.words import LONGEST_NAME, LONGEST_SHOWN, one_line, plural

METRICS = ("cosine", "euclidean")
"""What foreign vectors can be compared by."""


def import_vectors(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    metric: str | None = None,
    overwrite: bool = False,
) -> Imported:
    """Make a library of vectors that another program computed.

    Such a library can be evaluated and searched; sound files cannot be compared with it.

    Parameters
    ----------
    source
        An ``.npz`` with ``vectors`` [n, d], ``track`` [n] and ``genre`` [n] (empty: unlabelled);
        optionally ``artist`` [n], ``title`` [n], ``source`` [n], ``other_genres`` [n] (genres
        behind the first, parted by ``;``), and ``metric``. Vectors of type float64 are kept as
        such, others as float32.
    target
        The new library.
    metric
        ``"cosine"`` or ``"euclidean"``; comes before the file's own.
    overwrite
        Replace a library that is there.

    Raises
    ------
    ImportFormatError
        The file is none such, its arrays do not fit each other, no metric is named, or numbers
        are too large or too small for the metric.
    LibraryExists
        ``target`` is there.
    """
    file = Path(source)
    arrays = read_arrays(file)
    vectors = _vectors(file, arrays)
    count = len(vectors)
    names = _texts(file, arrays, "track", count)
    genres = _texts(file, arrays, "genre", count)
    artists = _texts(file, arrays, "artist", count, required=False)
    titles = _texts(file, arrays, "title", count, required=False)
    sources = _texts(file, arrays, "source", count, required=False)
    others = _texts(file, arrays, OTHER_GENRES, count, required=False, longest=LONGEST_SHOWN)
    chosen, notes = _metric(file, arrays, metric)

    finite = np.isfinite(vectors).all(axis=1)
    named = np.array([bool(name) for name in names])
    usable = np.flatnonzero(finite & named)
    if not len(usable):
        raise ImportFormatError(f"{file}: no row has a track name and finite numbers")
    if infinite := int((~finite).sum()):
        rows = plural(infinite, "row")
        notes.append(f"left out {infinite} {rows} with numbers that are not finite")
    if nameless := int((~named[finite]).sum()):
        notes.append(f"left out {nameless} {plural(nameless, 'row')} without a track name")
    _check_size(file, vectors, usable, chosen)
    if chosen == "cosine" and (zero := int((~vectors[usable].any(axis=1)).sum())):
        told = plural(zero, "vector is", "vectors are")
        notes.append(f"{zero} {told} all zeros, and so equally far from everything")
    unlabelled = sum(not genres[row] for row in usable)
    if unlabelled:
        told = plural(unlabelled, "track has", "tracks have")
        notes.append(f"{unlabelled} {told} no genre, and so no vote")
    tracks = [
        Track(
            name=names[row],
            genre=genres[row] or None,
            other_genres=_others(others[row], genres[row]),
            artist=artists[row] or None,
            title=titles[row] or None,
            source=sources[row] or None,
        )
        for row in usable
    ]
    spec = ExtractorSpec(FOREIGN, file.stem, vectors.shape[1], chosen, vectors.dtype.name)
    return keep(
        target,
        spec,
        tracks,
        vectors[usable],
        notes=notes,
        left_out=count - len(usable),
        overwrite=overwrite,
    )


def export_vectors(library: Library, target: str | os.PathLike[str]) -> int:
    """Write all tracks of a library as an archive that `import_vectors` reads.

    Paths are left out: what is passed on says nothing of the machine that it was made on. Vectors
    keep their type. Gaussians of classic features are written too, but no import compares them.

    Parameters
    ----------
    library
        Any.
    target
        The file; one that is there is replaced. It appears whole or not at all.

    Returns
    -------
    How many tracks it has.

    Raises
    ------
    ImportFormatError
        It cannot be written.
    """
    file = Path(target)
    tracks = library.tracks()
    vectors = [library.vector(track.id) for track in tracks if track.id is not None]
    spec = library.spec
    arrays: dict[str, Any] = {
        "vectors": np.array(vectors, dtype=spec.dtype).reshape(len(tracks), spec.dimension),
        "track": np.array([track.name for track in tracks], dtype=str),
        "genre": np.array([track.genre or "" for track in tracks], dtype=str),
        "artist": np.array([track.artist or "" for track in tracks], dtype=str),
        "title": np.array([track.title or "" for track in tracks], dtype=str),
        "source": np.array([track.source or "" for track in tracks], dtype=str),
        "metric": np.array(spec.similarity),
    }
    if any(track.other_genres for track in tracks):
        several = [f"{GENRE_SEPARATOR} ".join(track.other_genres) for track in tracks]
        arrays[OTHER_GENRES] = np.array(several, dtype=str)
    try:
        with new_file(file, overwrite=True) as part, part.open("wb") as out:
            np.savez_compressed(out, **arrays)
    except OSError as error:
        raise ImportFormatError(f"{file}: cannot be written ({error.strerror})") from error
    return len(tracks)


def _vectors(file: Path, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.floating]:
    vectors = _array(file, arrays, "vectors")
    if vectors.ndim != 2 or 0 in vectors.shape or vectors.dtype.kind not in "iuf":
        raise ImportFormatError(
            f"{file}: 'vectors' is {vectors.dtype} of shape {vectors.shape}; it needs to be "
            "numbers [tracks, dimension]"
        )
    with np.errstate(over="ignore"):
        # Integers of any size fit into float64 best.
        wide = vectors.dtype.kind in "iu" or vectors.dtype.itemsize > 4
        return vectors.astype(np.float64 if wide else np.float32)


def _check_size(
    file: Path, vectors: NDArray[np.floating], usable: NDArray[np.intp], metric: str
) -> None:
    """See that the vectors of the rows that are used can be compared with each other.

    Raises
    ------
    ImportFormatError
        The squares of some would be beyond what double precision holds, or all are so near to
        each other that they would count as one recording.
    """
    held = vectors[usable]
    beyond = usable[~metrics.comparable(held, metric)]
    if len(beyond):
        shown = ", ".join(str(row + 1) for row in beyond[:5]) + (", …" if len(beyond) > 5 else "")
        raise ImportFormatError(
            f"{file}: {len(beyond)} of {len(vectors)} vectors have numbers too large or too small "
            f"to be compared by {metric} ({plural(len(beyond), 'row')} {shown}); bring them to a "
            "common scale"
        )
    measure = metrics.METRICS[metric]
    # No two of them are farther from each other than the diagonal of a cube of that width.
    width = 0.0 if measure.scaleless else float(np.ptp(held, axis=0).max())
    span = width * math.sqrt(held.shape[1])
    if 0 < span < measure.near_zero:
        raise ImportFormatError(
            f"{file}: all vectors are within {span:.2g} of each other, and what is nearer than "
            f"{measure.near_zero:g} counts as one recording; multiply all by the same large number"
        )


def _array(file: Path, arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in arrays:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise ImportFormatError(f"{file}: has no array {name!r}; it holds {there}")
    return arrays[name]


def _texts(
    file: Path,
    arrays: Mapping[str, NDArray[Any]],
    name: str,
    count: int,
    *,
    required: bool = True,
    longest: int = LONGEST_NAME,
) -> list[str]:
    if not required and name not in arrays:
        return [""] * count
    array = _array(file, arrays, name)
    if array.shape != (count,) or array.dtype.kind not in "USiu":
        raise ImportFormatError(
            f"{file}: {name!r} is {array.dtype} of shape {array.shape}; it needs to be a name for "
            f"each of the {count} vectors"
        )
    is_bytes = array.dtype.kind == "S"
    texts = (bytes(text).decode("utf-8", "replace") if is_bytes else str(text) for text in array)
    return [one_line(text, longest) for text in texts]


def _others(text: str, genre: str) -> tuple[str, ...]:
    """Return the genres behind the first, from how `export_vectors` writes them."""
    known = dict.fromkeys(one_line(part) for part in text.split(GENRE_SEPARATOR))
    return tuple(other for other in known if genre and other not in ("", genre))


def _metric(
    file: Path, arrays: Mapping[str, NDArray[Any]], asked: str | None
) -> tuple[str, list[str]]:
    own: str | None = None
    if "metric" in arrays and arrays["metric"].size == 1:
        value = arrays["metric"].reshape(())[()]
        own = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    chosen = asked if asked is not None else own
    if chosen is None:
        raise ImportFormatError(
            f"{file}: does not say how its vectors are compared; say it with --metric "
            f"{' or --metric '.join(METRICS)}"
        )
    if chosen not in METRICS:
        raise ImportFormatError(f"{file}: metric {chosen!r} is none of {', '.join(METRICS)}")
    differs = own is not None and own != chosen
    return chosen, [f"says metric {own}; {chosen} is used as asked"] if differs else []
