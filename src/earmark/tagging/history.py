"""What journals tell: which files were changed, when, and what can be taken back."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earmark.errors import JournalError
from earmark.schemas import schema
from earmark.tagging.bytewise import Step
from earmark.tagging.journal import ENDED, NAME, Entry, journals_folder, kept_name, line_of
from earmark.tagging.plan import hash_of, parse_object, path_of, text_of, texts_of

LONGEST_LINE = 2**26
MOST_LINES = 10_000_000


@dataclass
class Story:
    """What a journal tells.

    Attributes
    ----------
    folder
        Where it lies.
    made
        When it was begun, as ISO 8601 has it.
    entries
        The files, in their order.
    parts
        Files under passing names that may have been left behind.
    done, failed, undone
        Numbers of entries.
    """

    folder: Path
    made: str
    entries: list[Entry] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    done: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    undone: set[int] = field(default_factory=set)

    @property
    def left(self) -> list[Entry]:
        """The entries that can be undone, the last first."""
        gone = self.failed | self.undone
        return [entry for entry in reversed(self.entries) if entry.number not in gone]

    def to_json(self) -> dict[str, Any]:
        """Return what stands in the history as JSON values."""
        return {
            "schema": schema("tag-history"),
            "journal": self.folder.name,
            "folder": str(self.folder),
            "made": self.made,
            "files": len(self.entries) - len(self.failed),
            "undone": len(self.undone),
            "left": len(self.left),
        }

    def kept_bytes(self, entry: Entry) -> bytes:
        """Return the former bytes of an entry.

        Raises
        ------
        JournalError
            They are gone or damaged.
        """
        path = self.folder / kept_name(entry.number)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise JournalError(f"{path}: cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != entry.kept:
            raise JournalError(f"{path}: is damaged, so nothing is restored from it")
        return data


def stories(folder: Path | None = None) -> Iterator[Story]:
    """Yield what the journals tell, the newest first; what is none is passed over."""
    base = journals_folder() if folder is None else folder
    try:
        names = sorted((path.parent for path in base.glob(f"*/{NAME}")), reverse=True)
    except OSError:
        return
    for place in names:
        with contextlib.suppress(JournalError):
            yield read_journal(place)


def unfinished(folder: Path | None = None) -> Iterator[Path]:
    """Yield the folders of journals whose process was ended in the middle of its work."""
    base = journals_folder() if folder is None else folder
    end = line_of(ENDED)
    for path in sorted(base.glob(f"*/{NAME}")):
        with contextlib.suppress(OSError), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - len(end)))
            if file.read() != end:
                yield path.parent


def find_journal(name: str, folder: Path | None = None) -> Story:
    """Return a journal by its name, its folder or ``last``: the newest that can be undone.

    Raises
    ------
    JournalError
        There is none.
    """
    base = journals_folder() if folder is None else folder
    if name == "last":
        for story in stories(folder):
            if story.left:
                return story
        raise JournalError(f"there is nothing to undo: no journal in {base} has changes left")
    place = Path(name)
    if place.name == NAME:
        place = place.parent
    if not (place / NAME).is_file() and len(Path(name).parts) == 1:
        place = base / name
    return read_journal(place)


def read_journal(folder: Path) -> Story:
    """Read a journal; a last line that was cut off is passed over.

    Raises
    ------
    JournalError
        It is none, or it is damaged.
    """
    path = folder / NAME
    story = Story(folder, "")
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
                if len(line) > LONGEST_LINE or number > MOST_LINES:
                    raise JournalError(f"{path}: is too large")
                if line.endswith(b"\n"):
                    _take(story, line, f"{path}, line {number}", first=number == 1)
    except FileNotFoundError:
        raise JournalError(
            f"{folder}: there is no such journal; see earmark tag --history"
        ) from None
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from error
    if not story.made:
        raise JournalError(f"{path}: is no journal")
    return story


def _take(story: Story, line: bytes, where: str, *, first: bool) -> None:
    try:
        found = parse_object(line)
    except ValueError:
        if first:
            raise JournalError(f"{where}: is no journal") from None
        # A line that was cut off by the end of a process, with another behind it.
        return
    try:
        event = text_of(found, "event", longest=20)
        if first:
            if found.get("schema") != schema("journal"):
                raise ValueError(f"it is no {schema('journal')}")
            story.made = text_of(found, "made", longest=50)
        elif event == "entry":
            story.entries.append(_entry(found))
        elif event == "part":
            story.parts.append(path_of(found, "path"))
        elif event in ("done", "failed", "undone"):
            getattr(story, event).add(_whole(found.get("number")))
    except ValueError as error:
        raise JournalError(f"{where}: is damaged ({error})") from error


def _entry(found: dict[str, Any]) -> Entry:
    steps = found.get("steps")
    if not isinstance(steps, list):
        raise ValueError("'steps' is no list")
    unchanged = found.get("unchanged")
    return Entry(
        number=_whole(found.get("number")),
        path=path_of(found, "path"),
        target=path_of(found, "target"),
        in_place=found.get("in_place") is True,
        before=hash_of(found, "before"),
        after=hash_of(found, "after"),
        size=_whole(found.get("size")),
        modified_ns=_whole(found.get("modified_ns"), least=-(2**63)),
        genres_before=texts_of(found, "genres_before", most=1000),
        genres_after=texts_of(found, "genres_after"),
        steps=tuple(_step(step) for step in steps),
        kept=hash_of(found, "kept"),
        unchanged=hash_of(found, "unchanged") if unchanged else "",
    )


def _step(found: Any) -> Step:
    if not isinstance(found, list) or len(found) != 2:
        raise ValueError("a step is no pair")
    offset = _whole(found[0], least=-1)
    return Step(None if offset < 0 else offset, _whole(found[1]))


def _whole(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 2**63:
        raise ValueError(f"{str(value)[:40]} is no number that makes sense here")
    return value
