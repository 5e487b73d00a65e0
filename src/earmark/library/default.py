"""Which library is used when none is named."""

from __future__ import annotations

import contextlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from earmark.errors import LibraryError, LibraryExists, LibraryExtractor, LibraryNotFound
from earmark.library.backends import connections, sqlite_files
from earmark.library.backends.addresses import is_address, parse
from earmark.library.backends.sqlite import SqliteLibrary
from earmark.library.base import Library
from earmark.library.model import ExtractorSpec

if TYPE_CHECKING:
    from earmark.library.backends.postgres import PostgresLibrary

PACKAGED = ("reference", "gtzan", "classic")
"""Names that stand for the libraries inside the package."""

PACKAGE_DATA = Path(__file__).resolve().parent.parent / "data"


def packaged_path(name: str) -> Path:
    """Return where a library of the package lies; ``name`` is one of `PACKAGED`."""
    return PACKAGE_DATA / f"{name}.earmark"


def user_library_path() -> Path:
    """Return where the user's own library lies, or will."""
    return platformdirs.user_data_path("earmark") / "library.earmark"


def user_libraries_folder() -> Path:
    """Return where further libraries of the user lie that were made on the server's pages."""
    return user_library_path().parent / "libraries"


def open_library(location: str | os.PathLike[str], *, read_only: bool = False) -> Library:
    """Open a library by where it is, or one of the package by name.

    The package's own are opened without locks, so that they may lie in a read-only folder. A file
    in the current folder that is called just ``reference``, ``gtzan`` or ``classic`` is reached as
    ``./reference``.

    Parameters
    ----------
    location
        The path of a file, or the address of a PostgreSQL database,
        ``postgresql://USER@HOST/DATABASE``.
    read_only
        Refuse every change.

    Raises
    ------
    LibraryError
        Nothing is there; it is a folder or foreign; it is broken; a newer version wrote it; the
        server is away or does not let the user in.

    Examples
    --------
    >>> with open_library("reference") as library:
    ...     library.spec.dimension, library.read_only, library.count(genre="jazz")
    (250, True, 88)
    """
    if is_address(os.fspath(location)):
        return _postgres().open(parse(os.fspath(location)), read_only=read_only)
    path = _file(location)
    inside = sqlite_files.real_path(path).parent == PACKAGE_DATA
    return SqliteLibrary.open(path, read_only=read_only or inside, immutable=inside)


def create_library(
    location: str | os.PathLike[str], spec: ExtractorSpec, *, overwrite: bool = False
) -> Library:
    """Make an empty library and open it.

    Raises
    ------
    LibraryExists
        There is something already. With ``overwrite`` a library is replaced, anything else is not.
    LibraryError
        It cannot be written there.

    Examples
    --------
    >>> from earmark import Track
    >>> from earmark.features import get_extractor
    >>> from earmark.listen import listen
    >>> from earmark.testing import make_song, write_wav
    >>> extractor = get_extractor("mfcc")
    >>> song = write_wav("my-song.wav", make_song("melody", 1))
    >>> vector = listen(song, extractor).vector
    >>> with create_library("mine.earmark", extractor.spec) as library:
    ...     changes = library.add([Track(name="my song", genre="pop")], [vector])
    ...     library.genres()
    {'pop': 1}
    """
    if is_address(os.fspath(location)):
        return _postgres().create(parse(os.fspath(location)), spec, overwrite=overwrite)
    return SqliteLibrary.create(_file(location), spec, overwrite=overwrite)


def new_library(
    location: str | os.PathLike[str], spec: ExtractorSpec, *, overwrite: bool = False
) -> AbstractContextManager[Library]:
    """Make a library that is at its place, with all that the block adds, or not at all.

    Raises
    ------
    LibraryExists, LibraryError
        As `create_library`.
    """
    if is_address(os.fspath(location)):
        return _postgres().new(parse(os.fspath(location)), spec, overwrite=overwrite)
    return SqliteLibrary.new(_file(location), spec, overwrite=overwrite)


def _postgres() -> type[PostgresLibrary]:
    # Imported when an address is named, since most libraries are files.
    from earmark.library.backends.postgres import PostgresLibrary

    return PostgresLibrary


def _file(location: str | os.PathLike[str]) -> Path:
    text = os.fspath(location)
    if text in PACKAGED:
        return packaged_path(text)
    kind = text.partition("://")[0]
    if kind != text and kind.isalnum():
        # What follows may hold a password.
        raise LibraryError(
            f"{kind}://: libraries are files or in PostgreSQL; there is no way to one by {kind}"
        )
    return Path(text)


def printable_location(location: str) -> str:
    """Return where a library is without a password, which this process then knows.

    The functions that open and make libraries take what this returns.

    Raises
    ------
    LibraryError
        It is an address that cannot be read.
    """
    return parse(location).location if is_address(location) else location


def location_elsewhere(location: str) -> str:
    """Return where a library is, for another process that is to open it: with a password.

    What this returns is never to be printed, kept, or be an argument of a command.
    """
    return parse(location).with_secrets if is_address(location) else location


def is_there(location: str | os.PathLike[str]) -> bool:
    """Tell whether there is something where a library would be made.

    Raises
    ------
    LibraryError
        That cannot be found out.
    """
    if not is_address(os.fspath(location)):
        return os.path.lexists(location)
    try:
        open_library(location, read_only=True).close()
    except LibraryNotFound:
        return False
    return True


def open_default(explicit: str | None = None, *, read_only: bool = False) -> Library:
    """Open the library to use: the one named, else the first there is.

    In this order: ``explicit``; the environment variable ``EARMARK_LIBRARY``; the user's own in
    the platform's data folder; the reference library of the package. The first two may also be
    ``"reference"``, ``"gtzan"`` or ``"classic"``. With ``read_only`` it cannot be changed.

    Raises
    ------
    LibraryError
        As `open_library`. A library that was asked for and cannot be used is not silently
        replaced by the next one.

    Examples
    --------
    >>> with open_default() as library:  # nothing is named, and the user has none yet
    ...     library.name
    'reference'
    """
    if explicit:
        return open_library(explicit, read_only=read_only)
    from_environment = os.environ.get("EARMARK_LIBRARY")
    if from_environment:
        try:
            return open_library(from_environment, read_only=read_only)
        except LibraryError as error:
            raise type(error)(f"{error} (EARMARK_LIBRARY names it)") from error
    own = user_library_path()
    return open_library(own if _is_there(own) else "reference", read_only=read_only)


def user_library(like: Library) -> Library:
    """Open the user's own library, made as a copy of another the first time.

    Parameters
    ----------
    like
        What it starts as, and whose extractor it must have.

    Raises
    ------
    LibraryExtractor
        The user's own holds vectors of another extractor.
    LibraryError
        It cannot be opened or made.
    """
    path = user_library_path()
    if not _is_there(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(f"{path}: its folder cannot be made ({error.strerror})") from error
        # Another process may be making it at the same time.
        with contextlib.suppress(LibraryExists):
            like.copy(str(path))
    own: Library = SqliteLibrary.open(path)
    try:
        own.require(like.spec.name, like.spec.version, like.spec.checksum)
    except LibraryExtractor:
        own.close()
        raise
    return own


def _is_there(own: Path) -> bool:
    """Tell whether the user has a library; one that cannot be seen is not passed over."""
    try:
        return own.exists()
    except OSError as error:
        raise LibraryError(
            f"{own}: cannot be read ({error.strerror}); let its folder be entered, or choose "
            "another library with --library"
        ) from error


def database_versions() -> dict[str, str]:
    """Return the versions of the databases that libraries may be kept in, by their names."""
    return {"sqlite": connections.sqlite_version()}
