"""How good the library's answers are: evaluated beside the server, once for each revision."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from earmark.errors import EarmarkError, WorkerError
from earmark.library import Library, location_elsewhere, open_library
from earmark.workers import Limits, WorkerPool

logger = logging.getLogger(__name__)

MOST_SUSPECTS = 200
MOST_MISTAKES = 6
LIMITS = Limits(seconds=3600.0, processor_seconds=None, memory=None)
"""It reads no file of a stranger, only the library that is served."""

LONGEST = 64 * 2**20
"""Bytes of a report, with its drawings."""


@dataclass(frozen=True, slots=True)
class TrackAnswer:
    """What a track was taken for by the tracks of other artists.

    Attributes
    ----------
    track_id
        Which track.
    label
        Its genre when it was asked about.
    answer
        The genre that was named.
    probability
        Of that genre.
    abstained
        Whether the answer was "not sure".
    """

    track_id: int
    label: str
    answer: str
    probability: float
    abstained: bool


class Report:
    """The evaluation of one library; the former one is shown until the next is done."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._asked: int | None = None
        self._revision = -1
        self._report: dict[str, Any] | None = None
        self._answers: tuple[TrackAnswer, ...] = ()
        self._problem: str | None = None

    def get(self) -> dict[str, Any]:
        """Return the report and whether a newer one is being made; start that where needed."""
        with self._lock:
            revision = self._library.revision
            if self._asked is None and revision != self._revision:
                self._asked = revision
                threading.Thread(target=self._make, name="earmark-report", daemon=True).start()
            state = (
                "computing" if self._asked is not None else "failed" if self._problem else "done"
            )
            return {
                "state": state,
                "revision": self._revision,
                "problem": self._problem,
                "report": self._report,
            }

    def answers(self, label: str | None, answer: str | None) -> list[TrackAnswer]:
        """Return what tracks were taken for, the surest answers first: one cell of the confusion.

        Parameters
        ----------
        label, answer
            Only tracks with this label, or of this answer; None for all.
        """
        return [
            one
            for one in self._answers
            if label in (None, one.label) and answer in (None, one.answer)
        ]

    def _make(self) -> None:
        """Let a process of its own evaluate, so that pages stay quick, and keep what it finds."""
        location = self._library.location
        report: dict[str, Any] | None = None
        problem: str | None = None
        # Reading a library, too, makes files beside it.
        pool = WorkerPool(1, limits=LIMITS, nice=5, max_message=LONGEST, confined=False)
        try:
            report = pool.call(measure_file, location_elsewhere(location), name="").result()
        except WorkerError as error:
            logger.error("the evaluation failed: %s", error)
            problem = "the evaluation ended without a result, which is a fault of Earmark"
        except EarmarkError as error:
            # Clients see it, who need not know where the library lies.
            problem = str(error).replace(location, self._library.name)
            problem = problem.replace(f"{PurePath(location).parent}{os.sep}", "")
        finally:
            pool.close()
        # One for each track: only the tracks that somebody looks at are shown.
        answers = (
            () if report is None else tuple(TrackAnswer(*one) for one in report.pop("answers"))
        )
        with self._lock:
            self._answers = answers or self._answers
            self._revision = self._asked if self._asked is not None else -1
            self._asked = None
            self._problem = problem
            self._report = report or self._report


def measure_file(location: str) -> dict[str, Any]:
    """Evaluate a library by where it is; see `measure`."""
    with open_library(location, read_only=True) as library:
        return measure(library)


def measure(library: Library) -> dict[str, Any]:
    """Evaluate a library by leaving artists out, and look for wrong labels.

    Returns
    -------
    What ``Evaluation.to_json`` gives, with ``suspects`` by the numbers of their tracks, the drawn
    ``charts``, the whole report as ``html``, and the fields of a `TrackAnswer` for each track as
    ``answers``, the surest first.

    Raises
    ------
    EvaluationError
        There is nothing to compare, for instance a single track.
    """
    # Only this process needs all that.
    from earmark.evaluation.evaluating import evaluate
    from earmark.evaluation.evaluation_set import load_evaluation_set
    from earmark.evaluation.reporting.html import report_html
    from earmark.evaluation.reporting.svg import answer_chart, calibration_chart

    # Do not reveal the path of the library to readers of the page.
    location = library.location
    name = library.name if "://" in location else PurePath(location).name
    data = replace(load_evaluation_set(library), source=name)
    evaluation = evaluate(data, other_splits=False)
    found = evaluation.to_json()
    ids: dict[tuple[str, str | None], list[int]] = {}
    for track in data.tracks:
        if track.id is not None:
            ids.setdefault((track.name, track.genre), []).append(track.id)
    outvoted = [] if evaluation.audit is None else evaluation.audit.outvoted
    found["suspects"] = [
        {
            "track_id": track_id,
            "genre": suspect.genre,
            "suggested": suspect.suggested,
            "why": suspect.why(),
        }
        for suspect in outvoted[:MOST_SUSPECTS]
        for track_id in ids.get((suspect.track, suspect.genre), [])
    ]
    found["worst_mistakes"] = found["worst_mistakes"][:MOST_MISTAKES]
    asked = evaluation.answers
    found["answers"] = [
        (
            data.tracks[asked.rows[i]].id,
            data.genres[asked.rows[i]],
            data.genre_names[asked.predicted[i]],
            round(float(asked.probability[i]), 4),
            bool(asked.abstained[i]),
        )
        for i in np.argsort(-asked.probability, kind="stable")
        if data.tracks[asked.rows[i]].id is not None
    ]
    found["charts"] = {
        "calibration": str(calibration_chart(evaluation.scores)),
        "answers": str(answer_chart(evaluation.scores)),
    }
    found["html"] = report_html(evaluation)
    return found
