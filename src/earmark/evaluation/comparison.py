"""Two libraries, or two ways to vote, asked the same questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import EvaluationError
from earmark.evaluation import metrics
from earmark.evaluation.cross_validation import Progress, Vote, cross_val_predict, k_exceeds_voters
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.intervals import PairedTest, interval_json, paired
from earmark.evaluation.splits import Split
from earmark.neighbors import group_tracks, links_of


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: what it is and how it did."""

    title: str
    accuracy: float
    balanced_accuracy: float
    left_out: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of answers to the same questions.

    Attributes
    ----------
    first, second
        The two sides; ``left_out`` is how many of their tracks the other one does not have.
    split
        How the tracks were parted, the same for both.
    n_tracks
        How many tracks were asked.
    accuracy, balanced
        Second minus first, with a 95 % interval over artists.
    repeated
        Whether tracks were asked several times, so that McNemar's test does not apply.
    notes
        What there is to say about it.
    """

    first: Side
    second: Side
    split: str
    n_tracks: int
    accuracy: PairedTest
    balanced: PairedTest
    repeated: bool
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say which is better, if that can be said."""
        interval = self.accuracy.interval
        points = 100 * self.accuracy.difference
        if interval is None:
            return f"The second is {points:+.1f} points; one artist alone gives no interval."
        spread = f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"
        if interval.low <= 0 <= interval.high:
            return (
                f"No difference can be told: {points:+.1f} points for the second, and with other "
                f"artists it could have been {spread}."
            )
        better, worse = ("second", "first") if points > 0 else ("first", "second")
        low, high = sorted(abs(100 * end) for end in (interval.low, interval.high))
        return (
            f"The {better} is better than the {worse} by {abs(points):.1f} points "
            f"({low:.1f} to {high:.1f}, 95% interval over artists)."
        )

    def to_json(self) -> dict[str, Any]:
        """Return every figure in JSON's types."""
        return {
            "first": _side_json(self.first),
            "second": _side_json(self.second),
            "split": self.split,
            "tracks": self.n_tracks,
            "accuracy_difference": self.accuracy.difference,
            "accuracy_difference_interval": interval_json(self.accuracy.interval),
            "balanced_accuracy_difference": self.balanced.difference,
            "balanced_accuracy_difference_interval": interval_json(self.balanced.interval),
            "only_first_right": self.accuracy.only_first,
            "only_second_right": self.accuracy.only_second,
            "mcnemar_p": None if self.repeated else self.accuracy.mcnemar,
            "notes": list(self.notes),
        }


def _side_json(side: Side) -> dict[str, Any]:
    return {
        "what": side.title,
        "accuracy": side.accuracy,
        "balanced_accuracy": side.balanced_accuracy,
        "tracks_left_out": side.left_out,
    }


def compare(
    first: EvaluationSet,
    second: EvaluationSet,
    votes: tuple[Vote, Vote],
    make_split: Callable[[EvaluationSet], Split],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Ask two libraries, or one library with two votes, the same questions.

    Tracks are the same if their files have the same content, else if they have the same name; only
    tracks that both libraries have, under the same genre, are asked and known. Groups are what
    either library takes for one.

    Parameters
    ----------
    first, second
        The libraries; may be one and the same.
    votes
        How each of them votes.
    make_split
        Makes the split, given the tracks that both have.
    seed
        Of the bootstrap.

    Raises
    ------
    EvaluationError
        They have no track in common, or the split cannot be made.
    """
    rows = common_tracks(first, second)
    one, other = first.rows(rows[0]), second.rows(rows[1])
    links = [pair for data in (one, other) for pair in links_of(data.groups)]
    groups = group_tracks([None] * len(one), links)
    one, other = replace(one, fixed_groups=groups), replace(other, fixed_groups=groups)
    split = make_split(one)
    answers = [
        cross_val_predict(data, split, vote, progress)
        for data, vote in zip((one, other), votes, strict=True)
    ]
    asked = answers[0].rows
    truth, n_genres = one.labels[asked], len(one.genre_names)
    tests = [
        paired(
            truth,
            answers[0].predicted,
            answers[1].predicted,
            groups[asked],
            n_genres,
            figure,
            seed=seed,
        )
        for figure in (metrics.accuracy, metrics.balanced_accuracy)
    ]
    sides, notes = [], []
    for whole, vote, predictions in zip((first, second), votes, answers, strict=True):
        confusion = metrics.confusion_matrix(truth, predictions.predicted, n_genres)
        sides.append(
            Side(
                title=f"{whole.source} ({whole.extractor}, {vote.describe()})",
                accuracy=float(metrics.accuracy(confusion)),
                balanced_accuracy=float(metrics.balanced_accuracy(confusion)),
                left_out=len(whole) - len(one),
            )
        )
        if (told := k_exceeds_voters(predictions, vote)) is not None:
            notes.append(f"{whole.source}: {told}")
    n_tracks = len(np.unique(asked))
    return Comparison(
        first=sides[0],
        second=sides[1],
        split=split.describe(artists_known=one.n_artists > 0 or other.n_artists > 0),
        n_tracks=n_tracks,
        accuracy=tests[0],
        balanced=tests[1],
        repeated=n_tracks < len(asked),
        notes=tuple(notes),
    )


def common_tracks(
    first: EvaluationSet, second: EvaluationSet
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows [m] of the tracks that both have under one genre, in both.

    Raises
    ------
    EvaluationError
        There are none.
    """
    if first is second:
        everyone = np.arange(len(first))
        return everyone, everyone
    by_hash = {
        found: i
        for i, track in enumerate(second.tracks)
        for found in (track.content_hash, track.audio_hash)
        if found
    }
    by_name: dict[str, list[int]] = {}
    for i, name in enumerate(second.names):
        by_name.setdefault(name, []).append(i)
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for i, track in enumerate(first.tracks):
        named = by_name.get(track.name, [])
        # A name that several tracks have says nothing.
        match = named[0] if len(named) == 1 else None
        match = by_hash.get(track.audio_hash or "", match)
        match = by_hash.get(track.content_hash or "", match)
        if match is not None and match not in taken and first.genres[i] == second.genres[match]:
            pairs.append((i, match))
            taken.add(match)
    if not pairs:
        raise EvaluationError(
            f"{first.source} and {second.source} have no track in common under one genre, so they "
            "cannot be asked the same questions"
        )
    left, right = zip(*pairs, strict=True)
    return np.array(left, dtype=np.intp), np.array(right, dtype=np.intp)
