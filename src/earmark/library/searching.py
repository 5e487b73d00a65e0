"""Search where a library is kept, for those that are too large to be read by each who asks."""

from __future__ import annotations

from pathlib import Path

from earmark.errors import LibraryError
from earmark.library.backends.postgres import PostgresLibrary
from earmark.library.backends.postgres_search import DatabaseSearch, Recall
from earmark.library.base import Library
from earmark.library.fitting import fit, kept_parameters
from earmark.library.mapped import MappedSearch, Precision, opened

__all__ = ["DatabaseSearch", "MappedSearch", "Recall", "database_search", "mapped_search"]


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


def mapped_search(
    library: Library, path: Path | None = None, *, precision: Precision = "float32"
) -> MappedSearch:
    """Return the exact search in a file of keys, which is made where it is not there or stale.

    Parameters
    ----------
    library
        Any.
    path
        Where the file is; None: beside the library's own file, with the ending ``.keys``.
    precision
        Of the keys. Halves take half the room; the answers are the same.

    Raises
    ------
    LibraryEmpty
        There are no labelled tracks.
    LibraryError
        They are compared in a way that cannot be searched so; the file cannot be written; the
        library is no file, and no path was given.

    Examples
    --------
    >>> from pathlib import Path
    >>> from earmark import open_library
    >>> with open_library("reference") as library:
    ...     search = mapped_search(library, Path("reference.keys"), precision="float16")
    ...     distances, ids = search.search(library.snapshot().vectors[:2], 3)
    >>> ids.shape
    (2, 3)
    """
    if path is None:
        if not Path(library.location).is_file():
            raise LibraryError(f"{library.location}: is no file; say where its keys are to lie")
        path = Path(f"{library.location}.keys")
    return opened(path, library, precision) or MappedSearch.make(path, library, precision)
