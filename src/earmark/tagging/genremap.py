"""A user's own names for genres: a table of two columns, or a tree as beets has it."""

from __future__ import annotations

import csv
import fnmatch
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earmark.errors import PlanError
from earmark.tables import SEPARATORS, read_text
from earmark.words import is_one_line

LARGEST = 2**20
"""Characters of a table."""

DEEPEST = 50
"""Levels of a tree."""

KEYS = ("aliases", "tree", "ignore", "keep")
"""What a YAML file may say beside a tree alone."""


@dataclass(frozen=True)
class GenreMap:
    """What genres are to be called.

    Attributes
    ----------
    rows
        Pairs of a name or a pattern (``*`` and ``?``) in any casing, and the names that take its
        place; none: such a genre is left out. The first row that fits counts.
    branches
        Of every name in a tree, folded, the way from it up to its topmost ancestor.
    keep
        Names, folded, that a tree leads to: a genre becomes the nearest of its ancestors that is
        one of them, or is left out. None: it becomes the topmost.
    most
        How many of its ancestors a genre becomes where ``keep`` has several of them.
    """

    rows: Sequence[tuple[str, tuple[str, ...]]] = ()
    branches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keep: frozenset[str] | None = None
    most: int = 1

    def __call__(self, genre: str) -> tuple[str, ...]:
        """Return the names of a genre: its own where nothing fits.

        >>> table = GenreMap((("hiphop", ("Hip-Hop", "Rap")), ("*disco*", ())))
        >>> table("HipHop"), table("Italo Disco"), table("rock")
        (('Hip-Hop', 'Rap'), (), ('rock',))
        >>> tree = GenreMap(branches={"delta blues": ("delta blues", "Country Blues", "Blues")})
        >>> tree("Delta Blues"), tree("Polka")
        (('Blues',), ('Polka',))
        """
        names = self._renamed(genre)
        return tuple(dict.fromkeys(led for name in names for led in self._led(name)))

    @property
    def known(self) -> list[str]:
        """Names that are one genre although they may hold a sign that parts several."""
        ways = [name for way in self.branches.values() for name in way[:1]]
        return [*(name for name, _ in self.rows), *ways]

    def _renamed(self, genre: str) -> tuple[str, ...]:
        folded = genre.casefold()
        for pattern, names in self.rows:
            if folded == pattern.casefold() or fnmatch.fnmatchcase(folded, pattern.casefold()):
                return names
        return (genre,)

    def _led(self, genre: str) -> tuple[str, ...]:
        way = self.branches.get(genre.casefold(), (genre,))
        if self.keep is None:
            return way[-1:]
        return tuple(name for name in way if name.casefold() in self.keep)[: self.most]


def read_map(path: Path) -> GenreMap:
    """Read a user's names for genres.

    From ``.yaml`` and ``.yml``: a tree of genres as beets' plugin lastgenre has it, or a mapping
    with the keys ``tree``, ``aliases``, ``ignore`` and ``keep``. From any other file: a table, one
    row a genre, ``from,to``, with several names in ``to`` parted by ``;``. Where it has that
    header, the columns may also be separated by semicolons, tabs or bars.

    Raises
    ------
    PlanError
        It cannot be read; the message names the row.
    """
    text = read_text(path, PlanError)
    if len(text) > LARGEST:
        raise PlanError(f"{path}: is too large; a table of genres has a mebibyte at most")
    if path.suffix.lower() in (".yaml", ".yml"):
        try:
            return _of_yaml(text)
        except ValueError as error:
            raise PlanError(f"{path}: is no tree of genres ({error})") from error
    return _of_table(text, path)


def read_names(path: Path) -> frozenset[str]:
    """Read genres, one a line, folded; empty lines and those that begin with ``#`` are none.

    Raises
    ------
    PlanError
        It cannot be read.
    """
    lines = map(str.strip, read_text(path, PlanError).splitlines())
    return frozenset(line.casefold() for line in lines if line and not line.startswith("#"))


def _of_table(text: str, path: Path) -> GenreMap:
    rows: list[tuple[str, tuple[str, ...]]] = []
    header = text.lstrip().partition("\n")[0]
    # Without a header it is a comma: semicolons part names.
    separator = next((mark for mark in SEPARATORS if _is_header(header.split(mark))), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for number, row in enumerate(reader, 1):
            cells = [cell.strip() for cell in row]
            if not any(cells) or (number == 1 and _is_header(cells)):
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


def _is_header(cells: Sequence[str]) -> bool:
    return [cell.strip().strip('"').casefold() for cell in cells] == ["from", "to"]


def _of_yaml(text: str) -> GenreMap:
    """Return the map of a YAML text.

    Raises
    ------
    ValueError
        It is none.
    """
    found = _parsed(text)
    if not isinstance(found, dict):
        return GenreMap(branches=_branches(found))
    unknown = [str(key) for key in found if key not in KEYS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(KEYS)}")
    aliases = found.get("aliases") or {}
    if not isinstance(aliases, dict):
        raise ValueError("'aliases' pairs no names with names")
    ignored = [(_name(one), ()) for one in _listed(found.get("ignore"))]
    renamed = [(_name(one), tuple(map(_name, _listed(to)))) for one, to in aliases.items()]
    keep = found.get("keep")
    return GenreMap(
        rows=(*ignored, *renamed),
        branches=_branches(found.get("tree") or []),
        keep=None if keep is None else frozenset(_name(one).casefold() for one in _listed(keep)),
    )


def _parsed(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise ValueError(
            "the package PyYAML is not installed; install it with: pip install 'earmark[tag]'"
        ) from None
    try:
        # A name that stands for a part of the tree makes a small file endless.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ValueError("it refers to its own parts with *")
        # All scalars are texts, or "No" would be a truth value.
        return yaml.load(text, yaml.BaseLoader)  # noqa: S506 (it makes nothing but texts)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _branches(tree: Any) -> dict[str, tuple[str, ...]]:
    branches: dict[str, tuple[str, ...]] = {}
    for way in _ways(tree, ()):
        # Of a name in two places the first counts, as in beets.
        branches.setdefault(way[0].casefold(), way)
    return branches


def _ways(tree: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the way up from every name of a tree."""
    if len(above) > DEEPEST:
        raise ValueError("it is nested too deeply")
    for one in _listed(tree):
        for name, below in one.items() if isinstance(one, dict) else [(one, None)]:
            # A hyphen with nothing behind it, as beets' own tree has one.
            if name == "" and below is None:
                continue
            way = (_name(name), *above)
            yield way
            yield from _ways(below, way)


def _listed(found: Any) -> list[Any]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def _name(found: Any) -> str:
    if not isinstance(found, str) or not is_one_line(found):
        raise ValueError(f"{str(found)[:40]!r} is no genre; it is one line of 200 characters")
    return found
