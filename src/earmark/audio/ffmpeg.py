"""Decoding by FFmpeg through PyAV: MP3, M4A, ALAC, WMA, WebM, films, and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import IO, Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from earmark.audio.files import open_bytes
from earmark.audio.source import DAMAGED, CannotOpen, shortfall
from earmark.audio.timeline import Timeline, is_even

# FFmpeg also knows "formats" that are lists of other files or addresses to open (HLS, concat,
# SDP, image sequences). A file that somebody sends must not make it open anything else.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,asf_o,ogg,flac,wav,w64,aiff,au,caf,mp3,aac,loas,"
    "ac3,eac3,dts,dtshd,truehd,mlp,ape,wv,tta,tak,mpc,mpc8,avi,flv,mpeg,mpegts,amr,amrnb,amrwb,"
    "rm,voc,dsf,iff,oma,shn,xwma,nut,wtv,mxf,ivf,swf,mpegvideo,h264,hevc,m4v"
)
_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": _FORMATS}

_RAW = {"loas", "ac3", "eac3", "dts", "truehd", "mlp"}  # codec frames without a container
_GUESSED_STAMPS = _RAW | {"ogg", "mpeg", "mpegts", "asf", "rm", "avi", "flv"}
_GUESSED_LENGTH = _RAW | {"mp3", "aac", "mpeg", "mpegts"}
_WARM_UP = 0.3  # seconds; AAC with spectral band replication needs several of its frames
_SKIP_AHEAD = 5.0  # seconds; a span this near is reached by decoding on
_BEHIND = 2.0  # seconds that are kept, for a span that begins a little before the last one's end
_STEP = 1 << 18  # samples, all channels together, that are held at a time
_COUNT = 24 * 3600  # seconds that are decoded at most to find how many there are
_TAIL = 2.0  # seconds that are decoded to find the very end
_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "s64": 9223372036854775808.0}


class _Bytes:
    """A file as PyAV wants it: it prints the traceback of a seek that raises.

    FFmpeg asks for places before the start where a file's own pointers are damaged.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.tell = file.read, file.tell
        self._seek = file.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError):
            return -1


class FFmpegSource:
    """A file that FFmpeg decodes; see :class:`earmark.audio.source.Source`.

    Parameters
    ----------
    path
        The file.
    like
        The same file, opened before; spares measuring it.
    is_damaged
        Reach every span by decoding what comes before it, since no index can be trusted.

    Attributes
    ----------
    has_sound
        Whether there is sound among what the container holds; None where it holds nothing at all.
        The other attributes are only there if it has.

    Raises
    ------
    CannotOpen
        FFmpeg does not know the file.
    """

    def __init__(
        self, path: str, *, like: FFmpegSource | None = None, is_damaged: bool = False
    ) -> None:
        self.warnings: list[str] = []
        self._path = path
        self.sample_rate, self.channels, self.frames, self.is_exact = 0, 0, 0, False
        self._timeline: Timeline | None = None
        if like is not None:
            self.sample_rate, self.channels = like.sample_rate, like.channels
            self.frames, self.is_exact = like.frames, like.is_exact
            self._timeline = None if is_damaged else like._timeline
        self._open()
        has_streams = len(self._container.streams) > 0
        self.has_sound: bool | None = self._stream is not None if has_streams else None
        if self.has_sound and like is None:
            self._measure(is_damaged)
            self._rewind()

    # -- opening ---------------------------------------------------------------------------

    def _open(self) -> None:
        self._file = open_bytes(self._path)
        try:
            self._container: Any = self._guess()
        except (av.error.FFmpegError, ValueError, OSError) as error:
            self._file.close()
            raise CannotOpen(str(error)) from error
        streams = self._container.streams
        self._stream: Any = streams.best("audio") or next(iter(streams.audio), None)
        self._formats = set(self._container.format.name.split(","))
        self._at = 0
        self._ahead = np.empty((0, max(1, self.channels)), np.float32)
        self._behind = self._ahead
        self._decoded = self._decode()

    def _guess(self) -> Any:
        try:
            return av.open(_Bytes(self._file), options=_OPTIONS, metadata_errors="replace")
        except av.error.InvalidDataError:
            # FFmpeg gives up where an ID3 tag is longer than it says, and its rest looks like text.
            self._file.seek(0)
            if self._file.read(3) != b"ID3":
                raise
            self._file.seek(0)
            return av.open(
                _Bytes(self._file), format="mp3", options=_OPTIONS, metadata_errors="replace"
            )

    def _rewind(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
        self._file.close()

    # -- measuring -------------------------------------------------------------------------

    def _measure(self, is_damaged: bool) -> None:
        """Find rate, channels and length, and how to seek, believing no header."""
        first, second = next(self._decoded, None), next(self._decoded, None)
        if first is None:
            return
        self.sample_rate, self.channels = first[0].sample_rate, first[1].shape[1]
        claimed = self._claimed_frames()
        # The first frame can be cut short, and stamped for that.
        anchor, place = (second[0], len(first[1])) if second else (first[0], 0)
        if anchor.pts is None:
            self._count()
        else:
            ticks = 1 / (anchor.time_base * self.sample_rate)
            timeline = Timeline(ticks, anchor.pts, place)
            can_seek = not is_damaged and self._formats.isdisjoint(_GUESSED_STAMPS)
            self._survey(timeline, anchor.samples, claimed, can_seek)
        # Only the header of an MP3 file that states its length makes FFmpeg cut the lead-in off.
        is_stated = self._formats.isdisjoint(_GUESSED_LENGTH) or place < anchor.samples
        if claimed and is_stated:
            self._warn(*shortfall(self.frames, claimed, self.sample_rate, is_exact=False))

    def _survey(self, line: Timeline, step: int, claimed: int | None, can_seek: bool) -> None:
        """Set ``frames``, and ``_timeline`` where it serves to seek."""
        if can_seek and claimed is not None and line.ticks >= 1:
            self._timeline = line
            if self._find_end(claimed):
                return
        self._timeline = None
        stamps, end, length = self._list_packets()
        if can_seek and is_even(stamps, line.ticks * step):
            self._timeline = Timeline(line.ticks, line.anchor_stamp, line.anchor_place, step)
            if self._find_end(self._timeline.place(stamps[-1])):
                return
        self._timeline = None
        # Where files were joined, stamps begin anew.
        are_joined = any(later < earlier for earlier, later in pairwise(stamps))
        self.frames = max(0, round(length / line.ticks) if are_joined else line.place(end))

    def _claimed_frames(self) -> int | None:
        if self._stream.duration is not None:
            seconds = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration is not None:
            seconds = self._container.duration / av.time_base
        else:
            return None
        return round(seconds * self.sample_rate)

    def _find_end(self, expected: int) -> bool:
        """Set ``frames`` by decoding the last seconds; tell whether they were where expected."""
        tail = expected - round(_TAIL * self.sample_rate)
        end = self._seek_packet(tail) if tail > 0 else self._restart()
        if end is None:
            return False
        end += len(self._ahead) + sum(len(samples) for _, samples in self._decoded)
        if abs(end - expected) > self.sample_rate // 2:
            return False
        self.frames, self.is_exact = end, True
        return True

    def _restart(self) -> int:
        self._rewind()
        return 0

    def _list_packets(self) -> tuple[list[int], int, int]:
        """Return packets' stamps, their end, and the sum of their lengths, decoding none."""
        self._rewind()
        stamps, end, length = [], 0, 0
        try:
            for packet in self._container.demux(self._stream):
                if packet.size and packet.pts is not None:
                    stamps.append(packet.pts)
                    end = max(end, packet.pts + (packet.duration or 0))
                    length += packet.duration or 0
        except av.error.FFmpegError:
            self._warn(DAMAGED)
        return stamps, end, length

    def _count(self) -> None:
        self._rewind()
        limit = _COUNT * self.sample_rate
        for _, samples in self._decoded:
            self.frames += len(samples)
            if self.frames > limit:
                return
        self.is_exact = True

    # -- decoding --------------------------------------------------------------------------

    def _decode(self) -> Iterator[tuple[Any, NDArray[np.float32]]]:
        """Yield decoded frames and their samples [n, channels] until the file ends."""
        if self._stream is None:
            return
        rate = None
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self._warn(DAMAGED)
                return
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self._warn(DAMAGED)
                continue
            for frame in frames:
                rate = rate or frame.sample_rate
                if frame.sample_rate != rate:
                    self._warn(f"changes its sampling rate; what is not at {rate} Hz is left out")
                elif frame.samples:
                    yield frame, self._samples(frame)

    def _samples(self, frame: Any) -> NDArray[np.float32]:
        """Return a frame's samples [n, channels] scaled to [-1, 1]."""
        raw = frame.to_ndarray()
        channels = frame.layout.nb_channels
        samples = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
        scale = _FULL_SCALE.get(frame.format.name.rstrip("p"))
        if scale is not None:
            # 16 bits fit into the 24 of a float32; 32 bits are rounded once, after scaling.
            samples = samples.astype(np.float32 if scale <= 32768.0 else np.float64)
            samples -= 128.0 if scale == 128.0 else 0.0
            samples /= scale
        with np.errstate(over="ignore", invalid="ignore"):  # of doubles; checked later on
            samples = samples.astype(np.float32, copy=False)
        if self.channels and channels != self.channels:
            samples = np.repeat(samples.mean(axis=1, keepdims=True), self.channels, axis=1)
        return np.asarray(samples)

    def _warn(self, *warnings: str) -> None:
        self.warnings.extend(warning for warning in warnings if warning not in self.warnings)

    # -- reading ---------------------------------------------------------------------------

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame``."""
        distance = frame - self._at
        if -len(self._behind) <= distance < 0:
            self._ahead = np.concatenate([self._behind[distance:], self._ahead])
            self._behind = self._behind[:distance]
            self._at = frame
            return
        is_near = 0 <= distance < _SKIP_AHEAD * self.sample_rate
        if not is_near:
            begin = frame - round(_WARM_UP * self.sample_rate)
            at = self._seek_packet(begin) if self._timeline and begin > 0 else None
            if at is not None and at <= frame:
                self._at = at
            elif distance < 0 or at is not None:
                self._rewind()
        while self._at < frame:
            if not len(self.read(min(frame - self._at, max(1, _STEP // self.channels)))):
                return

    def _seek_packet(self, frame: int) -> int | None:
        """Go to a packet at or a little before ``frame``; return where it is, if that is known."""
        assert self._timeline is not None  # noqa: S101
        try:
            self._container.seek(self._timeline.stamp(frame), stream=self._stream)
        except av.error.FFmpegError:
            self._rewind()
            return 0
        self._decoded = self._decode()
        self._behind = self._behind[:0]
        # What a decoder gives first after a seek can be cut short, and stamped for that.
        head = next(self._decoded, None)
        head = next(self._decoded, None) if head else None
        if head is None or head[0].pts is None:
            self._ahead = self._ahead[:0]
            return None
        self._ahead = head[1]
        return self._timeline.place(head[0].pts)

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next samples [n, channels]."""
        pieces: list[NDArray[np.float32]] = []
        n = 0
        while n < frames:
            if not len(self._ahead):
                head = next(self._decoded, None)
                if head is None:
                    break
                self._ahead = head[1]
            piece, self._ahead = self._ahead[: frames - n], self._ahead[frames - n :]
            pieces.append(piece)
            n += len(piece)
        if not n:
            return np.empty((0, self.channels), np.float32)
        self._at += n
        block = np.concatenate(pieces)
        keep = min(round(_BEHIND * self.sample_rate), _STEP // self.channels)
        self._behind = block[-keep:] if n >= keep else np.concatenate([self._behind, block])[-keep:]
        return block
