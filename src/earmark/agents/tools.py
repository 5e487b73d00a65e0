"""The questions that an agent may ask; each answer is made of JSON values.

Libraries are opened to be read only, what is heard is not kept, and no file is made or changed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from earmark.classify import Classifier
from earmark.collection.folder import sound_files
from earmark.errors import EarmarkError, LibraryEmpty, RecommendError
from earmark.evaluation.auditing import audit
from earmark.evaluation.evaluation_set import load_evaluation_set
from earmark.hearing import Hearing
from earmark.library import Library, open_default
from earmark.recommend import Recommender, Rules
from earmark.recommend.recommender import to_json
from earmark.recommend.songs import songs_of, track_of
from earmark.tagging.plan import Proposal
from earmark.tagging.propose import Rules as TagRules
from earmark.tagging.propose import propose
from earmark.workers import WorkerPool, available_cores

MOST_FILES = 200
"""That one question may be about, so that an agent cannot keep a machine busy for days."""

MOST_SONGS = 500
MOST_SUSPECTS = 50


class Tools:
    """Answers questions about the songs of one library.

    Parameters
    ----------
    library_name
        Which library; None: the user's default.

    Examples
    --------
    >>> found = Tools("reference").similar(["#1"], n=3)
    >>> found["kind"], len(found["tracks"])
    ('similar', 3)
    """

    def __init__(self, library_name: str | None = None) -> None:
        self._library_name = library_name

    def classify(self, songs: Sequence[str]) -> dict[str, Any]:
        """Say what genre each of some sound files is.

        Parameters
        ----------
        songs
            Sound files, or folders of them; `MOST_FILES` in all.

        Raises
        ------
        EarmarkError
            They are too many, or the library cannot be used.
        """
        files = _files(songs)
        answers: list[dict[str, Any]] = []
        with self._open() as library, _workers(len(files)) as pool:
            classifier = Classifier(library)
            for path, found in Hearing(pool, library.spec).all(files):
                try:
                    if isinstance(found, EarmarkError):
                        raise found
                    answers.append(classifier.predict_found(path, found).to_json())
                except EarmarkError as error:
                    answers.append({"path": path, "problem": str(error)})
        return {"songs": answers}

    def similar(
        self,
        songs: Sequence[str],
        n: int = 20,
        unlike: Sequence[str] = (),
        genres: Sequence[str] = (),
        not_genres: Sequence[str] = (),
        *,
        words: Sequence[str] = (),
        not_words: Sequence[str] = (),
    ) -> dict[str, Any]:
        """List the tracks that sound most like some songs.

        Parameters
        ----------
        songs, unlike
            Sound files, or tracks of the library by name, title, "artist - title" or "#" and
            number; the list keeps away from those of ``unlike``.
        n
            How many.
        genres, not_genres
            Only tracks of these; none of those.
        words, not_words
            Only tracks that each of these words of the extractor picks; none that one of those
            does.

        Raises
        ------
        EarmarkError
            A song is unknown, or the list cannot be made.
        """
        _check(songs, n)
        with self._open() as library:
            found = Recommender(library).similar(
                songs_of(library, songs, cached=False),
                n,
                away=songs_of(library, unlike, cached=False),
                genres=genres,
                not_genres=not_genres,
                words=words,
                not_words=not_words,
            )
        return to_json("similar", found)

    def path(self, start: str, end: str, n: int = 10) -> dict[str, Any]:
        """Lead from one track to another in small, even steps.

        Parameters
        ----------
        start, end
            Tracks of the library, as for `similar`.
        n
            How many songs in all.

        Raises
        ------
        EarmarkError
            As for `similar`.
        """
        _check((start, end), n)
        with self._open() as library:
            ends = [track_of(library, name, cached=False) for name in (start, end)]
            return to_json("path", Recommender(library).path(ends[0], ends[1], n))

    def playlist(
        self,
        songs: Sequence[str] = (),
        genres: Sequence[str] = (),
        not_genres: Sequence[str] = (),
        minutes: float = 60.0,
        per_artist: int = 3,
        variety: float = 0.0,
        seed: int = 0,
        *,
        words: Sequence[str] = (),
        not_words: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Make a playlist in a smooth order; it is not written anywhere.

        Parameters
        ----------
        songs
            To start from, as for `similar`; without any, what is typical of ``genres`` and
            ``words`` is taken.
        genres, not_genres, words, not_words
            As for `similar`.
        minutes
            How long it is.
        per_artist
            At most so many songs of one artist; 0: no limit.
        variety, seed
            How much chance there is in it, from 0 to 1, and where chance starts.

        Raises
        ------
        EarmarkError
            As for `similar`.
        """
        _check(songs, 1)
        if not 0 < minutes <= 60 * 24 or per_artist < 0:
            raise RecommendError("a playlist has from 0 to 1440 minutes, per_artist is 0 or more")
        with self._open() as library:
            found = Recommender(library).playlist(
                songs_of(library, songs, cached=False),
                minutes=minutes,
                genres=genres,
                not_genres=not_genres,
                words=words,
                not_words=not_words,
                rules=Rules(per_artist=per_artist or None),
                variety=variety,
                seed=seed,
            )
        return to_json("playlist", found)

    def audit(self) -> dict[str, Any]:
        """Look for what is wrong with the library: copies, wrong labels, files that are gone.

        Raises
        ------
        EarmarkError
            It has too few labelled tracks.
        """
        with self._open() as library:
            data = load_evaluation_set(library, None)
        return audit(data).to_json(MOST_SUSPECTS)

    def plan_tags(
        self, songs: Sequence[str], min_confidence: float | None = None
    ) -> dict[str, Any]:
        """Propose genres for files that have none; nothing is written.

        Parameters
        ----------
        songs
            Sound files, or folders of them; `MOST_FILES` in all.
        min_confidence
            From which probability on; None: where the library is sure by itself.

        Returns
        -------
        ``proposals``, which are the lines of a plan that ``earmark tag --apply`` takes, and
        ``left``, files that nothing is proposed for, with the reason.

        Raises
        ------
        EarmarkError
            They are too many, or the library cannot be used.
        """
        files = [os.path.abspath(file) for file in _files(songs)]  # noqa: PTH100 - links stay
        roots = {file: os.path.dirname(file) for file in files}  # noqa: PTH120
        proposals: list[dict[str, Any]] = []
        left: list[dict[str, Any]] = []
        with self._open() as library, _workers(len(files)) as pool:
            rules = TagRules(min_confidence=min_confidence)
            hearing = Hearing(pool, library.spec)
            for found in propose(files, roots, pool, hearing, Classifier(library), rules):
                (proposals if isinstance(found, Proposal) else left).append(found.to_json())
        return {"proposals": proposals, "left": left}

    def _open(self) -> Library:
        return open_default(self._library_name, read_only=True)


def _workers(n_files: int) -> AbstractContextManager[WorkerPool]:
    return closing(WorkerPool(max(1, min(available_cores(), n_files))))


def _files(songs: Iterable[str]) -> list[str]:
    """Return the files that names stand for, each once.

    Raises
    ------
    RecommendError
        There are too many, or none.
    """
    files: dict[str, None] = {}
    for song in songs:
        below = [song]
        if os.path.isdir(song):  # noqa: PTH112 - takes any name
            below = sorted(map(str, sound_files(Path(song), [], Counter(), films=False)))
        files.update(dict.fromkeys(below))
    if not files:
        raise LibraryEmpty("there are no sound files there; name a file or another folder")
    if len(files) > MOST_FILES:
        raise RecommendError(
            f"these are {len(files)} files; ask about {MOST_FILES} at a time, or let a person run "
            "earmark on all"
        )
    return list(files)


def _check(songs: Sequence[str], n: int) -> None:
    if not 1 <= n <= MOST_SONGS:
        raise RecommendError(f"a list has from 1 to {MOST_SONGS} songs")
    if len(songs) > MOST_SONGS:
        raise RecommendError(f"name at most {MOST_SONGS} songs")
