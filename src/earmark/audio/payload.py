"""The hash of what a file sounds like, whatever tags stand around it.

The packets of the first audio stream are hashed as the container holds them, without decoding, one
after the other as one run of bytes: how many samples of PCM a container puts into a packet, how
Ogg fills its pages, or where an index stands, changes nothing. Before them go the codec's name and,
where packets do not say it themselves, sampling rate and number of channels. Headers of the codec
are left out, since in Ogg they hold the tags.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from earmark.audio.bounds import find_sound
from earmark.audio.containers import open_container
from earmark.audio.files import OpenFile, View

_log = logging.getLogger(__name__)

_VERSION = "earmark.payload/1"
_BLOCK = 1 << 20
_FAR = 1 << 20  # bytes read beyond a gap after which the gap is read too
# What FFmpeg states of these is found by decoding, and is not the same in all its versions.
_SELF_DESCRIBED = frozenset({"aac", "aac_latm", "mp1", "mp2", "mp3", "opus"})
_SLACK = 1 << 20  # bytes, and packets, that a container may add to those of the file


def hash_file_and_payload(file: HashingFile) -> tuple[str, str | None]:
    """Return the hash of a file's bytes and the hash of its sound, reading each byte once.

    Parameters
    ----------
    file
        The file, of which nothing has been read.

    Returns
    -------
    content_hash
        SHA-256 of all bytes, in hexadecimal.
    audio_hash
        SHA-256 of codec and packets, in hexadecimal; None where there are no packets that can be
        read to their end.

    Raises
    ------
    AudioError
        The file cannot be read.
    """
    audio_hash = _hash_payload(file)
    content_hash = file.finish()
    file.require_readable()
    return content_hash, audio_hash


class HashingFile(OpenFile):
    """A file that hashes its bytes in their order, while they are read in whichever.

    Containers are read from front to back but for an index at their end; what was jumped over is
    read when reading comes back to it, or at last.

    Parameters
    ----------
    path
        The file; errors are those of :func:`earmark.audio.files.open_bytes`.

    Attributes
    ----------
    modified_ns
        When it was last changed before it was opened, in nanoseconds since 1970.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        # Taken before anything is read: a change meanwhile is one that is not known.
        self.modified_ns = os.fstat(self._file.fileno()).st_mtime_ns
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._ahead = 0

    def read(self, at: int, length: int) -> bytes:
        """Return the bytes from ``at`` on, and hash those that come next in the file."""
        data = super().read(at, min(length, max(0, self.size - at)))
        end = at + len(data)
        if at <= self._hashed < end:
            self._digest.update(memoryview(data)[self._hashed - at :])
            self._hashed, self._ahead = end, 0
        elif at > self._hashed:
            self._ahead += len(data)
            if self._ahead > _FAR:
                self._catch_up(end)
        return data

    def finish(self) -> str:
        """Hash what has not been read, and return the hash of all."""
        self._catch_up(self.size)
        return self._digest.hexdigest()

    def _catch_up(self, end: int) -> None:
        while self._hashed < end:
            block = super().read(self._hashed, min(_BLOCK, end - self._hashed))
            if not block:  # the file has become shorter, or cannot be read
                break
            self._digest.update(block)
            self._hashed += len(block)
        self._ahead = 0


class _Unreadable(Exception):
    """PyAV failed; inside of this module only."""


def _hash_payload(file: HashingFile) -> str | None:
    whole = View(file)
    try:
        with _open(find_sound(whole), after_id3=whole.peek(0, 3) == b"ID3") as container:
            return _hash_first_stream(container, file.size)
    except _Unreadable as error:
        _log.debug("%s: its packets cannot be read: %s", file.path, error)
        return None


def _open(view: View, *, after_id3: bool) -> Any:
    import av.error  # here for the same reason as in `open_container`

    # Samples that an edit list leaves out are in the file all the same, and taggers may rewrite it.
    try:
        try:
            return open_container(view, edits=False)
        except av.error.InvalidDataError:
            # FFmpeg gives up where an ID3 tag is longer than it says, and its rest is like text.
            if not after_id3:
                raise
            return open_container(view.part(), "mp3", edits=False)
    except Exception as error:  # of broken files PyAV raises more than FFmpeg's errors
        raise _Unreadable(str(error)) from error


def _hash_first_stream(container: Any, size: int) -> str | None:
    stream = next(iter(container.streams.audio), None)
    if stream is None or stream.codec_context is None:
        return None
    context = stream.codec_context
    codec = context.codec.canonical_name
    digest = hashlib.sha256(f"{_VERSION} {codec}".encode())
    if codec not in _SELF_DESCRIBED:
        digest.update(f" {context.sample_rate} {context.layout.nb_channels}".encode())
    digest.update(b"\n")
    # A few bytes of an index can claim the same packet a billion times.
    count, length, begun = 0, 0, False
    for packet in _demux(container, stream):
        count, length = count + 1, length + packet.size
        if max(count, length) > size + _SLACK:
            raise _Unreadable("there are more packets than the file has bytes for")
        if packet.size and not _is_header(codec, packet, begun):
            digest.update(packet)
            begun = True
    return digest.hexdigest() if begun else None


def _demux(container: Any, stream: Any) -> Iterator[Any]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except Exception as error:
            raise _Unreadable(str(error)) from error
        yield packet


def _is_header(codec: str, packet: Any, begun: bool) -> bool:
    """Tell what some versions of FFmpeg take for sound: comments of a chained Ogg, and the like."""
    if codec == "vorbis":
        return bool(bytes(packet)[0] & 1)
    if codec == "opus":
        return bytes(packet).startswith((b"OpusHead", b"OpusTags"))
    if codec == "flac":
        return not bytes(packet).startswith((b"\xff\xf8", b"\xff\xf9"))
    return codec == "mp3" and not begun and _is_index_of_mp3(bytes(packet))


def _is_index_of_mp3(frame: bytes) -> bool:
    """Tell the silent first frame that encoders and taggers write an index or a length into."""
    if len(frame) < 48:
        return False
    is_mpeg1, is_mono = frame[1] & 0x18 == 0x18, frame[3] >> 6 == 3
    side = (17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17)
    marks = {frame[4 + side + crc :][:4] for crc in (0, 2)}
    return not marks.isdisjoint({b"Xing", b"Info"}) or frame[36:40] == b"VBRI"
