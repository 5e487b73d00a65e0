"""Whether a figure can be believed, in words."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.gtzan import FAULT_FILTERED_SOURCE
from earmark.evaluation.scores import Scores
from earmark.evaluation.sources import LeaveOneSourceOut
from earmark.evaluation.splits import Split
from earmark.words import percent, say

HONEST, LEAKY, UNKNOWN = "honest", "leaky", "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a figure can be believed.

    Attributes
    ----------
    level
        ``"honest"``: no artist was on both sides. ``"leaky"``: some were. ``"unknown"``: not
        known, since artists are unknown, or since the score would mean nothing either way.
    reason
        One sentence that says so.
    """

    level: str
    reason: str


def leakage_verdict(
    data: EvaluationSet, split: Split, scores: Scores, empty: str | None = None
) -> Verdict:
    """Say whether the figures of a split can be believed.

    Parameters
    ----------
    data
        The tracks.
    split
        How they were parted.
    scores
        What came out.
    empty
        Why the figures say nothing, whoever is on which side; None where they say something.
    """
    if empty is not None:
        return Verdict(UNKNOWN, f"{empty[:1].upper()}{empty[1:]}.")
    if len(data.genre_names) == 1:
        return Verdict(
            UNKNOWN,
            say(
                "All tracks are %(genre)s, so every answer is right and the figure says nothing:"
                " a library needs at least two genres.",
                genre=data.genre_names[0],
            ),
        )
    if not split.respects_groups:
        return Verdict(LEAKY, _leak(data, scores))
    if split.name == "fault-filtered":
        return Verdict(
            HONEST,
            "No artist is on both sides, and copies, distorted clips and wrong labels are left "
            f"out: its authors ({FAULT_FILTERED_SOURCE}) saw to that.",
        )
    if data.n_artists == 0:
        return Verdict(
            UNKNOWN,
            say(
                "No artist is known, so tracks of one artist may be on both sides and this figure"
                " may be too high. Expect less on new artists. Name the artists with --artists."
            ),
        )
    unknown, across = data.n_unknown, _sources(data, split)
    if unknown == 0:
        told = say("No artist, and no copy of a recording, is on both sides.")
        return Verdict(HONEST, f"{told}{across}")
    share = unknown / len(data)
    values = {"unknown": f"{unknown:,}", "all": f"{len(data):,}", "share": percent(share, 0)}
    if share > 0.5:
        return Verdict(
            UNKNOWN,
            say(
                "The artist of %(unknown)s of %(all)s tracks (%(share)s) is unknown, so this figure"
                " may be too high: some of those tracks may have their artist on the other side.",
                **values,
            ),
        )
    told = say(
        "No known artist, and no copy of a recording, is on both sides. The artist of %(unknown)s"
        " of %(all)s tracks (%(share)s) is unknown; some of those may have their artist on the"
        " other side.",
        **values,
    )
    return Verdict(HONEST, f"{told}{across}")


def _sources(data: EvaluationSet, split: Split) -> str:
    """Say whether the same sources are on both sides, where tracks are of several."""
    if data.n_sources < 2:
        return ""
    if split.name == LeaveOneSourceOut.name:
        return " Nor is any source."
    told = say(
        "The tracks are of %(sources)s sources, which are on both sides;"
        " earmark evaluate --group source keeps them apart.",
        sources=data.n_sources,
    )
    return f" {told}"


def _leak(data: EvaluationSet, scores: Scores) -> str:
    if scores.artist_known == 0:
        return (
            "This split does not keep artists apart, and no artist is known here. So its figure "
            "is too high, and how much is not known. Name the artists with --artists."
        )
    told = (
        "This split puts tracks of one artist on both sides: "
        f"{percent(scores.artist_known, 0)} of the tracks asked had another track of their "
        "artist, or a copy of themselves, among those known"
    )
    if scores.accuracy_known is None or scores.accuracy_unknown is None:
        return f"{told}. It measures how well artists are recognized, not genres."
    return (
        f"{told}; {percent(scores.accuracy_known)} of them were named rightly, but only "
        f"{percent(scores.accuracy_unknown)} of the others."
        if scores.accuracy_known > scores.accuracy_unknown
        else f"{told}."
    )
