"""Decoding by FFmpeg through PyAV: all that is compressed, films, and what is damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, NamedTuple

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from earmark.audio.containers import open_container
from earmark.audio.files import Readable
from earmark.audio.mpeg import parse, stated_samples
from earmark.audio.planes import copy_samples, samples_of
from earmark.audio.source import DAMAGED, CannotOpen, shortfall
from earmark.audio.timeline import Timeline, is_even
from earmark.audio.truncation import states_duration

_RAW = {"loas", "ac3", "eac3", "dts", "truehd", "mlp", "spdif"}  # frames without a container
_GUESSED_STAMPS = _RAW | {"mpeg", "mpegts", "asf", "rm", "avi", "flv"}
# What FFmpeg says of the length of others, it may have guessed from the bit rate.
_STATED_LENGTH = {"mov", "flac", "asf", "tta", "wv", "ape", "mpc", "mpc8", "tak", "avi", "dsf"}
_WARM_UP = 0.3  # seconds; AAC with spectral band replication needs several of its frames
_SKIP_AHEAD = 5.0  # seconds; a span this near is reached by decoding on
_BEHIND = 2.0  # seconds that are kept, for a span that begins a little before the last one's end
_STEP = 1 << 18  # samples, all channels together, that are held at a time
_TAIL = 2.0  # seconds that are decoded to find the very end
_ANCHORS = 7  # frames whose stamps are asked, since single ones err in Ogg Vorbis


class _Decoded(NamedTuple):
    """What came of a packet: a frame's stamp, how many samples of each channel, and both."""

    stamp: int | None
    length: int
    packet: Any
    frame: Any


class FFmpegSource:
    """A file that FFmpeg decodes; see :class:`earmark.audio.source.Source`.

    Parameters
    ----------
    file
        The file, without tags before and behind its sound.
    like
        The same file, opened before; spares measuring it.
    is_damaged
        Reach every span by decoding what comes before it, since no index can be trusted.
    form
        FFmpeg's name of the format, where the content does not tell.
    most
        Samples, all channels together, that are decoded at most to find how many there are.

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
        self,
        file: Readable,
        *,
        like: FFmpegSource | None = None,
        is_damaged: bool = False,
        form: str | None = None,
        most: int = 1 << 62,
    ) -> None:
        self.warnings: list[str] = []
        self._file, self._form, self._most = file, form, most
        self.sample_rate, self.channels, self.frames, self.is_exact = 0, 0, 0, False
        self._timeline: Timeline | None = None
        self._pages: dict[int, int] = {}
        if like is not None:
            self._form = like._form
            self.sample_rate, self.channels = like.sample_rate, like.channels
            self.frames, self.is_exact = like.frames, like.is_exact
            self._timeline = None if is_damaged else like._timeline
            self._pages = like._pages
        self._open()
        has_streams = len(self._container.streams) > 0
        self.has_sound: bool | None = self._stream is not None if has_streams else None
        try:
            if self.has_sound and like is None:
                self._measure(is_damaged)
                self._rewind()
        except BaseException:
            self.close()
            raise

    # -- opening ---------------------------------------------------------------------------

    def _open(self) -> None:
        view = self._file.part()
        try:
            self._container: Any = open_container(view, self._form)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise CannotOpen(str(error)) from error
        streams = self._container.streams
        self._stream: Any = streams.best("audio") or next(iter(streams.audio), None)
        self._formats = set(self._container.format.name.split(","))
        self._at = 0
        self._ahead = np.empty((max(1, self.channels), 0), np.float32)
        self._behind = self._ahead
        self._decoded = self._decode()

    def _rewind(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        """Let go of the decoder."""
        self._container.close()

    # -- measuring -------------------------------------------------------------------------

    def _measure(self, is_damaged: bool) -> None:
        """Find rate, channels and length, and how to seek, believing no header."""
        heads = list(islice(self._decoded, _ANCHORS))
        if not heads:
            return
        self.sample_rate, self.channels = (
            heads[0].frame.sample_rate,
            heads[0].frame.layout.nb_channels,
        )
        claimed = self._claimed_frames()
        stated = self._stated_frames(claimed)
        # The first frame can be cut short, and stamped for that.
        anchor = heads[min(1, len(heads) - 1)]
        place = heads[0].length if len(heads) > 1 else 0
        if anchor.stamp is None:
            self._count()
        else:
            ticks = 1 / (anchor.frame.time_base * self.sample_rate)
            timeline = Timeline(ticks, _stamp_of(heads[1:] or heads, ticks), place)
            can_seek = not is_damaged and self._formats.isdisjoint(_GUESSED_STAMPS)
            if can_seek and "ogg" in self._formats and self._stream.codec_context.name != "vorbis":
                self._index_pages(anchor, place)
            self._survey(timeline, anchor.length, claimed, can_seek)
        if stated:
            self._warn(*shortfall(self.frames, stated, self.sample_rate, is_exact=False))

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
        # Where files were joined, stamps begin anew; some containers have none.
        are_joined = any(later < earlier for earlier, later in pairwise(stamps))
        by_length, by_stamp = max(0, round(length / line.ticks)), max(0, line.place(end))
        if not are_joined and by_length > 1.02 * by_stamp:
            self._count()
        else:
            self.frames = by_length if are_joined else by_stamp

    def _claimed_frames(self) -> int | None:
        if self._stream.duration is not None:
            seconds = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration is not None:
            seconds = self._container.duration / av.time_base
        else:
            return None
        return round(seconds * self.sample_rate)

    def _stated_frames(self, claimed: int | None) -> int | None:
        """Return how many frames the file itself says that it has, None where it was guessed."""
        if "mp3" in self._formats:
            return stated_samples(self._file)
        if "matroska" in self._formats:
            return claimed if states_duration(self._file) else None
        return None if self._formats.isdisjoint(_STATED_LENGTH) else claimed

    def _find_end(self, expected: int) -> bool:
        """Set ``frames`` by decoding the last seconds; tell whether they were where expected."""
        slack = self.sample_rate // 2
        tail = expected - round(_TAIL * self.sample_rate)
        end = self._seek_packet(tail) if tail > 0 else self._restart()
        if end is None:
            return False
        end += self._ahead.shape[1]
        for decoded in self._decoded:
            end += decoded.length
            if end - expected > slack:
                return False
        if expected - end > slack:
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

    def _index_pages(self, anchor: _Decoded, place: int) -> None:
        """Note the place of each Ogg page: where packets say how long they are, stamps say less.

        Those of Opus stray by some milliseconds for a page where an encoder lost count.
        """
        self._rewind()
        pages: dict[int, int] = {}
        at = offset = 0
        try:
            for packet in self._container.demux(self._stream):
                if packet.size and packet.pos is not None and packet.duration:
                    if packet.pts == anchor.packet.pts:
                        offset = place - at
                    pages.setdefault(packet.pos, at)
                    at += packet.duration
        except av.error.FFmpegError:
            return
        self._pages = {pos: at + offset for pos, at in pages.items()}

    def _count(self) -> None:
        self._rewind()
        self.frames = 0
        for decoded in self._decoded:
            self.frames += decoded.length
            if self.frames * self.channels > self._most:
                return
        self.is_exact = True

    # -- decoding --------------------------------------------------------------------------

    def _decode(self) -> Iterator[_Decoded]:
        """Yield decoded frames until the file ends."""
        # Where the index is cut off there may be no codec, and PyAV before 18.1 crashes on that.
        if self._stream is None or self._stream.codec_context is None:
            return
        rate, lost = None, None
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.FFmpegError:
                self._warn(DAMAGED)
                return
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                lost = packet
                continue
            for frame in frames:
                rate = rate or frame.sample_rate
                if frame.sample_rate != rate:
                    self._warn(f"changes its sampling rate; what is not at {rate} Hz is left out")
                elif frame.samples:
                    if lost is not None:
                        self._warn(DAMAGED)
                        lost = None
                    yield _Decoded(frame.pts, frame.samples, packet, frame)
        # What stands behind the last frame of an MP3 is hardly sound, unless it begins like it; of
        # Ogg the last page says whether more was to come.
        is_junk = "mp3" in self._formats and lost is not None and not parse(bytes(lost)[:4])
        if lost is not None and not is_junk and "ogg" not in self._formats:
            self._warn(DAMAGED)

    def _copy(self, frame: Any, block: NDArray[np.float32]) -> None:
        """Put the samples of a frame into a block [channels, n] of its length."""
        if frame.layout.nb_channels == self.channels:
            copy_samples(frame, block)
        else:
            block[:] = samples_of(frame).mean(axis=0, keepdims=True)

    def _warn(self, *warnings: str) -> None:
        self.warnings.extend(warning for warning in warnings if warning not in self.warnings)

    # -- reading ---------------------------------------------------------------------------

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame``."""
        distance = frame - self._at
        if -self._behind.shape[1] <= distance < 0:
            self._ahead = np.concatenate([self._behind[:, distance:], self._ahead], axis=1)
            self._behind = self._behind[:, :distance]
            self._at = frame
            return
        is_near = 0 <= distance < _SKIP_AHEAD * self.sample_rate
        if not is_near:
            begin = frame - round(_WARM_UP * self.sample_rate)
            can_seek = self._timeline is not None and begin > 0
            at = self._seek_packet(begin) if can_seek else None
            if at is not None and at <= frame:
                self._at = at
            elif can_seek or distance < 0:
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
        self._behind = self._behind[:, :0]
        self._ahead = self._ahead[:, :0]
        # What a decoder gives first after a seek can be cut short, and stamped for that.
        first = next(self._decoded, None)
        heads = list(islice(self._decoded, _ANCHORS)) if first else []
        if not heads or heads[0].stamp is None:
            return None
        self._hold(heads)
        if self._pages:
            assert first is not None  # noqa: S101
            page = self._pages.get(first.packet.pos)
            return None if page is None else page + (first.packet.duration or 0)
        return self._timeline.place(_stamp_of(heads, self._timeline.ticks))

    def _hold(self, heads: Sequence[_Decoded]) -> None:
        """Let the samples of decoded frames be the next to be read."""
        ends = np.cumsum([head.length for head in heads])
        self._ahead = np.empty((self.channels, ends[-1]), np.float32)
        for head, end in zip(heads, ends.tolist(), strict=True):
            self._copy(head.frame, self._ahead[:, end - head.length : end])

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next samples [n, channels]."""
        block = np.empty((self.channels, frames), np.float32)
        n = min(frames, self._ahead.shape[1])
        block[:, :n] = self._ahead[:, :n]
        self._ahead = self._ahead[:, n:]
        while n < frames:
            head = next(self._decoded, None)
            if head is None:
                break
            left = frames - n
            if head.length <= left:
                self._copy(head.frame, block[:, n : n + head.length])
                n += head.length
            else:
                self._hold([head])
                block[:, n:] = self._ahead[:, :left]
                self._ahead = self._ahead[:, left:]
                n = frames
        block = block[:, :n]
        self._at += n
        keep = min(round(_BEHIND * self.sample_rate), _STEP // max(1, self.channels))
        if n >= keep:
            self._behind = block[:, n - keep :]
        elif n:
            self._behind = np.concatenate([self._behind, block], axis=1)[:, -keep:]
        return block.T


def _stamp_of(heads: list[_Decoded], ticks: Any) -> int:
    """Return the stamp of the first of some frames that follow each other, by most of them."""
    votes: Counter[int] = Counter()
    before = 0
    for head in heads:
        if head.stamp is not None:
            votes[head.stamp - round(before * ticks)] += 1
        before += head.length
    return votes.most_common(1)[0][0]
