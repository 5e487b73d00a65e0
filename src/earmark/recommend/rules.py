"""What a list of songs must keep to, whatever sounds alike.

People do not want the song itself, the same recording from another album, five songs of one artist
in a row, or what they heard this morning. `Rules` says what a list keeps to, `Admission` what may
come next in one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earmark.recommend.space import Rows

UNKNOWN = -1
"""The code of an artist, album, genre or title that is not known; no two unknown ones are alike."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the rules must know of n tracks, as columns.

    Attributes
    ----------
    artists, albums, genres
        Codes [n], ``UNKNOWN`` where not known.
    recordings
        Codes [n]: equal for files of one recording.
    works
        Codes [n]: equal for versions of one song by one artist, such as live or remastered ones.
    seconds
        Lengths [n].
    """

    artists: NDArray[np.intp]
    albums: NDArray[np.intp]
    genres: NDArray[np.intp]
    recordings: NDArray[np.intp]
    works: NDArray[np.intp]
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.artists)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a list.

    Attributes
    ----------
    per_artist, per_album
        At most so many songs of one artist, of one album; None: no limit.
    spacing
        Between two songs of one artist stand at least so many others.
    genres, not_genres
        Only tracks of these genres' codes; none of those. Empty: all genres, no genre.
    versions
        Whether another version of a song (live, remastered) may stand beside it.
    """

    per_artist: int | None = 3
    per_album: int | None = 2
    spacing: int = 2
    genres: frozenset[int] = frozenset()
    not_genres: frozenset[int] = frozenset()
    versions: bool = False

    def __post_init__(self) -> None:
        for name in ("per_artist", "per_album"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ValueError(f"{name} must be at least 1, or None for no limit")
        if self.spacing < 0:
            raise ValueError("spacing must be at least 0")

    def candidates(self, catalog: Catalog, seeds: Rows, left_out: Rows) -> NDArray[np.bool_]:
        """Tell which tracks [n] may stand in a list at all.

        Parameters
        ----------
        catalog
            The tracks.
        seeds
            Tracks that the list is for; they, their copies and their other versions are not in it.
        left_out
            Further tracks that may not, such as those played lately.
        """
        allowed = np.ones(len(catalog), dtype=np.bool_)
        if self.genres:
            allowed &= np.isin(catalog.genres, list(self.genres))
        if self.not_genres:
            allowed &= ~np.isin(catalog.genres, list(self.not_genres))
        allowed &= ~np.isin(catalog.recordings, catalog.recordings[seeds])
        allowed &= ~np.isin(catalog.recordings, catalog.recordings[left_out])
        if not self.versions:
            works = catalog.works[seeds]
            allowed &= ~np.isin(catalog.works, works[works != UNKNOWN])
        return allowed


@dataclass(slots=True)
class Admission:
    """Whether a track may come next in a list, by what stands in it already."""

    catalog: Catalog
    rules: Rules
    _artists: Counter[int] = field(default_factory=Counter)
    _albums: Counter[int] = field(default_factory=Counter)
    _recordings: set[int] = field(default_factory=set)
    _works: set[int] = field(default_factory=set)
    _last: deque[int] = field(default_factory=deque)

    def counts_out(self, row: int) -> bool:
        """Whether a track can no longer stand anywhere in the list."""
        catalog, rules = self.catalog, self.rules
        artist, album = int(catalog.artists[row]), int(catalog.albums[row])
        return (
            int(catalog.recordings[row]) in self._recordings
            or (not rules.versions and int(catalog.works[row]) in self._works)
            or (rules.per_artist is not None and self._artists[artist] >= rules.per_artist)
            or (rules.per_album is not None and self._albums[album] >= rules.per_album)
        )

    def too_close(self, row: int) -> bool:
        """Whether the artist stands among the last ``spacing`` songs."""
        return int(self.catalog.artists[row]) in self._last

    def take(self, row: int) -> None:
        """Put a track at the end of the list."""
        catalog = self.catalog
        self._recordings.add(int(catalog.recordings[row]))
        if (work := int(catalog.works[row])) != UNKNOWN:
            self._works.add(work)
        artist = int(catalog.artists[row])
        if artist != UNKNOWN:
            self._artists[artist] += 1
        if (album := int(catalog.albums[row])) != UNKNOWN:
            self._albums[album] += 1
        self._last.append(artist if artist != UNKNOWN else -2 - row)
        while len(self._last) > self.rules.spacing:
            self._last.popleft()


_VERSION_WORDS = (
    "live|remaster(?:ed)?|re-?master(?:ed)?|mono|stereo|demo|acoustic|unplugged|edit|radio|single|"
    "album|extended|original|version|mix|remix|bonus|take|session|deluxe|anniversary|explicit|clean"
)
_IN_BRACKETS = re.compile(rf"[\(\[][^()\[\]]*\b(?:{_VERSION_WORDS})\b[^()\[\]]*[\)\]]", re.I)
_BEHIND_DASH = re.compile(rf"\s[-–—]\s[^-–—]*\b(?:{_VERSION_WORDS})\b.*$", re.I)
_NO_LETTERS = re.compile(r"[\W_]+")


def work_title(title: str) -> str:
    """Return a title without what names a version of the song, folded for comparison.

    >>> work_title("Hurricane (Live at the Apollo)") == work_title("HURRICANE - Remastered 2011")
    True
    >>> work_title("Live and Let Die")
    'live and let die'
    """
    plain = _BEHIND_DASH.sub("", _IN_BRACKETS.sub("", title))
    folded = unicodedata.normalize("NFKC", plain).casefold()
    return _NO_LETTERS.sub(" ", folded).strip() or title.casefold().strip()


def encode(values: Iterable[str | None]) -> tuple[NDArray[np.intp], dict[str, int]]:
    """Give texts numbers, equal ones the same.

    >>> codes, numbers = encode(["a", None, "b", "a"])
    >>> codes.tolist(), numbers
    ([0, -1, 1, 0], {'a': 0, 'b': 1})
    """
    numbers: dict[str, int] = {}
    codes = [UNKNOWN if text is None else numbers.setdefault(text, len(numbers)) for text in values]
    return np.array(codes, dtype=np.intp), numbers
