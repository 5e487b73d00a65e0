"""Small libraries of made-up tracks, to be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.features import Comparison
from earmark.library import ExtractorSpec, Track, create_library

GENRES = ("blues", "jazz", "rock")


def make_evaluation_set(
    n_artists: int = 12,
    tracks_each: int = 4,
    *,
    genres: Sequence[str] = GENRES,
    seed: int = 0,
    artist_spread: float = 1.0,
    known: bool = True,
) -> EvaluationSet:
    """Make tracks that sound like their genre, and more so like their artist."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(len(genres), 8)) * 1.5
    tracks, vectors = [], []
    for artist in range(n_artists):
        genre = artist % len(genres)
        voice = centers[genre] + artist_spread * rng.normal(size=8)
        for number in range(tracks_each):
            tracks.append(
                Track(
                    name=f"{genres[genre]}-{artist:02}-{number}",
                    genre=genres[genre],
                    artist=f"Artist {artist}" if known else None,
                )
            )
            vectors.append(voice + 0.4 * rng.normal(size=8))
    return EvaluationSet(
        tracks=tuple(tracks),
        vectors=np.array(vectors),
        comparison=Comparison("euclidean"),
        extractor="made up",
        source="made-up.earmark",
        artists=tuple(track.artist for track in tracks),
        artists_from="the library" if known else None,
    )


def relabel(data: EvaluationSet, labels: Sequence[int]) -> EvaluationSet:
    """Return the set with other genres, as numbers of its genre names."""
    names = data.genre_names
    return replace(
        data,
        tracks=tuple(
            replace(track, genre=names[label])
            for track, label in zip(data.tracks, labels, strict=True)
        ),
    )


def write_library(data: EvaluationSet, path: Path) -> Path:
    """Keep a set as a library."""
    spec = ExtractorSpec(
        "foreign", "1", data.vectors.shape[1], data.comparison.similarity, "float64"
    )
    with create_library(path, spec) as library:
        library.add(data.tracks, data.vectors)
    return path
