"""A damaged library made anew of what is whole of it."""

from __future__ import annotations

import os

from earmark.errors import LibraryDamaged, LibraryError
from earmark.library.backends.addresses import is_address
from earmark.library.backends.salvage import Saved, salvage
from earmark.library.backends.sqlite_files import real_path
from earmark.library.default import open_library

__all__ = ["Saved", "repair"]


def repair(
    damaged: str | os.PathLike[str], target: str | os.PathLike[str], *, overwrite: bool = False
) -> Saved:
    """Make a new library of all tracks of a damaged one that are whole, and tell how many.

    Parameters
    ----------
    damaged
        The library; it stays as it is.
    target
        The new one.
    overwrite
        Replace a library that is there.

    Raises
    ------
    LibraryError
        Nothing is wrong with the library; nothing can be saved; the new one cannot be written.
    """
    if is_address(os.fspath(damaged)):
        raise LibraryError(f"{damaged}: is in a database; restore it from a backup of that")
    try:
        with open_library(damaged, read_only=True) as library:
            library.check()
    except LibraryDamaged:
        pass
    else:
        raise LibraryError(f"{damaged}: nothing is wrong with it, so nothing was done")
    if real_path(damaged) == real_path(target):
        raise LibraryError(f"{target}: is the damaged library itself; choose another name")
    return salvage(real_path(damaged), real_path(target), overwrite=overwrite)
