"""The folder of music: which file a path or a track means, and nothing that lies outside of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from earmark.audio import is_audio_name
from earmark.collection.folder import sound_files
from earmark.errors import AudioNotFound
from earmark.library import Track
from earmark.web.errors import NotAllowed, NotFound
from earmark.words import shown

MOST_SONGS = 5_000
"""Paths that are listed at once."""


@dataclass(frozen=True)
class FolderContents:
    """What lies in a folder, as paths below the folder of music.

    Attributes
    ----------
    folders, songs
        Directly in it, sorted.
    below
        All songs in it and in its folders, at most ``MOST_SONGS``.
    more
        Whether there are more than that.
    """

    folders: tuple[str, ...]
    songs: tuple[str, ...]
    below: tuple[str, ...]
    more: bool


class MusicFolder:
    """The folder that a server may read songs from.

    Parameters
    ----------
    folder
        None: there is none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._listing = Listing()

    def file(self, path: str) -> Path:
        """Return the file that ``path`` means under the folder.

        Raises
        ------
        NotAllowed
            There is no such folder, or the path leads out of it.
        AudioNotFound
            There is no such sound file.
        """
        root = self.root
        try:
            file = _real(root / path)
            inside = file.is_relative_to(root)
            exists = inside and file.is_file()
        except (OSError, ValueError):
            # Too long a name, a loop of links, a null character.
            missing = "there is no such file in the folder of music"
            raise AudioNotFound(shown(path), missing) from None
        if not inside:
            raise NotAllowed(f"{shown(path)}: lies outside the folder of music")
        if not exists or not is_audio_name(file):
            missing = "there is no such sound file in the folder of music"
            raise AudioNotFound(shown(path), missing)
        return file

    @property
    def root(self) -> Path:
        """The folder, links resolved.

        Raises
        ------
        NotAllowed
            There is none.
        """
        if self._folder is None:
            raise NotAllowed("this server has no folder of music; start it with --music FOLDER")
        return _real(self._folder)

    def holds(self, file: Path) -> bool:
        """Whether a file lies in the folder, links followed."""
        return _can_be_asked_for(file, self.root)

    def folder(self, path: str) -> Path:
        """Return the folder that ``path`` means under the folder of music.

        Raises
        ------
        NotAllowed
            There is no folder of music, or the path leads out of it.
        NotFound
            There is no such folder.
        """
        root = self.root
        try:
            folder = _real(root / path)
            exists = folder.is_dir()
        except (OSError, ValueError):
            raise NotFound(f"{shown(path)}: there is no such folder of music") from None
        if not folder.is_relative_to(root):
            raise NotAllowed(f"{shown(path)}: lies outside the folder of music")
        if not exists:
            raise NotFound(f"{shown(path)}: there is no such folder of music")
        return folder

    def contents(self, path: str = "") -> FolderContents:
        """Return what lies in a folder under the folder of music.

        Raises
        ------
        NotAllowed
            There is no folder of music, or the path leads out of it.
        NotFound
            There is no such folder.
        """
        root, folder = self.root, self.folder(path)
        # What a link leads out of the folder cannot be heard, and a name that is no text cannot
        # be sent: neither is offered.
        files = (file for file in sound_files(folder, []) if _can_be_asked_for(file, root))
        below = [file.relative_to(root).as_posix() for file in islice(files, MOST_SONGS + 1)]
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir())
        except OSError:
            inner = []
        folders = [
            path.relative_to(root).as_posix()
            for path in inner
            if not path.name.startswith(".") and _can_be_asked_for(path, root)
        ]
        here = folder.relative_to(root).as_posix()
        songs = [song for song in below if PurePosixPath(song).parent.as_posix() == here]
        return FolderContents(
            tuple(folders), tuple(songs), tuple(below[:MOST_SONGS]), len(below) > MOST_SONGS
        )

    def file_of(self, track: Track) -> Path | None:
        """Return the file of a track, if it lies under the folder; links are followed."""
        if self._folder is None:
            return None
        root = _real(self._folder)
        # A library that was given away has no paths; its tracks are found where they lie as when
        # it was built: a folder for each genre, and the track's name.
        path = track.path or self._listing.find(root / str(track.genre), track.name)
        if path is None and track.taught:
            # One that was labelled by hand still lies in the folder of its former genre.
            path = self._listing.find_below(root, track.name)
        if path is None or not is_audio_name(path):
            return None
        try:
            file = _real(root / path)
            return file if file.is_relative_to(root) and file.is_file() else None
        except (OSError, ValueError):
            return None


def _can_be_asked_for(path: Path, root: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return _real(path).is_relative_to(root)


def _real(path: Path) -> Path:
    # Path.resolve raises a RuntimeError for links in a circle.
    return Path(os.path.realpath(path))


class Listing:
    """Which files lie in which folder, by their names without ending; read once a minute."""

    LIFETIME = 60.0

    def __init__(self) -> None:
        self._folders: dict[Path, tuple[float, dict[str, Path]]] = {}
        self._below: dict[Path, tuple[float, dict[str, Path | None]]] = {}

    def find(self, folder: Path, name: str) -> Path | None:
        """Return the sound file in ``folder`` that has this name apart from its ending."""
        now = time.monotonic()
        read_at, files = self._folders.get(folder, (-self.LIFETIME, {}))
        if now - read_at >= self.LIFETIME:
            try:
                files = {file.stem: file for file in folder.iterdir() if is_audio_name(file)}
            except (OSError, ValueError):
                files = {}
            self._folders[folder] = (now, files)
        return files.get(name)

    def find_below(self, root: Path, name: str) -> Path | None:
        """Return the only sound file of this name in the folders that ``root`` has.

        None where there is no such file, or where several folders have one.
        """
        now = time.monotonic()
        read_at, files = self._below.get(root, (-self.LIFETIME, {}))
        if now - read_at >= self.LIFETIME:
            files = {}
            for folder in _folders_of(root):
                # It fills what is known of the folder.
                self.find(folder, name)
                for stem, file in self._folders[folder][1].items():
                    files[stem] = None if stem in files else file
            self._below[root] = (now, files)
        return files.get(name)


def _folders_of(root: Path) -> list[Path]:
    try:
        return sorted(folder for folder in root.iterdir() if folder.is_dir())
    except OSError:
        return []
