"""What a notebook shows of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.words import in_html, percent

if TYPE_CHECKING:
    from earmark.evaluation.evaluating import Evaluation


def evaluation_html(evaluation: Evaluation) -> str:
    """Return an evaluation in HTML: its sentence, the splits, and who was taken for whom.

    In the table of genres a row is a true genre and a column what its tracks were called; the more
    of a row a cell has, the darker it is. Names are escaped.
    """
    splits = [(evaluation.title, evaluation.scores, evaluation.verdict)]
    splits += [(one.title, one.scores, one.verdict) for one in evaluation.other_splits]
    sides = "".join(
        f"<tr><td>{in_html(title)}</td><td>{percent(scores.accuracy)}</td>"
        f"<td>{percent(scores.interval.low, 0)} to {percent(scores.interval.high, 0)}</td>"
        f"<td>{in_html(verdict.level)}</td></tr>"
        for title, scores, verdict in splits
    )
    genres = evaluation.scores.genres
    heads = "".join(f"<th>{in_html(genre)}</th>" for genre in genres)
    rows = "".join(
        f"<tr><th>{in_html(genre)}</th>{_cells([int(count) for count in counts])}</tr>"
        for genre, counts in zip(genres, evaluation.scores.confusion, strict=True)
    )
    return (
        f"<p><b>{in_html(evaluation.data.source)}</b>: {in_html(evaluation.sentence())}</p>"
        f"<table><tr><th>split</th><th>named rightly</th><th>95% interval</th><th>is</th></tr>"
        f"{sides}</table><table><tr><th></th>{heads}</tr>{rows}</table>"
    )


def _cells(counts: list[int]) -> str:
    """Return the cells of a row, shaded by their share of it."""
    total = max(1, sum(counts))
    return "".join(
        f'<td style="background:rgba(60,110,220,{count / total:.2f})">{count or ""}</td>'
        for count in counts
    )
