"""The page on which a playlist or a path is made, heard, changed and saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from earmark.errors import EarmarkError, RecommendError
from earmark.features import doubtful_words
from earmark.library import Track
from earmark.library.model import LARGEST_ID
from earmark.recommend import Rules, Suggestion
from earmark.recommend.tag_words import offered
from earmark.web import serializers
from earmark.web.language import gettext
from earmark.web.problems import status_of, without_folders
from earmark.web.request_context import server_state
from earmark.web.served.seeds import require_tracks, seeds
from earmark.web.state import ServerState

blueprint = Blueprint("playlist", __name__)

MOST_SEEDS = 100
MOST_SONGS = 1_000
MOST_MINUTES = 24 * 60
MOST_ON_PATH = 200


@dataclass(frozen=True)
class Wish:
    """What the form of the page asks for.

    Attributes
    ----------
    kind
        ``"playlist"`` or ``"path"``.
    songs
        Numbers of tracks: what the list is to be like, or the two ends of a path.
    jobs
        Of songs that were answered here, which the list is to be like.
    genre, not_genre, word, not_word
        Empty: all.
    minutes, n
        How long a playlist is, and how many songs a path has.
    per_artist
        At most so many songs of an artist; 0: no limit.
    variety, seed
        How much of it is chance, from 0 to 1, and which.
    """

    kind: str
    songs: tuple[int, ...]
    jobs: tuple[str, ...]
    genre: str
    not_genre: str
    word: str
    not_word: str
    minutes: float
    n: int
    per_artist: int
    variety: float
    seed: int

    @property
    def asks(self) -> bool:
        """Whether a list is wanted, and not the empty form."""
        return bool(self.songs or self.jobs or self.genre or self.word or self.kind == "path")

    @property
    def limits(self) -> dict[str, Any]:
        """What the list keeps to, as the recommender takes it."""
        return {
            "genres": [self.genre] if self.genre else [],
            "not_genres": [self.not_genre] if self.not_genre else [],
            "words": [self.word] if self.word else [],
            "not_words": [self.not_word] if self.not_word else [],
            "rules": Rules(per_artist=self.per_artist or None),
        }


def wish_of_request() -> Wish:
    """Return what the address of the page asks for.

    Raises
    ------
    RecommendError
        A number is none, or out of range.
    """
    asked = request.args
    return Wish(
        kind="path" if asked.get("kind") == "path" else "playlist",
        songs=_tracks(asked.getlist("song"), MOST_SEEDS),
        jobs=tuple(asked.getlist("job")[:MOST_SEEDS]),
        genre=asked.get("genre", ""),
        not_genre=asked.get("not_genre", ""),
        word=asked.get("word", ""),
        not_word=asked.get("not_word", ""),
        minutes=_number("minutes", 60, 1, MOST_MINUTES),
        n=int(_number("n", 12, 2, MOST_ON_PATH)),
        per_artist=int(_number("per_artist", 3, 0, MOST_SONGS)),
        variety=_number("variety", 0, 0, 1),
        seed=int(_number("seed", 0, 0, 2**32 - 1)),
    )


def _number(name: str, otherwise: float, least: float, most: float) -> float:
    text = request.args.get(name, "").strip()
    if not text:
        return otherwise
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise RecommendError(f"{name.replace('_', ' ')}: give a number from {least} to {most}")
    return number


def _tracks(texts: Sequence[str], most: int) -> tuple[int, ...]:
    """Return numbers of tracks, each once.

    Raises
    ------
    RecommendError
        One is none.
    """
    numbers: dict[int, None] = {}
    for text in texts[:most]:
        if not (text.isascii() and text.isdecimal() and 0 < int(text[:20]) <= LARGEST_ID):
            raise RecommendError(f"{text[:40]!r} is no number of a track; choose songs again")
        numbers[int(text)] = None
    return tuple(numbers)


@blueprint.get("/playlist")
def page() -> ResponseReturnValue:
    """Make a list of what was asked for, or show one that was changed by hand."""
    state = server_state()
    problem: EarmarkError | None = None
    wish: Wish | None = None
    songs: list[dict[str, Any]] = []
    starts: list[dict[str, Any]] = []
    by_hand = "list" in request.args
    try:
        wish = wish_of_request()
        starts = _starts(state, wish)
        if by_hand:
            songs = _listed(state, request.args["list"])
        elif wish.asks:
            songs = [_song(state, one.track, one.similarity) for one in _made(state, wish)]
    except EarmarkError as error:
        problem = error
    shown = render_template(
        "playlist.html",
        wish=wish,
        starts=starts,
        songs=songs,
        seconds=sum(song["duration"] or 0 for song in songs),
        silent=sum(song["audio"] is None for song in songs),
        title=_title(wish, starts),
        asked=by_hand or (wish is not None and wish.asks),
        problem=None if problem is None else without_folders(str(problem)),
        words=offered(state.library.spec.words, doubtful_words(state.library.spec)),
    )
    return shown, 200 if problem is None else status_of(problem)


def _made(state: ServerState, wish: Wish) -> list[Suggestion]:
    """Return the list that is asked for."""
    if wish.kind == "path":
        if len(wish.songs) != 2 or wish.jobs:
            raise RecommendError("a path leads from one track to another: choose these two")
        require_tracks(state, wish.songs)
        start, end = wish.songs
        return state.served.recommender.current().path(start, end, wish.n, **wish.limits)
    return state.served.recommender.current().playlist(
        seeds(state, wish.songs, wish.jobs),
        minutes=wish.minutes,
        variety=wish.variety,
        seed=wish.seed,
        **wish.limits,
    )


def _listed(state: ServerState, text: str) -> list[dict[str, Any]]:
    """Return the tracks of a list that was changed by hand; those that are gone are left out."""
    numbers = _tracks([part for part in text.split(",") if part], MOST_SONGS)
    tracks = state.library.get_many(list(numbers))
    return [_song(state, tracks[number]) for number in numbers if number in tracks]


def _song(state: ServerState, track: Track, similarity: float | None = None) -> dict[str, Any]:
    return {**serializers.track(state.music, track), "similarity": similarity}


def _starts(state: ServerState, wish: Wish) -> list[dict[str, Any]]:
    """Return what the list starts from, as the form holds it."""
    require_tracks(state, wish.songs)
    tracks = state.library.get_many(list(wish.songs))
    found = [
        {"field": "song", "value": number, "name": track.title or track.name, "by": track.artist}
        for number in wish.songs
        for track in [tracks[number]]
    ]
    for job_id in wish.jobs:
        job = state.jobs.get(job_id)
        title = None if job.answer is None else job.answer.title
        artist = None if job.answer is None else job.answer.artist
        found.append({"field": "job", "value": job_id, "name": title or job.name, "by": artist})
    return found


def _title(wish: Wish | None, starts: Sequence[dict[str, Any]]) -> str:
    """Return what the list is called, until somebody calls it something else."""
    names = [str(start["name"]) for start in starts]
    if wish is None:
        return gettext("Playlist")
    if wish.kind == "path" and len(names) == 2:
        return gettext("From %(first)s to %(last)s", first=names[0], last=names[1])[:200]
    said = [", ".join(names[:3])] if names else []
    kinds = " ".join(part for part in (wish.word, wish.genre) if part)
    if said and kinds:
        return gettext("Like %(songs)s and %(kinds)s", songs=said[0], kinds=kinds)[:200]
    if said:
        return gettext("Like %(name)s", name=said[0])[:200]
    return kinds.capitalize()[:200] or gettext("Playlist")
