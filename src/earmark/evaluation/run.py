"""A whole evaluation: library, split and vote in; figures, and whether to believe them, out."""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from earmark.errors import EvaluationError
from earmark.evaluation.ask import Progress, Vote, ask, crowded
from earmark.evaluation.audit import Audit, audit
from earmark.evaluation.choose import Choice, Request, choose, fault_filtered
from earmark.evaluation.compare import Comparison
from earmark.evaluation.corpus import Corpus
from earmark.evaluation.figures import Figures, figures_of
from earmark.evaluation.mistakes import Mistake, worst_mistakes
from earmark.evaluation.splits import LeaveOneArtistOut, Split
from earmark.evaluation.trust import Trust, judge
from earmark.neighbors import fit
from earmark.schemas import schema
from earmark.words import percent

# The random split that stands beside the honest one is repeated less on large libraries: each
# repeat fits the vote anew, and with many tracks one draw says as much as the next.
MANY_TRACKS = 2_000
FEW_REPEATS = 3
SUSPECTS_SHOWN = 20

Stage = Callable[[str], Progress]


@dataclass(frozen=True, slots=True)
class Beside:
    """Another split of the same library, for the side by side."""

    name: str
    title: str
    figures: Figures
    trust: Trust


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Everything that was found out.

    Attributes
    ----------
    corpus
        The tracks.
    split, title, notes
        Its name, what it does, and what there is to say about it.
    vote, parameters
        What was asked for, and what was fitted to the whole library.
    figures, trust, mistakes
        Of the split that was asked for.
    beside
        Other splits of the same tracks.
    audit
        What is wrong with the library; None where it was not looked for.
    comparison
        With another library or vote; None where none was asked for.
    command, seed
        How to repeat it.
    """

    corpus: Corpus
    split: str
    title: str
    notes: tuple[str, ...]
    vote: Vote
    parameters: dict[str, Any]
    figures: Figures
    trust: Trust
    mistakes: tuple[Mistake, ...]
    beside: tuple[Beside, ...]
    audit: Audit | None
    comparison: Comparison | None
    command: str
    seed: int

    def __repr__(self) -> str:
        return f"<Evaluation of {self.corpus.source!r} by {self.split}: {self.sentence()}>"

    @property
    def honest(self) -> Beside | None:
        """The figure to believe: of the split asked for if it keeps artists apart, else beside."""
        if self.trust.level != "leaky":
            return None
        kept = [one for one in self.beside if one.trust.level != "leaky"]
        return next((one for one in kept if one.name == "leave-one-artist-out"), None) or (
            kept[0] if kept else None
        )

    @property
    def random(self) -> Beside | None:
        """The random split beside another."""
        return next((one for one in self.beside if one.name == "random"), None)

    def sentence(self) -> str:
        """Sum it up."""
        f = self.figures
        low, high = f.accuracy_interval.low, f.accuracy_interval.high
        tracks = f"{percent(f.accuracy)} of {f.n_tracks:,} tracks"
        spread = f"named rightly ({percent(low, 0)} to {percent(high, 0)})"
        if self.trust.level == "leaky":
            if self.honest is None:
                return f"{tracks} are {spread}, but that figure cannot be believed."
            return (
                f"{tracks} are {spread}, on a split that tears artists apart; believe "
                f"{percent(self.honest.figures.accuracy)}, the figure for artists that it has not "
                "heard."
            )
        unheard = " by artists that it has not heard" if self.trust.level == "honest" else ""
        told = f"{tracks}{unheard} are {spread}"
        random = self.random
        claimed = 0.0 if random is None else random.figures.accuracy
        if random is not None and random.trust.level == "leaky" and claimed > f.accuracy:
            told += (
                f"; a random split would have claimed {percent(claimed)}, "
                f"{100 * (claimed - f.accuracy):.0f} points more"
            )
        return told + "."

    def to_json(self) -> dict[str, Any]:
        """Return every figure in JSON's types."""
        corpus = self.corpus
        return {
            "schema": schema("evaluation"),
            "library": corpus.source,
            "extractor": corpus.extractor,
            "metric": corpus.comparison.similarity,
            "split": self.split,
            "split_description": self.title,
            "summary": self.sentence(),
            "believe": {"level": self.trust.level, "verdict": self.trust.verdict},
            "notes": list(self.notes),
            **self.figures.to_json(),
            "side_by_side": [
                {
                    "split": one.name,
                    "split_description": one.title,
                    "believe": {"level": one.trust.level, "verdict": one.trust.verdict},
                    **one.figures.to_json(),
                }
                for one in self.beside
            ],
            "worst_mistakes": [mistake.to_json() for mistake in self.mistakes],
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "library_tracks": len(corpus),
            "library_artists": corpus.n_artists,
            "library_tracks_without_artist": corpus.n_unknown,
            "artists_from": corpus.artists_from,
            "audit": None if self.audit is None else self.audit.to_json(SUSPECTS_SHOWN),
            "parameters": self.parameters,
            "repeat": {
                "command": self.command,
                "seed": self.seed,
                "fingerprint": fingerprint(corpus),
                "versions": versions(),
            },
        }


def fingerprint(corpus: Corpus) -> str:
    """Return 16 digits that are the same for the same tracks, genres and vectors."""
    digest = hashlib.sha256()
    for name, genre in zip(corpus.names, corpus.genres, strict=True):
        digest.update(f"{name}\0{genre}\0".encode())
    with np.errstate(over="ignore"):
        vectors = np.ascontiguousarray(corpus.vectors, dtype="<f4")
    digest.update(vectors.tobytes())
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions that figures may depend on."""
    return {
        "earmark": metadata.version("earmark"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def silent(_: str) -> Progress:
    """Report no progress."""
    return lambda done, total: None


def evaluate(
    corpus: Corpus,
    request: Request | None = None,
    vote: Vote | None = None,
    *,
    beside: bool = True,
    audited: bool = True,
    comparison: Comparison | None = None,
    command: str = "",
    stage: Stage = silent,
) -> Evaluation:
    """Evaluate a library.

    Parameters
    ----------
    corpus
        Its tracks.
    request
        How they are split; without it leave-one-artist-out.
    vote
        How they vote; without it the default of the similarity.
    beside
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
    >>> from earmark.evaluation.corpus import corpus_of
    >>> from earmark.testing import FakeExtractor, make_library, make_music
    >>> music = make_music("music")
    >>> with make_library("evaluated.earmark", music, FakeExtractor()) as library:
    ...     evaluation = evaluate(corpus_of(library), beside=False, audited=False)
    >>> evaluation.split, evaluation.figures.accuracy
    ('leave-one-artist-out', 1.0)
    """
    request, vote = request or Request(), vote or Vote()
    choice = choose(corpus, request)
    judged = ask(corpus, choice.split, vote, stage(choice.split.name))
    figures = figures_of(corpus, judged, seed=request.seed)
    mistakes = worst_mistakes(corpus, judged)
    told = crowded(judged, vote)
    # One vote a neighbor of all there are says nothing; the fitted vote still tells near from far.
    trust = judge(corpus, choice.split, figures, told if judged.coverage is None else None)
    notes = [*choice.notes]
    if told is not None and judged.coverage is not None:
        notes.append(told)
    others = []
    for other in _companions(corpus, choice.split, request) if beside else []:
        judged = ask(corpus, other.split, vote, stage(other.split.name))
        found = figures_of(corpus, judged, seed=request.seed)
        title = other.split.describe(artists_known=corpus.n_artists > 0)
        told = crowded(judged, vote)
        if told is not None:
            notes.append(f"{title}: {told}")
        empty = told if judged.coverage is None else None
        verdict = judge(corpus, other.split, found, empty)
        others.append(Beside(other.split.name, title, found, verdict))
    parameters = fit(
        corpus.vectors,
        corpus.one_hot,
        corpus.groups,
        comparison=corpus.comparison,
        n_neighbors=vote.k,
        majority=vote.plain,
        seconds=corpus.seconds,
    )
    return Evaluation(
        corpus=corpus,
        split=choice.split.name,
        title=choice.split.describe(artists_known=corpus.n_artists > 0),
        notes=tuple(notes),
        vote=vote,
        parameters=parameters.describe(),
        figures=figures,
        trust=trust,
        mistakes=mistakes,
        beside=tuple(others),
        audit=audit(corpus, progress=stage("audit")) if audited else None,
        comparison=comparison,
        command=command,
        seed=request.seed,
    )


def _companions(corpus: Corpus, split: Split, request: Request) -> list[Choice]:
    """Return the splits that stand beside the one asked for: a leaky one and the honest ones."""
    repeats = None if len(corpus) <= MANY_TRACKS else FEW_REPEATS
    choices: list[Choice] = []
    if split.name != "random" and len(corpus) > 2:
        random = Request("random", repeats=repeats, seed=request.seed)
        choices.append(choose(corpus, random))
    if split.name not in {"leave-one-artist-out", "leave-one-out"} and corpus.groups.max() > 0:
        choices.append(Choice(LeaveOneArtistOut()))
    if split.name != "fault-filtered" and corpus.is_gtzan:
        # A library of some of GTZAN's tracks may have none of the test part.
        with contextlib.suppress(EvaluationError):
            choices.append(fault_filtered(corpus))
    return choices
