"""Which genres are proposed for which files: only what is sure, only where it is wanted."""

from __future__ import annotations

import fnmatch
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from earmark.audio.files import open_bytes
from earmark.classify import Classifier, Neighbor, Prediction
from earmark.errors import AudioError, EarmarkError, LibraryEmpty, TagError, WorkerError
from earmark.hearing import Found, Hearing
from earmark.listen import Extracted
from earmark.tagging.genremap import GenreMap
from earmark.tagging.genres import Named, read_tags
from earmark.tagging.plan import PlanNeighbor, Proposal
from earmark.workers import WorkerPool

N_NEIGHBORS = 8
"""Neighbors of a song that are kept in a plan."""

Mode: TypeAlias = Literal["missing", "replace", "add"]


@dataclass(frozen=True)
class Seen:
    """The tags of a file as far as a plan needs them."""

    kind: str
    stored: tuple[str, ...]
    genres: tuple[str, ...]


@dataclass(frozen=True)
class Left:
    """A file that nothing is proposed for, and why: a part of a sentence.

    ``failed`` tells that it could not be used; ``genre`` and ``probability`` are what was heard.
    """

    path: str
    why: str
    failed: bool = False
    seen: tuple[str, ...] = ()
    genre: str | None = None
    probability: float | None = None


@dataclass(frozen=True)
class Rules:
    """What is wanted.

    Attributes
    ----------
    mode
        Only files without a genre, or their genres replaced, or one more added.
    min_confidence
        From which probability on an answer counts; None: where the library is sure by itself.
    by_album
        Whether the songs of a folder vote together.
    names
        What genres are called.
    genre_now
        Patterns (``*``, ``?``), one of which a genre that a file has must fit; none: all files.
    library
        What the evidence calls the library; None: no evidence is written.
    """

    mode: Mode = "missing"
    min_confidence: float | None = None
    by_album: bool = False
    names: GenreMap = field(default_factory=GenreMap)
    genre_now: Sequence[str] = ()
    library: str | None = None


def see(path: str, known: list[str]) -> Seen:
    """Read the tags of a file; what a worker process does.

    Raises
    ------
    AudioError, TagError
        It cannot be read, or nothing can be written into it.
    """
    with Named(open_bytes(path), path) as file:
        tags = read_tags(file, known=known)
    return Seen(tags.kind, tags.stored, tags.genres)


def propose(
    paths: Sequence[str],
    roots: Mapping[str, str],
    pool: WorkerPool,
    hearing: Hearing,
    classifier: Classifier,
    rules: Rules,
    *,
    waiting: Callable[[], None] | None = None,
) -> Iterator[Proposal | Left]:
    """Yield a proposal for every file, or why there is none.

    Parameters
    ----------
    paths
        Absolute paths; files of a folder stand together.
    roots
        The folder that was asked for, by path.
    pool
        Worker processes that read tags.
    hearing
        Hears songs.
    classifier
        Answers for them.
    rules
        What is wanted.
    waiting
        Called now and then.

    Raises
    ------
    EarmarkError
        What is no fault of a file.
    """
    _, snapshot = classifier.refresh()
    known = list(snapshot.genre_names)
    wanted: dict[str, Seen] = {}
    silent: set[str] = set()
    for path, seen in _seen(paths, pool, known, waiting):
        if isinstance(seen, Left):
            yield seen
        elif (left := _not_wanted(path, seen, rules)) is None:
            wanted[path] = seen
        elif rules.by_album:
            # It has a vote in its album all the same.
            silent.add(path)
            yield left
        else:
            yield left
    albums = {Path(path).parent for path in wanted}
    heard = [p for p in paths if p in wanted or (p in silent and Path(p).parent in albums)]
    group: list[_Answer] = []
    for path, found in hearing.all(heard, waiting=waiting):
        answer = _answer(classifier, path, found)
        if group and not (rules.by_album and Path(group[0].path).parent == Path(path).parent):
            yield from _decided(group, wanted, roots, rules)
            group = []
        group.append(answer)
    yield from _decided(group, wanted, roots, rules)


@dataclass(frozen=True)
class _Answer:
    path: str
    audio_hash: str | None
    prediction: Prediction | None
    problem: str = ""


def _seen(
    paths: Sequence[str],
    pool: WorkerPool,
    known: list[str],
    waiting: Callable[[], None] | None,
) -> Iterator[tuple[str, Seen | Left]]:
    first: dict[tuple[int, int], str] = {}
    calls = []
    for path in paths:
        calls.append((path, pool.call(see, path, known, name=path)))
    for path, call in calls:
        if waiting is not None:
            waiting()
        try:
            seen = call.result()
            status = Path(path).stat()
        except (TagError, AudioError, WorkerError) as error:
            problem = getattr(error, "problem", str(error))
            yield path, Left(path, problem, failed=True)
            continue
        except OSError as error:
            yield path, Left(path, f"cannot be read ({error.strerror})", failed=True)
            continue
        other = first.setdefault((status.st_dev, status.st_ino), path)
        if other != path:
            yield path, Left(path, f"is the same file as {other}")
        else:
            yield path, seen


def _not_wanted(path: str, seen: Seen, rules: Rules) -> Left | None:
    if rules.mode == "missing" and seen.genres:
        return Left(path, "has a genre", seen=seen.genres)
    if rules.genre_now and not any(
        fnmatch.fnmatchcase(genre.casefold(), pattern.casefold())
        for genre in seen.genres or ("",)
        for pattern in rules.genre_now
    ):
        return Left(path, "has none of the genres that were asked for", seen=seen.genres)
    return None


def _answer(classifier: Classifier, path: str, found: Found | EarmarkError) -> _Answer:
    if isinstance(found, AudioError | WorkerError):
        return _Answer(path, None, None, found.problem)
    if isinstance(found, EarmarkError):
        raise found
    extracted = found.extracted
    heard = Extracted(
        path, extracted.vector, extracted.duration, extracted.warnings, extracted.seconds
    )
    try:
        looked = found.looked
        prediction = classifier.predict_heard(heard, looked.content_hash, looked.audio_hash)
    except LibraryEmpty as error:
        return _Answer(path, None, None, str(error))
    told = replace(prediction, artist=found.looked.artist)
    return _Answer(path, found.looked.audio_hash, told)


def _decided(
    group: Sequence[_Answer],
    wanted: Mapping[str, Seen],
    roots: Mapping[str, str],
    rules: Rules,
) -> Iterator[Proposal | Left]:
    predictions = [answer.prediction for answer in group if answer.prediction is not None]
    album = album_vote(predictions) if rules.by_album and len(predictions) > 1 else None
    for answer in group:
        seen = wanted.get(answer.path)
        if seen is None:
            continue
        if answer.prediction is None:
            yield Left(answer.path, answer.problem, failed=True, seen=seen.genres)
            continue
        opinion = album or song_vote(answer.prediction)
        neighbors = answer.prediction.neighbors
        yield _proposal(answer, seen, opinion, neighbors, roots[answer.path], rules)


@dataclass(frozen=True)
class Opinion:
    """What is said of a song or an album: a genre, how probable, whether that is sure, and why."""

    genre: str
    probability: float
    sure: bool
    why: str


def song_vote(prediction: Prediction) -> Opinion:
    """Return what is said of one song."""
    voters = prediction.neighbors
    agreeing = sum(neighbor.genre == prediction.genre for neighbor in voters)
    if prediction.abstained:
        why = f"not sure: {prediction.reason}"
    else:
        why = f"{agreeing} of the {len(voters)} nearest tracks are {prediction.genre}"
    return Opinion(prediction.genre, prediction.confidence, not prediction.abstained, why)


def album_vote(predictions: Sequence[Prediction]) -> Opinion | None:
    """Return what the songs of an album say together; None for a compilation.

    Logarithms of probabilities are averaged and weighed with the root of their number: songs of
    an album are alike, so that n of them are less than n independent witnesses. The answer is sure
    where half of the songs are sure by themselves, and three of four of these agree with it.
    """
    artists = [p.artist.casefold() for p in predictions if p.artist]
    counts = Counter(artists)
    if len(counts) > 2 and counts.most_common(1)[0][1] <= len(artists) / 2:
        return None
    genres = predictions[0].probabilities
    scores = {
        genre: sum(math.log(max(p.probabilities.get(genre, 0.0), 1e-6)) for p in predictions)
        / math.sqrt(len(predictions))
        for genre in genres
    }
    highest = max(scores.values())
    weights = {genre: math.exp(score - highest) for genre, score in scores.items()}
    winner = max(weights, key=lambda genre: weights[genre])
    sure = [p for p in predictions if not p.abstained]
    agreeing = sum(p.genre == winner for p in sure)
    is_sure = 2 * len(sure) >= len(predictions) and 4 * agreeing >= 3 * len(sure)
    why = f"{agreeing} of {len(predictions)} songs of the album are surely {winner}"
    return Opinion(winner, weights[winner] / sum(weights.values()), is_sure, why)


def _proposal(
    answer: _Answer,
    seen: Seen,
    opinion: Opinion,
    neighbors: Sequence[Neighbor],
    root: str,
    rules: Rules,
) -> Proposal | Left:
    def left(why: str) -> Left:
        return Left(
            answer.path,
            why,
            seen=seen.genres,
            genre=opinion.genre,
            probability=opinion.probability,
        )

    if rules.min_confidence is None and not opinion.sure:
        return left(opinion.why)
    if rules.min_confidence is not None and opinion.probability < rules.min_confidence:
        return left("not sure enough")
    names = rules.names(opinion.genre)
    if not names:
        return left("is to be left out, as the map says")
    genres = names
    if rules.mode == "add":
        had = {genre.casefold() for genre in seen.genres}
        genres = (*seen.genres, *(name for name in names if name.casefold() not in had))
    if genres == seen.genres:
        return left("has this genre")
    if answer.audio_hash is None:
        return left("its sound cannot be told apart from its tags, so it is not written")
    return Proposal(
        path=answer.path,
        root=root,
        audio_hash=answer.audio_hash,
        kind=seen.kind,
        seen=seen.stored,
        genres=genres,
        probability=opinion.probability,
        why=opinion.why,
        neighbors=tuple(
            PlanNeighbor(n.track, n.genre, n.artist, n.title, round(n.distance, 6))
            for n in neighbors[:N_NEIGHBORS]
        ),
        evidence=None
        if rules.library is None
        else {
            "EARMARK_GENRE": opinion.genre,
            "EARMARK_CONFIDENCE": f"{opinion.probability:.2f}",
            "EARMARK_LIBRARY": rules.library,
        },
    )
