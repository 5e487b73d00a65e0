"""What holds for every library, wherever it is kept: one place for each rule of the back-ends."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryError, LibraryExtractor
from earmark.features import Segments
from earmark.library.model import Change, ExtractorSpec, Track, TrackChanges

# Bytes of a file name that are no UTF-8 arrive from Python as lone surrogates, which no database
# takes. They are kept in a private plane of Unicode, and come back as they were.
_ESCAPES = {0xDC00 + byte: 0x10FE00 + byte for byte in range(0x80, 0x100)}
_UNESCAPES = {escaped: surrogate for surrogate, escaped in _ESCAPES.items()}

_ACCENTS = re.compile("[\u0300-\u036f]")
"""What Unicode puts after a letter for its accent, once the two are taken apart."""


def escape(text: str) -> str:
    """Make text that any database takes of a name that may hold undecodable bytes."""
    return text.translate(_ESCAPES)


def unescape(text: str) -> str:
    """Return what `escape` was given."""
    return text.translate(_UNESCAPES)


def order(track: Track) -> tuple[str, str, str, int]:
    """Return by what tracks are sorted, everywhere: code points of name, path and content hash."""
    return (
        escape(track.name),
        escape(track.path or ""),
        track.content_hash or "",
        track.id or 0,
    )


def fold(text: str) -> str:
    """Make upper and lower case alike, in every script."""
    return text.casefold()


def search_text(track: Track) -> str:
    """Return in what a search for a track looks."""
    return fold("\n".join(filter(None, (track.name, track.artist, track.title))))


def plain(text: str) -> str:
    """Return letters without their accents.

    >>> plain("björk"), plain("antonín dvořák")
    ('bjork', 'antonin dvorak')
    """
    return text if text.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFKD", text))


def parts_of(search: str | tuple[str, ...] | None) -> list[str]:
    """Return what all must be found in the text in which a search looks.

    Upper and lower case, and letters with and without accents, are alike.

    >>> parts_of("Nina S"), parts_of(("Ótta", "", "Nina")), parts_of(None)
    (['nina s'], ['otta', 'nina'], [])
    """
    asked = [search] if isinstance(search, str) else search or []
    return [plain(fold(part)) for part in asked if part]


def pack(vectors: NDArray[Any], count: int, spec: ExtractorSpec) -> NDArray[np.floating]:
    """Return vectors [count, dimension] in the type in which they are stored.

    Raises
    ------
    ValueError
        They have another shape, or numbers that are infinite (also once they are in the
        library's type) or not numbers.
    """
    if vectors.shape != (count, spec.dimension):
        raise ValueError(
            f"vectors of shape {vectors.shape} are not {count} tracks of {spec.dimension} numbers"
        )
    with np.errstate(over="ignore"):
        stored: NDArray[np.floating] = np.ascontiguousarray(vectors, dtype=spec.storage)
    if not np.isfinite(stored).all():
        raise ValueError(f"vectors with numbers that are not finite as {spec.dtype}")
    return stored


def pack_segments(
    segments: Sequence[Segments | None] | None, count: int, spec: ExtractorSpec
) -> list[list[tuple[float, float, bytes]]]:
    """Return start, stop and stored vector of the segments of each of so many tracks.

    Raises
    ------
    ValueError
        They are of another number of tracks, lie nowhere, or have vectors that `pack` refuses.
    """
    if segments is None:
        return [[] for _ in range(count)]
    if len(segments) != count:
        raise ValueError(f"segments of {len(segments)} tracks are not those of {count}")
    return [[] if parts is None else _packed(parts, spec) for parts in segments]


def _packed(parts: Segments, spec: ExtractorSpec) -> list[tuple[float, float, bytes]]:
    starts, stops = parts.starts.tolist(), parts.stops.tolist()
    if not all(0 <= start < stop < np.inf for start, stop in zip(starts, stops, strict=True)):
        raise ValueError("segments that lie nowhere in their track")
    if len(set(starts)) < len(starts):
        raise ValueError("segments of a track that begin at one time")
    stored = pack(np.asarray(parts.vectors), len(starts), spec)
    return list(zip(starts, stops, (row.tobytes() for row in stored), strict=True))


def require(where: str, spec: ExtractorSpec, name: str, version: str, checksum: str | None) -> None:
    """See that vectors are of a certain extractor.

    Raises
    ------
    LibraryExtractor
        They are of another, or of another version of it.
    """
    if (spec.name, spec.version) != (name, version):
        raise LibraryExtractor(
            f"{where}: holds vectors of {spec.name} {spec.version}, "
            f"not of {name} {version}; build another library for those"
        )
    # One of the two may not have been noted.
    if None not in (checksum, spec.checksum) and checksum != spec.checksum:
        raise LibraryExtractor(
            f"{where}: holds vectors of another model that is also called {name} {version} (its "
            f"SHA-256 begins with {str(spec.checksum)[:12]}); build another library for this one"
        )


def identity(
    audio_hash: str | None, content_hash: str | None, size: int | None, modified_ns: int | None
) -> TrackChanges:
    """Return what of a file's identity is to be written down: what is not None."""
    known: TrackChanges = {}
    if audio_hash is not None:
        known["audio_hash"] = audio_hash
    if content_hash is not None:
        known["content_hash"] = content_hash
    if size is not None:
        known["size"] = size
    if modified_ns is not None:
        known["modified_ns"] = modified_ns
    return known


def changed(track: Track, changes: TrackChanges) -> Track:
    """Return a track as changes make it: who gives it one genre takes all others away."""
    new: TrackChanges = {**changes}
    if changes.get("genre", track.genre) != track.genre:
        new.setdefault("other_genres", ())
    return dataclasses.replace(track, **new)


def shares_of(genres: Sequence[str]) -> list[float]:
    """Return the weights of a track's genres, by which their order is kept.

    They fall as 1, 1/2, 1/3 and so on, and their sum is 1.

    >>> shares_of(["rock"]), [round(share, 2) for share in shares_of(["rock", "blues"])]
    ([1.0], [0.67, 0.33])
    """
    ranks = [1 / rank for rank in range(1, len(genres) + 1)]
    return [rank / sum(ranks) for rank in ranks]


def check_parents(parents: Mapping[str, str]) -> None:
    """See that a taxonomy leads from every genre to an end.

    Raises
    ------
    ValueError
        A genre would be a kind of itself, directly or through others.
    """
    for genre in parents:
        met = {genre}
        above = parents.get(genre)
        while above is not None:
            if above in met:
                raise ValueError(f"{genre} would be a kind of itself")
            met.add(above)
            above = parents.get(above)


# Undoing


def check_undo(change: Change, later: Change | None) -> None:
    """See that a change can be taken back: it holds, and it is the last of its track that does.

    Parameters
    ----------
    change
        The change.
    later
        The next change of the same track that holds, None where there is none.

    Raises
    ------
    LibraryError
        It cannot be taken back now.
    """
    name = change.track.name
    if change.undone:
        raise LibraryError(f"{name}: this change was undone already")
    if later is not None:
        raise LibraryError(f"{name}: was {told(later)} after this change; undo that one first")


def check_restored(change: Change, *, path_is_taken: bool, can_return: bool) -> None:
    """See that the track of a change can be again what it was before.

    Parameters
    ----------
    change
        The change.
    path_is_taken
        Another track has the path that this one had.
    can_return
        The track is there, or its vector is kept.

    Raises
    ------
    LibraryError
        It cannot.
    """
    name = change.track.name
    if path_is_taken:
        raise LibraryError(f"{name}: its file is in the library again; nothing was undone")
    if not can_return:
        raise LibraryError(f"{name}: is no longer there; nothing was undone")


def told(change: Change) -> str:
    """Say what a change did to its track, to follow the word "was"."""
    before, after = change.before, change.after
    if after is None:
        return "removed"
    if before is None:
        return "added"
    if before.genres == after.genres:
        return "edited"
    return f"labelled {', '.join(after.genres) or 'nothing'}"
