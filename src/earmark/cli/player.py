"""Plays parts of songs by whichever player there is."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Self

from earmark.errors import EarmarkError

if TYPE_CHECKING:
    from earmark.library import ExtractorSpec, Track
    from earmark.workers import WorkerPool

PLAYERS: dict[str, tuple[str, ...]] = {
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "quiet", "-ss", "{start}", "-t", "{length}",
               "{file}"),
    "mpv": ("--no-video", "--really-quiet", "--no-input-terminal", "--start={start}",
            "--length={length}", "--", "{file}"),
    "mplayer": ("-really-quiet", "-vo", "null", "-ss", "{start}", "-endpos", "{length}", "{file}"),
    "cvlc": ("--play-and-exit", "--quiet", "--start-time={start}", "--run-time={length}",
             "{file}"),
    "play": ("-q", "{file}", "trim", "{start}", "{length}"),
    "afplay": ("-t", "{length}", "{file}"),
}  # fmt: skip
"""Programs that play sound files, the best first, with their arguments."""

WAIT = 20.0
"""Seconds that looking for the most telling part of a song may take."""


class Player:
    """Plays songs of a library, one at a time.

    Parameters
    ----------
    spec
        The extractor that hears which part of a song to play.
    silent
        Play nothing.
    """

    def __init__(self, spec: ExtractorSpec, *, silent: bool = False) -> None:
        names = (name for name in PLAYERS if shutil.which(name))
        self._program = None if silent else next(names, None)
        self._silent = silent
        self._spec = spec
        self._pool: WorkerPool | None = None
        self._playing: subprocess.Popen[bytes] | None = None
        # Where the part begins of songs that were looked through.
        self._starts: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._pool is not None:
            self._pool.close()

    def play(self, track: Track) -> str | None:
        """Play the most telling part of a track; return why nothing is played, where that is so."""
        self.stop()
        if self._silent:
            return None
        if track.path is None or not os.path.isfile(track.path):  # noqa: PTH113 (of any name)
            return "its file is not here, so it cannot be played"
        if self._program is None:
            return f"to hear it, install one of {', '.join(PLAYERS)}; its file: {track.path}"
        from earmark.labelling.telling import SECONDS

        start = self._start(track.path, track.duration or 0.0)
        given = {"start": f"{start:g}", "length": f"{SECONDS:g}", "file": track.path}
        command = [self._program, *(part.format(**given) for part in PLAYERS[self._program])]
        try:
            self._playing = subprocess.Popen(  # noqa: S603 (a list; the path is one argument)
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            return f"{self._program} cannot play it ({error.strerror})"
        return None

    def stop(self) -> None:
        """End what is being played."""
        if self._playing is None:
            return
        self._playing.terminate()
        try:
            self._playing.wait(2)
        except subprocess.TimeoutExpired:
            self._playing.kill()
            self._playing.wait()
        self._playing = None

    def _start(self, path: str, duration: float) -> float:
        from earmark.labelling.telling import SECONDS, telling_part
        from earmark.workers import WorkerPool

        if duration <= 1.25 * SECONDS:
            return 0.0
        if path not in self._starts:
            # Where it cannot be told, a third of the way is seldom an introduction.
            self._starts[path] = max(0.0, min(duration / 3, duration - SECONDS))
            self._pool = self._pool or WorkerPool(1)
            call = self._pool.call(telling_part, path, self._spec.to_json(), duration, name=path)
            with contextlib.suppress(EarmarkError, TimeoutError):
                self._starts[path] = call.result(WAIT)
        return self._starts[path]
