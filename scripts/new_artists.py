"""Recordings by other artists than GTZAN's: what is read of them, and which of them are chosen.

The folder holds embeddings alone, of recordings that cannot be passed on: ``musicnn1.npz`` (whole,
and patch by patch of 3 s) and ``tracks.csv`` (genre, how sure it is, artist, title, source).
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.features import Segments
from earmark.library import Track
from earmark.neighbors import fold_artist

Indices = NDArray[np.intp]

PATCH_SECONDS = 3.0
KEPT_SEGMENTS = 4

PIECES_OF_A_GENRE = 15
"""So many new recordings a genre go into the reference library; docs/reference-library.md."""


@dataclass(frozen=True)
class NewArtists:
    """Recordings by other artists.

    Attributes
    ----------
    tracks
        The n recordings, each with the collection that it is from.
    vectors
        Their embeddings [n, d], in half precision as a library keeps them.
    segments
        Four segments of each, evenly spread, as a build keeps them.
    sure
        Whether the genre is the source's own label, or the artist is filed there by everybody [n];
        the other genres are plausible.
    """

    tracks: tuple[Track, ...]
    vectors: NDArray[np.float32]
    segments: tuple[Segments, ...]
    sure: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tracks)

    def of_genres(self, genres: Iterable[str]) -> Indices:
        """Return the rows of the recordings of some genres."""
        wanted = set(genres)
        return np.array([i for i, track in enumerate(self.tracks) if track.genre in wanted])

    def choose(self, rows: Indices, most: int) -> Indices:
        """Return at most so many rows of each genre, sorted.

        An artist's first recording comes before any second one, a sure genre before a plausible
        one; else a hash of artist and title decides, which knows nothing of the sound.
        """
        order = sorted(rows.tolist(), key=self._key)
        turn: Counter[str] = Counter()
        ranked = []
        for row in order:
            artist = fold_artist(self.tracks[row].artist) or ""
            turn[artist] += 1
            ranked.append((turn[artist], row))
        # The order within a turn stays.
        ranked.sort(key=lambda pair: pair[0])
        taken: Counter[str] = Counter()
        chosen = []
        for _, row in ranked:
            genre = str(self.tracks[row].genre)
            taken[genre] += 1
            if taken[genre] <= most:
                chosen.append(row)
        return np.array(sorted(chosen), dtype=np.intp)

    def _key(self, row: int) -> tuple[bool, str]:
        track = self.tracks[row]
        return not self.sure[row], hashlib.sha256(
            f"{track.artist}{track.title}".encode()
        ).hexdigest()


def read_new_artists(folder: Path) -> NewArtists:
    """Read the recordings of a folder, in the order of its embeddings."""
    with (folder / "tracks.csv").open(newline="", encoding="utf-8") as file:
        facts = {row["track"]: row for row in csv.DictReader(file)}
    with np.load(folder / "musicnn1.npz") as file:
        names, vectors, seconds = file["track"].tolist(), file["vectors"], file["duration"]
        patches, patch_of = file["patches"], file["patch_of"]
    rows = [facts[name] for name in names]
    tracks = tuple(
        Track(
            name=row["track"],
            genre=row["genre"],
            artist=row["artist"] or None,
            title=row["title"] or None,
            source=collection_of(row["source"]),
            duration=float(length),
        )
        for row, length in zip(rows, seconds, strict=True)
    )
    segments = tuple(
        _segments(patches[patch_of == row], float(length)) for row, length in enumerate(seconds)
    )
    return NewArtists(
        tracks=tracks,
        vectors=vectors.astype(np.float16).astype(np.float32),
        segments=segments,
        sure=np.array([row["strength"] == "strong" for row in rows]),
    )


def collection_of(source: str) -> str:
    """Return the collection that a file is from: of ``github owner/name:path`` the middle.

    >>> collection_of("github owner/name:songs/one.mp3")
    'owner/name'
    """
    collection, colon, _ = source.partition(":")
    return collection.rpartition(" ")[2] if colon else source


def _segments(patches: NDArray[np.float16], seconds: float) -> Segments:
    starts = PATCH_SECONDS * np.arange(len(patches), dtype=np.float64)
    stops = np.minimum(starts + PATCH_SECONDS, max(seconds, PATCH_SECONDS))
    return Segments(starts, stops, patches.astype(np.float32)).spread(KEPT_SEGMENTS)
