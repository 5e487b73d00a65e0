"""Genres written into files: checked first, journalled, looked at before they take the place.

A file is never between the former and the new: a changed copy is made under a passing name, read
again, and renamed. Only where the file must stay itself (it has other names) or is large, and what
changes is little, it is changed in place; the journal then has every byte that is overwritten.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from earmark.audio.files import open_bytes
from earmark.errors import AudioError, JournalError, TagError, WorkerError
from earmark.listen import FileIdentity
from earmark.schemas import schema
from earmark.tagging import bytewise
from earmark.tagging.bytewise import Digest, Overlay, Seekable, Step, TooMuch
from earmark.tagging.files import (
    CannotChange,
    Status,
    mapped,
    must_stay_itself,
    passing_name,
    put_in_place,
    require_at_rest,
    require_room,
    require_same,
    require_writable,
    target_of,
    told,
)
from earmark.tagging.genres import DEFAULT_SIGN, Named, read_tags, write_genres
from earmark.tagging.journal import Entry, Journal
from earmark.tagging.names import require_genres
from earmark.tagging.plan import Proposal

LARGE = 32 << 20
"""Bytes from which on a file is changed in place where little of it changes."""

LITTLE = 1 << 20
"""Bytes that may change in place in a large file; else a copy takes less room in the journal."""

MOST_IN_PLACE = 32 << 20
"""Bytes that may change in place in a file that must stay itself."""

Identify = Callable[[str], FileIdentity]


@dataclass(frozen=True)
class Outcome:
    """What became of a file: done, or left as it is and why."""

    path: str
    done: bool
    why: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    joined: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        lists = {"before": list(self.before), "after": list(self.after)}
        return {"schema": schema("tag-outcome"), **vars(self), **lists}


@dataclass(frozen=True)
class Options:
    """How genres are written.

    Attributes
    ----------
    sign
        Joins several genres where a container has no lists.
    keep_mtime
        Whether a file keeps the time of its last change.
    inside
        Folders that files must lie in; none: those that the plan names.
    roots
        Folders of the machine where the plan was made, and those here.
    """

    sign: str = DEFAULT_SIGN
    keep_mtime: bool = False
    inside: Sequence[str] = ()
    roots: Sequence[tuple[str, str]] = ()


class NamedCopy(io.BufferedRandom):
    """An open file for reading and writing, with the name of another."""

    name = ""

    def __init__(self, file: IO[bytes], name: str) -> None:
        super().__init__(cast("io.RawIOBase", file))
        self.name = name


def proposal_for(
    path: str | os.PathLike[str],
    genres: Sequence[str],
    identify: Identify,
    *,
    root: str | os.PathLike[str] | None = None,
    probability: float = 1.0,
    why: str = "",
    evidence: dict[str, str] | None = None,
) -> Proposal:
    """Return a proposal for a file as it is now, by someone who knows its genres.

    Parameters
    ----------
    path
        The file.
    genres
        What it is to have in place of its present ones.
    identify
        As for `apply`.
    root
        The folder that the file must lie in, also where a link leads to it; None: its own.
    probability, why, evidence
        As a `Proposal` has them.

    Raises
    ------
    AudioError, TagError
        The file cannot be read, nothing can be written into it, or its sound cannot be told apart
        from its tags.
    """
    whole = os.path.abspath(path)  # noqa: PTH100 (a link stays one)
    with Named(open_bytes(whole), whole) as file:
        tags = read_tags(file)
    require_genres(genres)
    audio_hash = identify(whole).audio_hash
    if audio_hash is None:
        raise CannotChange(f"{whole}: its sound cannot be told apart from its tags")
    return Proposal(
        path=whole,
        root=os.path.dirname(whole) if root is None else os.path.abspath(root),  # noqa: PTH100, PTH120
        audio_hash=audio_hash,
        kind=tags.kind,
        seen=tags.stored,
        genres=tuple(genres),
        probability=probability,
        why=why,
        evidence=evidence,
    )


def apply(
    proposals: Iterable[Proposal], journal: Journal, identify: Identify, options: Options
) -> Iterator[Outcome]:
    """Write what a plan proposes; yield what became of each file.

    Parameters
    ----------
    proposals
        The plan.
    journal
        Keeps what the files were.
    identify
        Says what a file is recognized by, `earmark.listen.identify` or the same by a worker.
    options
        How to write.

    Raises
    ------
    JournalError
        The journal cannot be written: no further file may be changed.
    """
    for proposal in proposals:
        path = mapped(proposal.path, options.roots)
        inside = options.inside or [mapped(proposal.root, options.roots)]
        try:
            joined = _write(path, inside, proposal, journal, identify, options)
        except JournalError:
            raise
        except (AudioError, WorkerError) as error:
            yield Outcome(path, False, error.problem)
        except OSError as error:
            yield Outcome(path, False, told(error))
        except TagError as error:
            yield Outcome(path, False, str(error))
        else:
            yield Outcome(path, True, before=proposal.seen, after=proposal.genres, joined=joined)


def _write(
    path: str,
    inside: Sequence[str],
    proposal: Proposal,
    journal: Journal,
    identify: Identify,
    options: Options,
) -> bool:
    """Write one file; tell whether several genres had to be joined to one text."""
    target = target_of(path, inside)
    with open_bytes(target) as file:
        status = os.fstat(file.fileno())
        require_writable(target, status)
        require_at_rest(file)
        identity = identify(target)
        if identity.audio_hash != proposal.audio_hash:
            raise CannotChange("has another sound than when the plan was made; make a new plan")
        with Named(file, target) as named:
            tags = read_tags(named)
        if tags.stored != proposal.seen:
            raise CannotChange("has other genres than when the plan was made; make a new plan")
    change = _Change(path, target, status, identity, proposal, journal, identify, options)
    stays = must_stay_itself(target, status)
    may_change = MOST_IN_PLACE if stays else LITTLE
    if not (stays or status.st_size >= LARGE) or not change.in_place(may_change):
        if stays:
            raise CannotChange("has other names or owners, and too much of it would change")
        change.by_copy()
    return len(proposal.genres) > 1 and not tags.lists


class _Change:
    """The change of one file."""

    def __init__(
        self,
        path: str,
        target: str,
        status: Status,
        identity: FileIdentity,
        proposal: Proposal,
        journal: Journal,
        identify: Identify,
        options: Options,
    ) -> None:
        self.path = path
        self.target = target
        self.status = status
        self.identity = identity
        self.proposal = proposal
        self.journal = journal
        self.identify = identify
        self.options = options

    def by_copy(self) -> None:
        """Make a changed copy, look at it, and let it take the place of the file."""
        require_room(self.target, self.status.st_size)
        with passing_name(self.target, self.journal.part) as part:
            shutil.copyfile(self.target, part)
            with NamedCopy(part.open("r+b", buffering=0), self.target) as copy:
                self._set_genres(copy)
                copy.flush()
                with open_bytes(self.target) as former:
                    steps = bytewise.difference(former, copy)
                    kept = bytewise.kept_bytes(former, steps)
                self._require_way_back(copy, steps, kept)
            # What is on the disk counts, not what was meant to be there.
            made = self.identify(str(part))
            self._require_same_sound(made)
            entry = self._entry(made.content_hash, steps, kept)
            with open_bytes(self.target) as file:
                require_at_rest(file)
            self.journal.begin(entry, kept)
            try:
                require_same(self.status, self.target)
                modified = self.status.st_mtime_ns if self.options.keep_mtime else None
                put_in_place(part, self.target, self.status, modified_ns=modified)
            except (OSError, CannotChange):
                self.journal.end("failed", entry.number)
                raise
        self.journal.end("done", entry.number)

    def in_place(self, most: int) -> bool:
        """Change the file itself where at most so many bytes do; False where more would."""
        with open_bytes(self.target) as file:
            try:
                copy = Overlay(file, self.target, most)
                self._set_genres(cast("IO[bytes]", copy))
            except TooMuch:
                return False
            length = bytewise.size_of(copy)
            steps = bytewise.difference(file, copy, moved=False)
            kept = bytewise.kept_bytes(file, steps)
            unchanged = bytewise.unchanged_digest(file, steps)
            self._require_way_back(copy, steps, kept)
            entry = self._entry(bytewise.digest_of(copy), steps, kept, unchanged)
            changes = list(_changes(copy, steps, self.status.st_size, length))
        require_room(self.target, max(0, length - self.status.st_size))
        require_same(self.status, self.target)
        self.journal.begin(entry, kept)
        try:
            write_at(self.target, changes, length)
            made = self.identify(self.target)
            self._require_same_sound(made)
            if made.content_hash != entry.after:
                raise CannotChange("was changed by another program meanwhile")
        except BaseException:
            restore_at(self.target, entry, kept)
            self.journal.end("failed", entry.number)
            raise
        if self.options.keep_mtime:
            os.utime(self.target, ns=(self.status.st_atime_ns, self.status.st_mtime_ns))
        self.journal.end("done", entry.number)
        return True

    def _set_genres(self, file: IO[bytes]) -> None:
        write_genres(
            cast("io.BufferedRandom", file),
            self.proposal.genres,
            sign=self.options.sign,
            evidence=self.proposal.evidence,
        )

    def _require_way_back(self, copy: Seekable, steps: Sequence[Step], kept: bytes) -> None:
        former = Digest()
        bytewise.rebuild(copy, steps, kept, former)
        if str(former) != self.identity.content_hash:
            raise CannotChange("changed meanwhile; make a new plan")

    def _require_same_sound(self, made: FileIdentity) -> None:
        if made.audio_hash != self.identity.audio_hash:
            raise CannotChange("its sound would not stay as it is")

    def _entry(self, after: str, steps: Sequence[Step], kept: bytes, unchanged: str = "") -> Entry:
        return Entry(
            number=self.journal.next_number(),
            path=self.path,
            target=self.target,
            in_place=bool(unchanged),
            before=self.identity.content_hash,
            after=after,
            size=self.status.st_size,
            modified_ns=self.status.st_mtime_ns,
            genres_before=self.proposal.seen,
            genres_after=self.proposal.genres,
            steps=tuple(steps),
            kept=hashlib.sha256(kept).hexdigest(),
            unchanged=unchanged,
        )


def _changes(
    copy: Overlay, steps: Sequence[Step], former_length: int, length: int
) -> Iterator[tuple[int, bytes]]:
    """Yield what a change in place writes, with the places."""
    at = 0
    for step in [*steps, Step(None, max(0, length - former_length))]:
        if step.offset is None and step.length:
            copy.seek(at)
            yield at, copy.read(step.length)
        at += step.length


def write_at(target: str, changes: Iterable[tuple[int, bytes]], length: int) -> None:
    """Write bytes into a file, give it a length, and bring it to the disk.

    Raises
    ------
    OSError
        It cannot be done; some may be written.
    """
    with Path(target).open("r+b") as file:
        for at, data in changes:
            file.seek(at)
            file.write(data)
        file.truncate(length)
        file.flush()
        os.fsync(file.fileno())


def restore_at(target: str, entry: Entry, kept: bytes) -> None:
    """Write the former bytes back into a file that was changed in place.

    Raises
    ------
    OSError
        It cannot be done.
    """
    changes = []
    at = used = 0
    for step in entry.steps:
        if step.offset is None:
            changes.append((at, kept[used : used + step.length]))
            used += step.length
        at += step.length
    write_at(target, changes, entry.size)
    os.utime(target, ns=(os.stat(target).st_atime_ns, entry.modified_ns))  # noqa: PTH116
