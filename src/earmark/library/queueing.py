"""Songs that several servers of one library hear for each other."""

from __future__ import annotations

from earmark.library.backends.postgres import PostgresLibrary
from earmark.library.backends.postgres_jobs import SongRow, SongTable, TakenSong
from earmark.library.base import Library

__all__ = ["SongRow", "SongTable", "TakenSong", "song_table"]


def song_table(library: Library) -> SongTable | None:
    """Return the songs that wait in the database of a library; None where it can keep none.

    A file keeps none, nor does a library that is open for reading only.

    Raises
    ------
    LibraryError
        The database is away, or the user may not make tables in it.

    Examples
    --------
    >>> from earmark import open_library
    >>> with open_library("reference") as library:
    ...     print(song_table(library))
    None
    """
    if not isinstance(library, PostgresLibrary) or library.read_only:
        return None
    return SongTable(library)
