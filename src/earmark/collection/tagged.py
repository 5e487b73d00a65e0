"""The genres in the tags of an existing collection as labels.

A genre counts where enough tracks of enough artists have it; a file of several genres takes the
first of them that counts, or all. A style that does not count, ``Parent---Child``, is one of its
parent. Case does not matter: the spelling that most files have is kept.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from earmark import extraction
from earmark.audio.tags import Tags
from earmark.collection.folder import look_through
from earmark.collection.labelled_files import Collection, LabelledFile, Problem, readable
from earmark.errors import CollectionError, WorkerError
from earmark.neighbors import count_artists, taxonomy, with_parents
from earmark.words import one_line, plural, shown
from earmark.workers import Call, Limits, WorkerPool, available_cores

ReadGenres = Callable[[str, Sequence[str]], Sequence[str]]
"""Says which genres the texts mean that a file, named first, has stored as such."""

FILES_A_CALL = 32
CALLS_AHEAD = 4

NO_GENRE = "has no genre in its tags"

_VARIOUS = frozenset(
    ("various artists", "various", "va", "v.a.", "diverse interpreten", "verschiedene interpreten",
     "varios artistas", "artistes variés", "artisti vari", "compilation", "soundtrack")
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LabelRules:
    """Which genres of the tags become labels.

    Attributes
    ----------
    min_tracks, min_artists
        How many tracks a genre needs, and by how many artists. All tracks of unknown artists count
        as those of one.
    keep_unlabelled
        Take files without such a genre too, as tracks that have no vote.
    several
        A file has all its genres that count, not only the first.
    """

    min_tracks: int = 5
    min_artists: int = 2
    keep_unlabelled: bool = False
    several: bool = False


def scan_tags(
    folder: str | os.PathLike[str],
    read_genres: ReadGenres,
    rules: LabelRules | None = None,
    *,
    films: bool = False,
    jobs: int | None = None,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Collection:
    """Find the sound files of a folder; the genres in their tags are the labels.

    Worker processes read the tags. The artist of a track is that of its album, so that guests do
    not part an artist's songs; of a compilation it is that of the track.

    Parameters
    ----------
    folder
        The folder; which of its files are looked at is as for `scan_folder`.
    read_genres
        What the genres in a file's tags mean: parts lists, knows aliases and what to ignore.
    rules
        Which genres become labels.
    films
        Whether films are taken, too.
    jobs
        How many worker processes; by default one a core.
    limits
        What reading the tags of some files may take.
    progress
        Called with the number of files whose tags were read, and of all.

    Raises
    ------
    CollectionError
        There is no such folder, it cannot be read, or no genre of its tags can be a label.
    """
    rules = rules or LabelRules()
    found = look_through(folder, films=films)
    paths = [str(path) for path in found.paths]
    tagged: list[_Tagged] = []
    for path, tags in _all_tags(paths, jobs, limits, progress):
        if tags is None:
            found.problems.append(Problem(path, "its tags cannot be read, a worker process died"))
            continue
        genres = _clean(read_genres(path, tags.genres))
        tagged.append(_Tagged(path, _artist(tags), tags.title, genres))
    choice = _Choice(tagged, rules)
    files, left_out = [], []
    for one, genres in zip(tagged, choice.genres(), strict=True):
        if not genres:
            left_out.append(Problem(one.path, choice.why_not(one)))
        if genres or rules.keep_unlabelled:
            first, others = (genres[0] if genres else None), genres[1:]
            files.append(LabelledFile(one.path, first, one.artist, one.title, other_genres=others))
    if not any(file.genre for file in files) and not (files and rules.keep_unlabelled):
        first = f"; the first file {left_out[0].reason}" if left_out else found.first_problem
        raise CollectionError(
            f"{folder}: no genre in its tags has {rules.min_tracks} "
            f"{plural(rules.min_tracks, 'track')} by {rules.min_artists} "
            f"{plural(rules.min_artists, 'artist')}; allow less with --min-tracks and "
            f"--min-artists{first}"
        )
    return found.collection(files, () if rules.keep_unlabelled else left_out)


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A file with the genres of its tags, in their order."""

    path: str
    artist: str | None
    title: str | None
    genres: tuple[str, ...]


def _artist(tags: Tags) -> str | None:
    """Return the artist by whom a track is kept together with others: the album's first."""
    album = next(iter(tags.album_artists), None)
    if album is None or album.strip().casefold() in _VARIOUS:
        album = next(iter(tags.artists), album)
    return readable(one_line(album)) or None if album else None


def _clean(genres: Sequence[str]) -> tuple[str, ...]:
    lines = [line for line in (readable(one_line(genre)) for genre in genres) if line]
    parents = taxonomy(lines, {})
    # What a style is a kind of comes behind all that the file says itself.
    return tuple(dict.fromkeys([*lines, *reversed(with_parents(lines, parents))]))


def _all_tags(
    paths: Sequence[str],
    jobs: int | None,
    limits: Limits | None,
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[str, Tags | None]]:
    """Yield the tags of files in their order; None where reading them ends a worker process."""
    parts = [list(paths[at : at + FILES_A_CALL]) for at in range(0, len(paths), FILES_A_CALL)]
    if not parts:
        return
    done = 0
    with WorkerPool(min(jobs or available_cores(), len(parts)), limits=limits) as pool:
        ahead = deque[tuple[list[str], Call[list[Tags]]]]()
        waiting = iter(parts)
        while True:
            while len(ahead) < CALLS_AHEAD * pool.size and (part := next(waiting, None)):
                ahead.append((part, pool.call(extraction.tags, part, name=part[0])))
            if not ahead:
                return
            part, call = ahead.popleft()
            try:
                yield from zip(part, call.result(), strict=True)
            except WorkerError:
                # One file of them costs itself alone.
                for path in part:
                    yield path, _tags_alone(pool, path)
            done += len(part)
            if progress is not None:
                progress(done, len(paths))


def _tags_alone(pool: WorkerPool, path: str) -> Tags | None:
    try:
        (tags,) = pool.call(extraction.tags, [path], name=path).result()
    except WorkerError:
        return None
    return tags


class _Choice:
    """Which genres count, and so which label each file has.

    As long as a genre is too small, the smallest such is dropped, styles before what they are a
    kind of, and its files turn to the next genre that they have; that may make another one large
    enough. Where files have several labels
    they are in all their genres from the start.
    """

    def __init__(self, tagged: Sequence[_Tagged], rules: LabelRules) -> None:
        self._tagged = tagged
        self._rules = rules
        # Sizes of the genres that were dropped, as they were then.
        self._dropped: dict[str, tuple[int, int]] = {}
        self._members: dict[str, list[int]] = {}
        for number in range(len(tagged)):
            self._place(number)
        while small := self._smallest():
            size, genre = small
            self._dropped[genre] = size
            numbers = self._members.pop(genre)
            if not rules.several:
                for number in numbers:
                    self._place(number)

    def _place(self, number: int) -> None:
        folded = dict.fromkeys(genre.casefold() for genre in self._tagged[number].genres)
        for genre in folded:
            if genre not in self._dropped:
                self._members.setdefault(genre, []).append(number)
                if not self._rules.several:
                    return

    def _smallest(self) -> tuple[tuple[int, int], str] | None:
        sizes = ((self._size(genre), genre) for genre in self._members)
        small = [
            (size, genre)
            for size, genre in sizes
            if size[0] < self._rules.min_tracks or size[1] < self._rules.min_artists
        ]
        # A style that is too small makes what it is a kind of larger, so that goes later.
        above = set(taxonomy(self._members, {}).values())
        return min((one for one in small if one[1] not in above), default=min(small, default=None))

    def _size(self, genre: str) -> tuple[int, int]:
        """Return how many tracks a genre has, and by how many artists."""
        artists = [self._tagged[number].artist for number in self._members[genre]]
        return len(artists), count_artists(artists) + (None in artists)

    def genres(self) -> list[tuple[str, ...]]:
        """Return the labels of each file, none where none of its genres counts."""
        called: dict[str, str] = {}
        labelled: list[set[str]] = [set() for _ in self._tagged]
        for genre, numbers in self._members.items():
            spellings = Counter(
                spelling
                for number in numbers
                for spelling in self._tagged[number].genres
                if spelling.casefold() == genre
            )
            called[genre] = min(spellings, key=lambda spelling: (-spellings[spelling], spelling))
            for number in numbers:
                labelled[number].add(genre)
        found = []
        for one, mine in zip(self._tagged, labelled, strict=True):
            # A style says its parent too.
            above = set(taxonomy(mine, {}).values())
            folded = dict.fromkeys(genre.casefold() for genre in one.genres)
            found.append(tuple(called[genre] for genre in folded if genre in mine - above))
        return found

    def why_not(self, one: _Tagged) -> str:
        """Say why a file has no label, to follow its name."""
        if not one.genres:
            return NO_GENRE
        genre = one.genres[0].casefold()
        tracks, artists = self._dropped[genre]
        return (
            f"is of the genre {shown(genre, 60)}, which has {tracks} {plural(tracks, 'track')} by "
            f"{artists} {plural(artists, 'artist')}"
        )
