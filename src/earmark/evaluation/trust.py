"""Whether a figure can be believed, in words."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.evaluation.corpus import Corpus
from earmark.evaluation.figures import Figures
from earmark.evaluation.gtzan import FAULT_FILTERED_SOURCE
from earmark.evaluation.splits import Split
from earmark.words import percent

HONEST, LEAKY, UNVOUCHED = "honest", "leaky", "unvouched"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a figure can be believed.

    Attributes
    ----------
    level
        ``"honest"``: no artist was on both sides. ``"leaky"``: some were. ``"unvouched"``: nobody
        knows, since artists are unknown, or the figure says nothing in any case.
    verdict
        One sentence that says so.
    """

    level: str
    verdict: str


def judge(corpus: Corpus, split: Split, figures: Figures, empty: str | None = None) -> Trust:
    """Say whether the figures of a split can be believed.

    Parameters
    ----------
    corpus
        The tracks.
    split
        How they were parted.
    figures
        What came out.
    empty
        Why the figures say nothing, whoever is on which side; None where they say something.
    """
    if empty is not None:
        return Trust(UNVOUCHED, f"{empty[:1].upper()}{empty[1:]}.")
    if len(corpus.genre_names) == 1:
        return Trust(
            UNVOUCHED,
            f"All tracks are {corpus.genre_names[0]}, so every answer is right and the figure says "
            "nothing: it takes two genres to tell one from another.",
        )
    if not split.keeps_groups:
        return Trust(LEAKY, _leak(corpus, figures))
    if split.name == "fault-filtered":
        return Trust(
            HONEST,
            "No artist is on both sides, and copies, distorted clips and wrong labels are left "
            f"out: its authors ({FAULT_FILTERED_SOURCE}) saw to that.",
        )
    if corpus.n_artists == 0:
        return Trust(
            UNVOUCHED,
            "No artist is known, so tracks of one artist may be on both sides and nobody can vouch "
            "for this figure: expect less on new artists. Name the artists with --artists.",
        )
    unknown = corpus.n_unknown
    if unknown == 0:
        return Trust(HONEST, "No artist, and no copy of a recording, is on both sides.")
    share = unknown / len(corpus)
    tracks = f"{unknown:,} of {len(corpus):,} tracks ({percent(share, 0)})"
    if share > 0.5:
        return Trust(
            UNVOUCHED,
            f"The artist of {tracks} is unknown, so nobody can vouch for this figure: some of them "
            "may have their artist on the other side.",
        )
    return Trust(
        HONEST,
        f"No known artist, and no copy of a recording, is on both sides. The artist of {tracks} is "
        "unknown; for those nobody can vouch.",
    )


def _leak(corpus: Corpus, figures: Figures) -> str:
    if figures.artist_known == 0:
        return (
            "This split does not keep artists apart, and no artist is known here, so nobody can "
            "say how much it flatters. Name the artists with --artists."
        )
    told = (
        f"This split tears artists apart: {percent(figures.artist_known, 0)} of the tracks asked "
        "had another track of their artist, or a copy of themselves, among those known"
    )
    if figures.accuracy_known is None or figures.accuracy_unknown is None:
        return f"{told}. It measures how well artists are recognized, not genres."
    return (
        f"{told}; {percent(figures.accuracy_known)} of them were named rightly, but only "
        f"{percent(figures.accuracy_unknown)} of the others."
        if figures.accuracy_known > figures.accuracy_unknown
        else f"{told}."
    )
