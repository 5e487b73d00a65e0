"""Ogg files that were joined to one: each link is decoded as the file that it was."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from earmark.audio.ffmpeg import FFmpegSource
from earmark.audio.files import View
from earmark.audio.ogg import MOST_LINKS
from earmark.audio.source import CannotOpen


class ChainedSource:
    """Links one after the other; see :class:`earmark.audio.source.Source`.

    Parameters
    ----------
    links
        The links as files of their own, from :func:`earmark.audio.ogg.find_links`.
    like
        The same file, opened before; spares measuring it.
    is_damaged, most
        As :class:`earmark.audio.ffmpeg.FFmpegSource` takes them.

    Attributes
    ----------
    has_sound
        Whether there is sound in any link; None where there are no streams at all.

    Raises
    ------
    CannotOpen
        FFmpeg knows none of the links.
    """

    def __init__(
        self,
        links: list[View],
        *,
        like: ChainedSource | None = None,
        is_damaged: bool = False,
        most: int = 1 << 62,
    ) -> None:
        self.warnings: list[str] = []
        self._is_damaged, self._most = is_damaged, most
        self.has_sound: bool | None = None
        self._measured: list[FFmpegSource] = []
        self._views: list[View] = []
        if like is not None:
            self.has_sound, self._views, self._measured = (
                like.has_sound,
                like._views,
                like._measured,
            )
        else:
            self._measure(links)
        first = self._measured[0] if self._measured else None
        self.sample_rate = first.sample_rate if first else 0
        self.channels = first.channels if first else 0
        self._ends = list(accumulate(link.frames for link in self._measured))
        self.frames = self._ends[-1] if self._ends else 0
        self.is_exact = all(link.is_exact for link in self._measured)
        self._link, self._source = 0, None if first is None else self._open(0)

    def _measure(self, links: list[View]) -> None:
        is_known = False
        if len(links) == MOST_LINKS:
            self._warn(f"more than {MOST_LINKS} files were joined to it; the rest is left out")
        for view in links:
            try:
                link = FFmpegSource(view, is_damaged=self._is_damaged, most=self._most)
            except CannotOpen:
                continue
            link.close()
            is_known = True
            self.has_sound = self.has_sound or link.has_sound
            self._warn(*link.warnings)
            if not link.frames:
                continue
            first = self._measured[0] if self._measured else link
            if link.sample_rate != first.sample_rate:
                rate = first.sample_rate
                self._warn(f"changes its sampling rate; what is not at {rate} Hz is left out")
                continue
            link.channels = first.channels
            self._measured.append(link)
            self._views.append(view)
            if sum(link.frames for link in self._measured) * first.channels > self._most:
                break
        if not is_known:
            raise CannotOpen("no link that is known")

    def _open(self, number: int) -> FFmpegSource:
        like = self._measured[number]
        return FFmpegSource(self._views[number], like=like, is_damaged=self._is_damaged)

    def _warn(self, *warnings: str) -> None:
        self.warnings.extend(warning for warning in warnings if warning not in self.warnings)

    def _go_to(self, number: int) -> FFmpegSource:
        if self._source is None or number != self._link:
            self.close()
            self._link, self._source = number, self._open(number)
        return self._source

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame``."""
        number = min(bisect_right(self._ends, frame), len(self._ends) - 1)
        begin = self._ends[number - 1] if number else 0
        self._go_to(number).seek(frame - begin)

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next samples [n, channels]."""
        blocks = []
        while frames > 0 and self._source is not None:
            block = self._source.read(frames)
            self._warn(*self._source.warnings)
            if len(block):
                blocks.append(block)
                frames -= len(block)
            elif self._link + 1 < len(self._ends):
                self._go_to(self._link + 1)
            else:
                break
        if len(blocks) == 1:
            return blocks[0]
        return np.concatenate(blocks) if blocks else np.empty((0, self.channels), np.float32)

    def close(self) -> None:
        """Let go of the decoder."""
        if self._source is not None:
            self._source.close()
            self._source = None
