"""Former files given back, byte for byte, by what the journal has of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal

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
from earmark.tagging.history import Story, read_journal, unfinished
from earmark.tagging.journal import Entry, Journal


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
    with Journal.go_on(story.folder) as journal:
        _sweep(story, roots)
        for entry in story.left:
            path = mapped(entry.path, roots)
            try:
                _restore(story, entry, _target(entry, roots), journal)
            except (TagError, AudioError) as error:
                why = error.problem if isinstance(error, AudioError) else str(error)
                yield Outcome(path, False, why, entry.genres_after, entry.genres_after)
            except OSError as error:
                yield Outcome(path, False, told(error), entry.genres_after, entry.genres_after)
            else:
                journal.end("undone", entry.number)
                yield Outcome(path, True, "", entry.genres_after, entry.genres_before)


def sweep(folder: Path | None = None) -> None:
    """Clear up behind processes that were ended in the middle of their work.

    Files under passing names are deleted, and a file that was being changed in place, and is
    neither as before nor finished, gets its former bytes.

    Parameters
    ----------
    folder
        Where the journals lie; None: in the platform's data folder.
    """
    for place in unfinished(folder):
        # One that is still at work has locked its journal; what is damaged is left to people.
        with suppress(JournalError), Journal.go_on(place) as journal:
            story = read_journal(place)
            _sweep(story, ())
            for entry in story.left:
                if entry.in_place and entry.number not in story.done:
                    with suppress(TagError, AudioError, OSError):
                        _mend(story, entry, journal)


def _mend(story: Story, entry: Entry, journal: Journal) -> None:
    with open_bytes(_target(entry, ())) as file:
        state = _state(file, entry)
    if state == "between":
        restore_at(entry.target, entry, story.kept_bytes(entry))
    if state in ("before", "between"):
        journal.end("failed", entry.number)


def _sweep(story: Story, roots: Sequence[tuple[str, str]]) -> None:
    for part in story.parts:
        path = Path(mapped(part, roots))
        if path.name.startswith(PREFIX) and path.name.endswith(SUFFIX):
            with suppress(OSError):
                path.unlink()


def _target(entry: Entry, roots: Sequence[tuple[str, str]]) -> str:
    target = mapped(entry.target, roots)
    if target_of(target, [target]) != target:
        raise CannotChange("is a link now; left as it is")
    return target


def _state(file: IO[bytes], entry: Entry) -> Literal["before", "after", "between", "other"]:
    """Say what a file is: as before an entry, as after it, half changed in place, or another."""
    present = bytewise.digest_of(file)
    if present == entry.before:
        return "before"
    if present == entry.after:
        return "after"
    stays = sum(step.length for step in entry.steps if step.offset is not None)
    if (
        entry.in_place
        and bytewise.size_of(file) >= stays
        and bytewise.unchanged_digest(file, entry.steps) == entry.unchanged
    ):
        return "between"
    return "other"


def _restore(story: Story, entry: Entry, target: str, journal: Journal) -> None:
    with open_bytes(target) as file:
        status = os.fstat(file.fileno())
        require_at_rest(file)
        state = _state(file, entry)
    if state == "before":
        return
    if state == "other":
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
