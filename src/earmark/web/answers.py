"""What becomes of a worker's findings before they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from earmark.prediction import Prediction, Segment
from earmark.words import one_line


def tag(value: object) -> str | None:
    """Return what a tag says as one line of sensible length, None where it says nothing."""
    return one_line(str(value or "")) or None


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
        unlike=False,
        reason=None,
        mixed=False,
    )


def until_the_end(segments: Sequence[Segment], duration: float) -> tuple[Segment, ...]:
    """Let the last segment end with the song, in seconds: what is left over belongs to it."""
    return (*segments[:-1], *(replace(last, stop=duration) for last in segments[-1:]))
