"""The two curves of the report, as SVG that needs no script and no font of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from earmark.evaluation.intervals import wilson
from earmark.evaluation.scores import Scores, thinned
from earmark.words import percent, say

WIDTH, HEIGHT = 460, 340
LEFT, RIGHT, TOP, BOTTOM = 66, 18, 14, 46
KEY = 0.42
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows; it runs from 0 to 100 %."""

    label: str


def _x(value: float) -> float:
    return round(LEFT + value * (WIDTH - LEFT - RIGHT), 2)


def _y(value: float) -> float:
    return round(HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM), 2)


def _frame(x: Axis, y: Axis) -> Markup:
    parts = []
    for tick in TICKS:
        parts.append(
            Markup(
                '<line class="grid" x1="{x0}" x2="{x1}" y1="{y}" y2="{y}"/>'
                '<text class="tick" x="{tx}" y="{y}" dy="0.32em" text-anchor="end">{label}</text>'
            ).format(x0=_x(0), x1=_x(1), y=_y(tick), tx=_x(0) - 8, label=percent(tick, 0))
        )
        parts.append(
            Markup(
                '<line class="grid" x1="{x}" x2="{x}" y1="{y0}" y2="{y1}"/>'
                '<text class="tick" x="{x}" y="{ty}" text-anchor="middle">{label}</text>'
            ).format(x=_x(tick), y0=_y(0), y1=_y(1), ty=_y(0) + 18, label=percent(tick, 0))
        )
    parts.append(
        Markup('<text class="axis" x="{x}" y="{y}" text-anchor="middle">{label}</text>').format(
            x=_x(0.5), y=HEIGHT - 6, label=x.label
        )
    )
    parts.append(
        Markup(
            '<text class="axis" transform="translate(14 {y}) rotate(-90)" text-anchor="middle">'
            "{label}</text>"
        ).format(y=_y(0.5), label=y.label)
    )
    return Markup("").join(parts)


def _svg(name: str, title: str, description: str, body: Markup) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>{body}</svg>'
    ).format(w=WIDTH, h=HEIGHT, name=name, title=title, description=description, body=body)


def _line(points: Sequence[Point], css: str) -> Markup:
    path = " ".join(f"{_x(x)},{_y(y)}" for x, y in points)
    return Markup('<polyline class="{css}" points="{path}"/>').format(css=css, path=path)


def _dot(x: float, css: str, y: float = 0) -> Markup:
    return Markup('<circle class="{css}" cx="{x}" cy="{y}" r="5"/>').format(css=css, x=x, y=y)


def calibration_chart(scores: Scores) -> Markup:
    """Draw how often answers of like confidence are right, with 95 % Wilson intervals.

    On the dashed diagonal, 70 % sure means right in 70 of 100 cases; below it the vote is too sure.
    """
    body = [_frame(Axis(say("how sure the answer was")), Axis(say("how often it was right")))]
    body.append(_line([(0, 0), (1, 1)], "ideal"))
    body.append(_line([(b.confidence, b.accuracy) for b in scores.calibration], "curve"))
    # A repeated split asks the same tracks again, which makes no bin surer.
    share = scores.n_tracks / scores.n_questions
    for b in scores.calibration:
        low_high = wilson(b.accuracy * b.count * share, b.count * share)
        body.append(
            Markup(
                '<line class="whisker" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>'
                '<circle class="dot" cx="{x}" cy="{y}" r="4.5"><title>{told}</title></circle>'
            ).format(
                x=_x(b.confidence),
                y=_y(b.accuracy),
                low=_y(low_high.low),
                high=_y(low_high.high),
                told=say(
                    "%(count)s answers, %(sure)s sure on average: %(right)s right",
                    count=b.count,
                    sure=percent(b.confidence, 0),
                    right=percent(b.accuracy, 0),
                ),
            )
        )
    told = "; ".join(
        say(
            "%(sure)s sure, %(right)s right",
            sure=percent(b.confidence, 0),
            right=percent(b.accuracy, 0),
        )
        for b in scores.calibration
    )
    return _svg("calibration", say("Calibration curve"), told, Markup("").join(body))


def answer_chart(scores: Scores) -> Markup:
    """Draw how many of the surest answers are right, against the share of tracks answered."""
    body = [
        _frame(Axis(say("share of tracks that get an answer")), Axis(say("answers that are right")))
    ]
    points = [(p.share, p.accuracy) for p in thinned(scores.answers)]
    body.append(_line([(0, scores.accuracy), (1, scores.accuracy)], "ideal"))
    body.append(_line(points, "curve"))
    eighty = scores.at_share(0.8)
    keys = [(_dot(_x(KEY), "dot"), say("80%% answered: %(right)s", right=percent(eighty.accuracy)))]
    body.append(_dot(_x(eighty.share), "dot", _y(eighty.accuracy)))
    if scores.answered < 1 and scores.accuracy_answered is not None:
        right = percent(scores.accuracy_answered)
        keys.append((_dot(_x(KEY), "dot warn"), say("without “not sure”: %(right)s", right=right)))
        body.append(_dot(_x(scores.answered), "dot warn", _y(scores.accuracy_answered)))
    dashes = Markup('<line class="ideal" x1="{x0}" x2="{x1}" y1="0" y2="0"/>').format(
        x0=_x(KEY) - 9, x1=_x(KEY) + 9
    )
    keys.append((dashes, say("all answered: %(right)s", right=percent(scores.accuracy))))
    # A key and not words at the points, which would stand at the dashed line. It stands where the
    # curve does not.
    top = _y(0) - 18 * len(keys) if scores.accuracy > 0.5 else _y(1) + 18
    for i, (mark, label) in enumerate(keys):
        body.append(
            Markup(
                '<g transform="translate(0 {y})">{mark}'
                '<text class="label" x="{x}" y="0" dy="0.32em">{label}</text></g>'
            ).format(y=top + 18 * i, mark=mark, x=_x(KEY) + 16, label=label)
        )
    told = "; ".join(
        say(
            "%(share)s answered, %(right)s right",
            share=percent(share, 0),
            right=percent(scores.at_share(share).accuracy, 0),
        )
        for share in (0.2, 0.4, 0.6, 0.8, 1.0)
    )
    return _svg("answers", say("Accuracy against share answered"), told, Markup("").join(body))
