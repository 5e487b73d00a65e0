"""Search where a library is kept, for those that are too large to be read by each who asks."""

from __future__ import annotations

from earmark.library.backends.postgres import PostgresLibrary
from earmark.library.backends.postgres_search import DatabaseSearch, Recall
from earmark.library.base import Library
from earmark.library.fitting import fit, kept_parameters

__all__ = ["DatabaseSearch", "Recall", "database_search"]


def database_search(library: Library) -> DatabaseSearch | None:
    """Return the search inside the database of a library, ready; None for one in a file.

    The keys are made the first time, and anew when more than a tenth of the library has changed.

    Raises
    ------
    LibraryEmpty
        There are no labelled tracks.
    LibraryReadOnly
        There are no keys yet, and the library may not be written.
    LibraryError
        Its tracks are compared in a way in which no database can search.

    Examples
    --------
    >>> from earmark import open_library
    >>> with open_library("reference") as library:
    ...     print(database_search(library))
    None
    """
    if not isinstance(library, PostgresLibrary):
        return None
    search = DatabaseSearch(library)
    if not search.is_prepared():
        snapshot = library.snapshot()
        parameters = kept_parameters(library, snapshot)
        search.prepare(fit(library, snapshot) if parameters is None else parameters)
    return search
