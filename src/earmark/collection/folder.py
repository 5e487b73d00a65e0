"""A folder tree of music: each sub-folder is a genre."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePath

from earmark.audio import is_audio_name
from earmark.collection import levels
from earmark.collection.labelled_files import Collection, LabelledFile, Problem, absolute, readable
from earmark.errors import CollectionError


def scan_folder(
    folder: str | os.PathLike[str], *, genre_level: int | None = None, films: bool = False
) -> Collection:
    """Find the sound files of a folder; the first sub-folder on the way to each is its genre.

    Hidden files and folders are passed over, and so are files that do not have the name of a sound
    file. Links are followed, each folder once.

    Parameters
    ----------
    folder
        The folder.
    genre_level
        Which folder on the way to a file is its genre, from 1 on. None: the first, unless that is
        clearly not meant.
    films
        Whether films are taken, too.

    Raises
    ------
    CollectionError
        There is no such folder, it cannot be read, it has no sound files in sub-folders, or the
        genres seem to lie at another level than the first.
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
    level = genre_level or 1
    files: list[LabelledFile] = []
    problems: list[Problem] = []
    unread: list[OSError] = []
    passed_over: Counter[str] = Counter()
    for path in sound_files(root, unread, passed_over, films=films):
        below = path.parent.relative_to(root).parts
        if special := special_file(path):
            problems.append(Problem(str(path), special))
        elif len(below) >= level:
            genre = below[level - 1]
            files.append(LabelledFile(path=str(path), genre=readable(genre).strip() or genre))
        else:
            where = "no sub-folder" if level == 1 else f"no folder of level {level}"
            problems.append(Problem(str(path), f"is in {where}, so it has no genre; put it in one"))
    for missed in unread:
        if str(missed.filename) == str(root):
            raise CollectionError(f"{folder}: cannot be read ({missed.strerror})") from missed
        problems.append(Problem(str(missed.filename), f"cannot be read ({missed.strerror})"))
    if not files:
        first = f" ({problems[0]})" if problems else ""
        raise CollectionError(
            f"{folder}: has no sound files in sub-folders; a sub-folder a genre is needed{first}"
        )
    if genre_level is None:
        levels.check(folder, root, [Path(file.path) for file in files])
    return Collection(
        source=str(root),
        files=tuple(sorted(files, key=lambda file: file.path)),
        problems=tuple(problems),
        covers=str(root),
        complete=not unread,
        passed_over=dict(passed_over.most_common()),
    )


def sound_files(
    root: Path,
    unread: list[OSError],
    passed_over: Counter[str] | None = None,
    *,
    films: bool = False,
) -> Iterator[Path]:
    """Yield the files of a folder, and of those below, that have the name of a sound file.

    Hidden files and folders are passed over. Links are followed, each folder once.

    Parameters
    ----------
    root
        The folder; what is yielded begins as it does.
    unread
        Takes up the folders that cannot be read, as the errors that say so.
    passed_over
        Counts the endings, in lower case, of all other files that are not hidden.
    films
        Whether films are taken, too.
    """
    seen = {_identity(root)}
    for where, folders, files in os.walk(root, followlinks=True, onerror=unread.append):
        folders[:] = sorted(name for name in folders if _is_new(Path(where, name), seen))
        for name in sorted(files):
            if is_audio_name(name, films=films):
                yield Path(where, name)
            elif passed_over is not None and not name.startswith("."):
                passed_over[readable(PurePath(name).suffix.lower())] += 1


def special_file(path: Path) -> str | None:
    """Say what is wrong with a path that leads to no ordinary file; None where it may be read.

    Nothing is opened: that would wait for somebody to write to a pipe.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        # Who opens it says what is wrong.
        return None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return "is a pipe or a device, not a file; save the sound to a file"


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
