"""The LIST/INFO chunk of a WAV file, which mutagen leaves alone.

INFO holds short texts under names of four letters, such as ``IGNR`` for the genre, each once.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from earmark.errors import TagError

MOST_CHUNKS = 10_000
LONGEST_INFO = 1 << 20
"""Bytes of a LIST/INFO chunk that are read; longer ones are left alone."""

_HEAD = struct.Struct("<4sI")


@dataclass(frozen=True)
class Chunk:
    """Where a chunk lies: its head at ``start``, its ``size`` bytes from ``start + 8`` on."""

    name: bytes
    start: int
    size: int

    @property
    def stop(self) -> int:
        """Where the next chunk begins: sizes are even."""
        return self.start + 8 + self.size + self.size % 2


def read_info(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the texts of LIST/INFO by their names, as bytes without the zeros at their end.

    >>> import io
    >>> body = b"WAVE" + b"LIST" + struct.pack("<I", 18) + b"INFOIGNR" + struct.pack("<I", 5)
    >>> read_info(io.BytesIO(b"RIFF" + struct.pack("<I", 30) + body + b"Jazz" + bytes(2)))
    {b'IGNR': b'Jazz'}
    """
    chunk = _info_chunk(file)
    return {} if chunk is None else dict(_texts(_body(file, chunk)))


def write_info(file: BinaryIO, name: bytes, text: bytes) -> None:
    """Put a text into LIST/INFO, in the place of the former one; all others stay as they are.

    The chunk stays where it is if its size stays, or if it is the last; else a new one comes to the
    end of the file and the place of the former one becomes free space (``JUNK``).

    Parameters
    ----------
    file
        A RIFF file, open for reading and writing.
    name
        Four bytes.
    text
        Without a zero at its end.

    Raises
    ------
    TagError
        The size in the header is wrong, as in a recording that was cut off.
    """
    chunk = _info_chunk(file)
    texts = [] if chunk is None else _texts(_body(file, chunk))
    entry = (name, text)
    at = next((i for i, (other, _) in enumerate(texts) if other == name), None)
    if at is None:
        texts.append(entry)
    else:
        texts[at] = entry
    body = b"INFO" + b"".join(_packed(*each) for each in texts)
    end = _end(file)
    if chunk is not None and len(body) == chunk.size:
        file.seek(chunk.start + 8)
        file.write(body)
        return
    is_last = chunk is not None and chunk.stop >= end
    file.seek(end)
    behind = file.read(LONGEST_INFO + 1)  # what stands behind the RIFF, such as an ID3v1 tag
    if len(behind) > LONGEST_INFO:
        raise TagError("its header says that it ends before its sound does; repair it first")
    if chunk is not None and is_last:
        end = chunk.start
    elif chunk is not None:
        file.seek(chunk.start)
        file.write(_HEAD.pack(b"JUNK", chunk.size) + bytes(chunk.size))
    file.seek(end)
    file.write(_HEAD.pack(b"LIST", len(body)) + body)
    stop = file.tell()
    file.write(behind)
    file.truncate()
    file.seek(4)
    file.write(struct.pack("<I", stop - 8))


def _packed(name: bytes, text: bytes) -> bytes:
    ended = text + b"\0"
    return _HEAD.pack(name, len(ended)) + ended + bytes(len(ended) % 2)


def _end(file: BinaryIO) -> int:
    """Return where the RIFF ends, an even place, never behind the end of the file."""
    file.seek(0, 2)
    length = file.tell()
    file.seek(4)
    size = int.from_bytes(file.read(4), "little")
    end = 8 + size + size % 2
    if end > length:
        # The pad byte of the last chunk is often forgotten.
        if length % 2:
            file.seek(length)
            file.write(b"\0")
            length += 1
        end = length
    return end


def _info_chunk(file: BinaryIO) -> Chunk | None:
    file.seek(0)
    if file.read(12)[:4] != b"RIFF":
        return None
    at = 12
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(12)
        if len(head) < 8:
            return None
        name, size = _HEAD.unpack(head[:8])
        chunk = Chunk(name, at, size)
        if name == b"LIST" and head[8:] == b"INFO" and size <= LONGEST_INFO:
            return chunk
        at = chunk.stop
    return None


def _body(file: BinaryIO, chunk: Chunk) -> bytes:
    file.seek(chunk.start + 12)
    return file.read(chunk.size - 4)


def _texts(body: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while at + 8 <= len(body):
        name, size = _HEAD.unpack(body[at : at + 8])
        found.append((name, body[at + 8 : at + 8 + size].rstrip(b"\0")))
        at += 8 + size + size % 2
    return found
