"""How long work still takes, said only when it can be known."""

from __future__ import annotations

from collections import deque

from earmark.words import clock

WINDOW = 120.0
"""Seconds of which the speed is taken: what was done long ago says little of what is to come."""

LEAST_SECONDS = 10.0
LEAST_FILES = 8
LEAST_SHARE = 0.01
"""Nothing is said before so much is done, in seconds, files, and as a share of the whole."""

EACH = 2 * 2**20
"""What a file costs beside its bytes, in bytes: to open it, and a network that hears an excerpt."""


class TimeLeft:
    """Estimates how long the rest of many files takes, from their sizes.

    Parameters
    ----------
    files, size
        How many there are, and bytes of all of them.
    """

    def __init__(self, files: int, size: int) -> None:
        self._whole = size + EACH * files
        self._seen: deque[tuple[float, float, int]] = deque()
        self._began: float | None = None

    def update(self, files: int, size: int, now: float) -> None:
        """Note how many files of which size are done by ``now``, in seconds of any clock."""
        done = size + EACH * files
        if not self._seen or done > self._seen[-1][1]:
            if files and self._began is None:
                # Until the first file is done, workers start; that says nothing of their speed.
                self._began = now
                self._seen.clear()
            self._seen.append((now, done, files))
        while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW:
            self._seen.popleft()

    def seconds(self, now: float) -> float | None:
        """Return how many seconds are left; None where nobody can know."""
        if self._began is None or len(self._seen) < 2 or now - self._began < LEAST_SECONDS:
            return None
        (since, first, _), (_, last, files) = self._seen[0], self._seen[-1]
        if files < LEAST_FILES or last < LEAST_SHARE * self._whole or last <= first:
            return None
        return max(0.0, (self._whole - last) * (now - since) / (last - first))

    def phrase(self, now: float) -> str:
        """Return the time left in words; empty where nobody can know.

        >>> left = TimeLeft(files=1000, size=0)
        >>> for second in range(12):
        ...     left.update(second + 1, 0, second)
        >>> left.phrase(1), left.phrase(11)
        ('', 'about 16 min left')
        """
        seconds = self.seconds(now)
        if seconds is None:
            return ""
        if seconds < 60:
            return f"about {max(1, round(seconds))} s left"
        if seconds < 3600:
            return f"about {round(seconds / 60)} min left"
        return f"about {clock(round(seconds / 60) * 60)} h left".replace(":00 h", " h")
