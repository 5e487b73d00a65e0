"""A recording that is several things: its parts, with times, and whether it is mixed.

An album in one file, a DJ mix or a medley is cut where its sound changes by more than one song of
the library does; each part is answered like a song of its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classify import Classifier
from earmark.extraction import Followed, follow
from earmark.library import Library, Snapshot
from earmark.library.fitting import rows_of_song
from earmark.listen import PathLike
from earmark.neighbors import Voter, subsample
from earmark.neighbors.change_points import (
    change_points,
    variance_within,
)
from earmark.prediction import LEAST_SHARE
from earmark.schemas import schema
from earmark.words import tell_shares

STEP = 3.0
"""Seconds of a segment: what the default network hears at once."""

SHORTEST = 4
"""Segments of a part, at least."""

PRICE = 6.0
"""Of a cut, in mean squares of a number; `scripts/measure_mixed.py` measures what it leads to."""

WITHIN = 0.31
"""Variance of the segments of a song by that of tracks, as it is in the reference library."""

MOST_TRACKS = 2_000
"""So many tracks are enough to know how much the segments of one song differ."""


@dataclass(frozen=True)
class Part:
    """A part of a recording, in seconds from its start, and what it sounds like."""

    start: float
    stop: float
    genre: str
    confidence: float
    abstained: bool


@dataclass(frozen=True)
class Parts:
    """A recording in parts.

    Attributes
    ----------
    path
        The file, as the caller named it.
    parts
        In the order of time; they touch.

    Examples
    --------
    >>> rock, jazz = Part(0, 60, "rock", 0.9, False), Part(60, 90, "jazz", 0.8, False)
    >>> medley = Parts("mix.ogg", (rock, jazz))
    >>> medley.mixed, medley.sentence()
    (True, 'Mixed: rock 67%, jazz 33% of its time.')
    """

    path: str
    parts: tuple[Part, ...]

    @property
    def duration(self) -> float:
        """Of all parts together, in seconds."""
        return self.parts[-1].stop - self.parts[0].start

    @property
    def shares(self) -> dict[str, float]:
        """Which share of the time sounds like which genre, the largest first."""
        found: dict[str, float] = {}
        for part in self.parts:
            share = (part.stop - part.start) / self.duration
            found[part.genre] = found.get(part.genre, 0.0) + share
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def mixed(self) -> bool:
        """Whether a good share of the time surely has another genre than most of it."""
        most = next(iter(self.shares))
        other = sum(
            part.stop - part.start
            for part in self.parts
            if part.genre != most and not part.abstained
        )
        return other >= LEAST_SHARE * self.duration

    def sentence(self) -> str:
        """Say in one sentence what the recording is."""
        if not self.mixed:
            return f"Not mixed: most of it sounds like {next(iter(self.shares))}."
        return f"Mixed: {tell_shares(self.shares)} of its time."

    def to_json(self) -> dict[str, Any]:
        """Return the parts as JSON values."""
        return {
            "schema": schema("parts"),
            "path": self.path,
            "sentence": self.sentence(),
            "mixed": self.mixed,
            "shares": {genre: round(share, 4) for genre, share in self.shares.items()},
            "parts": [
                {
                    "start": round(part.start, 3),
                    "stop": round(part.stop, 3),
                    "genre": part.genre,
                    "confidence": round(part.confidence, 4),
                    "abstained": part.abstained,
                }
                for part in self.parts
            ],
        }

    def to_jams(self) -> dict[str, Any]:
        """Return the parts as a JAMS document: one annotation of the namespace ``tag_open``.

        Format: Humphrey et al. 2014, "JAMS: a JSON annotated music specification".
        """
        return {
            "annotations": [
                {
                    "namespace": "tag_open",
                    "time": self.parts[0].start,
                    "duration": self.duration,
                    "annotation_metadata": {
                        "annotation_tools": "earmark classify --parts",
                        "data_source": "program",
                    },
                    "data": [
                        {
                            "time": round(part.start, 3),
                            "duration": round(part.stop - part.start, 3),
                            "value": part.genre,
                            "confidence": round(part.confidence, 4),
                        }
                        for part in self.parts
                    ],
                    "sandbox": {},
                }
            ],
            "file_metadata": {
                "title": os.path.basename(self.path),  # noqa: PTH119
                "duration": self.parts[-1].stop,
                "jams_version": "0.3.4",
            },
            "sandbox": {},
        }

    def to_cue(self) -> str:
        """Return the parts as a CUE sheet; its times have 75 frames a second."""
        lines = [f'FILE "{_quoted(os.path.basename(self.path))}" WAVE']  # noqa: PTH119
        for number, part in enumerate(self.parts, 1):
            minutes, frames = divmod(round(part.start * 75), 75 * 60)
            lines += [
                f"  TRACK {number:02} AUDIO",
                f'    TITLE "{_quoted(part.genre)}"',
                f"    INDEX 01 {minutes:02}:{frames // 75:02}:{frames % 75:02}",
            ]
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return text that a CUE sheet can hold between quotation marks, which it cannot escape."""
    return "".join(char if char.isprintable() else " " for char in text).replace('"', "'")


def parts_of(classifier: Classifier, path: PathLike) -> Parts:
    """Return the parts of a file.

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    spec = classifier.library.spec.to_json()
    followed = follow(os.fspath(path), spec, STEP, classifier.max_duration)
    variance = song_variance(classifier.library, classifier.refresh()[1])
    return parts_of_followed(classifier, os.fspath(path), followed, variance)


def parts_of_followed(
    classifier: Classifier, path: str, followed: Followed, variance: NDArray[np.float64]
) -> Parts:
    """Return the parts of a file that was heard in segments of ``STEP`` seconds already.

    ``variance`` [d] is that of the segments of one song, see `song_variance`.
    """
    voter, snapshot = classifier.refresh()
    looked, own = followed.looked, None
    if not classifier.include_self:
        own = rows_of_song(
            classifier.library, voter, snapshot, looked.content_hash, looked.audio_hash
        )
    parts = answered(voter, followed.starts, followed.vectors, variance, exclude=own)
    # A recording does not end with a whole segment.
    return Parts(path, (*parts[:-1], replace(parts[-1], stop=followed.duration)))


def song_variance(library: Library, snapshot: Snapshot) -> NDArray[np.float64]:
    """Return how much the segments of one song of a library vary [d].

    Of a library that keeps no segments: ``WITHIN`` of what its tracks vary.
    """
    chosen = subsample(np.arange(len(snapshot)), MOST_TRACKS)
    held = [one for one in library.segments(snapshot.ids[chosen].tolist()).values() if len(one) > 1]
    if not held:
        vectors = np.asarray(snapshot.vectors[chosen], dtype=np.float64)
        return np.asarray(WITHIN * vectors.var(axis=0))
    songs = np.repeat(np.arange(len(held)), [len(one) for one in held])
    return variance_within(np.concatenate([one.vectors for one in held]), songs)


def answered(
    voter: Voter,
    starts: NDArray[np.float64],
    vectors: NDArray[np.floating],
    variance: NDArray[np.float64],
    *,
    exclude: NDArray[np.intp] | None = None,
    price: float = PRICE,
) -> tuple[Part, ...]:
    """Cut a recording into parts, and answer for each.

    Parameters
    ----------
    voter
        Answers for each part.
    starts, vectors
        Of n segments of ``STEP`` seconds: seconds [n] and vectors [n, d].
    variance
        Of the segments of one song [d].
    exclude
        Tracks that have no vote.
    price
        Of a cut.
    """
    cuts = [0, *change_points(vectors, variance, price=price, shortest=SHORTEST), len(vectors)]
    bounds = list(pairwise(cuts))
    means = np.stack([vectors[first:stop].mean(axis=0) for first, stop in bounds])
    answers = voter.predict(
        means,
        exclude=None if exclude is None else [exclude] * len(means),
        seconds=np.array([(stop - first) * STEP for first, stop in bounds]),
    )
    ends: Sequence[float] = [*starts[cuts[1:-1]].tolist(), float(starts[-1]) + STEP]
    return tuple(
        Part(
            start=float(starts[first]),
            stop=end,
            genre=answers.genre_names[answers.winners[number]],
            confidence=float(answers.confidence[number]),
            abstained=bool(answers.abstained[number]),
        )
        for number, ((first, _), end) in enumerate(zip(bounds, ends, strict=True))
    )
