"""What a build changes in a library, and how a file is compared with what is known of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

import numpy as np

from earmark.collection.labelled_files import LabelledFile
from earmark.extraction import Looked
from earmark.features import Segments, Vector
from earmark.library import Library, Track


class Changes:
    """The changes of one build, none of which is remembered to be undone.

    Parameters
    ----------
    library
        Where they are made.

    Attributes
    ----------
    made
        Whether there were any.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self.made = False
        # What tracks have, or had: of what is not among them nothing need be asked. None: unknown.
        self._hashes: set[str] | None = None
        self._paths: set[str] = set()
        self._revision = -1

    def learn(self, tracks: Iterable[Track], revision: int) -> None:
        """Be told of all tracks of the library, as of a revision."""
        self._hashes, self._revision = set(), revision
        self._met(tracks)

    def _met(self, tracks: Iterable[Track]) -> None:
        """Remember hashes and paths of tracks."""
        if self._hashes is None:
            return
        for track in tracks:
            self._hashes.update(filter(None, (track.content_hash, track.audio_hash)))
            if track.path is not None:
                self._paths.add(track.path)

    def _wrote(self, count: int) -> None:
        """Be told of so many tracks that were changed here.

        Where another process changed some, too, the library is asked from then on.
        """
        self.made = True
        self._revision += count
        if self._hashes is not None and self.library.revision != self._revision:
            self._hashes = None

    def identify(self, track_id: int, audio_hash: str | None) -> None:
        """Write down the sound of a track, which is no change of it."""
        self.library.set_identity(track_id, audio_hash=audio_hash)
        if self._hashes is not None and audio_hash is not None:
            self._hashes.add(audio_hash)
            self._revision += 1

    def _may_know(self, looked: Looked) -> bool:
        if self._hashes is None:
            return True
        return looked.content_hash in self._hashes or looked.audio_hash in self._hashes

    def known(self, looked: Looked) -> list[Track]:
        """Return the tracks of the same recording, those of the same bytes first."""
        if not self._may_know(looked):
            return []
        found = {track.id: track for track in self.library.find_hash(looked.content_hash)}
        if looked.audio_hash is not None:
            for track in self.library.find_audio_hash(looked.audio_hash):
                found.setdefault(track.id, track)
        return list(found.values())

    def relabel(
        self, track: Track, file: LabelledFile, looked: Looked | None = None, *, moved: bool = False
    ) -> bool:
        """Give a track what collection and file say of it; tell whether that changed anything."""
        artist = file.artist or (looked.artist if looked else None) or track.artist
        title = file.title or (looked.title if looked else None) or track.title
        genres = _genres(track, file)
        source = file.source or track.source
        new = dataclasses.replace(track, **genres, artist=artist, title=title, source=source)
        if moved:
            new = dataclasses.replace(new, name=file.name, path=file.path)
        if looked is not None:
            new = dataclasses.replace(
                new,
                content_hash=looked.content_hash,
                audio_hash=looked.audio_hash,
                size=looked.size,
                modified_ns=looked.modified_ns,
            )
        if new == track or track.id is None:
            return False
        self.library.update(
            track.id,
            remember=False,
            name=new.name,
            genre=new.genre,
            other_genres=new.other_genres,
            artist=new.artist,
            title=new.title,
            source=new.source,
            path=new.path,
            content_hash=new.content_hash,
            audio_hash=new.audio_hash,
            size=new.size,
            modified_ns=new.modified_ns,
        )
        self._met([new])
        self._wrote(1)
        return True

    def leave(self, path: str) -> None:
        """Take out the track of a path whose file now holds another recording, that of a track."""
        old = self.library.find_path(path)
        if old is not None and old.id is not None:
            self.remove([old.id])

    def remove(self, track_ids: list[int]) -> None:
        """Take tracks out."""
        self.library.remove(track_ids, remember=False)
        self._wrote(len(track_ids))

    def track_of(
        self,
        file: LabelledFile,
        looked: Looked,
        duration: float | None,
        artist: str | None = None,
        title: str | None = None,
    ) -> Track:
        """Return the track of a file; artist and title are those of another file of its sound."""
        # A file that was encoded anew is still what it was taught to be.
        held = self._hashes is None or file.path in self._paths
        old = self.library.find_path(file.path) if held else None
        return Track(
            name=file.name,
            **_genres(old, file),
            taught=old is not None and old.taught,
            artist=file.artist or looked.artist or artist,
            title=file.title or looked.title or title,
            source=file.source,
            path=file.path,
            content_hash=looked.content_hash,
            audio_hash=looked.audio_hash,
            duration=duration,
            size=looked.size,
            modified_ns=looked.modified_ns,
        )

    def add(
        self, tracks: list[Track], vectors: list[Vector], segments: list[Segments | None]
    ) -> None:
        """Add tracks with their vectors and segments."""
        self.library.add(tracks, np.stack(vectors), segments=segments, remember=False)
        self._met(tracks)
        self._wrote(len(tracks))


class _Genres(TypedDict):
    genre: str | None
    other_genres: tuple[str, ...]


def _genres(track: Track | None, file: LabelledFile) -> _Genres:
    """Return the genres of a file: those that its track was taught, or that nothing else says."""
    known = track if track is not None and (track.taught or file.genre is None) else file
    return {"genre": known.genre, "other_genres": known.other_genres}


def is_there(path: str | None) -> bool:
    """Tell whether there is a file, or may be one."""
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


def is_unchanged(known: Track | Looked, path: str) -> bool:
    """Tell whether a file has the size and the time that are known of it."""
    try:
        status = Path(path).stat()
    except OSError:
        return False
    return (known.size, known.modified_ns) == (status.st_size, status.st_mtime_ns)
