"""Which genres are proposed for which files: only what is sure, only where it is wanted."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from earmark.audio import tags as audio_tags
from earmark.audio.files import open_bytes
from earmark.classify import Classifier
from earmark.errors import AudioError, EarmarkError, LibraryEmpty, TagError, WorkerError
from earmark.extraction import as_listened
from earmark.hearing import Found, Hearing
from earmark.prediction import Neighbor, Prediction
from earmark.schemas import schema
from earmark.tagging.albums import Opinion, album_key, album_vote, song_vote
from earmark.tagging.genremap import GenreMap
from earmark.tagging.genres import Named, read_tags
from earmark.tagging.labels import written_genres
from earmark.tagging.plan import PlanNeighbor, Proposal
from earmark.workers import WorkerPool

N_NEIGHBORS = 8
"""Neighbors of a song that are kept in a plan."""

Mode: TypeAlias = Literal["missing", "replace", "add"]


Reason: TypeAlias = Literal[
    "failed", "same-file", "has-genre", "other-genre", "not-sure", "left-out", "same-genre"
]
"""Why nothing is proposed for a file: it could not be used, it was seen under another name, it has
a genre, none of its genres was asked for, the answer is not sure, the map leaves the genre out, or
the file has it already."""


@dataclass(frozen=True)
class Seen:
    """The tags of a file as far as a plan needs them."""

    kind: str
    stored: tuple[str, ...]
    genres: tuple[str, ...]
    album: str | None = None
    album_artist: str | None = None


@dataclass(frozen=True)
class Left:
    """A file that nothing is proposed for, and why.

    ``why`` is a part of a sentence; ``genre`` and ``probability`` are what was heard.
    """

    path: str
    reason: Reason
    why: str
    seen: tuple[str, ...] = ()
    genre: str | None = None
    probability: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"schema": schema("tag-left"), **vars(self), "seen": list(self.seen)}


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
        Whether the songs of an album vote together.
    names
        What a genre is called; nothing where it is left out. A `GenreMap`, or a function.
    genre_now
        Patterns (``*``, ``?``), one of which a genre that a file has must fit; none: all files.
    library
        What the evidence calls the library; None: no evidence is written.
    most
        How many genres a file gets; None: all that there are. Those that it has and keeps count,
        and none of them is lost.
    """

    mode: Mode = "missing"
    min_confidence: float | None = None
    by_album: bool = False
    names: Callable[[str], tuple[str, ...]] = field(default_factory=GenreMap)
    genre_now: Sequence[str] = ()
    library: str | None = None
    most: int | None = None


@dataclass(frozen=True)
class Kept:
    """Why the genres of a file stay as they are; ``why`` is a part of a sentence."""

    reason: Reason
    why: str


@dataclass(frozen=True)
class Answer:
    """What is said of a file, or what is wrong with it.

    Attributes
    ----------
    path
        The file.
    audio_hash
        Of its sound, whatever its tags; None where it cannot be found.
    prediction
        None where it cannot be used.
    problem
        Why not, a part of a sentence.
    """

    path: str
    audio_hash: str | None
    prediction: Prediction | None
    problem: str = ""


def see(path: str, known: list[str]) -> Seen:
    """Read the tags of a file; what a worker process does.

    Raises
    ------
    AudioError, TagError
        It cannot be read, or nothing can be written into it.
    """
    with Named(open_bytes(path), path) as file:
        tags = read_tags(file, known=known)
    others = audio_tags.read_tags(path)
    return Seen(
        tags.kind,
        tags.stored,
        tags.genres,
        album=others.album,
        album_artist=next(iter(others.album_artists), None),
    )


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
        Absolute paths; in any order.
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
    seen_by_path: dict[str, Seen] = {}
    wanted: set[str] = set()
    for path, seen in _seen(paths, pool, known, waiting):
        if isinstance(seen, Left):
            yield seen
            continue
        left = _not_wanted(path, seen, rules)
        if left is None:
            wanted.add(path)
        else:
            yield left
        seen_by_path[path] = seen
    albums: dict[Hashable, list[str]] = {}
    for path, seen in seen_by_path.items():
        key = album_key(path, seen.album) if rules.by_album else path
        albums.setdefault(key, []).append(path)
    # Songs of an album that need no genre have a vote in it all the same.
    groups = [group for group in albums.values() if not wanted.isdisjoint(group)]
    for answers in answers_of(groups, hearing, classifier, waiting=waiting):
        opinion = _album_opinion(answers, seen_by_path) if len(answers) > 1 else None
        for answer in answers:
            if answer.path in wanted:
                seen, root = seen_by_path[answer.path], roots[answer.path]
                yield decide(answer, seen, root, rules, opinion=opinion)


def answers_of(
    groups: Sequence[Sequence[str]],
    hearing: Hearing,
    classifier: Classifier,
    *,
    waiting: Callable[[], None] | None = None,
) -> Iterator[list[Answer]]:
    """Yield what is said of the files of each group, in their order.

    Parameters
    ----------
    groups
        Paths; the songs of an album are a group.
    hearing
        Hears songs, those of later groups ahead.
    classifier
        Answers for them.
    waiting
        Called now and then.

    Raises
    ------
    EarmarkError
        What is no fault of a file.
    """
    heard = hearing.all([path for group in groups for path in group], waiting=waiting)
    for group in groups:
        yield [_answer(classifier, path, found) for path, found in islice(heard, len(group))]


def album_opinion(
    answers: Sequence[Answer], album: str | None, album_artist: str | None
) -> Opinion | None:
    """Return what the songs of an album say together; None where each has its own say.

    Those that cannot be used have no vote; `album_vote` has the rule.
    """
    predictions = [answer.prediction for answer in answers if answer.prediction is not None]
    return album_vote(predictions, album, album_artist)


def genres_for(opinion: Opinion, had: tuple[str, ...], rules: Rules) -> tuple[str, ...] | Kept:
    """Return the genres that a file is to have, or why it keeps those that it has.

    Parameters
    ----------
    opinion
        What is said of the song, or of its album.
    had
        The genres that it has.
    rules
        What is wanted.

    >>> sure = Opinion("metal", 0.9, True, "3 of 4 songs of the album are surely metal")
    >>> genres_for(sure, (), Rules()), genres_for(sure, ("Rock",), Rules(mode="add"))
    (('metal',), ('Rock', 'metal'))
    >>> genres_for(sure, (), Rules(min_confidence=0.95))
    Kept(reason='not-sure', why='not sure enough')
    """
    if rules.mode == "missing" and had:
        return Kept("has-genre", "has a genre")
    if rules.min_confidence is None and not opinion.sure:
        return Kept("not-sure", opinion.why)
    if rules.min_confidence is not None and opinion.probability < rules.min_confidence:
        return Kept("not-sure", "not sure enough")
    names = written_genres(opinion.genres, rules.names)
    if not names:
        return Kept("left-out", "is to be left out, as the map says")
    if rules.mode == "add":
        folded = {genre.casefold() for genre in had}
        new = tuple(name for name in names if name.casefold() not in folded)
        if new and rules.most is not None and len(had) >= rules.most:
            return Kept("has-genre", "has as many genres as are wanted")
        room = None if rules.most is None else rules.most - len(had)
        names = (*had, *new[:room])
    else:
        names = names[: rules.most]
    return Kept("same-genre", "has this genre") if names == had else names


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
            # A worker's process says the path, too.
            yield path, Left(path, "failed", problem.removeprefix(f"{path}: "))
            continue
        except OSError as error:
            yield path, Left(path, "failed", f"cannot be read ({error.strerror})")
            continue
        other = first.setdefault((status.st_dev, status.st_ino), path)
        if other != path:
            yield path, Left(path, "same-file", f"is the same file as {other}")
        else:
            yield path, seen


def _not_wanted(path: str, seen: Seen, rules: Rules) -> Left | None:
    if rules.mode == "missing" and seen.genres:
        return Left(path, "has-genre", "has a genre", seen=seen.genres)
    if rules.genre_now and not any(
        fnmatch.fnmatchcase(genre.casefold(), pattern.casefold())
        for genre in seen.genres or ("",)
        for pattern in rules.genre_now
    ):
        why = "has none of the genres that were asked for"
        return Left(path, "other-genre", why, seen=seen.genres)
    return None


def _answer(classifier: Classifier, path: str, found: Found | EarmarkError) -> Answer:
    if isinstance(found, AudioError | WorkerError):
        return Answer(path, None, None, found.problem)
    if isinstance(found, EarmarkError):
        raise found
    try:
        heard = as_listened(path, found.extracted)
        looked = found.looked
        prediction = classifier.predict_heard(heard, looked.content_hash, looked.audio_hash)
    except LibraryEmpty as error:
        return Answer(path, None, None, str(error))
    told = replace(prediction, artist=found.looked.artist)
    return Answer(path, found.looked.audio_hash, told)


def _album_opinion(answers: Sequence[Answer], seen: Mapping[str, Seen]) -> Opinion | None:
    album = [seen[answer.path] for answer in answers]
    artist = next((each.album_artist for each in album if each.album_artist), None)
    return album_opinion(answers, album[0].album, artist)


def decide(
    answer: Answer, seen: Seen, root: str, rules: Rules, *, opinion: Opinion | None = None
) -> Proposal | Left:
    """Return what is proposed for a file that is answered, or why it stays as it is.

    Parameters
    ----------
    answer
        What is said of it.
    seen
        Its tags.
    root
        The folder that was asked for.
    rules
        What is wanted.
    opinion
        Of its album; None: the file speaks for itself.
    """
    if answer.prediction is None:
        return Left(answer.path, "failed", answer.problem, seen=seen.genres)
    opinion = opinion or song_vote(answer.prediction)
    neighbors = answer.prediction.neighbors
    return _proposal(answer, seen, opinion, neighbors, root, rules)


def _proposal(
    answer: Answer,
    seen: Seen,
    opinion: Opinion,
    neighbors: Sequence[Neighbor],
    root: str,
    rules: Rules,
) -> Proposal | Left:
    def left(reason: Reason, why: str) -> Left:
        return Left(
            answer.path,
            reason,
            why,
            seen=seen.genres,
            genre=opinion.genre,
            probability=opinion.probability,
        )

    genres = genres_for(opinion, seen.genres, rules)
    if isinstance(genres, Kept):
        return left(genres.reason, genres.why)
    if answer.audio_hash is None:
        return left("failed", "its sound cannot be told apart from its tags, so it is not written")
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
