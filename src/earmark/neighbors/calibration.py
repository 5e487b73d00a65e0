"""From shares of votes to probabilities, thresholds and prediction sets that hold what they say.

All of it is fitted to answers for tracks that did not vote on themselves and whose artists were
left out, so that it speaks of music that the library has not met.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.neighbors.arrays import Float64, Indices
from earmark.neighbors.lengths import ByLength, known_seconds
from earmark.neighbors.novelty import INDECISION, NoveltyScale, indecision

COVERAGE = 0.9

_FLOORS = np.geomspace(1e-3, 0.3, 14)
_POWERS = np.geomspace(0.5, 4.0, 16)


@dataclass(frozen=True)
class Calibration:
    """What turns shares of votes into an answer.

    Attributes
    ----------
    floor, power
        A share s becomes the probability (s + floor) ** power, divided by the sum over genres.
    novelty
        When the answer is "not sure"; None: never.
    set_thresholds
        Genres at least this probable are in the prediction set of a song of some length.
    n_judged, accuracy, balanced_accuracy
        On how many tracks all this was fitted, and how many of them, their artists left out, were
        answered rightly: of all, and averaged over genres.
    """

    floor: float
    power: float
    novelty: NoveltyScale | None
    set_thresholds: ByLength
    n_judged: int
    accuracy: float
    balanced_accuracy: float

    def probabilities(self, shares: Float64) -> Float64:
        """Return the probabilities [q, G] of shares of votes [q, G]."""
        return sharpen(shares, self.floor, self.power)


def sharpen(shares: Float64, floor: float, power: float) -> Float64:
    """Return probabilities [q, G] in proportion to (share + floor) ** power."""
    logs = power * np.log(shares + floor)
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    probabilities: Float64 = raised / raised.sum(axis=1, keepdims=True)
    return probabilities


def calibrate(
    shares: Float64,
    labels: Indices,
    others: Float64,
    *,
    seconds: Float64 | None = None,
    n_whole: int | None = None,
) -> Calibration:
    """Fit a calibration.

    Parameters
    ----------
    shares
        Shares of votes [n, G] on tracks whose artists were left out and, behind these, on parts of
        such tracks.
    labels
        Their genres [n], columns of ``shares``.
    others
        What else is known of them in a library without their artists [n, 2 or 3]: how far they are
        out of its distribution, the mean distance of the neighbors and, where there are words, the
        distance of these.
    seconds
        The lengths [n] of what was heard; None: all were long enough.
    n_whole
        How many of them are tracks; None: all.

    Returns
    -------
    The floor and power of the smallest log loss over whole tracks; thresholds by quantiles of the
    answers of each class of length. The prediction sets are those of split conformal prediction
    with the score 1 − p (Sadinle, Lei and Wasserman, 2019), whose promise of ``COVERAGE`` holds for
    music drawn as the tracks were.
    """
    rows = np.arange(len(labels))
    whole = slice(n_whole)

    # A few tracks that are all answered rightly do not prove that no answer is ever wrong. So one
    # more, unanimous and wrong, counts with them, in the spirit of Laplace's rule of succession.
    mistake = np.eye(1, max(2, shares.shape[1]))

    losses: dict[tuple[float, float], float] = {}
    of_genre = rows[whole], labels[whole]
    for floor in _FLOORS:
        # As `sharpen` has it, but for what no power changes.
        logs = np.log(shares[whole] + floor)
        largest = logs.max(axis=1, keepdims=True)
        for power in _POWERS:
            raised = power * logs
            raised -= power * largest
            np.exp(raised, out=raised)
            of_tracks = np.log(raised[of_genre] / raised.sum(axis=1))
            of_mistake = np.log(sharpen(mistake, floor, power)[0, -1])
            losses[floor, power] = -float(of_tracks.sum() + of_mistake)
    floor, power = min(losses, key=lambda pair: losses[pair])
    probabilities = sharpen(shares, floor, power)
    evidence = np.insert(others, INDECISION, indecision(probabilities), axis=1)
    right = (probabilities.argmax(axis=1) == labels)[whole]
    genres = labels[whole]
    heard = known_seconds(seconds, len(labels))
    return Calibration(
        floor=float(floor),
        power=float(power),
        novelty=NoveltyScale.fit(evidence, heard, n_whole),
        set_thresholds=ByLength.fit(heard, probabilities[rows, labels], _set_threshold),
        n_judged=len(genres),
        accuracy=float(right.mean()),
        balanced_accuracy=float(
            np.mean([right[genres == genre].mean() for genre in np.unique(genres)])
        ),
    )


def _set_threshold(of_true: Float64) -> float:
    """Return the threshold that leaves out a tenth of the probabilities of the true genre [n]."""
    # In double precision a tenth of ten is a little less than one.
    n_outside = int(round((1 - COVERAGE) * (len(of_true) + 1), 9))
    return float(np.sort(of_true)[n_outside - 1]) if n_outside else 0.0
