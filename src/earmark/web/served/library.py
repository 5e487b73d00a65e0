"""A library that is served, with what is made of it: its vote, its map, its report, its lists."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classify import Classifier, neighbors_of, segments_of
from earmark.errors import (
    LibraryEmpty,
    LibraryError,
    LibraryNotFound,
    LibraryReplaced,
    TrackNotFound,
)
from earmark.extraction import Looked, as_listened
from earmark.library import Library, Snapshot, Track
from earmark.library.fitting import rows_of_song
from earmark.library.model import LARGEST_ID
from earmark.neighbors import Parameters, count_artists
from earmark.prediction import Neighbor
from earmark.web.served.library_check import LibraryCheck
from earmark.web.served.player_songs import PlayerSongs
from earmark.web.served.projection import ProjectionCache
from earmark.web.served.recommender import KeptRecommender
from earmark.web.served.report import Report
from earmark.web.served.typical_distances import TypicalDistances, typical_distances
from earmark.web.songs.analysis import Analyzed, Picture
from earmark.web.songs.answers import Answer, Timeline, told, until_the_end


class ServedLibrary:
    """One library of a server. What is made of it follows the library when that changes.

    Parameters
    ----------
    library
        Open.
    after
        What it goes on from, of which it is a copy: songs that were answered by that one are
        answered by this one from now on.

    Raises
    ------
    LibraryError
        It cannot answer for songs.
    """

    def __init__(self, library: Library, after: ServedLibrary | None = None) -> None:
        self._origin: object = object() if after is None else after._origin
        self.check = LibraryCheck(library)
        self.library = library
        self.report = Report(library)
        self.recommender = KeptRecommender(library, self.check.require_whole)
        self.player_songs = PlayerSongs(library)
        self._classifier = Classifier(library, background=True)
        self.projections = ProjectionCache(self._classifier.refresh)
        self._lock = threading.Lock()
        self._typical: tuple[Snapshot, TypicalDistances | None] | None = None

    @property
    def revision(self) -> tuple[str, int]:
        """Which library it is, and how often it was changed."""
        return self.library.location, self.library.revision

    def goes_on_from(self, other: ServedLibrary) -> bool:
        """Whether songs that another one answered are answered by this one from now on."""
        return self._origin is other._origin

    def require_unchanged(self) -> None:
        """See that the library's file is still the one that was opened; for use before a change.

        Raises
        ------
        LibraryError
            It was deleted, another file is at its place, or it was found damaged.
        """
        self.check.require_whole()
        try:
            self.library.require_unchanged()
        except LibraryNotFound as error:
            raise LibraryNotFound(f"{error}, or start the server again") from error
        except LibraryReplaced as error:
            raise LibraryReplaced(f"{error}: start the server again, so that it counts") from error

    def can_answer(self) -> bool:
        """Whether it is whole and has tracks to compare with."""
        try:
            self.check.require_whole()
            return self.library.count(labelled=True) > 0
        except LibraryError:
            return False

    # Songs

    def vote(self, name: str, analyzed: Analyzed) -> Answer:
        """Answer for a song that was heard.

        Raises
        ------
        LibraryEmpty
            The library has no labelled tracks.
        """
        looked, heard = analyzed.looked, as_listened(name, analyzed.extracted)
        hashes = looked.content_hash, looked.audio_hash
        # What is known of the song and what it is compared with are of one revision.
        with self._lock:
            revision = self.revision
            taught = [track for track in self.tracks_of(looked) if track.taught]
            voted = None
            if taught:
                with contextlib.suppress(LibraryEmpty):
                    voted = self._classifier.predict_heard(heard, *hashes, include_self=False)
            # A recording that somebody labelled by hand does count as its own neighbor.
            prediction = self._classifier.predict_heard(heard, *hashes, include_self=bool(taught))
            if taught and taught[-1].genre is not None:
                prediction = told(prediction, taught[-1].genre)
        # Outside of the lock: for the first one, or after a change, the map is made.
        place = self.projections.place(heard.vector)
        return Answer(analyzed, prediction, revision, bool(taught), voted, place)

    def follow(self, answer: Answer, picture: Picture) -> Timeline:
        """Say what the segments of a song that is answered are like."""
        voter, snapshot = self._classifier.refresh()
        # Its own tracks vote on its parts if they did on the whole.
        hashes = answer.prediction.content_hash, answer.prediction.audio_hash
        segments = segments_of(
            voter,
            picture.starts,
            picture.vectors,
            picture.step,
            exclude=None if answer.taught else rows_of_song(self.library, voter, snapshot, *hashes),
        )
        return Timeline(picture.peaks, until_the_end(segments, answer.prediction.duration))

    def tracks_of(self, looked: Looked) -> list[Track]:
        """Return the tracks of the same file as a song, or else of the same sound."""
        held = self.library.find_hash(looked.content_hash)
        if not held and looked.audio_hash is not None:
            held = self.library.find_audio_hash(looked.audio_hash)
        return held

    # Tracks

    def nearest(
        self,
        vector: NDArray[np.floating],
        k: int,
        content_hash: str | None,
        audio_hash: str | None = None,
    ) -> tuple[Neighbor, ...]:
        """Return the k tracks nearest to a vector [d], without those of the same recording.

        Raises
        ------
        LibraryEmpty
            The library has no labelled tracks.
        """
        self.check.require_whole()
        voter, snapshot = self._classifier.refresh()
        itself = rows_of_song(self.library, voter, snapshot, content_hash or "", audio_hash)
        distances, rows = voter.kneighbors(vector[None], k, exclude=[itself])
        return neighbors_of(self.library, snapshot, rows[0], distances[0])

    def typical_distances(self) -> TypicalDistances | None:
        """Return what is near and what is far among the tracks as they are now."""
        voter, snapshot = self._classifier.refresh()
        if self._typical is None or self._typical[0] is not snapshot:
            self._typical = snapshot, typical_distances(voter, snapshot)
        return self._typical[1]

    def track(self, track_id: int) -> Track:
        """Return a track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        if track_id > LARGEST_ID:
            raise TrackNotFound(f"{self.library.location}: has no track {track_id}")
        return self.library.get(track_id)

    def describe(self) -> dict[str, Any]:
        """Return what the library holds, as JSON values."""
        library = self.library
        stored = library.fitted()
        comparison = library.spec.comparison
        parameters = None if stored is None else Parameters.from_bytes(stored.blob, comparison)
        genres = library.genres()
        return {
            "name": library.name,
            "extractor": library.spec.name,
            "extractor_version": library.spec.version,
            "metric": library.spec.similarity,
            "dimension": library.spec.dimension,
            "tracks": library.count(),
            "labelled": library.count(labelled=True),
            "taught": library.count(taught=True),
            "artists": count_artists(library.artists()),
            "genres": genres,
            "parameters": {} if parameters is None else parameters.describe(),
            "writable": not library.read_only,
            "revision": library.revision,
        }
