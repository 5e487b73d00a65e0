"""Tables in text files, as spreadsheets and programs write them: any separator, any encoding."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import EarmarkError

SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Table:
    """A table that is read row by row.

    Attributes
    ----------
    columns
        Where each column stands, by its name in lower case; of two of one name the first counts.
    width
        How many cells the header has.
    rows
        Line numbers and cells of all rows that are not empty; a row may be shorter or longer than
        the header. It can be gone through once.
    """

    columns: dict[str, int]
    width: int
    rows: Iterator[tuple[int, list[str]]]


def read_table(file: Path, needed: Sequence[str], fault: type[EarmarkError]) -> Table:
    r"""Read a table with a header, its columns separated by commas, semicolons, tabs or bars.

    Parameters
    ----------
    file
        The file, or a pipe such as a shell makes of a command.
    needed
        Columns that it must have, in lower case. Their order and case do not matter.
    fault
        What is raised where it cannot be used, also while its rows are read.

    Examples
    --------
    >>> from earmark.errors import CollectionError
    >>> _ = Path("songs.csv").write_text("Genre;Path\nrock;a.flac\n")
    >>> table = read_table(Path("songs.csv"), ("path", "genre"), CollectionError)
    >>> table.columns, list(table.rows)
    ({'genre': 0, 'path': 1}, [(2, ['rock', 'a.flac'])])
    """
    text = read_text(file, fault)
    first = text.lstrip().split("\n", 1)[0]
    # The separator is the one that makes most columns that are needed.
    separator = max(SEPARATORS, key=lambda mark: len(set(_fold(first.split(mark))) & {*needed}))
    rows = _rows(file, text, separator, fault)
    header = next(rows, None)
    if header is None:
        listed = ",".join(needed)
        raise fault(f"{file}: is empty; its first line needs to name the columns {listed}")
    names = _fold(header[1])
    for name in needed:
        if name not in names:
            there = ", ".join(filter(None, names))[:120]
            raise fault(f"{file}: has no column {name!r}; its columns are: {there}")
    return Table({name: names.index(name) for name in names}, len(names), rows)


def _fold(names: Sequence[str]) -> list[str]:
    return [name.strip().strip('"').strip().casefold() for name in names]


def _rows(
    file: Path, text: str, separator: str, fault: type[EarmarkError]
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise fault(f"{file}: line {reader.line_num}: {error}") from error
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def read_text(file: Path, fault: type[EarmarkError]) -> str:
    """Read a text file in UTF-8, in UTF-16 with its mark, or else in Windows-1252.

    ``fault`` is what is raised where it cannot be read, or is no text.
    """
    try:
        data = _bytes(file, fault)
    except FileNotFoundError:
        raise fault(f"{file}: there is no such file") from None
    except IsADirectoryError:
        raise fault(f"{file}: is a folder; name a text file") from None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise fault(f"{file}: cannot be read ({said})") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # What spreadsheets write on Windows; the undefined bytes do no harm.
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise fault(f"{file}: is not text")
    return text


def _bytes(file: Path, fault: type[EarmarkError]) -> bytes:
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
            raise fault(f"{file}: is a device; name a text file")
        try:
            first = os.read(descriptor, 1)
        except BlockingIOError:
            first = None
        if first == b"":
            raise fault(f"{file}: is a pipe that nothing comes out of; name a text file")
        os.set_blocking(descriptor, True)
        return (first or b"") + opened.read()
