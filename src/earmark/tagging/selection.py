"""Which files of a folder are meant: by patterns of their names and by their endings."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Selection:
    """Files that are meant.

    Patterns (``*``, ``?``, ``[…]``) fit the name of a file or its path below the folder that was
    asked for, in any casing.

    Attributes
    ----------
    match
        Patterns, one of which must fit; none: all files.
    exclude
        Patterns, none of which may fit.
    extensions
        Endings, with or without a dot, one of which a file must have; none: all files.

    >>> songs = Selection(match=["Jazz/*"], exclude=["*live*"], extensions=["flac"])
    >>> songs.has("/m/Jazz/a.flac", "/m"), songs.has("/m/Jazz/a (Live).flac", "/m")
    (True, False)
    >>> songs.has("/m/Jazz/a.mp3", "/m"), songs.has("/m/Rock/a.flac", "/m")
    (False, False)
    """

    match: Sequence[str] = ()
    exclude: Sequence[str] = ()
    extensions: Sequence[str] = ()

    def has(self, path: str, root: str) -> bool:
        """Whether a file is meant.

        Parameters
        ----------
        path
            Of the file, absolute.
        root
            The folder that was asked for.
        """
        pure = PurePath(path)
        below = pure.relative_to(root) if pure.is_relative_to(root) else pure
        names = (pure.name.casefold(), below.as_posix().casefold())
        endings = {f".{ending.lstrip('.').casefold()}" for ending in self.extensions}
        return (
            (not self.match or _any_fits(names, self.match))
            and not _any_fits(names, self.exclude)
            and (not endings or pure.suffix.casefold() in endings)
        )


def _any_fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(
        fnmatch.fnmatchcase(name, pattern.casefold()) for name in names for pattern in patterns
    )
