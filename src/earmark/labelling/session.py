"""A person labels a library: questions, answers, and steps back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark import corrections
from earmark.errors import LibraryEmpty
from earmark.labelling.choosing import Chooser
from earmark.library import Change, Library, Snapshot, Track
from earmark.recommend import catalog_of
from earmark.recommend.space import Space, label_free_measure

MOST_LOOKED_AT = 2_000
"""Tracks among which the next is looked for, and labelled ones that are known; a random part."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A genre that a song may be, with its share of the votes of labels so far, from 0 to 1."""

    genre: str
    share: float


@dataclass(frozen=True, slots=True)
class Question:
    """A track to ask about, and what it may be: every genre so far, the likeliest first."""

    track: Track
    guesses: tuple[Guess, ...]


class Session:
    """Asks about the tracks of a library that have no genre.

    Answers are written at once, as steps of the library's history. Tracks that people said to be
    no music have no genre either, but count as labelled by hand, and are not asked about again.

    Parameters
    ----------
    library
        Open for writing.
    seed
        Draws the tracks that are looked at where there are more than ``MOST_LOOKED_AT``.

    Raises
    ------
    LibraryEmpty
        It has no tracks.
    """

    def __init__(self, library: Library, *, seed: int = 0) -> None:
        self._library = library
        snapshot = library.snapshot(unlabelled=True)
        if not len(snapshot):
            raise LibraryEmpty(
                f"{library.location}: has no tracks; earmark build FOLDER --no-labels adds some"
            )
        rows = _looked_at(snapshot, np.random.default_rng(seed))
        self._ids = snapshot.ids[rows]
        self._rows = {int(track_id): row for row, track_id in enumerate(self._ids)}
        vectors = np.asarray(snapshot.vectors[rows])
        space = Space(label_free_measure(library.spec, vectors))
        everything = np.arange(len(rows))
        affinity = np.exp(-space.of_rows(everything)).astype(np.float32)
        catalog = catalog_of(library, snapshot)
        # What only sounds like a copy has little left to teach, but is asked about in the end.
        self._recordings = snapshot.recording_codes[rows]
        self._known = (affinity, catalog.artists[rows], catalog.albums[rows])
        self._skipped: set[int] = set()
        self._steps: list[tuple[int, Change | None]] = []
        self._chooser = self._choose()

    def _choose(self) -> Chooser:
        """Return a chooser that knows what the library knows now."""
        chooser = Chooser(*self._known)
        tracks = self._library.get_many(self._ids.tolist())
        for row, track_id in enumerate(self._ids.tolist()):
            track = tracks.get(track_id)
            if track is None or track_id in self._skipped or (track.taught and not track.genre):
                chooser.close([row])
            elif track.genre is not None:
                chooser.label(row, track.genre)
                chooser.close(self._copies(row))
        return chooser

    def _copies(self, row: int) -> NDArray[np.intp]:
        return np.flatnonzero(self._recordings == self._recordings[row])

    def question(self) -> Question | None:
        """Return the track whose genre teaches most; None where nothing is left to ask."""
        row = self._chooser.next()
        if row is None:
            return None
        track = self._library.get(int(self._ids[row]))
        guesses = self._chooser.guesses(row)
        return Question(track, tuple(Guess(genre, share) for genre, share in guesses))

    def questions(self, count: int) -> list[Question]:
        """Return several tracks to ask about at once, such as for another program."""
        found: list[Question] = []
        while len(found) < count and (question := self.question()) is not None:
            found.append(question)
            row = self._rows[int(question.track.id or 0)]
            # As if it had a genre of its own, so that the next is unlike it.
            self._chooser.label(row, f"\0{row}")
            self._chooser.close(self._copies(row))
        self._chooser = self._choose()
        return found

    @property
    def left(self) -> int:
        """How many tracks can be asked about."""
        return self._chooser.left

    @property
    def labelled(self) -> int:
        """How many songs got a genre in this session."""
        return sum(
            change is not None and change.after is not None and change.after.genre is not None
            for _, change in self._steps
        )

    def asks_about(self, track: Track) -> bool:
        """Tell whether a track is among those that are asked about."""
        return track.id in self._rows

    def answer(self, track: Track, genre: str) -> None:
        """Give a track its genre, which may be new.

        Raises
        ------
        LibraryError
            The library cannot be changed, or the track is no longer there.
        """
        change = corrections.relabel(self._library, track, {"genre": genre})
        self._took(track, change)
        row = self._rows[int(track.id or 0)]
        self._chooser.label(row, genre)
        self._chooser.close(self._copies(row))

    def not_music(self, track: Track) -> None:
        """Say that a track is no music: it never votes and is not asked about again.

        Raises
        ------
        LibraryError
            As for `answer`.
        """
        self._took(track, corrections.relabel(self._library, track, {"genre": None}))
        self._chooser.close(self._copies(self._rows[int(track.id or 0)]))

    def skip(self, track: Track) -> None:
        """Do not ask about a track in this session."""
        self._skipped.add(int(track.id or 0))
        self._took(track, None)
        self._chooser.close([self._rows[int(track.id or 0)]])

    def _took(self, track: Track, change: Change | None) -> None:
        self._steps.append((int(track.id or 0), change))

    def back(self) -> Track | None:
        """Take the last answer or skip back; return the track, None where there is none.

        Raises
        ------
        LibraryError
            The track was changed by somebody else since.
        """
        if not self._steps:
            return None
        track_id, change = self._steps[-1]
        if change is not None and change.id is not None:
            self._library.undo(change.id)
        self._steps.pop()
        self._skipped.discard(track_id)
        self._chooser = self._choose()
        return self._library.get(track_id)


def _looked_at(snapshot: Snapshot, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return rows of unlabelled and of labelled tracks, each at most so many, sorted."""
    unlabelled = np.flatnonzero(snapshot.genre_codes < 0)
    labelled = np.flatnonzero(snapshot.genre_codes >= 0)
    return np.sort(np.concatenate([_some(unlabelled, rng), _some(labelled, rng)]))


def _some(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    if len(rows) <= MOST_LOOKED_AT:
        return rows
    some: NDArray[np.intp] = rng.choice(rows, MOST_LOOKED_AT, replace=False)
    return some
