"""What a build changes in a library, and how a file is compared with what is known of it."""

from __future__ import annotations

import dataclasses
import os
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

    def known(self, looked: Looked) -> list[Track]:
        """Return the tracks of the same recording, those of the same bytes first."""
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
        self.made = True
        return True

    def leave(self, path: str) -> None:
        """Take out the track of a path whose file now holds another recording, that of a track."""
        old = self.library.find_path(path)
        if old is not None and old.id is not None:
            self.remove([old.id])

    def remove(self, track_ids: list[int]) -> None:
        """Take tracks out."""
        self.library.remove(track_ids, remember=False)
        self.made = True

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
        old = self.library.find_path(file.path)
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
        self.made = True


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
