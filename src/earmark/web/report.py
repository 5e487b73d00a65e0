"""How good the library's answers are: computed in the background, once for each revision."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np

from earmark.errors import EarmarkError
from earmark.library import Library, Snapshot
from earmark.library.fitting import tracks_together
from earmark.neighbors import Answers, leave_group_out

logger = logging.getLogger(__name__)


class Report:
    """The report of one library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._revision = -1
        self._state = "computing"
        self._report: dict[str, Any] | None = None
        self._problem: str | None = None

    def get(self) -> dict[str, Any]:
        """Return the report, or that it is being computed; start that where needed."""
        with self._lock:
            revision = self._library.revision
            if revision != self._revision and (self._state != "computing" or self._revision < 0):
                self._revision = revision
                self._state = "computing"
                # Not a daemon of the pool: it only reads, and may be cut off at any time.
                threading.Thread(target=self._compute, name="earmark-report", daemon=True).start()
            return {
                "state": self._state,
                "revision": self._revision,
                "problem": self._problem,
                "report": self._report,
            }

    def _compute(self) -> None:
        report: dict[str, Any] | None = None
        problem: str | None = None
        try:
            report = measure(self._library)
        except EarmarkError as error:
            problem = str(error)
        except Exception:
            logger.exception("the report failed")
            problem = "The report failed, which is a fault of Earmark."
        with self._lock:
            self._report, self._problem = report, problem
            self._state = "done" if problem is None else "failed"


def measure(library: Library) -> dict[str, Any]:
    """Predict every track by the tracks of other artists, and compare with its label.

    Raises
    ------
    EarmarkError
        The library does not allow that, for instance because it has one artist only.
    """
    snapshot = library.snapshot()
    groups = tracks_together(snapshot, library.spec.metric)
    answers = leave_group_out(snapshot.vectors, snapshot.genres, groups, metric=library.spec.metric)
    return {**figures(snapshot, answers), "suspects": suspects(snapshot, answers)}


def figures(snapshot: Snapshot, answers: Answers) -> dict[str, Any]:
    """Return accuracy, its balance over genres, and the confusion of genres."""
    index = {genre: number for number, genre in enumerate(answers.genres)}
    truth = np.array([index[genre] for genre in snapshot.genres])
    confusion = np.zeros((len(index), len(index)), dtype=int)
    np.add.at(confusion, (truth, answers.winners), 1)
    each = confusion.sum(axis=1)
    recall = np.diag(confusion) / np.maximum(each, 1)
    answered = ~answers.abstained
    right = answers.winners == truth
    return {
        "tracks": len(truth),
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(recall[each > 0].mean()),
        "answered": float(answered.mean()),
        "accuracy_answered": float(right[answered].mean()) if answered.any() else None,
        "genres": list(answers.genres),
        "confusion": confusion.tolist(),
    }


def suspects(snapshot: Snapshot, answers: Answers) -> list[dict[str, Any]]:
    """Return the tracks whose neighbors agree on another genre, most certain first."""
    index = {genre: number for number, genre in enumerate(answers.genres)}
    truth = np.array([index[genre] for genre in snapshot.genres])
    rows = np.arange(len(truth))
    own = answers.probabilities[rows, truth]
    margin = answers.confidence - own
    found = np.flatnonzero((answers.winners != truth) & (margin >= 0.6))
    return [
        {
            "track_id": snapshot.tracks[row].id,
            "genre": snapshot.genres[row],
            "suggested": answers.genres[answers.winners[row]],
            "confidence": round(float(answers.confidence[row]), 4),
        }
        for row in found[np.argsort(-margin[found], kind="stable")]
    ]
