"""How the bytes of a file differ from those that it had, so that they can be had back.

The former file is told as steps: parts that are still in the new file, at the same place or
moved by a distance, and parts that are not, whose bytes are kept.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.errors import TagError

GRAIN = 64
"""Bytes that are compared as one."""

PAGE = 1 << 16
_CHUNK = 1 << 22
_FAR = 1 << 21


class Seekable(Protocol):
    """What is read from any place."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        ...

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        ...


@dataclass(frozen=True)
class Step:
    """A part of the former file.

    ``offset`` is where it is in the new file; None: it is not there, its bytes are kept apart.
    """

    offset: int | None
    length: int


def size_of(file: Seekable) -> int:
    """Return the length of a file in bytes."""
    return file.seek(0, 2)


def digest_of(file: Seekable) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(_CHUNK):
        digest.update(block)
    return digest.hexdigest()


def difference(former: Seekable, new: Seekable, *, moved: bool = True) -> list[Step]:
    """Return the steps that make the former file out of the new one.

    Parameters
    ----------
    former, new
        Two files.
    moved
        Whether parts may have moved: by the difference of the lengths, and as far as the middle
        of the file did. If not, what is left of the former file is where it was.
    """
    length, new_length = size_of(former), size_of(new)
    shifts = _shifts(former, new, length, new_length) if moved else []
    steps: list[Step] = []
    for start in range(0, length, _CHUNK):
        old = _bytes(former, start, min(_CHUNK, length - start))
        # For each grain the first distance that fits; -1: none does.
        kinds = np.full(-(-len(old) // GRAIN), -1)
        for kind, shift in reversed([*enumerate([0, *shifts])]):
            kinds[_equal(old, new, start + shift)] = kind
        edges = np.flatnonzero(np.diff(kinds)) + 1
        for first, stop in zip([0, *edges], [*edges, len(kinds)], strict=True):
            begin, end = start + first * GRAIN, min(start + stop * GRAIN, length)
            kind = int(kinds[first])
            offset = None if kind < 0 else int(begin) + [0, *shifts][kind]
            _append(steps, Step(offset, int(end - begin)))
    return steps


def kept_bytes(former: Seekable, steps: Sequence[Step]) -> bytes:
    """Return the bytes of the former file that are not in the new one, one after the other."""
    parts = []
    at = 0
    for step in steps:
        if step.offset is None:
            former.seek(at)
            parts.append(former.read(step.length))
        at += step.length
    return b"".join(parts)


class Sink(Protocol):
    """What takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""
        ...


class Digest:
    """A sink that only remembers the SHA-256 of what it took."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        """Take bytes."""
        self._digest.update(data)

    def __str__(self) -> str:
        return self._digest.hexdigest()


def rebuild(new: Seekable, steps: Iterable[Step], kept: bytes, out: Sink) -> None:
    """Write the former file.

    Raises
    ------
    TagError
        The steps do not fit the file.
    """
    at = 0
    for step in steps:
        if step.offset is None:
            out.write(kept[at : at + step.length])
            at += step.length
            continue
        new.seek(step.offset)
        left = step.length
        while left:
            block = new.read(min(left, _CHUNK))
            if not block:
                raise TagError("the file is shorter than the journal says")
            out.write(block)
            left -= len(block)


def unchanged_digest(file: Seekable, steps: Iterable[Step]) -> str:
    """Return the SHA-256 of the parts that a change in place does not touch."""
    digest = Digest()
    for step in steps:
        if step.offset is not None:
            rebuild(file, [step], b"", digest)
    return str(digest)


class TooMuch(TagError):
    """More of a file would change than may."""


class Overlay(io.RawIOBase):
    """A file that can be changed without being changed: what is written stays in memory.

    Parameters
    ----------
    file
        The file, open for reading.
    name
        Its path.
    most
        Bytes that may change before `TooMuch` is raised.
    """

    name = ""

    def __init__(self, file: IO[bytes], name: str, most: int) -> None:
        self.name = name
        self._file = file
        self._most = most
        self._length = self._former_length = size_of(file)
        self._pages: dict[int, bytearray] = {}
        self._at = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def writable(self) -> bool:
        """Tell that it can be written."""
        return True

    def seekable(self) -> bool:
        """Tell that it has places."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place and return it."""
        at = {0: 0, 1: self._at, 2: self._length}[whence] + offset
        if at < 0:
            raise OSError(22, "a place before the beginning")
        self._at = at
        return at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        left = max(0, self._length - self._at)
        size = left if size is None or size < 0 else min(size, left)
        parts = []
        while size > 0:
            number, begin = divmod(self._at, PAGE)
            page = self._pages.get(number)
            if page is None:
                # As far as the next page that was changed.
                stop = number + 1
                while stop * PAGE < self._at + size and stop not in self._pages:
                    stop += 1
                part = self._former(self._at, min(size, stop * PAGE - self._at))
            else:
                part = bytes(page[begin : begin + min(size, PAGE - begin)])
            parts.append(part)
            self._at += len(part)
            size -= len(part)
        return b"".join(parts)

    def write(self, data: object, /) -> int:
        """Keep bytes."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        written = 0
        while written < len(view):
            number, begin = divmod(self._at, PAGE)
            page = self._pages.get(number)
            if page is None:
                if (len(self._pages) + 1) * PAGE > self._most + PAGE:
                    raise TooMuch
                page = self._pages[number] = bytearray(self._former(number * PAGE, PAGE))
            part = view[written : written + PAGE - begin]
            page[begin : begin + len(part)] = part
            written += len(part)
            self._at += len(part)
            self._length = max(self._length, self._at)
        return written

    def truncate(self, size: int | None = None, /) -> int:
        """Give it another length."""
        size = self._at if size is None else size
        if size < self._length:
            # What lay behind must not come back when it grows again.
            self._former_length = min(self._former_length, size)
            for number in [n for n in self._pages if n * PAGE >= size]:
                del self._pages[number]
            last = self._pages.get(size // PAGE)
            if last is not None:
                last[size % PAGE :] = bytes(PAGE - size % PAGE)
        self._length = size
        return size

    def _former(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        data = self._file.read(max(0, min(size, self._former_length - at)))
        return data + bytes(size - len(data))


def _shifts(former: Seekable, new: Seekable, length: int, new_length: int) -> list[int]:
    """Return by how many bytes what is behind a longer tag may have moved."""
    shifts = [new_length - length]
    middle = length // 2
    former.seek(middle)
    probe = former.read(4 * GRAIN)
    begin = max(0, middle - _FAR)
    new.seek(begin)
    around = new.read(2 * _FAR)
    found = around.find(probe)
    if found >= 0:
        shifts.append(begin + found - middle)
    return [shift for shift in dict.fromkeys(shifts) if shift]


def _bytes(file: Seekable, at: int, size: int) -> NDArray[np.uint8]:
    file.seek(at)
    return np.frombuffer(file.read(size), np.uint8)


def _equal(old: NDArray[np.uint8], file: Seekable, at: int) -> NDArray[np.bool_]:
    """Return for each grain of ``old`` whether a file has the same bytes from ``at`` on."""
    before = min(max(0, -at), len(old))
    new = _bytes(file, at + before, len(old) - before)
    same = np.zeros(-(-len(old) // GRAIN) * GRAIN, bool)
    same[before : before + len(new)] = old[before : before + len(new)] == new
    same[len(old) :] = True
    return np.asarray(same.reshape(-1, GRAIN).all(axis=1))


def _append(steps: list[Step], step: Step) -> None:
    last = steps[-1] if steps else None
    if last is not None and (
        (last.offset is None and step.offset is None)
        or (
            last.offset is not None
            and step.offset is not None
            and last.offset + last.length == step.offset
        )
    ):
        steps[-1] = Step(last.offset, last.length + step.length)
    else:
        steps.append(step)
