"""What comes back for a song: its answer, and later how it goes on over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earmark.prediction import Prediction, Segment
from earmark.web.songs.analysis import Analyzed


@dataclass(frozen=True, slots=True)
class Answer:
    """What a library says of a song.

    Attributes
    ----------
    analyzed
        What was heard, to vote again when the library has changed.
    prediction
        What is said.
    revision
        Of the library that it is by: its location and how often it was changed.
    taught
        The genre is the one that somebody gave this very recording by hand.
    voted
        Then: what the vote says without it.
    place
        The song's point on the map.
    """

    analyzed: Analyzed
    prediction: Prediction
    revision: tuple[str, int]
    taught: bool
    voted: Prediction | None
    place: tuple[float, float]

    @property
    def artist(self) -> str | None:
        """The artist, as the file's own tags have it."""
        return self.analyzed.looked.artist

    @property
    def title(self) -> str | None:
        """The title, as the file's own tags have it."""
        return self.analyzed.looked.title


@dataclass(frozen=True, slots=True)
class Timeline:
    """How a song goes on over time: how loud it is, in [0, 1], and what each segment is like."""

    peaks: NDArray[np.floating]
    segments: tuple[Segment, ...]


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
