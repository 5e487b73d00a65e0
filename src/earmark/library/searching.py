"""Search where a library is kept, for those that are too large to be read by each who asks."""

from __future__ import annotations

from pathlib import Path

from earmark.errors import LibraryError
from earmark.library.approximate import INDEX_FROM, ApproximateSearch
from earmark.library.backends.postgres import PostgresLibrary
from earmark.library.backends.postgres_search import DatabaseSearch
from earmark.library.base import Library
from earmark.library.fitting import fit, kept_parameters
from earmark.library.kept import Precision
from earmark.library.keys_file import is_file, path_beside
from earmark.library.mapped import MappedSearch, opened
from earmark.library.recall import Recall

__all__ = [
    "INDEX_FROM",
    "ApproximateSearch",
    "DatabaseSearch",
    "MappedSearch",
    "Recall",
    "approximate_search",
    "database_search",
    "kept_search",
    "mapped_search",
]


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
        Where the file is; None: beside the library's own file, with the ending ``.keys``, of halves
        ``.halves.keys``.
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
    place = _place(library, path, precision)
    return opened(place, library, precision) or MappedSearch.make(place, library, precision)


def approximate_search(
    library: Library,
    path: Path | None = None,
    *,
    precision: Precision = "float32",
    index_from: int | None = None,
) -> ApproximateSearch:
    """Return the search by an index of the file of keys; both are made where they are stale.

    Parameters
    ----------
    library, path, precision
        As for `mapped_search`. The index lies beside the file of keys.
    index_from
        Of fewer tracks there is no index: all are looked at, as are those whose vectors have no
        direction. None: ``INDEX_FROM``.

    Raises
    ------
    LibraryEmpty
        As `mapped_search`.
    LibraryError
        As `mapped_search`; the extra ``ann`` is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from earmark import open_library
    >>> with open_library("reference") as library:
    ...     search = approximate_search(library, Path("reference.keys"))
    ...     distances, ids = search.search(library.snapshot().vectors[:2], 3)
    >>> search.indexed, ids.shape
    (False, (2, 3))
    """
    exact = mapped_search(library, path, precision=precision)
    few = exact.filed < (INDEX_FROM if index_from is None else index_from)
    if few or not exact.ranking.directions:
        return ApproximateSearch(exact, None)
    return ApproximateSearch.opened(exact, library) or ApproximateSearch.make(exact)


def kept_search(library: Library) -> ApproximateSearch | None:
    """Return the search by the index that lies beside a library; None where none is of use.

    Nothing is made. Where the index is of the library as it was before it changed too much, or
    what reads it is not installed, there is none.
    """
    if not is_file(library.location):
        return None
    exact = opened(path_beside(library.location), library)
    if exact is None:
        return None
    found = ApproximateSearch.opened(exact, library)
    return found if found is not None and found.indexed else None


def _place(library: Library, path: Path | None, precision: Precision) -> Path:
    if path is not None:
        return path
    if not is_file(library.location):
        raise LibraryError(f"{library.location}: is no file; say where its keys are to lie")
    # The file that commands open is in single precision.
    kind = "" if precision == "float32" else ".halves"
    return path_beside(f"{library.location}{kind}")
