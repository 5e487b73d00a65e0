"""A list of music: a CSV file with a path and a genre a row."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from earmark.collection.folder import special_file
from earmark.collection.labelled_files import Collection, LabelledFile, Problem, absolute, readable
from earmark.errors import CollectionError

REQUIRED = ("path", "genre")
OPTIONAL = ("artist", "title")
DELIMITERS = (",", ";", "\t", "|")
UNREAD = "cannot be read"


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
    # A list that another program makes, such as /dev/stdin, lies nowhere.
    start = file.parent if file.is_file() and file.parts[1:2] != ("dev",) else Path.cwd()
    files: dict[str, LabelledFile] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    complete = True
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(header):
            problems.append(
                Problem(f"{file}, line {line}", "has more cells than the header; quote a comma")
            )
            continue
        cell = {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}
        path = str(absolute(start / cell["path"])) if cell["path"] else ""
        problem = _problem(cell, path, files.get(path), lines.get(path))
        if problem is not None:
            complete = complete and not problem.startswith(UNREAD)
            problems.append(Problem(path or f"{file}, line {line}", f"{problem} (line {line})"))
        elif path not in files:
            files[path] = LabelledFile(
                path=path,
                genre=readable(cell["genre"]),
                artist=readable(cell.get("artist", "")) or None,
                title=readable(cell.get("title", "")) or None,
            )
            lines[path] = line
    if not files:
        first = f" ({problems[0]})" if problems else ""
        raise CollectionError(f"{file}: names no file that can be used{first}")
    return Collection(
        source=str(file),
        files=tuple(sorted(files.values(), key=lambda one: one.path)),
        problems=tuple(problems),
        covers=None,
        complete=complete,
    )


def _problem(
    cell: dict[str, str], path: str, before: LabelledFile | None, line: int | None
) -> str | None:
    if not path:
        return "has no path"
    if not cell["genre"]:
        return "has no genre"
    if before is not None:
        # The same row twice does no harm.
        if before.genre == readable(cell["genre"]):
            return None
        return f"is {before.genre} by line {line} and {cell['genre']} here; the first one holds"
    try:
        # A link that leads nowhere is left to those who read the file.
        Path(path).lstat()
        return "is a folder" if Path(path).is_dir() else special_file(Path(path))
    except (FileNotFoundError, NotADirectoryError):
        return "there is no such file"
    except OSError as error:
        return f"{UNREAD} ({error.strerror})"


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
        data = _bytes(file)
    except FileNotFoundError:
        raise CollectionError(f"{file}: there is no such manifest") from None
    except IsADirectoryError:
        raise CollectionError(f"{file}: is a folder; a manifest is a CSV file") from None
    except OSError as error:
        raise CollectionError(f"{file}: cannot be read ({error.strerror})") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # What spreadsheets write on Windows; the undefined bytes do no harm.
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise CollectionError(f"{file}: is not text; a manifest is a CSV file")
    return text


def _bytes(file: Path) -> bytes:
    """Read a file, or a pipe such as a shell makes of a command, without waiting for a writer."""
    # Opening a pipe would otherwise wait for somebody to write to it.
    descriptor = os.open(
        file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    with open(descriptor, "rb") as opened:  # noqa: PTH123
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError
        if stat.S_ISREG(mode):
            return opened.read()
        if not stat.S_ISFIFO(mode):
            raise CollectionError(f"{file}: is a device, not a file; a manifest is a CSV file")
        try:
            first = os.read(descriptor, 1)
        except BlockingIOError:
            first = None
        if first == b"":
            raise CollectionError(f"{file}: is a pipe that nothing comes out of; name a CSV file")
        os.set_blocking(descriptor, True)
        return (first or b"") + opened.read()


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
