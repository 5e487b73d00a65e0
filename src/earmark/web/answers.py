"""What becomes of a worker's findings before they are shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from earmark.classify import Prediction, Stretch
from earmark.neighbors import Voter


def tag(value: object) -> str | None:
    """Return what a tag says as one line of sensible length, None where it says nothing."""
    text = " ".join(str(value or "").split())
    return "".join(c for c in text if c.isprintable())[:200] or None


def shown_path(path: str) -> str:
    """Return a path fit to be shown and to name a track; a file's name may be any bytes."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in path)


def told(prediction: Prediction, genre: str) -> Prediction:
    """Return a prediction for a recording whose genre was given by hand."""
    probabilities = dict(prediction.probabilities)
    own = {genre: probabilities.pop(genre, 0.0)}
    return replace(
        prediction,
        genre=genre,
        confidence=own[genre],
        probabilities=own | probabilities,
        abstained=False,
        reason=None,
    )


def timeline(
    voter: Voter,
    starts: NDArray[np.floating],
    vectors: NDArray[np.floating],
    step: float,
    duration: float,
    *,
    exclude: NDArray[np.intp] | None,
) -> tuple[Stretch, ...]:
    """Return what the parts of a song sound like.

    Parameters
    ----------
    voter
        Answers for each.
    starts, vectors
        Of the n parts: seconds [n] and vectors [n, d].
    step
        Seconds of a part.
    duration
        Of the song: what is left over belongs to the last part.
    exclude
        Tracks that have no vote.

    Raises
    ------
    LibraryEmpty
        No other track may vote.
    """
    found = voter.predict(
        vectors,
        exclude=None if exclude is None else [exclude] * len(vectors),
        seconds=np.full(len(vectors), step),
    )
    stretches = [
        Stretch(float(start), float(start + step), found.genres[winner], float(confidence))
        for start, winner, confidence in zip(starts, found.winners, found.confidence, strict=True)
    ]
    return (*stretches[:-1], *(replace(last, stop=duration) for last in stretches[-1:]))
