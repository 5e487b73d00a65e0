"""What is evaluated: the labelled tracks of a library, with what keeps them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.audio import AUDIO_EXTENSIONS, FILM_EXTENSIONS
from earmark.errors import EvaluationError
from earmark.evaluation import gtzan
from earmark.features import Comparison
from earmark.library import Library, Snapshot, Track
from earmark.library.fitting import contents_of, excerpts_of
from earmark.library.snapshot import encoded
from earmark.neighbors import (
    Copy,
    Excerpts,
    LabelSets,
    count_artists,
    find_copies,
    fold_artist,
    group_recordings,
    one_hot,
    taxonomy,
    top_of,
)
from earmark.tables import read_table
from earmark.words import plural

MOST_TRACKS = 20_000
"""Each track is compared with each: of a larger library as many are drawn."""

UNKNOWN_SOURCE = "unknown"
NO_GENRES = "has no labelled tracks to evaluate; build or import some first"


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled tracks, ready to be split and asked.

    Attributes
    ----------
    tracks
        n tracks, each with a genre.
    vectors
        Their vectors [n, d].
    comparison
        How these are compared.
    extractor
        Which feature extractor made them, for people.
    source
        The library's file, for people.
    artists
        The artist of each track [n], None where unknown.
    artists_from
        Where the artists are from, None where none is known.
    stated_copies
        Pairs of rows that an artists file calls the same recording.
    fixed_groups
        The group of each track [n] where it is not to be derived from artists and copies, as when
        two libraries of the same tracks are compared.
    known_copies
        What `copies` has, where it was found already; None: it is looked for when it is asked.
    excerpts
        Parts of the tracks, by which the vote is fitted to short songs.
    parents
        Which genre is stated to be a kind of which.
    styles_apart
        Take a style for a genre of its own, and only the first genre of each track.
    drawn_from
        How many labelled tracks the library has, where only some of them were taken; else None.
    """

    tracks: tuple[Track, ...]
    vectors: NDArray[np.floating]
    comparison: Comparison
    extractor: str
    source: str
    artists: tuple[str | None, ...]
    artists_from: str | None
    stated_copies: tuple[tuple[int, int], ...] = ()
    fixed_groups: NDArray[np.intp] | None = None
    known_copies: tuple[Copy, ...] | None = None
    excerpts: Excerpts | None = None
    parents: Mapping[str, str] = field(default_factory=dict)
    styles_apart: bool = False
    drawn_from: int | None = None

    def __len__(self) -> int:
        return len(self.tracks)

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """The genre of each track [n]: of several the first, of a style the one at the top."""
        first = [str(track.genre) for track in self.tracks]
        if self.styles_apart:
            return tuple(first)
        above = taxonomy(set(first), self.parents)
        return tuple(top_of(genre, above) for genre in first)

    @cached_property
    def label_sets(self) -> LabelSets | None:
        """All genres of each track and those above them; None where every track has just one."""
        if self.styles_apart:
            return None
        return Snapshot.of(self.tracks, self.vectors, parents=self.parents).label_sets

    def by_style(self) -> EvaluationSet:
        """Return the set with styles as genres of their own; itself where there are none."""
        return self if self.label_sets is None else replace(self, styles_apart=True)

    @cached_property
    def genre_names(self) -> tuple[str, ...]:
        """The different genres [G], sorted."""
        return tuple(sorted(set(self.genres)))

    @cached_property
    def labels(self) -> NDArray[np.intp]:
        """The genre of each track [n] as an index into ``genre_names``."""
        number = {name: i for i, name in enumerate(self.genre_names)}
        return np.array([number[genre] for genre in self.genres], dtype=np.intp)

    @cached_property
    def one_hot(self) -> NDArray[np.float32]:
        """The genre of each track as a row of zeros with a one [n, G]."""
        return one_hot(self.genres)[0]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each track [n]."""
        return tuple(track.name for track in self.tracks)

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """The length of each track [n]; infinite where unknown, which is taken for long."""
        lengths = [np.inf if track.duration is None else track.duration for track in self.tracks]
        return np.array(lengths, dtype=np.float64)

    @cached_property
    def copies(self) -> list[Copy]:
        """Pairs of tracks that are, or seem to be, one recording."""
        if self.known_copies is not None:
            return list(self.known_copies)
        return find_copies(
            self.vectors,
            self.comparison.similarity,
            contents_of(self.tracks),
        )

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """The group of each track [n]: its artist's tracks, and copies of one recording."""
        if self.fixed_groups is not None:
            return self.fixed_groups
        return group_recordings(self.artists, self.copies, self.stated_copies)

    @cached_property
    def n_artists(self) -> int:
        """How many different artists are known."""
        return count_artists(self.artists)

    @cached_property
    def n_unknown(self) -> int:
        """How many tracks have no known artist."""
        return sum(fold_artist(artist) is None for artist in self.artists)

    @cached_property
    def source_names(self) -> tuple[str, ...]:
        """The different sources of the tracks, sorted; ``"unknown"`` where none was said."""
        return encoded([track.source or UNKNOWN_SOURCE for track in self.tracks])[0]

    @cached_property
    def source_codes(self) -> NDArray[np.intp]:
        """The source of each track [n], a place in ``source_names``."""
        return encoded([track.source or UNKNOWN_SOURCE for track in self.tracks])[1]

    @cached_property
    def n_sources(self) -> int:
        """How many different sources the tracks are of."""
        return len(self.source_names)

    @property
    def drawn(self) -> str | None:
        """Say that only some tracks of the library are looked at; None where all are."""
        if self.drawn_from is None:
            return None
        return (
            f"{len(self):,} of {self.drawn_from:,} labelled tracks were drawn by chance and "
            "looked at, as a library of their own, since each is compared with each; with --all, "
            "which takes long, all are"
        )

    @cached_property
    def is_gtzan(self) -> bool:
        """Whether these are clips of GTZAN, by their names."""
        return gtzan.is_gtzan(self.names)

    def excerpts_of(self, rows: NDArray[np.intp]) -> Excerpts | None:
        """Return the parts of some tracks, numbered by their places in ``rows``."""
        return None if self.excerpts is None else self.excerpts.of(rows)

    def rows(self, keep: NDArray[np.intp]) -> EvaluationSet:
        """Return only some tracks, in the order given."""
        place = {int(row): i for i, row in enumerate(keep)}
        return replace(
            self,
            tracks=tuple(self.tracks[i] for i in keep),
            vectors=self.vectors[keep],
            artists=tuple(self.artists[i] for i in keep),
            stated_copies=tuple(
                (place[a], place[b]) for a, b in self.stated_copies if a in place and b in place
            ),
            fixed_groups=None if self.fixed_groups is None else self.fixed_groups[keep],
            known_copies=None,
            excerpts=self.excerpts_of(keep),
        )

    def find(self, lines: Iterable[str], source: str) -> tuple[NDArray[np.intp], list[str]]:
        """Look up tracks by what a list calls them.

        Parameters
        ----------
        lines
            Names such as ``blues.00029``, ``blues/blues.00029.wav`` or a path. Empty lines and
            lines that begin with ``#`` do not count.
        source
            Where the list is from, for the message.

        Returns
        -------
        rows
            Of the tracks that are there, each once, in the order of the list.
        missing
            The lines that are no track of this library.

        Raises
        ------
        EvaluationError
            A line can mean several tracks.
        """
        found: dict[int, None] = {}
        missing = []
        for line in lines:
            name = line.strip()
            if not name or name.startswith("#"):
                continue
            rows = self._called(name)
            if len(rows) > 1:
                raise EvaluationError(
                    f"{source}: {name} can mean {len(rows)} tracks; write more of the path"
                )
            if rows:
                found[rows[0]] = None
            else:
                missing.append(name)
        return np.array(list(found), dtype=np.intp), missing

    def _called(self, name: str) -> tuple[int, ...]:
        """Return the rows of a name, by the most exact meaning that any track has."""
        for depth in range(4):
            rows = self._index[depth].get(_key(name, depth))
            if rows:
                return tuple(rows)
        return ()

    @cached_property
    def _index(self) -> list[dict[str, list[int]]]:
        index: list[dict[str, list[int]]] = [{} for _ in range(4)]
        for row, track in enumerate(self.tracks):
            for depth in range(4):
                keys = {_key(track.name, depth), _key(track.path or track.name, depth)}
                for key in keys:
                    index[depth].setdefault(key, []).append(row)
        return index


def _key(name: str, depth: int) -> str:
    """Reduce a name: as it is; without ending; folder and stem; stem alone."""
    parts = name.replace("\\", "/").split("/")
    if depth == 0:
        return name
    stem, dot, ending = parts[-1].rpartition(".")
    # What else stands after a dot may as well be part of a name.
    if dot and stem and f".{ending.casefold()}" in AUDIO_EXTENSIONS | FILM_EXTENSIONS:
        parts[-1] = stem
    return "/".join(parts if depth == 1 else parts[-2:] if depth == 2 else parts[-1:])


def load_evaluation_set(
    library: Library, artists: str | None = None, *, most: int | None = MOST_TRACKS
) -> EvaluationSet:
    """Take the labelled tracks of a library.

    Parameters
    ----------
    library
        An open library.
    artists
        A CSV file with columns ``track`` and ``artist``, or ``"none"``: do not use what is known
        about GTZAN. Without it the library's own artists count and, of tracks that have none and
        are GTZAN's, the artists known of those.
    most
        Of a library with more labelled tracks so many are drawn by chance, the same every time;
        what is found out is then about a library of these. None: all of them, which takes time
        with the square of their number.

    Raises
    ------
    EvaluationError
        No labelled tracks, or an artists file that cannot be used.

    Examples
    --------
    >>> from earmark import open_library
    >>> with open_library("reference") as library:
    ...     tracks = load_evaluation_set(library)
    >>> len(tracks), tracks.genre_names[:3]
    (738, ('blues', 'classical', 'country'))
    """
    snapshot = library.snapshot()
    if len(snapshot) == 0:
        raise EvaluationError(f"{library.location}: {NO_GENRES}")
    in_all = len(snapshot)
    if most is not None and in_all > most:
        rows = np.sort(np.random.default_rng(0).choice(in_all, most, replace=False))
        snapshot = snapshot.only(rows)
    own = any(fold_artist(artist) for artist in snapshot.artists)
    data = EvaluationSet(
        tracks=_tracks_of(library, snapshot),
        vectors=snapshot.vectors,
        comparison=library.spec.comparison,
        extractor=f"{library.spec.name} {library.spec.version}".strip(),
        source=library.location,
        artists=tuple(snapshot.artists),
        artists_from="the library" if own else None,
        excerpts=excerpts_of(library, snapshot),
        parents=snapshot.parents,
        drawn_from=in_all if len(snapshot) < in_all else None,
    )
    if artists and artists != "none":
        return with_artists(data, Path(artists))
    return data if artists == "none" else _with_known_artists(data)


def _tracks_of(library: Library, snapshot: Snapshot) -> tuple[Track, ...]:
    """Return the tracks of a snapshot, in its order.

    Raises
    ------
    EvaluationError
        One was removed meanwhile.
    """
    held = library.get_many(snapshot.ids.tolist())
    if len(held) < len(snapshot):
        raise EvaluationError(f"{library.location}: was changed while it was read; try again")
    return tuple(held.values())


def _with_known_artists(data: EvaluationSet) -> EvaluationSet:
    """Fill in the artists of GTZAN's clips where they are missing."""
    if not data.is_gtzan:
        return data
    known = gtzan.artists()
    artists = tuple(
        artist if fold_artist(artist) else known.get(gtzan.clip_name(name) or "")
        for artist, name in zip(data.artists, data.names, strict=True)
    )
    filled = sum(new != old for new, old in zip(artists, data.artists, strict=True))
    if not filled:
        return data
    source = f"{gtzan.ARTISTS_SOURCE}, since the tracks are named as GTZAN's"
    if data.artists_from:
        tracks = f"{filled:,} {plural(filled, 'track')}"
        source = f"{data.artists_from} and, for {tracks}, {source}"
    return replace(data, artists=artists, artists_from=source)


COPY_COLUMNS = ("duplicate_of", "exact_duplicate_of", "duplicate of")


def with_artists(data: EvaluationSet, file: Path) -> EvaluationSet:
    """Take the artists from a CSV file instead.

    Parameters
    ----------
    data
        The tracks.
    file
        Has the columns ``track`` and ``artist``, and may have ``duplicate_of``, which names another
        track that is the same recording. Tracks that it does not name keep their artist.

    Raises
    ------
    EvaluationError
        The file cannot be read, lacks a column, or names no track of the library.
    """
    table = read_table(file, ("track", "artist"), EvaluationError)
    columns = table.columns
    # Cells that are not there are empty.
    lines = [row + [""] * (table.width - len(row)) for _, row in table.rows]
    if not lines:
        raise EvaluationError(f"{file}: names no track; it has a header but no rows")
    artists, pairs, named = list(data.artists), [], 0
    copies = next((columns[c] for c in COPY_COLUMNS if c in columns), None)
    for line in lines:
        rows, _ = data.find([line[columns["track"]]], str(file))
        named += len(rows)
        for row in rows:
            artists[row] = line[columns["artist"]].strip() or None
            others, _ = data.find([line[copies]] if copies is not None else [], str(file))
            pairs += [(int(row), int(other)) for other in others if other != row]
    if not named:
        which = plural(len(lines), "track, which is not", "tracks, none of which is")
        raise EvaluationError(f"{file}: names {len(lines)} {which} in {data.source}")
    return replace(data, artists=tuple(artists), artists_from=str(file), stated_copies=tuple(pairs))
