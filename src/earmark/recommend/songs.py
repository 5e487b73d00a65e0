"""Which songs people mean by names: tracks of a library, or files, which are heard if need be."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from earmark.cache import EmbeddingCache
from earmark.errors import EarmarkError, RecommendError
from earmark.extraction import Looked
from earmark.hearing import Hearing
from earmark.library import Library
from earmark.library.naming import named_track
from earmark.neighbors.arrays import Float
from earmark.recommend.recommender import Songs
from earmark.workers import WorkerPool, available_cores


def songs_of(library: Library, names: Sequence[str], *, cached: bool = True) -> Songs:
    """Return the songs that names mean; files that are no tracks are heard.

    Parameters
    ----------
    library
        Open.
    names
        Sound files, or tracks by what `earmark.library.naming.named_track` knows them by.
    cached
        Whether what is heard is kept for the next time, in the user's cache.

    Raises
    ------
    TrackNotFound
        A name is that of no track.
    LibraryError
        It is that of several.
    AudioError
        A file cannot be used.
    """
    track_ids: list[int] = []
    files: list[str] = []
    for name in names:
        if os.path.exists(name):  # noqa: PTH110 - takes any name
            track = library.find_path(os.path.abspath(name))  # noqa: PTH100 - links stay
            if track is None:
                files.append(name)
                continue
        else:
            track = named_track(library, name)
        track_ids.append(int(track.id or 0))
    if not files:
        return Songs(tuple(track_ids))
    known, vectors = _heard(library, files, cached=cached)
    return Songs((*track_ids, *known), vectors)


def track_of(library: Library, name: str, *, cached: bool = True) -> int:
    """Return the id of the one track that a name means, also by a copy of its file.

    Raises
    ------
    RecommendError
        A file is no track.
    LibraryError
        A name is that of no track, or of several.
    """
    songs = songs_of(library, [name], cached=cached)
    if not songs.track_ids:
        raise RecommendError(
            f"{name}: is no track of {library.name}; a path leads from track to track: add it with "
            "earmark build, or ask earmark similar for the nearest one"
        )
    return songs.track_ids[0]


def _heard(
    library: Library, files: Sequence[str], *, cached: bool
) -> tuple[list[int], Float | None]:
    """Hear files in worker processes; those whose recording is a track are that track."""

    def track_by(looked: Looked) -> int | None:
        tracks = library.find_hash(looked.content_hash)
        if looked.audio_hash is not None:
            tracks = tracks or library.find_audio_hash(looked.audio_hash)
        return next((track.id for track in tracks), None)

    cache = EmbeddingCache(library.spec) if cached else None
    pool = WorkerPool(min(available_cores(), len(files)))
    known, vectors = [], []
    try:
        for _, found in Hearing(pool, library.spec, cache=cache).all(files):
            if isinstance(found, EarmarkError):
                raise found
            track_id = track_by(found.looked)
            if track_id is not None:
                known.append(track_id)
            else:
                vectors.append(found.extracted.vector)
    finally:
        pool.close()
    if cache is not None:
        cache.trim()
    return known, np.stack(vectors) if vectors else None
