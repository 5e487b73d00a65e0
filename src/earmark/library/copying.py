"""A library moved to another place: what a copy that was ended has done already is not done again.

Where it goes to, nothing can be opened until all of it is there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import sqlalchemy as sa

from earmark.errors import LibraryDamaged, LibraryError, LibraryExists
from earmark.library.backends.addresses import is_address, parse
from earmark.library.backends.postgres import UnfinishedTables
from earmark.library.backends.schema import (
    COPYING,
    FORMAT_VERSION,
    has_segments,
    meta,
    segments,
    spec_facts,
    state,
    tracks,
    write_meta,
)
from earmark.library.backends.sql import SqlLibrary
from earmark.library.backends.sqlite import UnfinishedFile
from earmark.library.backends.transfer import (
    COPIED,
    batches,
    continue_ids,
    copy_state,
    last_ids,
    last_key,
)
from earmark.library.default import open_library


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did.

    Attributes
    ----------
    location
        Where it is.
    tracks
        How many it has.
    before
        How many of them an earlier run had copied, which was ended.
    """

    location: str
    tracks: int
    before: int


class _Unfinished(Protocol):
    location: str
    engine: sa.Engine

    def translated(self) -> contextlib.AbstractContextManager[None]: ...

    def facts(self, connection: sa.Connection) -> dict[str, str] | None: ...

    def make(
        self, connection: sa.Connection, facts: dict[str, str], *, overwrite: bool
    ) -> None: ...

    def put_in_place(self, *, overwrite: bool) -> None: ...

    def close(self) -> None: ...


def copy_library(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Copied:
    """Copy a library from a file or database into another, with ids, history and fitted vote.

    Where the process is ended, the same call goes on from the last rows that were written, if the
    source is as it was. The copy is compared with its digest at the end.

    Parameters
    ----------
    source
        The library; it is read as of one moment, and may be used meanwhile.
    target
        Where the copy is made.
    overwrite
        Replace a library that is there, or an unfinished copy of something else.
    progress
        Is called with the number of tracks that are copied, and of all.

    Raises
    ------
    LibraryExists
        There is something at the target, or an unfinished copy of something else.
    LibraryError
        One of them cannot be used.

    Examples
    --------
    >>> from earmark import open_library
    >>> copied = copy_library("reference", "mine.earmark")
    >>> copied.tracks
    738
    """
    with open_library(source, read_only=True) as opened:
        library = cast(SqlLibrary, opened)
        place: _Unfinished = (
            UnfinishedTables(parse(os.fspath(target)))
            if is_address(os.fspath(target))
            else UnfinishedFile(target, overwrite=overwrite)
        )
        with contextlib.closing(place):
            if place.location == library.location:
                raise LibraryError(f"{place.location}: is the library that is to be copied itself")
            with library.reading() as read, place.translated():
                before = _begin(library, read, place, overwrite=overwrite)
                count = _fill(read, place.engine, progress)
            place.put_in_place(overwrite=overwrite)
    with open_library(target, read_only=True) as made:
        made.check()
        if made.count() != count:
            raise LibraryDamaged(f"{place.location}: has not the {count} tracks that were copied")
    return Copied(place.location, count, before)


def _begin(library: SqlLibrary, read: sa.Connection, place: _Unfinished, *, overwrite: bool) -> int:
    """See that there are tables to be filled; return how many tracks they have already."""
    revision, digest = read.execute(sa.select(state.c.revision, state.c.digest)).one()
    origin = json.dumps({"of": library.location, "revision": revision, "digest": digest})
    facts = {COPYING: origin, **spec_facts(library.spec)}
    with place.engine.execution_options(write=True).begin() as written:
        there = place.facts(written)
        if there is not None and there == facts:
            return written.scalar(sa.select(sa.func.count()).select_from(tracks)) or 0
        if there is not None and COPYING in there and not overwrite:
            raise LibraryExists(
                f"{place.location}: a copy was begun there of something else, or of an earlier "
                "state of this library; replace it with --force"
            )
        place.make(written, facts, overwrite=overwrite)
    return 0


def _fill(
    read: sa.Connection, engine: sa.Engine, progress: Callable[[int, int], None] | None
) -> int:
    """Copy the rows that are missing, and say that all are there; return how many tracks."""
    total = read.scalar(sa.select(sa.func.count()).select_from(tracks)) or 0
    writer = engine.execution_options(write=True)
    for table in COPIED:
        if table is segments and not has_segments(read):
            continue
        with engine.begin() as written:
            after = last_key(written, table)
            done = written.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        with contextlib.closing(batches(read, table, after)) as found:
            for batch in found:
                with writer.begin() as written:
                    written.execute(table.insert(), batch)
                done += len(batch)
                if progress is not None and table is tracks:
                    progress(done, total)
    with writer.begin() as written:
        copy_state(read, written)
        continue_ids(written, last_ids(read))
        written.execute(meta.delete().where(meta.c.key == COPYING))
        write_meta(written, {"format": str(FORMAT_VERSION)})
    return total
