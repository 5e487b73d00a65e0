"""A list of music: a CSV file with a path and a genre a row."""

from __future__ import annotations

import os
from pathlib import Path

from earmark.collection.folder import special_file
from earmark.collection.labelled_files import Collection, LabelledFile, Problem, absolute, readable
from earmark.errors import CollectionError
from earmark.tables import read_table

REQUIRED = ("path", "genre")
OPTIONAL = ("artist", "title", "source", "other_genres")
UNREAD = "cannot be read"


def read_manifest(manifest: str | os.PathLike[str]) -> Collection:
    """Read a CSV file with the columns ``path`` and ``genre``.

    The columns ``artist``, ``title``, ``source`` and ``other_genres`` (further genres, parted by
    ``;``) are optional. Other columns do not matter; nor does the order of columns, or the case of
    their names. Relative paths start at the manifest's folder. Columns may be separated by commas,
    semicolons, tabs or bars. Text is UTF-8 or UTF-16 with its mark, else Windows-1252.

    Rows that cannot be used become problems: without a path or genre, with a file that is not
    there, or that was named before.

    Raises
    ------
    CollectionError
        The manifest cannot be read, lacks a column, or has no row that can be used.
    """
    file = absolute(manifest)
    table = read_table(file, REQUIRED, CollectionError)
    columns = {name: at for name, at in table.columns.items() if name in (*REQUIRED, *OPTIONAL)}
    # A list that another program makes, such as /dev/stdin, lies nowhere.
    start = file.parent if file.is_file() and file.parts[1:2] != ("dev",) else Path.cwd()
    files: dict[str, LabelledFile] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    complete = True
    for line, row in table.rows:
        if len(row) > table.width:
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
            genre = readable(cell["genre"])
            others = dict.fromkeys(map(readable, cell.get("other_genres", "").split(";")))
            files[path] = LabelledFile(
                path=path,
                genre=genre,
                other_genres=tuple(
                    dict.fromkeys(each for each in others if each not in ("", genre))
                ),
                artist=readable(cell.get("artist", "")) or None,
                title=readable(cell.get("title", "")) or None,
                source=readable(cell.get("source", "")) or None,
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
