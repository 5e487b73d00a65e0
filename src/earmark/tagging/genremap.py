"""A user's own names for genres: a table of two columns, from and to."""

from __future__ import annotations

import csv
import fnmatch
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import PlanError
from earmark.words import is_one_line

LARGEST = 2**20
"""Bytes of a table."""


@dataclass(frozen=True)
class GenreMap:
    """What genres are to be called.

    Attributes
    ----------
    rows
        Pairs of a name or a pattern (``*`` and ``?``) in any casing, and the names that take its
        place; none: such a genre is left out. The first row that fits counts.
    """

    rows: Sequence[tuple[str, tuple[str, ...]]] = ()

    def __call__(self, genre: str) -> tuple[str, ...]:
        """Return the names of a genre: its own where no row fits.

        >>> table = GenreMap((("hiphop", ("Hip-Hop", "Rap")), ("*disco*", ())))
        >>> table("HipHop"), table("Italo Disco"), table("rock")
        (('Hip-Hop', 'Rap'), (), ('rock',))
        """
        folded = genre.casefold()
        for pattern, names in self.rows:
            if folded == pattern.casefold() or fnmatch.fnmatchcase(folded, pattern.casefold()):
                return names
        return (genre,)


def read_map(path: Path) -> GenreMap:
    """Read a table: one row a genre, ``from,to``, with several names in ``to`` parted by ``;``.

    Raises
    ------
    PlanError
        It cannot be read; the message names the row.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise PlanError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: is no UTF-8; save the table in that encoding") from error
    if len(data) > LARGEST:
        raise PlanError(f"{path}: is too large; a table of genres has a mebibyte at most")
    rows: list[tuple[str, tuple[str, ...]]] = []
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), 1):
            cells = [cell.strip() for cell in cells]
            if not any(cells) or (number == 1 and [c.lower() for c in cells] == ["from", "to"]):
                continue
            if len(cells) > 2 or not cells[0]:
                raise PlanError(f"{path}, row {number}: needs two columns, from and to")
            names = tuple(name.strip() for name in "".join(cells[1:]).split(";") if name.strip())
            if not all(is_one_line(name) for name in (cells[0], *names)):
                raise PlanError(f"{path}, row {number}: a genre is one line of 200 characters")
            rows.append((cells[0], tuple(dict.fromkeys(names))))
    except csv.Error as error:
        raise PlanError(f"{path}: is no table of comma-separated values ({error})") from error
    return GenreMap(tuple(rows))
