"""The journal: what files were before they were changed, on the disk before they are.

A journal is a folder. ``journal.jsonl`` says one event a line (``earmark.journal/1``); beside it
lie the former bytes of each file, as far as the changed file does not have them. An entry is
brought to the disk before its file is changed. Whether that happened is seen by the file itself:
its SHA-256 is the former one or the new one.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import platformdirs

from earmark.errors import JournalError
from earmark.schemas import named, schema
from earmark.tagging.bytewise import Step
from earmark.tagging.plan import hash_of, parse_object, path_of, text_of, texts_of

NAME = "journal.jsonl"
LONGEST_LINE = 2**26
MOST_LINES = 10_000_000
_ENDED = {"event": "ended"}


@dataclass(frozen=True)
class Entry:
    """One file that is changed.

    Attributes
    ----------
    number
        From 1 on.
    path, target
        The file as it was named, and what that led to.
    in_place
        Whether the file itself is changed, not replaced by another under its name.
    before, after
        SHA-256 of the file.
    size, modified_ns
        Of the file before.
    genres_before, genres_after
        The texts that were stored as genres, and the genres that are written.
    steps
        How the former file is made of the new one.
    kept
        SHA-256 of the bytes that are kept beside the journal.
    unchanged
        SHA-256 of what a change in place does not touch; empty otherwise.
    """

    number: int
    path: str
    target: str
    in_place: bool
    before: str
    after: str
    size: int
    modified_ns: int
    genres_before: tuple[str, ...]
    genres_after: tuple[str, ...]
    steps: tuple[Step, ...]
    kept: str
    unchanged: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return {
            **{name: value for name, value in vars(self).items() if name != "steps"},
            "event": "entry",
            "steps": [[-1 if s.offset is None else s.offset, s.length] for s in self.steps],
        }


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
        path = self.folder / _kept_name(entry.number)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise JournalError(f"{path}: cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != entry.kept:
            raise JournalError(f"{path}: is damaged, so nothing is restored from it")
        return data


def journals_folder() -> Path:
    """Return where journals lie."""
    return platformdirs.user_data_path("earmark") / "tags"


class Journal:
    """A journal that is being written.

    Parameters
    ----------
    folder
        Where all journals lie; None: in the platform's data folder.

    Raises
    ------
    JournalError
        It cannot be written there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        base = journals_folder() if folder is None else folder
        now = datetime.datetime.now(datetime.UTC)
        self.folder = base / f"{now:%Y-%m-%dT%H-%M-%S.%f}-{secrets.token_hex(3)}"
        self._count = 0
        try:
            self.folder.mkdir(parents=True)
            self._file = (self.folder / NAME).open("xb", buffering=0)
            try:
                _lock(self._file)
                self._line(named("journal", {"event": "begun", "made": now.isoformat()}))
            except BaseException:
                self._file.close()
                raise
            sync_folder(self.folder)
            sync_folder(base)
        except OSError as error:
            raise JournalError(f"{self.folder}: cannot be written ({error.strerror})") from error

    @classmethod
    def go_on(cls, folder: Path) -> Journal:
        """Open a journal to add what was undone.

        Raises
        ------
        JournalError
            It cannot be written, or another process is writing it.
        """
        journal = cls.__new__(cls)
        journal.folder = folder
        journal._count = 0
        try:
            journal._file = (folder / NAME).open("ab", buffering=0)
            _lock(journal._file)
            # A line that was cut off ends here, so that the next one can be read.
            size = os.fstat(journal._file.fileno()).st_size
            with (folder / NAME).open("rb") as file:
                file.seek(max(0, size - 1))
                if file.read(1) not in (b"\n", b""):
                    journal._file.write(b"\n")
        except OSError as error:
            raise JournalError(f"{folder}: cannot be written ({error.strerror})") from error
        return journal

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, and note that it was not just cut off."""
        if not self._file.closed:
            with contextlib.suppress(JournalError):
                self._write(_ENDED, sync=False)
            self._file.close()

    def part(self, path: str) -> None:
        """Note a file under a passing name, so that it is found if this process ends here."""
        self._write({"event": "part", "path": path}, sync=False)

    def begin(self, entry: Entry, kept: bytes) -> None:
        """Bring an entry and the former bytes to the disk.

        Raises
        ------
        JournalError
            That cannot be done; the file must not be changed.
        """
        place = self.folder / _kept_name(entry.number)
        try:
            with place.open("xb") as file:
                file.write(kept)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
            raise JournalError(f"{place}: cannot be written ({error.strerror})") from error
        self._write(entry.to_json(), sync=True)

    def next_number(self) -> int:
        """Return the number of the next entry."""
        self._count += 1
        return self._count

    def end(self, event: str, number: int) -> None:
        """Note what became of an entry: ``done``, ``failed`` or ``undone``.

        Nothing depends on it but the history, so a full disk is no error.
        """
        with contextlib.suppress(JournalError):
            self._write({"event": event, "number": number}, sync=False)

    def _write(self, event: dict[str, Any], *, sync: bool) -> None:
        try:
            self._line(event)
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise JournalError(f"{self.folder}: cannot be written ({error.strerror})") from error

    def _line(self, event: dict[str, Any]) -> None:
        data = memoryview(_line_of(event))
        begin = os.fstat(self._file.fileno()).st_size
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            # Half a line would spoil the next one.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), begin)
            raise


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
    end = _line_of(_ENDED)
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


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _lock(file: IO[bytes]) -> None:
    """Keep other processes away until the file is closed, where the system can.

    Raises
    ------
    JournalError
        Another process is there.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise JournalError("another earmark tag is writing this journal; wait for it") from None
    except OSError:
        # Not every file system has locks.
        return


def _line_of(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode("ascii") + b"\n"


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


def _kept_name(number: int) -> str:
    return f"{number:07}.former"
