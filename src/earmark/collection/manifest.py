"""A list of music: a CSV file with a path and a genre a row."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from earmark.collection.pieces import Collection, Piece, Problem, absolute, readable
from earmark.errors import CollectionError

REQUIRED = ("path", "genre")
OPTIONAL = ("artist", "title")
DELIMITERS = (",", ";", "\t", "|")


def read_manifest(manifest: str | os.PathLike[str]) -> Collection:
    """Read a CSV file with the columns ``path`` and ``genre``, optionally ``artist`` and ``title``.

    Relative paths start at the manifest's folder. Other columns do not matter; nor does the order
    of columns, or the case of their names. Columns may be separated by commas, semicolons, tabs or
    bars. Text is UTF-8 or UTF-16 with its mark, else Windows-1252.

    Rows that cannot be used become problems: without a path or genre, with a file that is not
    there, or that was named before.

    Raises
    ------
    CollectionError
        The manifest cannot be read, lacks a column, or has no row that can be used.
    """
    file = absolute(manifest)
    header, rows = _table(file)
    columns = _columns(file, header)
    pieces: dict[str, Piece] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(header):
            problems.append(
                Problem(f"{file}, line {line}", "has more cells than the header; quote a comma")
            )
            continue
        cell = {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}
        path = str(absolute(file.parent / cell["path"])) if cell["path"] else ""
        problem = _problem(cell, path, pieces.get(path), lines.get(path))
        if problem is not None:
            problems.append(Problem(path or f"{file}, line {line}", f"{problem} (line {line})"))
        elif path not in pieces:
            pieces[path] = Piece(
                path=path,
                genre=readable(cell["genre"]),
                artist=readable(cell.get("artist", "")) or None,
                title=readable(cell.get("title", "")) or None,
            )
            lines[path] = line
    if not pieces:
        first = f" ({problems[0]})" if problems else ""
        raise CollectionError(f"{file}: names no file that can be used{first}")
    return Collection(
        source=str(file),
        pieces=tuple(sorted(pieces.values(), key=lambda piece: piece.path)),
        problems=tuple(problems),
        covers=None,
    )


def _problem(cell: dict[str, str], path: str, before: Piece | None, line: int | None) -> str | None:
    if not path:
        return "has no path"
    if not cell["genre"]:
        return "has no genre"
    if before is not None:
        # The same row twice does no harm.
        if before.genre == readable(cell["genre"]):
            return None
        return f"is {before.genre} by line {line} and {cell['genre']} here; the first one holds"
    if not os.path.lexists(path):
        return "there is no such file"
    if Path(path).is_dir():
        return "is a folder"
    return None


def _table(file: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    text = _text(file)
    first = text.lstrip().split("\n", 1)[0]
    # The separator is the one that makes most columns that are asked for.
    delimiter = max(DELIMITERS, key=lambda mark: len(set(_fold(first.split(mark))) & {*REQUIRED}))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)

    def rows() -> Iterator[tuple[int, list[str]]]:
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise CollectionError(f"{file}: line {reader.line_num}: {error}") from error
            yield reader.line_num, row

    numbered = rows()
    for _, row in numbered:
        if any(cell.strip() for cell in row):
            return row, numbered
    raise CollectionError(f"{file}: is empty; its first line needs to name the columns path,genre")


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise CollectionError(f"{file}: there is no such manifest") from None
    except IsADirectoryError:
        raise CollectionError(f"{file}: is a folder; a manifest is a CSV file") from None
    except OSError as error:
        raise CollectionError(f"{file}: cannot be read ({error.strerror})") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        # What spreadsheets write on Windows; the undefined bytes do no harm.
        return data.decode("cp1252", "replace")


def _fold(names: list[str]) -> list[str]:
    return [name.strip().strip('"').strip().casefold() for name in names]


def _columns(file: Path, header: list[str]) -> dict[str, int]:
    names = _fold(header)
    columns = {name: names.index(name) for name in (*REQUIRED, *OPTIONAL) if name in names}
    for name in REQUIRED:
        if name not in columns:
            there = ", ".join(filter(None, names))[:120]
            raise CollectionError(f"{file}: has no column {name!r}; its columns are: {there}")
    return columns
