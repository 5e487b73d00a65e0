"""From a collection to a library: hears what is new, and keeps what is known.

A file goes through two stages, each in a worker process. First its bytes are looked at: a file
that was moved, or a second copy, is known by them and not heard again. Then it is heard. Whatever
is done is written at once, so that a build that ends early, in whichever way, goes on where it
stopped.

What a library holds in the end depends only on the files, not on the order in which workers finish.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from earmark.collection.pieces import Collection, Piece, Problem
from earmark.collection.pool import Crew, available_cores
from earmark.collection.report import BuildReport
from earmark.collection.worker import Failed, Hashed, Listened, hash_piece, listen_piece
from earmark.features import Vector
from earmark.library import Library, Track
from earmark.library.fitting import refit

ProgressCallback = Callable[[BuildReport], None]


def build(
    library: Library,
    collection: Collection,
    *,
    executor: Executor | None = None,
    jobs: int | None = None,
    prune: bool = False,
    progress: ProgressCallback | None = None,
) -> BuildReport:
    """Bring a library in line with a collection, hearing only what it does not know.

    Tracks whose genre was taught by hand keep it. Files whose path, size and time are those of a
    track are not opened. Two files of the same bytes and genre are one track, that of the path
    which sorts first; with different genres they are two.

    Parameters
    ----------
    library
        Open for writing, with an extractor of `earmark.features`.
    collection
        From `scan_folder` or `read_manifest`.
    executor
        Runs the work, such as a cluster's; by default worker processes of this machine, which must
        then be able to import the caller's main module without side effects.
    jobs
        How many files to work on at a time, by default one a core.
    prune
        Take out tracks whose files are no longer in the collection: below its folder, or, for a
        manifest, anywhere. Tracks without a path stay.
    progress
        Called with the report so far, whenever something was done.

    Returns
    -------
    BuildReport
        What was done.

    Raises
    ------
    LibraryError
        The library cannot be written; what was done before stays.
    CollectionError
        Worker processes do not start.
    KeyboardInterrupt
        As it comes; what was done before stays, and the workers are ended.
    """
    run = _Run(library, collection, progress or _silent)
    crew = Crew(jobs or available_cores(), executor)
    began = time.monotonic()
    try:
        run.sort_out()
        run.work(crew)
    except BaseException:
        crew.close(now=True)
        raise
    crew.close()
    run.settle_missing(prune)
    if library.genres() and (run.changed or library.fitted() is None):
        refit(library)
    run.report.seconds = time.monotonic() - began
    run.report.problems.sort(key=lambda problem: problem.path)
    run.report.warnings.sort(key=lambda warning: warning.path)
    run.report.duplicates.sort()
    return run.report


def _silent(report: BuildReport) -> None:
    pass


class _Run:
    """One build under way."""

    def __init__(
        self, library: Library, collection: Collection, progress: ProgressCallback
    ) -> None:
        self.library = library
        self.collection = collection
        self.progress = progress
        self.report = BuildReport(total=len(collection.pieces), problems=list(collection.problems))
        self.changed = False
        self.pieces = {piece.path: piece for piece in collection.pieces}
        self.new: list[Piece] = []
        # Bytes that are being heard, and the files that have them; the first one is heard.
        self.pending: dict[str, list[Hashed]] = {}
        self.hash_of: dict[str, str] = {}

    def sort_out(self) -> None:
        """Pass over what has not changed since it was heard."""
        known = {track.path: track for track in self.library.tracks() if track.path is not None}
        for piece in self.collection.pieces:
            track = known.get(piece.path)
            if track is None or not _is_unchanged(track, piece.path):
                self.new.append(piece)
                continue
            self.report.unchanged += 1
            if self._relabel(track, piece):
                self.report.relabeled += 1
        self.progress(self.report)

    def _relabel(self, track: Track, piece: Piece, **more: Any) -> bool:
        """Give a track what the collection says of it; tell whether that changed anything."""
        new = dataclasses.replace(
            track,
            genre=track.genre if track.taught else piece.genre,
            artist=piece.artist or track.artist,
            title=piece.title or track.title,
            **more,
        )
        changes = {
            name: getattr(new, name)
            for name in ("name", "genre", "artist", "title", "path", "size", "modified_ns")
            if getattr(new, name) != getattr(track, name)
        }
        if not changes or track.id is None:
            return False
        self.library.update(track.id, remember=False, **changes)
        self.changed = True
        return True

    def work(self, crew: Crew) -> None:
        """Look at and hear everything new, writing down each result as it comes."""
        waiting = iter(self.new)
        exhausted = not self.new
        while not (exhausted and crew.idle):
            while not exhausted and crew.room:
                piece = next(waiting, None)
                if piece is None:
                    exhausted = True
                else:
                    crew.submit(hash_piece, piece.path)
            heard: list[Listened] = []
            for result in crew.results():
                match result:
                    case Hashed():
                        self._hashed(result, crew)
                    case Listened():
                        heard.append(result)
                    case Failed():
                        self._failed(result, crew)
            if heard:
                self._record(heard, crew)
            self.progress(self.report)

    def _hashed(self, file: Hashed, crew: Crew) -> None:
        self.hash_of[file.path] = file.content_hash
        if file.content_hash in self.pending:
            self.pending[file.content_hash].append(file)
            return
        if not self._recognize(file):
            self.pending[file.content_hash] = [file]
            self._listen(file.path, crew)

    def _listen(self, path: str, crew: Crew) -> None:
        crew.submit(listen_piece, path, self.library.spec, {"threads": 1})

    def _failed(self, failed: Failed, crew: Crew) -> None:
        self.report.problems.append(Problem(failed.path, failed.reason))
        self.report.failed += 1
        # A file of the same bytes is tried by itself: its name may tell a decoder more.
        others = self.pending.pop(self.hash_of.get(failed.path, ""), [])
        rest = [file for file in others if file.path != failed.path]
        if rest:
            self.pending[rest[0].content_hash] = rest
            self._listen(rest[0].path, crew)

    def _recognize(self, file: Hashed) -> bool:
        """Deal with a file whose bytes the library knows; tell whether it does."""
        tracks = self.library.find_hash(file.content_hash)
        if not tracks:
            return False
        piece = self.pieces[file.path]
        where = {"size": file.size, "modified_ns": file.modified_ns}
        here = next((track for track in tracks if track.path == file.path), None)
        if here is not None:
            self._relabel(here, piece, **where)
            self.report.recognized += 1
            return True
        tracks.sort(key=lambda track: (track.genre != piece.genre, track.path or ""))
        gone = next((track for track in tracks if not _is_there(track.path)), None)
        if gone is not None:
            self._leave(piece.path)
            self._relabel(gone, piece, name=piece.name, path=piece.path, **where)
            self.report.recognized += 1
            return True
        same = next((track for track in tracks if piece.genre == track.genre), None)
        if same is None or same.path is None:
            self._add(piece, file, tracks[0], self.library.vector(tracks[0].id or 0))
            self.report.recognized += 1
            return True
        kept, left = sorted((file.path, same.path))
        if kept == file.path:
            self._leave(piece.path)
            self._relabel(same, piece, name=piece.name, path=piece.path, **where)
        self.report.duplicates.append((left, kept))
        return True

    def _leave(self, path: str) -> None:
        """Take out the track of a path whose file now has other bytes, those of another track."""
        old = self.library.find_path(path)
        if old is not None and old.id is not None:
            self.library.remove([old.id], remember=False)
            self.changed = True

    def _add(self, piece: Piece, file: Hashed, like: Track | Listened, vector: Vector) -> None:
        self._add_all([(piece, file, like, vector)])

    def _add_all(self, found: Sequence[tuple[Piece, Hashed, Track | Listened, Vector]]) -> None:
        tracks = []
        for piece, file, like, _ in found:
            # A file that was tagged or encoded anew is still what it was taught to be.
            old = self.library.find_path(piece.path)
            taught = old is not None and old.taught
            tracks.append(
                Track(
                    name=piece.name,
                    genre=old.genre if old is not None and taught else piece.genre,
                    taught=taught,
                    artist=piece.artist or like.artist,
                    title=piece.title or like.title,
                    path=piece.path,
                    content_hash=file.content_hash,
                    duration=like.duration,
                    size=file.size,
                    modified_ns=file.modified_ns,
                )
            )
        self.library.add(tracks, np.stack([vector for *_, vector in found]), remember=False)
        self.changed = True

    def _record(self, heard: Sequence[Listened], crew: Crew) -> None:
        """Write down files that were heard, all of them at once, then others of the same bytes."""
        found: list[tuple[Piece, Hashed, Track | Listened, Vector]] = []
        copies: list[Hashed] = []
        for one in heard:
            first, *others = self.pending.pop(self.hash_of[one.path])
            if not _is_as(first):
                self.pending[first.content_hash] = [first, *others]
                self._failed(Failed(one.path, "changed while it was read; build again"), crew)
                continue
            found.append((self.pieces[one.path], first, one, one.vector))
            self.report.warnings += [Problem(one.path, warning) for warning in one.warnings]
            copies += others
        if found:
            self._add_all(found)
        self.report.heard += len(found)
        for file in copies:
            self._recognize(file)

    def settle_missing(self, prune: bool) -> None:
        """Count the tracks whose files were not found, and take them out if that is asked for."""
        covers = self.collection.covers
        missing = [
            track
            for track in self.library.tracks()
            if track.path is not None
            and track.path not in self.pieces
            and (covers is None or Path(track.path).is_relative_to(covers))
        ]
        if not prune:
            self.report.missing = sum(not _is_there(track.path) for track in missing)
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
            self.library.remove(ids, remember=False)
            self.changed = True
        self.report.pruned = len(ids)


def _is_there(path: str | None) -> bool:
    if path is None:
        return False
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # It may be there: nothing can be said of a folder that may not be entered.
        return True
    return True


def _is_unchanged(track: Track, path: str) -> bool:
    try:
        status = Path(path).stat()
    except OSError:
        return False
    return (track.size, track.modified_ns) == (status.st_size, status.st_mtime_ns)


def _is_as(file: Hashed) -> bool:
    try:
        status = Path(file.path).stat()
    except OSError:
        return False
    return (file.size, file.modified_ns) == (status.st_size, status.st_mtime_ns)
