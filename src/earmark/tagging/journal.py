"""The journal: what files were before they were changed, on the disk before they are.

A journal is a folder. ``journal.jsonl`` says one event a line (``earmark.journal/1``); beside it
lie the former bytes of each file, as far as the changed file does not have them. An entry is
brought to the disk before its file is changed. Whether that happened is seen by the file itself:
its SHA-256 is the former one or the new one.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import platformdirs

from earmark.errors import JournalError
from earmark.schemas import named
from earmark.tagging.bytewise import Step

NAME = "journal.jsonl"
ENDED: Mapping[str, Any] = {"event": "ended"}
"""The last event of a journal whose process was not cut off."""


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
                self._size_empty = os.fstat(self._file.fileno()).st_size
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
        journal._size_empty = -1
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
        """Close it, and note that it was not just cut off; one that tells of no file is removed."""
        if self._file.closed:
            return
        is_empty = os.fstat(self._file.fileno()).st_size == self._size_empty
        if not is_empty:
            with contextlib.suppress(JournalError):
                self._write(ENDED, sync=False)
        self._file.close()
        if is_empty:
            with contextlib.suppress(OSError):
                (self.folder / NAME).unlink()
                self.folder.rmdir()

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
        place = self.folder / kept_name(entry.number)
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

    def _write(self, event: Mapping[str, Any], *, sync: bool) -> None:
        try:
            self._line(event)
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise JournalError(f"{self.folder}: cannot be written ({error.strerror})") from error

    def _line(self, event: Mapping[str, Any]) -> None:
        data = memoryview(line_of(event))
        begin = os.fstat(self._file.fileno()).st_size
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            # Half a line would spoil the next one.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), begin)
            raise


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


def line_of(event: Mapping[str, Any]) -> bytes:
    """Return an event as a line."""
    return json.dumps(event).encode("ascii") + b"\n"


def kept_name(number: int) -> str:
    """Return the name of the file with the former bytes of an entry."""
    return f"{number:07}.former"
