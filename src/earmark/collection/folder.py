"""A folder tree of music: each sub-folder is a genre."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from earmark.audio import is_audio_name
from earmark.collection.pieces import Collection, Piece, Problem, absolute, readable
from earmark.errors import CollectionError


def scan_folder(folder: str | os.PathLike[str]) -> Collection:
    """Find the sound files of a folder; the first sub-folder on the way to each is its genre.

    Hidden files and folders are passed over, and so are files that do not have the name of a sound
    file. Links are followed, each folder once.

    Raises
    ------
    CollectionError
        There is no such folder, it cannot be read, or it has no sound files in sub-folders.
    """
    root = absolute(folder)
    try:
        is_folder = stat.S_ISDIR(root.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise CollectionError(f"{folder}: there is no such folder") from None
    except OSError as error:
        raise CollectionError(f"{folder}: cannot be read ({error.strerror})") from error
    if not is_folder:
        raise CollectionError(f"{folder}: is a file; a folder with a sub-folder a genre is needed")
    pieces: list[Piece] = []
    problems: list[Problem] = []
    unread: list[OSError] = []
    for path in sound_files(root, unread):
        below = path.parent.relative_to(root).parts
        if below:
            pieces.append(Piece(path=str(path), genre=readable(below[0]).strip() or below[0]))
        else:
            problems.append(
                Problem(str(path), "is in no sub-folder, so it has no genre; put it into one")
            )
    for missed in unread:
        if str(missed.filename) == str(root):
            raise CollectionError(f"{folder}: cannot be read ({missed.strerror})") from missed
        problems.append(Problem(str(missed.filename), f"cannot be read ({missed.strerror})"))
    if not pieces:
        first = f" ({problems[0]})" if problems else ""
        raise CollectionError(
            f"{folder}: has no sound files in sub-folders; a sub-folder a genre is needed{first}"
        )
    return Collection(
        source=str(root),
        pieces=tuple(sorted(pieces, key=lambda piece: piece.path)),
        problems=tuple(problems),
        covers=str(root),
        complete=not unread,
    )


def sound_files(root: Path, unread: list[OSError]) -> Iterator[Path]:
    """Yield the files of a folder, and of those below, that have the name of a sound file.

    Hidden files and folders are passed over. Links are followed, each folder once.

    Parameters
    ----------
    root
        The folder; what is yielded begins as it does.
    unread
        Takes up the folders that cannot be read, as the errors that say so.
    """
    seen = {_identity(root)}
    for where, folders, files in os.walk(root, followlinks=True, onerror=unread.append):
        folders[:] = sorted(name for name in folders if _is_new(Path(where, name), seen))
        for name in sorted(filter(is_audio_name, files)):
            yield Path(where, name)


def _identity(path: Path) -> tuple[int, int] | str:
    try:
        status = path.stat()
    except OSError:
        return str(path)
    return (status.st_dev, status.st_ino)


def _is_new(path: Path, seen: set[tuple[int, int] | str]) -> bool:
    if path.name.startswith("."):
        return False
    identity = _identity(path)
    if identity in seen:
        return False
    seen.add(identity)
    return True
