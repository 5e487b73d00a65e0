"""An evaluation as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import functools
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from earmark.evaluation.evaluating import Evaluation, fingerprint, versions
from earmark.evaluation.intervals import Interval
from earmark.evaluation.reporting.svg import answer_chart, calibration_chart
from earmark.evaluation.reporting.text import audit_sentence, groups_text
from earmark.version import __version__
from earmark.words import in_page, percent

MATRIX_GENRES = 24
LISTED = 10


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("earmark.evaluation.reporting"),
        autoescape=True,
        finalize=in_page,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["thousands"] = lambda count: f"{count:,}"
    environment.filters["spread"] = _spread
    environment.filters["upfirst"] = lambda text: text[:1].upper() + text[1:]
    return environment


def _spread(interval: Interval | None, digits: int = 1) -> str:
    if interval is None:
        return "no interval"
    return f"{percent(interval.low, digits)} to {percent(interval.high, digits)}"


def report_html(evaluation: Evaluation) -> str:
    """Return the report: a page for a screen of any width, light or dark, and for paper.

    Parameters
    ----------
    evaluation
        What was found out.
    """
    scores = evaluation.scores
    small = len(scores.genres) <= MATRIX_GENRES
    return (
        _environment()
        .get_template("report.html")
        .render(
            e=evaluation,
            f=scores,
            data=evaluation.data,
            sides=_sides(evaluation),
            matrix=_matrix(scores.confusion) if small else None,
            confusions=confusions(scores.confusion, scores.genres),
            calibration=calibration_chart(scores),
            answers=answer_chart(scores),
            audit=evaluation.audit,
            audit_sentence=audit_sentence(evaluation.audit) if evaluation.audit else None,
            fingerprint=fingerprint(evaluation.data),
            versions=versions(),
            parameters=_told(evaluation.parameters),
            version=__version__,
            listed=LISTED,
            groups=groups_text(scores.n_groups, evaluation.data.n_artists > 0),
            over="artists" if evaluation.data.n_artists else "recordings",
            chance=float(np.log(len(scores.genres))),
        )
    )


def _told(parameters: dict[str, Any]) -> str:
    """Write the simple ones among the fitted parameters in a line."""
    parts = []
    for name, value in parameters.items():
        words = name.replace("_", " ")
        if isinstance(value, bool):
            parts.append(words if value else f"not {words}")
        elif isinstance(value, float):
            parts.append(f"{words} {value:.4g}")
        elif isinstance(value, int | str):
            parts.append(f"{words} {value}")
    return ", ".join(parts)


def _sides(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the splits side by side, the one asked for first."""
    e = evaluation
    rows = [(e.split, e.title, e.scores, e.verdict, True)]
    rows += [(b.name, b.title, b.scores, b.verdict, False) for b in e.other_splits]
    return [
        {"name": name, "title": title, "scores": scores, "verdict": verdict, "main": main}
        for name, title, scores, verdict, main in rows
    ]


def _matrix(confusion: NDArray[np.intp]) -> list[list[dict[str, Any]]]:
    """Return cells with their count, share of the row and shade from 0 to 10."""
    rows = []
    for true, counts in enumerate(confusion):
        total = int(counts.sum())
        rows.append(
            [
                {
                    "count": int(count),
                    "share": count / total if total else 0.0,
                    "shade": max(1, round(10 * count / total)) if count else 0,
                    "right": named == true,
                }
                for named, count in enumerate(counts)
            ]
        )
    return rows


def confusions(
    confusion: NDArray[np.intp], genres: tuple[str, ...], most: int = 8
) -> list[dict[str, Any]]:
    """Return which genres are most often taken for which others."""
    off = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    found = []
    for cell in order:
        true, named = divmod(int(cell), len(genres))
        count = int(off[true, named])
        if count:
            share = count / int(confusion[true].sum())
            found.append(
                {"true": genres[true], "named": genres[named], "count": count, "share": share}
            )
    return found
