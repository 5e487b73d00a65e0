"""A song and a library → a prediction: joins listening, the library and its vote."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.audio import MAX_DURATION
from earmark.errors import EarmarkError, ExtractorNotFound, LibraryExtractor
from earmark.extraction import as_listened, look
from earmark.features import (
    FOREIGN,
    ExtractorSpec,
    FeatureExtractor,
    Segments,
    Vector,
    get_extractor,
)
from earmark.library import Library, Snapshot
from earmark.library.fitting import follow, kept_parameters, rows_of_song
from earmark.library.fitting import voter as library_voter
from earmark.listen import Extracted, PathLike, listen, listen_windows
from earmark.neighbors import Predictions, Voter, list_genres, with_parents
from earmark.neighbors.over_time import genre_path
from earmark.prediction import LEAST_SHARE, Neighbor, Prediction, Segment

if TYPE_CHECKING:
    from earmark.hearing import Found

N_TAGS_SHOWN = 5

PRICE_OF_CHANGE = 4.0
"""Of a change of genre within a song, as a logarithm of odds."""

LEAST_GAIN = 9.0
"""So much better several genres must explain a song than one, as a logarithm of odds, before it is
called mixed; `scripts/measure_mixed.py` measures what that leads to."""

FEWEST_SEGMENTS = 6
"""Of fewer segments nothing is said of a song's parts."""

logger = logging.getLogger(__name__)


class Classifier:
    """Answers for songs by one library.

    Parameters
    ----------
    library
        The labelled tracks.
    n_neighbors
        How many neighbors vote; None for what is fitted to the library.
    include_self
        Let tracks of the same file or the same sound as the song vote.
    providers
        ONNX Runtime's execution providers for the network; None is the processor.
    max_duration
        The longest recording that is accepted, in seconds.
    background
        Fit the vote anew in a thread where the library has changed too much for it, and answer by
        the old one until that is done; else the next answer waits for it.

    Raises
    ------
    LibraryExtractor
        The library's vectors were not made by a feature extractor of this version of Earmark.
    LibraryEmpty
        The library has no labelled tracks.

    Examples
    --------
    A song that the library holds already has no vote for itself:

    >>> from earmark.testing import make_library, make_music
    >>> music = make_music("music")
    >>> with make_library("tiny.earmark", music) as library:
    ...     prediction = Classifier(library).predict(music / "hum" / "hum-3.wav")
    >>> prediction.genre, "hum-3" in {near.track for near in prediction.neighbors}
    ('hum', False)
    """

    def __init__(
        self,
        library: Library,
        *,
        n_neighbors: int | None = None,
        include_self: bool = False,
        providers: Sequence[str] | None = None,
        max_duration: float = MAX_DURATION,
        background: bool = False,
    ) -> None:
        self.library = library
        self.max_duration = max_duration
        self.include_self = include_self
        self._n_neighbors = n_neighbors
        self.extractor = extractor_of(library, providers=providers)
        # One attribute, so that a thread never sees the voter of one state with another's tracks.
        self._current = self._load(library.snapshot())
        self._background = background
        self._lock = threading.Lock()
        self._fitting: threading.Thread | None = None
        self._failed_at = -1

    def _load(self, snapshot: Snapshot) -> tuple[Voter, Snapshot]:
        return library_voter(self.library, snapshot, n_neighbors=self._n_neighbors), snapshot

    def refresh(self) -> tuple[Voter, Snapshot]:
        """Take up changes of the library; return its vote and the tracks that it knows.

        A few changed tracks are put into the vote and taken out of it. Where it has to be fitted
        anew, in the background, its tracks are those of the library at once, and its probabilities
        and thresholds the former ones until that is done.
        """
        if self.library.revision != self._current[1].revision:
            with self._lock:
                self._take_up(self.library.snapshot())
        return self._current

    def _take_up(self, snapshot: Snapshot) -> None:
        voter, known = self._current
        if snapshot.revision == known.revision:
            return
        parameters = (
            kept_parameters(self.library, snapshot, n_neighbors=self._n_neighbors)
            if len(snapshot)
            else None
        )
        fits = parameters == voter.parameters
        if not fits and not (self._background and len(snapshot)):
            self._current = self._load(snapshot)
            return
        self._current = follow(voter, known, snapshot), snapshot
        if not fits and self._fitting is None and self._failed_at != snapshot.revision:
            self._fitting = threading.Thread(
                target=self._fit, args=(snapshot,), name="earmark-fit", daemon=True
            )
            self._fitting.start()

    def _fit(self, snapshot: Snapshot) -> None:
        """Fit the vote to a snapshot and take it up; runs in a thread of its own."""
        loaded: tuple[Voter, Snapshot] | None = None
        try:
            loaded = self._load(snapshot)
        except EarmarkError:
            logger.exception("the vote cannot be fitted anew; the old one goes on")
        with self._lock:
            self._fitting = None
            if loaded is None:
                self._failed_at = snapshot.revision
                return
            newest = self._current[1]
            # Tracks that came while it was fitted are in the old vote already.
            self._current = follow(loaded[0], snapshot, newest), newest

    def settle(self, timeout: float | None = None) -> bool:
        """Wait until no vote is being fitted in the background; False if that takes too long.

        Parameters
        ----------
        timeout
            In seconds; None: as long as it takes.
        """
        fitting = self._fitting
        if fitting is not None:
            fitting.join(timeout)
            return not fitting.is_alive()
        return True

    def predict(self, path: PathLike) -> Prediction:
        """Answer for one file.

        Raises
        ------
        AudioError
            The file cannot be used.
        """
        looked = look(os.fspath(path))
        heard = listen(path, self.extractor, max_duration=self.max_duration)
        prediction = self.predict_heard(heard, looked.content_hash, looked.audio_hash)
        return replace(prediction, artist=looked.artist, title=looked.title)

    def predict_found(self, path: str, found: Found) -> Prediction:
        """Answer for a file that workers heard, with the artist and title of its tags."""
        looked = found.looked
        heard = as_listened(path, found.extracted)
        prediction = self.predict_heard(heard, looked.content_hash, looked.audio_hash)
        return replace(prediction, artist=looked.artist, title=looked.title)

    def predict_heard(
        self,
        heard: Extracted,
        content_hash: str,
        audio_hash: str | None = None,
        *,
        include_self: bool | None = None,
    ) -> Prediction:
        """Answer for a file that was listened to already.

        Parameters
        ----------
        heard
            What listening to it gave.
        content_hash, audio_hash
            Of the file and of the sound in it, as :func:`earmark.listen.identify` gives them: by
            both the song's own tracks are found, which have no vote, nor have copies of them.
        include_self
            Let them vote, for this song only; None: as it is set for the classifier.
        """
        began = time.perf_counter()
        voter, snapshot = self.refresh()
        excluded = None
        if not (self.include_self if include_self is None else include_self):
            excluded = [rows_of_song(self.library, voter, snapshot, content_hash, audio_hash)]
        answers = voter.predict(
            heard.vector[None], exclude=excluded, seconds=np.array([heard.heard])
        )
        ranked = np.argsort(-answers.probabilities[0], kind="stable")
        winner = answers.winners[0]
        # Of genres with equal votes the winner stands first, not the first of the alphabet.
        ranked = np.concatenate([[winner], ranked[ranked != winner]])
        names = answers.genre_names
        mixed, shares = False, dict[str, float]()
        if heard.segments is not None and len(heard.segments) >= FEWEST_SEGMENTS:
            exclude = excluded[0] if excluded else None
            # As a library and the cache keep them, so that a song has one answer.
            kept = heard.segments.vectors.astype(self.extractor.spec.dtype)
            segments = replace(heard.segments, vectors=kept)
            mixed, shares = shares_of(voter, segments, heard.duration, exclude=exclude)
        return Prediction(
            path=os.fspath(heard.path),
            genre=names[winner],
            confidence=float(answers.confidence[0]),
            probabilities={
                answers.genre_names[i]: float(answers.probabilities[0, i]) for i in ranked
            },
            neighbors=neighbors_of(
                self.library, snapshot, answers.neighbors[0], answers.distances[0]
            ),
            abstained=bool(answers.abstained[0]),
            unlike=bool(answers.unlike[0]),
            reason=answers.reasons[0],
            prediction_set=tuple(names[i] for i in ranked if answers.sets[0, i]),
            coverage=answers.coverage,
            tags=_words(self.extractor.spec, heard.vector),
            seconds=heard.seconds + time.perf_counter() - began,
            duration=heard.duration,
            heard=heard.heard,
            mixed=mixed,
            shares=shares,
            warnings=heard.warnings,
            content_hash=content_hash,
            audio_hash=audio_hash,
            vector=heard.vector,
            genres=_listed(answers, voter, snapshot),
        )

    def timeline(self, path: PathLike, step: float = 5.0) -> list[Segment]:
        """Return what each segment of ``step`` seconds of a file sounds like."""
        return self.segments(*listen_windows(path, self.extractor, step=step), step=step)

    def segments(
        self, starts: NDArray[np.float64], vectors: NDArray[np.floating], *, step: float
    ) -> list[Segment]:
        """Return what segments that were listened to already sound like."""
        voter, _ = self.refresh()
        return segments_of(voter, starts, vectors, step)


def _listed(answers: Predictions, voter: Voter, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the genres that one song is said to be of; none where a track has one at most."""
    sets = snapshot.label_sets
    if sets is None:
        return ()
    listed, own, winners = list_genres(answers, sets, voter.parameters)
    return sets.ordered(listed[0], own[0], int(winners[0]))


def _words(spec: ExtractorSpec, vector: Vector) -> tuple[tuple[str, float], ...]:
    """Return the words of an extractor that are strongest in a vector [d], strongest first."""
    strongest = np.argsort(-vector[: len(spec.words)], kind="stable")[:N_TAGS_SHOWN]
    return tuple((spec.words[i], float(vector[i])) for i in strongest)


def shares_of(
    voter: Voter,
    segments: Segments,
    duration: float,
    *,
    exclude: NDArray[np.intp] | None = None,
    least_gain: float = LEAST_GAIN,
) -> tuple[bool, dict[str, float]]:
    """Return whether a song is several things, and which share of its time is of which genre.

    A segment stands for the time that is nearer to it than to others. The largest share is first.

    Parameters
    ----------
    voter
        Answers for each segment.
    segments
        What was heard of the song.
    duration
        Of the song, in seconds.
    exclude
        Tracks that have no vote.
    least_gain
        By which several genres must explain it better than one.
    """
    answers = voter.predict(
        segments.vectors,
        exclude=None if exclude is None else [exclude] * len(segments),
        seconds=segments.stops - segments.starts,
    )
    path, gain = genre_path(answers.probabilities, price=PRICE_OF_CHANGE)
    middles = (segments.starts + segments.stops) / 2
    edges = np.concatenate([[0.0], (middles[1:] + middles[:-1]) / 2, [duration]])
    times = np.bincount(path, weights=np.diff(edges), minlength=len(answers.genre_names))
    shares = times / times.sum()
    mixed = gain >= least_gain and bool(shares.max() <= 1 - LEAST_SHARE)
    ranked = np.argsort(-shares, kind="stable")
    return mixed, {answers.genre_names[i]: float(shares[i]) for i in ranked if shares[i] > 0}


def segments_of(
    voter: Voter,
    starts: NDArray[np.floating],
    vectors: NDArray[np.floating],
    step: float,
    *,
    exclude: NDArray[np.intp] | None = None,
) -> list[Segment]:
    """Return what the parts of a song sound like.

    Parameters
    ----------
    voter
        Answers for each.
    starts, vectors
        Of the n parts: seconds [n] and vectors [n, d].
    step
        Seconds of a part.
    exclude
        Tracks that have no vote.

    Raises
    ------
    LibraryEmpty
        No other track may vote.
    """
    answers = voter.predict(
        vectors,
        exclude=None if exclude is None else [exclude] * len(vectors),
        seconds=np.full(len(vectors), step),
    )
    return [
        Segment(float(start), float(start + step), answers.genre_names[winner], float(confidence))
        for start, winner, confidence in zip(
            starts, answers.winners, answers.confidence, strict=True
        )
    ]


def extractor_of(library: Library, *, providers: Sequence[str] | None = None) -> FeatureExtractor:
    """Return the feature extractor whose vectors a library holds.

    Raises
    ------
    LibraryExtractor
        It is not here, or in another version only.
    """
    if library.spec.name == FOREIGN:
        raise LibraryExtractor(
            f"{library.location}: its vectors were imported, so it can be evaluated and searched, "
            "but not asked about sound files; choose another library with --library"
        )
    try:
        return get_extractor(library.spec, providers=providers)
    except ExtractorNotFound as error:
        raise LibraryExtractor(f"{library.location}: {error}") from error


def neighbors_of(
    library: Library,
    snapshot: Snapshot,
    rows: NDArray[np.intp],
    distances: NDArray[np.float64],
) -> tuple[Neighbor, ...]:
    """Return the tracks at rows [k] of a snapshot, without those that are infinitely far [k].

    One that another process took out of the library meanwhile is left out.
    """
    near = np.isfinite(distances)
    ids = snapshot.ids[rows[near]].tolist()
    tracks = library.get_many(ids)
    found = []
    for row, track_id, distance in zip(rows[near], ids, distances[near], strict=True):
        track = tracks.get(track_id)
        if track is not None:
            found.append(
                Neighbor(
                    track=track.name,
                    genre=snapshot.genres[row],
                    artist=track.artist,
                    title=track.title,
                    distance=float(distance),
                    track_id=track_id,
                    source=track,
                    genres=with_parents(track.genres, snapshot.taxonomy),
                )
            )
    return tuple(found)
