"""A folder tree of music: each sub-folder is a genre, or nothing is said of genres."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
    found = look_through(folder, films=films)
    level = genre_level or 1
    files: list[LabelledFile] = []
    for path in found.paths:
        below = path.parent.relative_to(found.root).parts
        if len(below) >= level:
            genre = below[level - 1]
            files.append(LabelledFile(path=str(path), genre=readable(genre).strip() or genre))
        else:
            where = "no sub-folder" if level == 1 else f"no folder of level {level}"
            found.problems.append(
                Problem(str(path), f"is in {where}, so it has no genre; put it in one")
            )
    if not files:
        raise CollectionError(
            f"{folder}: has no sound files in sub-folders; a sub-folder a genre is needed"
            f"{found.first_problem}"
        )
    if genre_level is None:
        levels.check(folder, found.root, [Path(file.path) for file in files])
    return found.collection(files)


def scan_unlabelled(folder: str | os.PathLike[str], *, films: bool = False) -> Collection:
    """Find the sound files of a folder, without saying anything of their genres.

    Which files are found is as for `scan_folder`, also beside the sub-folders.

    Parameters
    ----------
    folder
        The folder.
    films
        Whether films are taken, too.

    Raises
    ------
    CollectionError
        There is no such folder, it cannot be read, or it has no sound files.
    """
    found = look_through(folder, films=films)
    if not found.paths:
        raise CollectionError(f"{folder}: has no sound files{found.first_problem}")
    return found.collection([LabelledFile(path=str(path), genre=None) for path in found.paths])


@dataclass
class Found:
    """What is in a folder tree.

    Attributes
    ----------
    root
        The folder, absolute.
    paths
        Its sound files, sorted.
    problems
        Files and folders that cannot be used.
    complete
        Whether everything could be looked at.
    passed_over
        As in `Collection`.
    """

    root: Path
    paths: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True
    passed_over: Counter[str] = field(default_factory=Counter)

    @property
    def first_problem(self) -> str:
        """The first problem in parentheses, to follow a sentence; empty without one."""
        return f" ({self.problems[0]})" if self.problems else ""

    def collection(
        self, files: Sequence[LabelledFile], left_out: Sequence[Problem] = ()
    ) -> Collection:
        """Return what is to be built of it."""
        return Collection(
            source=str(self.root),
            files=tuple(sorted(files, key=lambda file: file.path)),
            problems=tuple(self.problems),
            covers=str(self.root),
            complete=self.complete,
            passed_over=dict(self.passed_over.most_common()),
            left_out=tuple(left_out),
        )


def look_through(folder: str | os.PathLike[str], *, films: bool = False) -> Found:
    """Return the sound files of a folder tree, as `sound_files` finds them, with all problems.

    Raises
    ------
    CollectionError
        There is no such folder, or it cannot be read.
    """
    found = Found(absolute(folder))
    try:
        is_folder = stat.S_ISDIR(found.root.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise CollectionError(f"{folder}: there is no such folder") from None
    except OSError as error:
        raise CollectionError(f"{folder}: cannot be read ({error.strerror})") from error
    if not is_folder:
        raise CollectionError(f"{folder}: is a file; a folder with a sub-folder a genre is needed")
    unread: list[OSError] = []
    for path in sound_files(found.root, unread, found.passed_over, films=films):
        if special := special_file(path):
            found.problems.append(Problem(str(path), special))
        else:
            found.paths.append(path)
    for missed in unread:
        if str(missed.filename) == str(found.root):
            raise CollectionError(f"{folder}: cannot be read ({missed.strerror})") from missed
        found.problems.append(Problem(str(missed.filename), f"cannot be read ({missed.strerror})"))
    found.paths.sort()
    found.complete = not unread
    return found


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
