"""Former files given back, byte for byte, by what the journal has of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from earmark.audio.files import open_bytes
from earmark.errors import AudioError, JournalError, TagError
from earmark.tagging import bytewise
from earmark.tagging.apply import Outcome, restore_at
from earmark.tagging.files import (
    PREFIX,
    SUFFIX,
    CannotChange,
    mapped,
    passing_name,
    put_in_place,
    require_at_rest,
    require_room,
    require_same,
    require_writable,
    target_of,
    told,
)
from earmark.tagging.journal import Entry, Journal, Story, stories


def undo(story: Story, roots: Sequence[tuple[str, str]] = ()) -> Iterator[Outcome]:
    """Give back the former files of a journal, the last first; yield what became of each.

    A file that is as before already counts as done. One that was changed since is left.

    Parameters
    ----------
    story
        The journal.
    roots
        Folders of the machine where it was made, and those here.

    Raises
    ------
    JournalError
        The journal cannot be written.
    """
    journal = Journal.go_on(story.folder)
    try:
        _sweep(story, roots)
        for entry in story.left:
            path, target = mapped(entry.path, roots), mapped(entry.target, roots)
            try:
                _restore(story, entry, target, journal)
            except (TagError, AudioError) as error:
                why = error.problem if isinstance(error, AudioError) else str(error)
                yield Outcome(path, False, why, entry.genres_after, entry.genres_after)
            except OSError as error:
                yield Outcome(path, False, told(error), entry.genres_after, entry.genres_after)
            else:
                journal.end("undone", entry.number)
                yield Outcome(path, True, "", entry.genres_after, entry.genres_before)
    finally:
        journal.close()


def sweep(folder: Path | None = None) -> None:
    """Delete the files under passing names that processes left behind when they were ended."""
    for story in stories(folder):
        if story.parts:
            # One that is still at work has locked its journal.
            with suppress(JournalError):
                Journal.go_on(story.folder).close()
                _sweep(story, ())


def _sweep(story: Story, roots: Sequence[tuple[str, str]]) -> None:
    for part in story.parts:
        path = Path(mapped(part, roots))
        if path.name.startswith(PREFIX) and path.name.endswith(SUFFIX):
            with suppress(OSError):
                path.unlink()


def _restore(story: Story, entry: Entry, target: str, journal: Journal) -> None:
    if target_of(target, [target]) != target:
        raise CannotChange("is a link now; left as it is")
    with open_bytes(target) as file:
        status = os.fstat(file.fileno())
        require_at_rest(file)
        present = bytewise.digest_of(file)
        if present == entry.before:
            return
        between = (
            entry.in_place
            and present != entry.after
            and status.st_size >= sum(s.length for s in entry.steps if s.offset is not None)
            and bytewise.unchanged_digest(file, entry.steps) == entry.unchanged
        )
    if present != entry.after and not between:
        raise CannotChange("was changed since; left as it is")
    require_writable(target, status)
    kept = story.kept_bytes(entry)
    if entry.in_place:
        require_same(status, target)
        restore_at(target, entry, kept)
        return
    if status.st_nlink > 1:
        raise CannotChange("has got other names (hard links) since; left as it is")
    require_room(target, entry.size)
    with passing_name(target, journal.part) as part:
        with open_bytes(target) as file, part.open("r+b") as out:
            bytewise.rebuild(file, entry.steps, kept, out)
        with open_bytes(str(part)) as made:
            if bytewise.digest_of(made) != entry.before:
                raise JournalError("the journal does not give back the former file; left as it is")
        require_same(status, target)
        put_in_place(part, target, status, modified_ns=entry.modified_ns)
