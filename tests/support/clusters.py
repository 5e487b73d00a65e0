"""Made-up tracks for the vote: vectors, genres and groups; nothing here uses ``earmark``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tracks:
    """Labelled vectors [n, d], their genres [n] and groups [n]."""

    vectors: np.ndarray
    genres: list[str]
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.genres)

    def take(self, rows: np.ndarray) -> Tracks:
        """Return some of the tracks, in that order."""
        return Tracks(self.vectors[rows], [self.genres[i] for i in rows], self.groups[rows])


def clusters(
    n: int,
    n_genres: int = 4,
    *,
    dimension: int = 12,
    tracks_a_group: int = 1,
    apart: float = 1.0,
    seed: int = 0,
    world: int = 0,
) -> Tracks:
    """Draw n tracks: a genre is a cloud, a group (an artist) a smaller cloud in it.

    Tracks of one ``world`` come of the same clouds; another ``seed`` draws others of them.
    """
    centers = apart * np.random.default_rng([world, 1]).normal(size=(n_genres, dimension))
    rng = np.random.default_rng([seed, 2])
    groups = np.arange(n) // tracks_a_group
    labels = rng.integers(0, n_genres, groups[-1] + 1)[groups]
    voices = rng.normal(size=(groups[-1] + 1, dimension))[groups]
    vectors = centers[labels] + 0.6 * voices + 0.8 * rng.normal(size=(n, dimension))
    return Tracks(vectors, [f"genre {label}" for label in labels], groups)
