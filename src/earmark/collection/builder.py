"""From a collection to a library: hears what is new, and keeps what is known.

A build has four stages. *Scan*: a file whose path, size and time are those of a track is not even
opened. *Recognize*: a worker looks at the bytes; a file that was moved or tagged anew, or a second
copy, is known by them and not heard again. *Listen*: a worker hears the file. *Record*: what was
heard is written, many files at a time, but at once, so that a build that ends early, in whichever
way, goes on where it stopped.

What a library holds in the end depends only on the files, not on the order in which workers finish.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from earmark import extraction
from earmark.audio import MAX_DURATION
from earmark.cluster import ClusterExecutor
from earmark.collection import originals
from earmark.collection.changes import Changes, is_there, is_unchanged
from earmark.collection.labelled_files import Collection, LabelledFile, Problem
from earmark.collection.report import BuildReport
from earmark.collection.under_way import Done, Failed, UnderWay
from earmark.extraction import Extracted, Looked
from earmark.library import Library, Track
from earmark.library.fitting import refit
from earmark.workers import Limits, WorkerPool, available_cores

ProgressCallback = Callable[[BuildReport], None]

TELL_EVERY = 1.0
"""Seconds after which progress is told also when nothing was done: the clock goes on."""

SEGMENTS_A_TRACK = 4
"""So many segments of a track are kept, by which the vote is fitted to short songs."""

BATCH = 64
BATCH_SECONDS = 0.5
"""Tracks are recorded when so many were heard, or so long after the first of them."""


def build(
    library: Library,
    collection: Collection,
    *,
    executor: Executor | None = None,
    jobs: int | None = None,
    limits: Limits | None = None,
    max_duration: float = MAX_DURATION,
    prune: bool = False,
    progress: ProgressCallback | None = None,
) -> BuildReport:
    """Bring a library in line with a collection, hearing only what it does not know.

    Tracks whose genre was taught by hand keep it. Files whose path, size and time are those of a
    track are not opened. Two files of the same sound and genre are one track, that of the file
    which is rather the original (see `earmark.collection.originals.rank`); with different genres
    they are two.

    Parameters
    ----------
    library
        Open for writing, with an extractor of `earmark.features`.
    collection
        From `scan_folder`, `scan_tags`, `scan_unlabelled` or `read_manifest`.
    executor
        Runs the work, such as an `earmark.cluster.ClusterExecutor`; by default worker processes of
        this machine.
    jobs
        How many files to work on at a time, by default one a core; a cluster knows it by itself.
    limits
        What one file may take of a worker process; not used with an executor.
    max_duration
        The longest recording that is accepted, in seconds.
    prune
        Take out tracks whose files are no longer in the collection: below its folder, or, for a
        manifest, anywhere. Tracks without a path stay.
    progress
        Called with the report so far, whenever something was done, and about every second.

    Returns
    -------
    BuildReport
        What was done.

    Raises
    ------
    LibraryError
        The library cannot be written; what was done before stays.
    CollectionError, ClusterError, WorkersDoNotStart
        The executor takes no more work; worker processes do not start.
    KeyboardInterrupt
        As it comes; what was done before stays, and the workers are ended.

    Examples
    --------
    >>> from earmark.collection import open_for_build, scan_folder
    >>> from earmark.testing import make_music
    >>> music = make_music("music", genres=["hum", "melody"], each=2)
    >>> with open_for_build("built.earmark", "mfcc") as library:
    ...     report = build(library, scan_folder(music), jobs=1)
    ...     library.genres()
    {'hum': 2, 'melody': 2}
    >>> report.problems
    []
    """
    jobs = jobs or available_cores()
    run = _Build(library, collection, progress or _silent, max_duration)
    began = time.monotonic()
    run.scan()
    if run.new:
        with _workers(library, executor, min(jobs, len(run.new)), limits) as workers:
            run.work(UnderWay(workers, _room(workers, 2 * jobs + 2)))
    run.settle_missing(prune)
    if library.genres() and (run.changes.made or library.fitted() is None):
        refit(library)
    run.report.seconds = time.monotonic() - began
    run.report.problems.sort(key=lambda problem: problem.path)
    run.report.warnings.sort(key=lambda warning: warning.path)
    run.report.duplicates.sort()
    return run.report


def _silent(report: BuildReport) -> None:
    pass


@contextmanager
def _workers(
    library: Library, executor: Executor | None, jobs: int, limits: Limits | None
) -> Iterator[Executor]:
    """Give what runs the work; worker processes of our own are ended in any case."""
    if executor is not None:
        if isinstance(executor, ClusterExecutor):
            executor.prepare(extraction.load, library.spec.to_json())
        yield executor
        return
    pool = WorkerPool(jobs, limits=limits)
    try:
        pool.prepare(extraction.load, library.spec.to_json())
        yield pool
    finally:
        pool.close()


def _room(workers: Executor, room: int) -> Callable[[], int]:
    """Return what says how many calls to hand over at a time."""
    if isinstance(workers, ClusterExecutor):
        return lambda: workers.room
    return lambda: room


class _Build:
    """One build under way."""

    def __init__(
        self,
        library: Library,
        collection: Collection,
        progress: ProgressCallback,
        max_duration: float,
    ) -> None:
        self.library = library
        self.max_duration = max_duration
        self.collection = collection
        self.progress = progress
        self.report = BuildReport(
            total=len(collection.files),
            problems=list(collection.problems),
            passed_over=dict(collection.passed_over),
        )
        for left in collection.left_out:
            self.report.left_out.setdefault(left.reason, []).append(left.path)
        self.changes = Changes(library)
        self.files = {file.path: file for file in collection.files}
        self.new: list[LabelledFile] = []
        # What was seen of each file, and the files of each recording that is being heard; the
        # first of them is the one that a worker has.
        self.looked: dict[str, Looked] = {}
        self.pending: dict[str, list[str]] = {}
        # Files that are still to be looked at, and files that wait for one of them.
        self.unseen: set[str] = set()
        self.waiting: dict[str, list[str]] = {}
        # Heard, and not yet recorded.
        self.heard: list[tuple[str, Extracted]] = []
        self.heard_since = 0.0
        # Tracks whose files are unchanged, but of which it is not known what sound they hold.
        self.unknown: dict[str, Track] = {}

    # Scan

    def scan(self) -> None:
        """Pass over what has not changed since it was heard."""
        revision = self.library.revision
        tracks = self.library.tracks()
        self.changes.learn(tracks, revision)
        known = {track.path: track for track in tracks if track.path is not None}
        for file in self.collection.files:
            track = known.get(file.path)
            if track is None or not is_unchanged(track, file.path):
                self.new.append(file)
                self.report.bytes_total += _size(file.path)
                continue
            if self.changes.relabel(track, file):
                self.report.relabeled += 1
            if track.audio_hash is None:
                self.unknown[file.path] = track
                self.new.append(file)
            else:
                self.report.unchanged += 1
        self.progress(self.report)

    def work(self, calls: UnderWay) -> None:
        """Look at and hear everything new, writing down each result as it comes."""
        waiting = iter(self.new)
        exhausted = False
        self.unseen = {file.path for file in self.new}
        try:
            while not (exhausted and calls.idle and not self.heard):
                while not exhausted and calls.has_room:
                    file = next(waiting, None)
                    exhausted = file is None
                    if file is not None:
                        calls.submit(file.path, extraction.look, file.path)
                self._take(calls.results(self._patience), calls)
                if self.heard and (self._patience == 0 or calls.idle or len(self.heard) >= BATCH):
                    self._record(calls)
                self.report.under_way = calls.names
                self.progress(self.report)
        except BaseException:
            # What was heard is not lost, whatever ends the build.
            self._record(calls)
            raise
        finally:
            calls.cancel()

    @property
    def _patience(self) -> float:
        """How many seconds to wait for the next result."""
        if not self.heard:
            return TELL_EVERY
        return max(0.0, self.heard_since + BATCH_SECONDS - time.monotonic())

    def _take(self, results: list[Done | Failed], calls: UnderWay) -> None:
        for result in results:
            self.unseen.discard(result.path)
            match result:
                case Failed(path=path):
                    if path not in self.unknown:
                        self._failed(result, calls)
                    else:
                        # It was heard before; only what else it holds remains unknown.
                        self._settle_unknown(path, None)
                case Done(path=path, result=Looked() as looked):
                    self._recognize_or_listen(path, looked, calls)
                case Done(path=path, result=extracted):
                    if not self.heard:
                        self.heard_since = time.monotonic()
                    self.heard.append((path, extracted))
            for path in self.waiting.pop(result.path, []):
                self._recognize_or_listen(path, self.looked[path], calls)

    def _finish(self, path: str) -> None:
        self.report.bytes_done += self.looked[path].size if path in self.looked else 0

    # Recognize

    def _recognize_or_listen(self, path: str, looked: Looked, calls: UnderWay) -> None:
        self.looked[path] = looked
        if path in self.unknown:
            self._settle_unknown(path, looked)
            return
        if looked.recording in self.pending:
            self.pending[looked.recording].append(path)
        elif (other := self._undecided(looked)) is not None:
            self.waiting.setdefault(other, []).append(path)
        elif self._recognize(path):
            self._finish(path)
        else:
            self.pending[looked.recording] = [path]
            self._listen(path, calls)

    def _settle_unknown(self, path: str, looked: Looked | None) -> None:
        """Note what sound a track of an older library holds, whose file is unchanged."""
        track = self.unknown.pop(path)
        self.report.unchanged += 1
        held = looked is not None and looked.content_hash == track.content_hash
        if held and looked is not None and track.id is not None:
            self.changes.identify(track.id, looked.audio_hash)

    def _undecided(self, looked: Looked) -> str | None:
        """Return the file of a track of the same recording which may hold another one by now."""
        for track in self.changes.known(looked):
            path = track.path
            if path in self.unseen and is_there(path) and not is_unchanged(track, path):
                return path
        return None

    def _holds(self, track: Track, recording: str) -> bool:
        """Tell whether the file of a track still is there and holds that recording."""
        seen = self.looked.get(track.path or "")
        return is_there(track.path) and (seen is None or seen.recording == recording)

    def _recognize(self, path: str) -> bool:
        """Deal with a file whose recording the library knows; tell whether it does."""
        looked, file = self.looked[path], self.files[path]
        tracks = self.changes.known(looked)
        if not tracks:
            return False
        here = next((track for track in tracks if track.path == path), None)
        if here is not None:
            self.changes.relabel(here, file, looked)
            self.report.recognized += 1
            return True
        tracks.sort(key=lambda track: (track.genre != file.genre, track.path or ""))
        there = [track for track in tracks if self._holds(track, looked.recording)]
        # A file or track without a genre is not said to be of another one.
        same = next(
            (
                track
                for track in there
                if None in (file.genre, track.genre) or track.genre == file.genre
            ),
            None,
        )
        if same is not None and same.path is not None:
            kept, left = sorted((path, same.path), key=originals.rank)
            if kept == path:
                self.changes.leave(path)
                self.changes.relabel(same, file, looked, moved=True)
            elif same.genre is None and file.genre is not None:
                labels = LabelledFile(same.path, file.genre, other_genres=file.other_genres)
                self.changes.relabel(same, labels)
            self.report.duplicates.append((left, kept))
            return True
        gone = next((track for track in tracks if track not in there), None)
        if gone is not None:
            self.changes.leave(path)
            self.changes.relabel(gone, file, looked, moved=True)
        else:
            like = tracks[0]
            like_id = like.id or 0
            vector = self.library.vector(like_id)
            track = self.changes.track_of(file, looked, like.duration, like.artist, like.title)
            self.changes.add([track], [vector], [self.library.segments([like_id]).get(like_id)])
        self.report.recognized += 1
        return True

    # Listen

    def _listen(self, path: str, calls: UnderWay) -> None:
        spec = self.library.spec.to_json()
        asked = path, spec, self.max_duration, SEGMENTS_A_TRACK
        calls.submit(path, extraction.extract, *asked)

    def _failed(self, failed: Failed, calls: UnderWay) -> None:
        self.report.problems.append(Problem(failed.path, failed.reason))
        self.report.failed += 1
        self._finish(failed.path)
        looked = self.looked.get(failed.path)
        if looked is None:
            return
        # Another file of the same sound is tried by itself: its name may tell a decoder more.
        files = self.pending.pop(looked.recording, [])
        rest = [path for path in files if path != failed.path]
        if rest:
            self.pending[looked.recording] = rest
            self._listen(rest[0], calls)

    # Record

    def _record(self, calls: UnderWay) -> None:
        """Write down files that were heard, all of them at once, then others of the same sound."""
        heard, self.heard = self.heard, []
        found: list[tuple[Track, Extracted]] = []
        copies: list[str] = []
        for path, extracted in heard:
            looked = self.looked[path]
            if not is_unchanged(looked, path):
                self._failed(Failed(path, "changed while it was read; build again"), calls)
                continue
            _, *others = self.pending.pop(looked.recording)
            track = self.changes.track_of(self.files[path], looked, extracted.duration)
            found.append((track, extracted))
            self.report.warnings += [Problem(path, warning) for warning in extracted.warnings]
            copies += others
            self._finish(path)
        if found:
            self.changes.add(
                [track for track, _ in found],
                [extracted.vector for _, extracted in found],
                [extracted.segments for _, extracted in found],
            )
        self.report.heard += len(found)
        for path in copies:
            self._recognize(path)
            self._finish(path)

    # What is gone

    def settle_missing(self, prune: bool) -> None:
        """Count the tracks whose files were not found, and take them out if that is asked for."""
        covers = self.collection.covers
        missing = [
            track
            for track in self.library.tracks()
            if track.path is not None
            and track.path not in self.files
            and (covers is None or Path(track.path).is_relative_to(covers))
        ]
        if not prune:
            self.report.missing = sum(not is_there(track.path) for track in missing)
            return
        if not self.collection.complete:
            self.report.problems.append(
                Problem(
                    self.collection.source, "was not looked through whole, so nothing is pruned"
                )
            )
            return
        ids = [track.id for track in missing if track.id is not None]
        if ids:
            self.changes.remove(ids)
        self.report.pruned = len(ids)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
