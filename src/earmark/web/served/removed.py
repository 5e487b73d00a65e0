"""Libraries that were removed on the pages: kept as they were, until they are put back."""

from __future__ import annotations

import contextlib
import datetime
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import LibraryBusy, LibraryError
from earmark.library import Library, open_library, user_library_path
from earmark.library.keys_file import path_beside
from earmark.web.errors import NotAllowed, NotFound
from earmark.web.served.libraries import ENDING, LONGEST_KEPT, Libraries, Shelved, is_name
from earmark.words import shown

STAMP = "%Y-%m-%d %H-%M-%S"


@dataclass(frozen=True)
class Removed:
    """A library that was taken away, or a copy of what one was before it was reset.

    Attributes
    ----------
    name
        By which it is asked for.
    title
        What the library was called.
    time
        When, in UTC.
    size
        Bytes.
    """

    name: str
    title: str
    time: datetime.datetime
    size: int


def folder_of(libraries: Libraries) -> Path:
    """Return where they lie."""
    return libraries.folder / "removed"


def all_removed(libraries: Libraries) -> list[Removed]:
    """Return what was taken away, the latest first."""
    try:
        files = list(folder_of(libraries).iterdir())
    except OSError:
        return []
    found = []
    for path in files:
        title, stamp = path.stem[:-20], path.stem[-19:]
        with contextlib.suppress(ValueError, OSError):
            time = datetime.datetime.strptime(stamp, STAMP).replace(tzinfo=datetime.UTC)
            if path.suffix == ENDING and is_name(title, LONGEST_KEPT):
                found.append(Removed(path.stem, title, time, path.stat().st_size))
    return sorted(found, key=lambda one: (one.time, one.name), reverse=True)


def keep_copy(libraries: Libraries, library: Library, title: str) -> Removed:
    """Keep what a library is now, with all that it holds.

    Raises
    ------
    LibraryError
        It cannot be kept; a copy of this second is there already.
    """
    folder = folder_of(libraries)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(f"{folder}: cannot be made ({error.strerror})") from error
    stamp = datetime.datetime.now(datetime.UTC).strftime(STAMP)
    file = folder / f"{title} {stamp}{ENDING}"
    library.copy(str(file))
    return find(libraries, file.stem)


def find(libraries: Libraries, name: str) -> Removed:
    """Return one of them by its name.

    Raises
    ------
    NotFound
        There is none.
    """
    for one in all_removed(libraries):
        if one.name == name:
            return one
    raise NotFound(f"{shown(name)}: no such library was removed")


def remove(libraries: Libraries, shelved: Shelved, in_use: bool) -> Removed:
    """Take a library away, so that it can be put back.

    Raises
    ------
    NotAllowed
        It is of the package, or lies elsewhere.
    LibraryError
        It is in use, or cannot be kept or removed; then it stays.
    """
    if shelved.kind not in ("own", "made"):
        raise NotAllowed(
            f"{shelved.title}: only your own library and those that were made here can be removed"
        )
    if in_use:
        raise LibraryError(f"{shelved.title}: is in use; choose another library first")
    with open_library(shelved.location, read_only=True) as library:
        revision = library.revision
        kept = keep_copy(libraries, library, shelved.title)
        file = folder_of(libraries) / f"{kept.name}{ENDING}"
        try:
            if library.revision != revision:
                raise LibraryBusy(f"{shelved.title}: is being changed at this moment; try again")
            Path(shelved.location).unlink()
        except BaseException as error:
            file.unlink(missing_ok=True)
            if isinstance(error, OSError):
                line = f"{shelved.title}: cannot be removed ({error.strerror})"
                raise LibraryError(line) from error
            raise
    _clear_beside(Path(shelved.location))
    return kept


def put_back(libraries: Libraries, name: str) -> str:
    """Put a library back; return its name, another one where there is one of its own by now.

    Raises
    ------
    NotFound
        None was removed that is called so.
    LibraryError
        It cannot be opened or put there.
    """
    removed = find(libraries, name)
    file = folder_of(libraries) / f"{removed.name}{ENDING}"
    own = user_library_path()
    place = own if removed.title == own.stem else libraries.folder / f"{removed.title}{ENDING}"
    if place.exists():
        place = libraries.folder / file.name
    with open_library(file, read_only=True) as library:
        library.copy(str(place))
    delete(libraries, name)
    return "own" if place == own else place.stem


def delete(libraries: Libraries, name: str) -> None:
    """Delete for good what was removed.

    Raises
    ------
    NotFound
        None was removed that is called so.
    LibraryError
        It cannot be deleted.
    """
    file = folder_of(libraries) / f"{find(libraries, name).name}{ENDING}"
    try:
        file.unlink()
    except OSError as error:
        raise LibraryError(f"{name}: cannot be deleted ({error.strerror})") from error
    _clear_beside(file)


def _clear_beside(library: Path) -> None:
    """Delete what is only of use beside a library that is gone."""
    beside = [library.with_name(library.name + end) for end in ("-wal", "-shm", "-journal")]
    for left in (*beside, path_beside(str(library))):
        with contextlib.suppress(OSError):
            left.unlink()
