"""A whole evaluation: library, split and vote in; figures, and whether to believe them, out."""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.errors import EvaluationError
from earmark.evaluation.auditing import Audit, audit
from earmark.evaluation.comparison import Comparison
from earmark.evaluation.cross_validation import Progress, Vote, cross_val_predict, k_exceeds_voters
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.leakage import Verdict, leakage_verdict
from earmark.evaluation.mistakes import Mistake, TrackAnswers, first_answers, worst_mistakes
from earmark.evaluation.notebook import evaluation_html
from earmark.evaluation.scores import Scores, score_predictions
from earmark.evaluation.sources import SourceScores, source_scores
from earmark.evaluation.split_choice import ChosenSplit, SplitRequest, choose_split, fault_filtered
from earmark.evaluation.splits import LeaveOneArtistOut, Split
from earmark.neighbors import fit
from earmark.schemas import schema
from earmark.version import __version__
from earmark.words import percent, say

# The random split that stands beside the honest one is repeated less on large libraries: each
# repeat fits the vote anew, and with many tracks one draw says as much as the next.
MANY_TRACKS = 2_000
FEW_REPEATS = 3
SUSPECTS_SHOWN = 20

Stage = Callable[[str], Progress]


@dataclass(frozen=True, slots=True)
class OtherSplit:
    """Another split of the same library, for the side by side."""

    name: str
    title: str
    scores: Scores
    verdict: Verdict


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Everything that was found out.

    Attributes
    ----------
    data
        The tracks.
    split, title, notes
        Its name, what it does, and what there is to say about it.
    vote, parameters
        What was asked for, and what was fitted to the whole library.
    scores, verdict, mistakes
        Of the split that was asked for.
    answers
        What each track was taken for.
    sources
        Its figures for the tracks of each source; empty where all are of one.
    other_splits
        Other splits of the same tracks.
    audit
        What is wrong with the library; None where it was not looked for.
    comparison
        With another library or vote; None where none was asked for.
    command, seed
        How to repeat it.
    """

    data: EvaluationSet
    split: str
    title: str
    notes: tuple[str, ...]
    vote: Vote
    parameters: dict[str, Any]
    scores: Scores
    verdict: Verdict
    mistakes: tuple[Mistake, ...]
    answers: TrackAnswers
    sources: tuple[SourceScores, ...]
    other_splits: tuple[OtherSplit, ...]
    audit: Audit | None
    comparison: Comparison | None
    command: str
    seed: int

    def __repr__(self) -> str:
        return f"<Evaluation of {self.data.source!r} by {self.split}: {self.sentence()}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return evaluation_html(self)

    @property
    def honest(self) -> OtherSplit | None:
        """The figure to believe: of the split asked for if it keeps artists apart, else beside."""
        if self.verdict.level != "leaky":
            return None
        kept = [one for one in self.other_splits if one.verdict.level != "leaky"]
        return next((one for one in kept if one.name == "leave-one-artist-out"), None) or (
            kept[0] if kept else None
        )

    @property
    def random(self) -> OtherSplit | None:
        """The random split beside another."""
        return next((one for one in self.other_splits if one.name == "random"), None)

    def sentence(self) -> str:
        """Sum it up."""
        f = self.scores
        low, high = f.interval.low, f.interval.high
        if self.random is None and self.verdict.level != "leaky":
            return self._alone()
        tracks = f"{percent(f.accuracy)} of {f.n_tracks:,} tracks"
        spread = f"named rightly ({percent(low, 0)} to {percent(high, 0)})"
        if self.verdict.level == "leaky":
            if self.honest is None:
                return f"{tracks} are {spread}, but that figure cannot be believed."
            return (
                f"{tracks} are {spread}, on a split with the same artists on both sides; believe "
                f"{percent(self.honest.scores.accuracy)}, the figure for artists that it has not "
                "heard."
            )
        unheard = " by artists that it has not heard" if self.verdict.level == "honest" else ""
        told = f"{tracks}{unheard} are {spread}"
        random = self.random
        claimed = 0.0 if random is None else random.scores.accuracy
        if random is not None and random.verdict.level == "leaky" and claimed > f.accuracy:
            told += (
                f"; a random split would have claimed {percent(claimed)}, "
                f"{100 * (claimed - f.accuracy):.0f} points more"
            )
        return told + "."

    def _alone(self) -> str:
        """Sum up what stands beside no other split, as on the pages."""
        f = self.scores
        values = {
            "share": percent(f.accuracy),
            "tracks": f"{f.n_tracks:,}",
            "low": percent(f.interval.low, 0),
            "high": percent(f.interval.high, 0),
        }
        if self.verdict.level == "honest":
            return say(
                "%(share)s of %(tracks)s tracks by artists that it has not heard"
                " are named rightly (%(low)s to %(high)s).",
                **values,
            )
        return say(
            "%(share)s of %(tracks)s tracks are named rightly (%(low)s to %(high)s).", **values
        )

    def to_json(self) -> dict[str, Any]:
        """Return every figure in JSON's types."""
        data = self.data
        return {
            "schema": schema("evaluation"),
            "library": data.source,
            "extractor": data.extractor,
            "metric": data.comparison.similarity,
            "split": self.split,
            "split_description": self.title,
            "summary": self.sentence(),
            "believe": {"level": self.verdict.level, "verdict": self.verdict.reason},
            "notes": list(self.notes),
            **self.scores.to_json(),
            "side_by_side": [
                {
                    "split": one.name,
                    "split_description": one.title,
                    "believe": {"level": one.verdict.level, "verdict": one.verdict.reason},
                    **one.scores.to_json(),
                }
                for one in self.other_splits
            ],
            "sources": [one.to_json() for one in self.sources],
            "worst_mistakes": [mistake.to_json() for mistake in self.mistakes],
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "library_tracks": len(data),
            "library_artists": data.n_artists,
            "library_tracks_without_artist": data.n_unknown,
            "artists_from": data.artists_from,
            "audit": None if self.audit is None else self.audit.to_json(SUSPECTS_SHOWN),
            "parameters": self.parameters,
            "repeat": {
                "command": self.command,
                "seed": self.seed,
                "fingerprint": fingerprint(data),
                "versions": versions(),
            },
        }


def fingerprint(data: EvaluationSet) -> str:
    """Return 16 digits that are the same for the same tracks, genres and vectors."""
    digest = hashlib.sha256()
    for name, genre in zip(data.names, data.genres, strict=True):
        digest.update(f"{name}\0{genre}\0".encode())
    with np.errstate(over="ignore"):
        vectors = np.ascontiguousarray(data.vectors, dtype="<f4")
    digest.update(vectors.tobytes())
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions that figures may depend on."""
    return {
        "earmark": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def silent(_: str) -> Progress:
    """Report no progress."""
    return lambda done, total: None


def evaluate(
    data: EvaluationSet,
    request: SplitRequest | None = None,
    vote: Vote | None = None,
    *,
    other_splits: bool = True,
    audited: bool = True,
    comparison: Comparison | None = None,
    command: str = "",
    stage: Stage = silent,
) -> Evaluation:
    """Evaluate a library.

    Parameters
    ----------
    data
        Its tracks.
    request
        How they are split; without it leave-one-artist-out.
    vote
        How they vote; without it the default of the similarity.
    other_splits
        Whether to ask by other splits too, so that leaks are seen.
    audited
        Whether to audit the library too.
    comparison, command
        Passed on to the result.
    stage
        Called with the name of each part of the work; returns what is told of its progress.

    Raises
    ------
    EvaluationError
        The split cannot be made, or there is nothing to judge.

    Examples
    --------
    >>> from earmark.evaluation.evaluation_set import load_evaluation_set
    >>> from earmark.testing import FakeExtractor, make_library, make_music
    >>> music = make_music("music")
    >>> with make_library("evaluated.earmark", music, FakeExtractor()) as library:
    ...     evaluation = evaluate(
    ...         load_evaluation_set(library), other_splits=False, audited=False
    ...     )
    >>> evaluation.split, evaluation.scores.accuracy
    ('leave-one-artist-out', 1.0)
    """
    request, vote = request or SplitRequest(), vote or Vote()
    choice = choose_split(data, request)
    predictions = cross_val_predict(data, choice.split, vote, stage(choice.split.name))
    scores = score_predictions(data, predictions, seed=request.seed)
    mistakes = worst_mistakes(data, predictions)
    answers = first_answers(predictions)
    sources = source_scores(data, predictions, seed=request.seed)
    told = k_exceeds_voters(predictions, vote)
    # Where all tracks vote equally, distance has no effect; the fitted vote still weighs by it.
    verdict = leakage_verdict(
        data, choice.split, scores, told if predictions.coverage is None else None
    )
    notes = [*choice.notes] if data.drawn is None else [data.drawn, *choice.notes]
    if told is not None and predictions.coverage is not None:
        notes.append(told)
    others = []
    for other in _companions(data, choice.split, request) if other_splits else []:
        predictions = cross_val_predict(data, other.split, vote, stage(other.split.name))
        found = score_predictions(data, predictions, seed=request.seed)
        title = other.split.describe(artists_known=data.n_artists > 0)
        told = k_exceeds_voters(predictions, vote)
        if told is not None:
            notes.append(f"{title}: {told}")
        empty = told if predictions.coverage is None else None
        believed = leakage_verdict(data, other.split, found, empty)
        others.append(OtherSplit(other.split.name, title, found, believed))
    parameters = fit(
        data.vectors,
        data.one_hot,
        data.groups,
        comparison=data.comparison,
        n_neighbors=vote.n_neighbors,
        majority=vote.majority,
        seconds=data.seconds,
        excerpts=data.excerpts,
        label_sets=data.label_sets,
    )
    return Evaluation(
        data=data,
        split=choice.split.name,
        title=choice.split.describe(artists_known=data.n_artists > 0),
        notes=tuple(notes),
        vote=vote,
        parameters=parameters.describe(),
        scores=scores,
        verdict=verdict,
        mistakes=mistakes,
        answers=answers,
        sources=sources,
        other_splits=tuple(others),
        audit=audit(data, progress=stage("audit")) if audited else None,
        comparison=comparison,
        command=command,
        seed=request.seed,
    )


def _companions(data: EvaluationSet, split: Split, request: SplitRequest) -> list[ChosenSplit]:
    """Return the splits that stand beside the one asked for: a leaky one and the honest ones."""
    repeats = None if len(data) <= MANY_TRACKS else FEW_REPEATS
    choices: list[ChosenSplit] = []
    if split.name != "random" and len(data) > 2:
        random = SplitRequest("random", repeats=repeats, seed=request.seed)
        choices.append(choose_split(data, random))
    if split.name not in {"leave-one-artist-out", "leave-one-out"} and data.groups.max() > 0:
        choices.append(ChosenSplit(LeaveOneArtistOut()))
    if split.name != "fault-filtered" and data.is_gtzan:
        # A library of some of GTZAN's tracks may have none of the test part.
        with contextlib.suppress(EvaluationError):
            choices.append(fault_filtered(data))
    return choices
