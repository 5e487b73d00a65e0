"""The page about the library file names what the file has."""

from __future__ import annotations

import re
from pathlib import Path

from earmark.library.backends import schema, sqlite_files

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library-file.md"


def test_every_table_and_column_is_described() -> None:
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    described: dict[str, set[str]] = {}
    table = ""
    for cells in rows:
        names = re.findall(r"`(\w+)`", cells[1])
        if len(names) == 1 and names[0] in schema.metadata.tables:
            table = names[0]
        elif cells[1].strip():
            table = ""
        if table:
            described.setdefault(table, set()).update(re.findall(r"`(\w+)`", cells[2]))
    real = {name: set(columns.c.keys()) for name, columns in schema.metadata.tables.items()}
    assert described == real


def test_the_page_names_the_format_and_the_mark() -> None:
    text = PAGE.read_text()
    assert f"this page describes {schema.FORMAT_VERSION}" in text
    assert f"0x{sqlite_files.APPLICATION_ID:X}" in text
