"""A library copied from one database into another, row by row: ids, history and all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Generator
from typing import Any, cast

import sqlalchemy as sa

from earmark.library.backends.schema import has_segments, history, metadata, segments, state, tracks
from earmark.library.backends.sql import SqlLibrary

BATCH = 2_000
"""Rows that are copied at once."""

COPIED = tuple(table for table in metadata.sorted_tables if table.name not in ("meta", "state"))
"""The tables whose rows are copied as they are."""

NUMBERED = (tracks, history)
"""Those whose ids are never given twice."""


def copy_library(
    source: SqlLibrary,
    location: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    packed: bool = False,
) -> None:
    """Copy a library, as of one moment, to a new one; see `earmark.library.Library.copy`."""
    # What makes libraries of any kind stands above those that it makes.
    from earmark.library.default import new_library

    spec = dataclasses.replace(source.spec, source=None) if packed else source.spec
    with new_library(location, spec, overwrite=overwrite) as made:
        target = cast(SqlLibrary, made)
        with source.reading() as read, target.writing() as written:
            for table in COPIED:
                if table is segments and not has_segments(read):
                    continue
                if table is history and packed:
                    continue
                with contextlib.closing(batches(read, table)) as found:
                    for batch in found:
                        if table is tracks and packed:
                            for row in batch:
                                row.update(path=None, size=None, modified_ns=None)
                        written.execute(table.insert(), batch)
            copy_state(read, written)
            continue_ids(written, last_ids(read))


def batches(
    connection: sa.Connection, table: sa.Table, after: tuple[Any, ...] | None = None
) -> Generator[list[dict[str, Any]], None, None]:
    """Yield the rows of a table behind some key, some at a time, in the order of the keys."""
    key = list(table.primary_key)
    query = sa.select(table).order_by(*key)
    if after is not None:
        values = [sa.literal(value, column.type) for value, column in zip(after, key, strict=True)]
        query = query.where(sa.tuple_(*key) > sa.tuple_(*values))
    query = query.execution_options(stream_results=True)
    with contextlib.closing(connection.execute(query)) as result:
        for rows in result.mappings().partitions(BATCH):
            yield [dict(row) for row in rows]


def last_key(connection: sa.Connection, table: sa.Table) -> tuple[Any, ...] | None:
    """Return the greatest key of a table; None where it is empty."""
    key = list(table.primary_key)
    query = sa.select(*key).order_by(*(column.desc() for column in key)).limit(1)
    found = connection.execute(query).first()
    return None if found is None else tuple(found)


def copy_state(read: sa.Connection, written: sa.Connection) -> None:
    """Copy revision, digest and the fitted vote; by its token each library is known as itself."""
    found = dict(read.execute(sa.select(state)).mappings().one())
    for name in ("id", "token", "token_before"):
        del found[name]
    written.execute(state.update().values(**found))


def last_ids(connection: sa.Connection) -> dict[str, int]:
    """Return the last id that was given for a row of each table in which none is given twice."""
    found: dict[str, int] = {}
    for table in NUMBERED:
        if connection.dialect.name == "postgresql":
            given = "CASE WHEN is_called THEN last_value ELSE 0 END"
            query = f"SELECT {given} FROM {table.name}_id_seq"  # noqa: S608
        else:
            query = f"SELECT max(seq) FROM sqlite_sequence WHERE name = '{table.name}'"  # noqa: S608
        found[table.name] = int(connection.exec_driver_sql(query).scalar() or 0)
    return found


def continue_ids(connection: sa.Connection, last: dict[str, int]) -> None:
    """Let the next rows get ids behind the last ones."""
    for name, number in last.items():
        if not number:
            continue
        if connection.dialect.name == "postgresql":
            connection.execute(
                sa.text("SELECT setval(CAST(:sequence AS regclass), :number)"),
                {"sequence": f"{name}_id_seq", "number": number},
            )
            continue
        sequence = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
        connection.execute(sequence.delete().where(sequence.c.name == name))
        connection.execute(sequence.insert().values(name=name, seq=number))
