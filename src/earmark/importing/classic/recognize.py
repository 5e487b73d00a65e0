"""What a ``my.dat`` holds, told by recordings that another library knows.

The labels of such a file are numbers in the folder order of the machine that wrote it, and say
nothing by themselves. But many of these files hold the same public recordings, and the Gaussian of
a recording is like a fingerprint: ``docs/classic-file.md`` has the figures behind the limits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.features.gaussian import N_COEFFICIENTS
from earmark.library import Library, Track
from earmark.neighbors import METRICS, BruteForce

METRIC = "gaussian-kl"

SAME_RECORDING = 0.5
"""Distance below which two Gaussians are of one recording, perhaps encoded anew."""

# Other settings move all recordings by the same amount and leave them nearest to themselves.
SHIFTED_RECORDING = 5.0
MIN_SHIFTED = 5
MIN_SHIFT = 0.6
MAX_SPREAD = 0.3

# c0 and the logarithms of the 13 variances: medians over 1,000 tracks of ten genres. Genres differ
# from them by at most 0.7 in the logarithm, and by 20 in c0.
C0_LIMITS = (26.0, 120.0)
TYPICAL_LOG_VARIANCE = np.array(
    [3.64, 4.07, 4.55, 4.46, 4.51, 4.64, 4.77, 4.66, 4.68, 4.67, 4.58, 4.48, 4.36]
)
MAX_LOG_VARIANCE_ERROR = 2.5


@dataclass(frozen=True)
class Reference:
    """Tracks that a file's rows may be recordings of.

    Attributes
    ----------
    tracks
        n tracks, each with a genre.
    vectors
        Their classic features [n, d].
    """

    tracks: tuple[Track, ...]
    vectors: NDArray[np.floating]

    @classmethod
    def of(cls, library: Library) -> Reference:
        """Take the labelled tracks of a library."""
        snapshot = library.snapshot()
        held = library.get_many(snapshot.ids.tolist())
        return cls(tuple(held.values()), snapshot.vectors)

    def __len__(self) -> int:
        return len(self.tracks)


@dataclass(frozen=True)
class Recognized:
    """Which rows are recordings that a reference knows.

    Attributes
    ----------
    tracks
        [n] row of the reference for each row of the file, -1 where it is unknown.
    shift
        By how much the c0 of the recordings that both have is moved, None where it is not.
    shifted
        How many recordings say so.
    """

    tracks: NDArray[np.intp]
    shift: float | None
    shifted: int

    @property
    def count(self) -> int:
        """How many rows are known."""
        return int((self.tracks >= 0).sum())


def recognize(vectors: NDArray[np.float64], reference: Reference) -> Recognized:
    """Find the rows [n, 104] of a file among the tracks of a reference of classic features."""
    if not len(reference) or not len(vectors):
        return Recognized(np.full(len(vectors), -1, dtype=np.intp), None, 0)
    nearest, distance = _nearest(vectors, reference.vectors)
    known = distance < SAME_RECORDING
    tracks = np.where(known, nearest, -1)

    # Pairs that are nearest to each other, whichever way one looks.
    back, _ = _nearest(reference.vectors, vectors)
    mutual = back[nearest] == np.arange(len(vectors))
    pairs = np.flatnonzero(mutual & (distance < SHIFTED_RECORDING))
    shift: float | None = None
    if len(pairs) >= MIN_SHIFTED:
        moved = vectors[pairs, 0] - reference.vectors[nearest[pairs], 0]
        middle = float(np.median(moved))
        spread = float(np.median(np.abs(moved - middle)))
        if abs(middle) > MIN_SHIFT and spread < MAX_SPREAD * abs(middle):
            shift = middle
    return Recognized(tracks.astype(np.intp), shift, len(pairs))


def _nearest(
    vectors: NDArray[np.floating], others: NDArray[np.floating]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return which of some others [m, 104] is nearest to each vector [n, 104], and how far [n]."""
    distances, rows = BruteForce(METRICS[METRIC].fit(others), others).search(vectors, 1)
    return rows[:, 0], distances[:, 0]


def odd_scale(vectors: NDArray[np.float64]) -> str | None:
    """Say how far features [n, 104] are from any that the recipe gives; None where they are not."""
    c0 = float(np.median(vectors[:, 0]))
    if not C0_LIMITS[0] < c0 < C0_LIMITS[1]:
        return f"the typical first coefficient is {c0:.0f}, where music has 50 to 90"
    rows, columns = np.triu_indices(N_COEFFICIENTS)
    variances = vectors[:, N_COEFFICIENTS + np.flatnonzero(rows == columns)]
    error = np.median(np.log(np.maximum(variances, 1e-300)), axis=0) - TYPICAL_LOG_VARIANCE
    worst = int(np.abs(error).argmax())
    if abs(error[worst]) > MAX_LOG_VARIANCE_ERROR:
        times = math.exp(float(error[worst]))
        return f"the variance of coefficient {worst} is {times:.2g} times that of music"
    return None


def window_of(shift: float) -> float:
    """Return the analysis window in milliseconds that moves c0 by ``shift`` against 20 ms.

    The energy of a frame grows with its length; c0 is √26 times the mean of 26 log energies.
    """
    return 20.0 * math.exp(shift / math.sqrt(26))


@dataclass(frozen=True)
class Names:
    """Genres of labels, as far as recordings that are known tell them.

    Attributes
    ----------
    genres
        Name of each label that could be named.
    problems
        Why not all of them could, in parts of a sentence; empty where they could.
    """

    genres: dict[int, str]
    problems: tuple[str, ...]


MIN_AGREEMENT = 0.8
MIN_KNOWN = 3


def name_labels(labels: Sequence[int], recognized: Recognized, reference: Reference) -> Names:
    """Name labels [n] by the genres of the recordings that are known among their rows.

    A label needs `MIN_KNOWN` of them (all its rows, if it has fewer), of which `MIN_AGREEMENT` are
    of one genre, and no two labels may have the same.
    """
    sizes = Counter(labels)
    votes: dict[int, Counter[str]] = {label: Counter() for label in sizes}
    for label, row in zip(labels, recognized.tracks, strict=True):
        if row >= 0:
            votes[label][str(reference.tracks[row].genre)] += 1
    genres: dict[int, str] = {}
    problems: list[str] = []
    for label in sorted(sizes):
        known = votes[label].total()
        if known < min(MIN_KNOWN, sizes[label]):
            problems.append(f"of label {label} only {known} of {sizes[label]} recordings are known")
            continue
        genre, agreeing = votes[label].most_common(1)[0]
        if agreeing < MIN_AGREEMENT * known:
            problems.append(f"label {label} mixes {', '.join(sorted(votes[label]))}")
            continue
        genres[label] = genre
    twice: dict[str, list[int]] = {}
    for label, genre in genres.items():
        twice.setdefault(genre, []).append(label)
    for genre, several in twice.items():
        if len(several) > 1:
            both = "both" if len(several) == 2 else "all"
            problems.append(f"labels {' and '.join(map(str, several))} {both} hold {genre}")
    return Names(genres, tuple(problems))
