"""Decoding by FFmpeg through PyAV: M4A, ALAC, WMA, WebM, films, and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from earmark.audio.files import open_bytes
from earmark.audio.source import CannotOpen

# FFmpeg also knows "formats" that are lists of other files or addresses to open (HLS, concat,
# SDP, image sequences). A file that somebody sends must not make it open anything else.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,asf_o,ogg,flac,wav,w64,aiff,au,caf,mp3,aac,loas,"
    "ac3,eac3,dts,dtshd,truehd,mlp,ape,wv,tta,tak,mpc,mpc8,avi,flv,mpeg,mpegts,amr,amrnb,amrwb,"
    "rm,voc,dsf,iff,oma,shn,xwma,nut,wtv,mxf,ivf,swf,mpegvideo,h264,hevc,m4v"
)
_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": _FORMATS}

# Only here do time stamps after a seek tell the sample exactly. Elsewhere they count milliseconds
# (Matroska, ASF) or are guessed from the bit rate (MP3, AAC without a container), and the way to a
# span leads through the decoded samples before it.
_EXACT_SEEK = {"mov", "flac", "wav", "w64", "aiff", "caf", "au"}
# Where the length is guessed from the bit rate, coming out shorter is no sign of damage.
_GUESSED_LENGTH = {"mp3", "aac", "loas", "ac3", "eac3", "dts", "truehd", "mlp", "mpeg", "mpegts"}
_WARM_UP = 0.3  # seconds; AAC with spectral band replication needs several of its frames
_SKIP_AHEAD = 5.0  # seconds; a span this near is reached by decoding on
_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "s64": 9223372036854775808.0}


class FFmpegSource:
    """A file that FFmpeg decodes; see :class:`earmark.audio.source.Source`.

    Attributes
    ----------
    has_stream
        Whether the container has any sound; the rest is only there if it has.

    Parameters
    ----------
    path
        The file.
    max_duration
        In seconds; where frames must be counted, counting stops soon after it.
    frames
        How many there are, where that is known, which spares measuring.
    is_damaged
        Reach every span by decoding what comes before it, since no index can be trusted.

    Raises
    ------
    CannotOpen
        FFmpeg does not know the file.
    """

    def __init__(
        self,
        path: str,
        *,
        max_duration: float,
        frames: int | None = None,
        is_damaged: bool = False,
    ) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._is_damaged = is_damaged
        self.channels = 0
        self._open()
        self.has_stream = self._stream is not None
        self.sample_rate, self.frames, self.is_exact = 0, 0, True
        if not self.has_stream:
            return
        head = next(self._decoded, None)
        if head is None:
            return
        frame, self._ahead = head
        self.sample_rate = frame.sample_rate
        self.channels = self._ahead.shape[1]
        self._origin = self._frame_index(frame)
        if frames is not None:
            self.frames = frames
        else:
            self._measure(max_duration)
            self._rewind()

    # -- opening ---------------------------------------------------------------------------

    def _open(self) -> None:
        self._file = open_bytes(self._path)
        try:
            self._container: Any = av.open(self._file, options=_OPTIONS, metadata_errors="replace")
        except (av.error.FFmpegError, ValueError, OSError) as error:
            self._file.close()
            raise CannotOpen(str(error)) from error
        streams = self._container.streams
        self._stream: Any = streams.best("audio") if streams.audio else None
        self._format_names = self._container.format.name.split(",")
        self._can_seek = not (self._is_damaged or _EXACT_SEEK.isdisjoint(self._format_names))
        self._at = 0
        self._ahead = np.empty((0, 1), np.float32)
        self._decoded: Iterator[tuple[Any, NDArray[np.float32]]] = (
            self._decode() if self._stream is not None else iter(())
        )

    def _rewind(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
        self._file.close()

    # -- length ----------------------------------------------------------------------------

    def _measure(self, max_duration: float) -> None:
        """Find ``frames`` without believing what the container claims."""
        claimed = self._claimed_frames()
        if claimed is not None and self._can_seek:
            end = self._last_frame_from(claimed)
            if end is not None:
                self.frames = end
                return
        self.frames = self._count(max_duration)
        if claimed is None or not _GUESSED_LENGTH.isdisjoint(self._format_names):
            return
        if claimed - self.frames > self.sample_rate:
            self.warnings.append(
                f"ends early, at {self.frames / self.sample_rate:.1f} s"
                f" of {claimed / self.sample_rate:.1f} s"
            )

    def _claimed_frames(self) -> int | None:
        if self._stream.duration is not None:
            seconds = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration is not None:
            seconds = self._container.duration / av.time_base
        else:
            return None
        return round(seconds * self.sample_rate)

    def _last_frame_from(self, claimed: int) -> int | None:
        """Decode the last two seconds; return where they end, or None where they are not there."""
        self._seek_container(max(0, claimed - 2 * self.sample_rate))
        end = None
        for frame, samples in self._decoded:
            end = self._frame_index(frame) - self._origin + len(samples)
        return end if end is not None and claimed - end < self.sample_rate // 2 else None

    def _count(self, max_duration: float) -> int:
        """Decode it all and count; stop soon after the limit."""
        self._rewind()
        limit = (max_duration + 1) * self.sample_rate
        frames = 0
        for _, samples in self._decoded:
            frames += len(samples)
            if frames > limit:
                break
        return frames

    # -- decoding --------------------------------------------------------------------------

    def _decode(self) -> Iterator[tuple[Any, NDArray[np.float32]]]:
        """Yield decoded frames and their samples [n, channels] until the file or its rate ends."""
        damaged = 0
        rate = None
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.FFmpegError:
                damaged += 1
                break
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                rate = rate or frame.sample_rate
                if frame.sample_rate != rate:
                    self._warn(f"changes to {frame.sample_rate} Hz; what follows is left out")
                    return
                if frame.samples:
                    yield frame, self._samples(frame)
        if damaged:
            self._warn("has damaged frames, which are left out")

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
        if self.channels and channels != self.channels:
            samples = np.repeat(samples.mean(axis=1, keepdims=True), self.channels, axis=1)
        return np.asarray(samples, np.float32)

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _frame_index(self, frame: Any) -> int:
        """Return a decoded frame's place by its time stamp, in samples."""
        if frame.pts is None:
            return 0
        index: int = round(frame.pts * frame.time_base * frame.sample_rate)
        return index

    # -- reading ---------------------------------------------------------------------------

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame``."""
        distance = frame - self._at
        if distance == 0:
            return
        near = 0 < distance < _SKIP_AHEAD * self.sample_rate
        if frame > 0 and self._can_seek and not near:
            self._seek_container(max(0, frame - round(_WARM_UP * self.sample_rate)))
            first = next(self._decoded, None)
            if first is not None and (at := self._frame_index(first[0]) - self._origin) <= frame:
                self._at, self._ahead = at, first[1]
            else:
                self._rewind()
        elif distance < 0:
            self._rewind()
        while self._at < frame:
            if not len(self.read(min(frame - self._at, 1 << 16))):
                return

    def _seek_container(self, frame: int) -> None:
        """Go to a packet at or before ``frame``; where exactly, the next decoded frame tells."""
        seconds = (frame + self._origin) / self.sample_rate
        try:
            self._container.seek(int(seconds / self._stream.time_base), stream=self._stream)
        except av.error.FFmpegError:
            self._rewind()
        self._ahead = self._ahead[:0]
        self._decoded = self._decode()

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
        self._at += n
        return np.concatenate(pieces) if pieces else np.empty((0, self.channels), np.float32)
