"""The one object behind pages and API: library, classifier, worker processes, uploads and jobs."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark import extraction
from earmark.classify import Classifier, neighbors_of, segments_of
from earmark.errors import (
    Busy,
    Canceled,
    EarmarkError,
    LibraryEmpty,
    LibraryError,
    LibraryNotFound,
    LibraryReplaced,
    TrackNotFound,
    WorkerDied,
)
from earmark.extraction import as_listened
from earmark.library import Library, Track, open_default, user_library_path
from earmark.library.fitting import rows_of_song
from earmark.library.model import LARGEST_ID
from earmark.listen import Extracted
from earmark.neighbors import Parameters, count_artists
from earmark.prediction import Neighbor, Prediction
from earmark.web import analysis, answers
from earmark.web.config import Config
from earmark.web.jobs import Job, Jobs
from earmark.web.library_check import LibraryCheck
from earmark.web.lists import KeptRecommender
from earmark.web.metrics import Metrics
from earmark.web.music_folder import MusicFolder
from earmark.web.player_songs import PlayerSongs
from earmark.web.projection import ProjectionCache
from earmark.web.report import Report
from earmark.web.uploads import Uploads
from earmark.words import shown
from earmark.workers import Call, WorkerPool

logger = logging.getLogger(__name__)


class Service:
    """Everything that lives as long as the server.

    Parameters
    ----------
    config
        How it is set up.
    make_pool
        Makes the pool of worker processes; tests use others.

    Raises
    ------
    EarmarkError
        The library or the folder for uploads cannot be used.
    """

    def __init__(
        self, config: Config, *, make_pool: Callable[..., WorkerPool] = WorkerPool
    ) -> None:
        self.config = config
        self.metrics = Metrics()
        self.started = time.time()
        self._lock = threading.RLock()
        # Also the former ones: other threads may be reading them.
        self._held: list[Library] = []
        self._use(open_default(config.library))
        self.music = MusicFolder(config.music)
        self.uploads = Uploads(config.uploads)
        self.jobs = Jobs(config.job_lifetime)
        self.pool = make_pool(
            config.workers,
            queue=config.queue,
            limits=config.limits,
            # Pages come first when all cores are busy.
            nice=5,
        )
        self.pool.prepare(extraction.load, self.library.spec.to_json())

    def _use(self, library: Library) -> None:
        # First what may fail: an unusable library must not be taken up by half.
        check = LibraryCheck(library)
        classifier = Classifier(library, background=True)
        self.library, self.classifier, self.library_check = library, classifier, check
        self._held.append(library)
        self.projections = ProjectionCache(self.classifier.refresh)
        self.report = Report(library)
        self.recommender = KeptRecommender(library, check.require_whole)
        self.player_songs = PlayerSongs(library)

    def change_library(self, library: Library) -> None:
        """Go on with another library of the same feature extractor."""
        with self._lock:
            self._use(library)

    def check_library(self) -> None:
        """See that the library's file is still the one that was opened; for use before a change.

        Raises
        ------
        LibraryError
            It was deleted, another file is at its place, or it was found damaged.
        """
        with self._lock:
            self.library_check.require_whole()
            try:
                self.library.require_unchanged()
            except LibraryNotFound as error:
                raise LibraryNotFound(f"{error}, or start the server again") from error
            except LibraryReplaced as error:
                raise LibraryReplaced(
                    f"{error}: start the server again, so that it counts"
                ) from error

    def folders(self) -> list[Path]:
        """Return the folders of this machine that no answer names, the deepest first."""
        paths = [user_library_path().parent, self.uploads.folder]
        if "://" not in self.library.location:
            paths.append(Path(self.library.location).parent)
        if self.config.music is not None:
            paths.append(self.config.music)
        found = {form for path in paths for form in (path.absolute(), Path(os.path.realpath(path)))}
        return sorted(
            (path for path in found if path.name), key=lambda path: len(path.parts), reverse=True
        )

    def close(self) -> None:
        """End the worker processes, delete all uploads and let go of the library."""
        self.pool.close()
        self.uploads.close()
        # What the database keeps beside a library's file goes with the last who has it open.
        for library in self._held:
            library.close()

    # Songs

    def check_room(self) -> None:
        """Refuse a song that would find no place, before it is sent.

        Raises
        ------
        LibraryDamaged
            Something else than Earmark changed the library.
        Busy
            Too many songs wait.
        """
        self.library_check.require_whole()
        try:
            self.pool.check_room()
        except Busy:
            self.metrics.songs.labels("refused").inc()
            raise

    def submit_upload(self, save: Callable[[Path], object], name: str, *, picture: bool) -> Job:
        """Take up an uploaded song.

        Parameters
        ----------
        save
            Writes the upload to a path.
        name
            What the sender calls it; only ever shown.
        picture
            Whether waveform and timeline are wanted.

        Raises
        ------
        Busy
            Too many songs wait.
        """
        path = self.uploads.new()
        try:
            save(path)
            return self._submit(Job(name=name, file=path, upload=True, picture=picture))
        except BaseException:
            self.uploads.discard(path)
            raise

    def submit_path(self, path: str, *, picture: bool) -> Job:
        """Take up a song that lies under the folder of music.

        Raises
        ------
        NotAllowed
            There is no such folder, or the path leads out of it.
        AudioNotFound
            There is no such file.
        Busy
            Too many songs wait.
        """
        return self._submit(
            Job(
                name=shown(path),
                file=self.music.file(path),
                upload=False,
                picture=picture,
            )
        )

    def _submit(self, job: Job) -> Job:
        self.library_check.require_whole()
        try:
            call = job.call = self.pool.call(
                analysis.hear,
                str(job.file),
                self.library.spec.to_json(),
                self.config.max_duration,
                name=job.name,
            )
        except Busy:
            self.metrics.songs.labels("refused").inc()
            raise
        self.jobs.add(job)
        call.add_done_callback(partial(self._go_on, job, self._heard))
        return job

    def _go_on(self, job: Job, then: Callable[[Job, Any], bool], call: Call[Any]) -> None:
        """Take what a worker found; end the job where nothing more is to come."""
        error: EarmarkError | None = None
        try:
            if then(job, call.result()):
                return
        except EarmarkError as problem:
            error = problem
        except Exception:
            logger.exception("an answer was lost")
            error = WorkerDied("the analysis failed; try again", job.name)
        self._end(job, error)

    def _heard(self, job: Job, heard: analysis.Analyzed) -> bool:
        """Answer for a song, and ask for its picture; tell whether there will be one."""
        self._answer(job, heard)
        if not job.picture:
            return False
        call = job.call = self.pool.call(
            analysis.picture,
            str(job.file),
            self.library.spec.to_json(),
            heard.extracted.duration,
            name=job.name,
            behind=True,
        )
        call.add_done_callback(partial(self._go_on, job, self._pictured))
        if job.canceled:
            call.cancel()
        return True

    def _pictured(self, job: Job, picture: analysis.Picture) -> bool:
        """Take the picture of a song that is answered."""
        with self._lock:
            voter, snapshot = self.classifier.refresh()
        if job.prediction is not None:
            # Its own tracks vote on its parts if they did on the whole.
            hashes = job.prediction.content_hash, job.prediction.audio_hash
            itself = rows_of_song(self.library, voter, snapshot, *hashes)
            segments = segments_of(
                voter,
                picture.starts,
                picture.vectors,
                picture.step,
                exclude=None if job.taught else itself,
            )
            job.timeline = answers.until_the_end(segments, job.prediction.duration)
        job.peaks = picture.peaks
        return False

    def _answer(self, job: Job, found: analysis.Analyzed) -> None:
        job.heard = found
        prediction = self._vote(job, found)
        outcome = "unsure" if prediction.abstained else "answered"
        self.metrics.songs.labels(outcome).inc()
        self.metrics.song_seconds.observe(time.time() - job.created)
        job.answered.set()

    def renew(self, job: Job) -> None:
        """Vote again on a song that was answered before the library was last changed."""
        with self._lock:
            now = self.library.location, self.library.revision
            if job.heard is not None and job.prediction is not None and job.revision != now:
                self._vote(job, job.heard)

    def _vote(self, job: Job, found: analysis.Analyzed) -> Prediction:
        """Let the library vote on a song that was heard, and keep what it says with the job."""
        looked, extracted = found.looked, found.extracted
        job.artist, job.title = looked.artist, looked.title
        heard = as_listened(job.name, extracted)
        with self._lock:
            held = self.library.find_hash(looked.content_hash)
            if looked.audio_hash is not None:
                held = held or self.library.find_audio_hash(looked.audio_hash)
            taught = [track for track in held if track.taught]
            revision = self.library.location, self.library.revision
            voted = None
            if taught:
                with contextlib.suppress(LibraryEmpty):
                    voted = self._predict(heard, looked, include_self=False)
            # A recording that somebody labelled by hand does count as its own neighbor.
            prediction = self._predict(heard, looked, include_self=bool(taught))
            if taught and taught[-1].genre is not None:
                prediction = answers.told(prediction, taught[-1].genre)
            job.prediction, job.voted, job.revision = prediction, voted, revision
            job.taught = bool(taught)
            job.place = self.projections.place(heard.vector)
        return prediction

    def _predict(
        self, heard: Extracted, looked: extraction.Looked, *, include_self: bool
    ) -> Prediction:
        self.classifier.include_self = include_self
        return self.classifier.predict_heard(heard, looked.content_hash, looked.audio_hash)

    def _end(self, job: Job, error: EarmarkError | None) -> None:
        """End a job, with what went wrong, and delete its upload."""
        if job.upload:
            self.uploads.discard(job.file)
        job.error = error
        if error is None:
            job.outcome = "done"
        elif isinstance(error, Canceled):
            job.outcome = "canceled"
            self.metrics.songs.labels("canceled").inc()
        else:
            job.outcome = "failed"
            self.metrics.songs.labels("failed").inc()
        job.ended = time.time()
        job.answered.set()
        job.finished.set()

    def wait(self, job: Job, *, gone: Callable[[], bool] | None = None) -> Prediction:
        """Wait for the answer of a job.

        Parameters
        ----------
        job
            The job.
        gone
            Says whether the client went away; then the job is canceled.

        Raises
        ------
        EarmarkError
            What went wrong.
        """
        # Delete an upload that is not to be kept before its answer is visible; its waveform may
        # come later.
        ready = job.answered if job.picture else job.finished
        while not ready.wait(0.5):
            if gone is not None and gone():
                self.cancel(job)
        if job.prediction is not None:
            return job.prediction
        raise job.error or Canceled("called off", job.name)

    def cancel(self, job: Job) -> None:
        """Call a job off, if it is not done."""
        job.canceled = True
        if job.call is not None:
            job.call.cancel()

    # The library

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
        self.library_check.require_whole()
        projection = self.projections.current()
        snapshot = projection.snapshot
        itself = rows_of_song(
            self.library, projection.voter, snapshot, content_hash or "", audio_hash
        )
        distances, rows = projection.voter.kneighbors(vector[None], k, exclude=[itself])
        return neighbors_of(self.library, snapshot, rows[0], distances[0])

    def get_track(self, track_id: int) -> Track:
        """Return a track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        if track_id > LARGEST_ID:
            raise TrackNotFound(f"{self.library.location}: has no track {track_id}")
        return self.library.get(track_id)

    def describe_library(self) -> dict[str, Any]:
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

    def is_ready(self) -> bool:
        """Whether songs can be answered now."""
        try:
            self.library_check.require_whole()
            return self.pool.started > 0 and self.library.count(labelled=True) > 0
        except LibraryError:
            return False
