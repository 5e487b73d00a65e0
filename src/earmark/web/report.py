"""How good the library's answers are: evaluated beside the server, once for each revision."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from earmark.errors import EarmarkError
from earmark.library import Library, open_library
from earmark.web import wire

logger = logging.getLogger(__name__)

MOST_SUSPECTS = 200
MOST_MISTAKES = 6
TIME_LIMIT = 3600.0


class Report:
    """The evaluation of one library; the former one is shown until the next is done."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._asked: int | None = None
        self._revision = -1
        self._report: dict[str, Any] | None = None
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

    def _make(self) -> None:
        """Let a process of its own evaluate, so that pages stay quick, and keep what it finds."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=main, args=(theirs, str(self._library.path)), name="earmark-report", daemon=True
        )
        report: dict[str, Any] | None = None
        problem: str | None = "the evaluation ended without a result, which is a fault of Earmark"
        try:
            process.start()
            theirs.close()
            if ours.poll(TIME_LIMIT):
                message, _ = wire.receive(ours)
                report, problem = message["report"], message["problem"]
        except (OSError, EOFError, EarmarkError) as error:
            logger.error("the evaluation failed: %s", error)
        finally:
            process.kill()
            process.join()
            ours.close()
        with self._lock:
            self._revision = self._asked if self._asked is not None else -1
            self._asked = None
            self._problem = problem
            self._report = report or self._report


def main(connection: Connection, library: str) -> None:
    """Evaluate a library and send the report; runs in a process of its own."""
    if hasattr(os, "nice"):
        os.nice(5)
    report: dict[str, Any] | None = None
    problem: str | None = None
    try:
        with open_library(library, read_only=True) as opened:
            report = measure(opened)
    except EarmarkError as error:
        # Clients see it, who need not know where the library lies.
        problem = str(error).replace(f"{Path(library).parent}{os.sep}", "")
    wire.send(connection, {"kind": "report", "report": report, "problem": problem})


def measure(library: Library) -> dict[str, Any]:
    """Evaluate a library by leaving artists out, and look for wrong labels.

    Returns
    -------
    What ``Evaluation.to_json`` gives, with ``suspects`` by the numbers of their tracks, the drawn
    ``charts`` and the whole report as ``html``.

    Raises
    ------
    EvaluationError
        There is nothing to compare, for instance a single track.
    """
    # Only this process needs all that.
    from earmark.evaluation.charts import answer_chart, calibration_chart
    from earmark.evaluation.corpus import corpus_of
    from earmark.evaluation.report import report_html
    from earmark.evaluation.run import evaluate

    # Where the file lies is nobody's business who only looks at the page.
    corpus = replace(corpus_of(library), source=library.path.name)
    evaluation = evaluate(corpus, beside=False)
    found = evaluation.to_json()
    ids: dict[tuple[str, str | None], list[int]] = {}
    for track in corpus.tracks:
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
    found["charts"] = {
        "calibration": str(calibration_chart(evaluation.figures)),
        "answers": str(answer_chart(evaluation.figures)),
    }
    found["html"] = report_html(evaluation)
    return found
