"""All tracks of a library at one moment, in columns, ready for arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from earmark.library import rules
from earmark.library.model import Track
from earmark.neighbors import LabelSets, taxonomy

Indices = NDArray[np.intp]
Hashes = NDArray[np.bytes_]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All labelled tracks of a library at one moment, or all tracks.

    Rows are ordered by name, then path, then content hash, then id: the order does not depend on
    which worker process finished first. What a track is called is in the library, under its id:
    a million tracks fit into memory as columns of numbers, but not as objects.

    Attributes
    ----------
    revision
        Of the library when it was taken.
    ids
        Of the n tracks [n].
    vectors
        [n, dimension], float64 where the library keeps float64, else float32; not writable.
    genre_names
        The different genres [G], sorted.
    genre_codes
        The genre of each track [n], a place in ``genre_names``; of several the heaviest. -1: the
        track has none, which only a snapshot with unlabelled tracks holds.
    artist_names
        The different artists [A], sorted, as they are spelled.
    artist_codes
        The artist of each track [n], a place in ``artist_names``; -1 where unknown.
    seconds
        The lengths of the tracks [n]; infinite where unknown, which is taken for long.
    taught
        Whether a genre was given by hand [n].
    content_hashes, audio_hashes
        Of the tracks' files and of the sound in them [n]; empty where unknown.
    weights
        Rows, places in ``genre_names`` and weights [m] of all labels of the tracks that have
        other than one label of weight 1.
    parents
        Which genre is stated to be a kind of which.
    since
        An earlier revision and the ids of all tracks that were touched since, where only these were
        read anew.
    """

    revision: int
    ids: NDArray[np.int64]
    vectors: NDArray[np.floating]
    genre_names: tuple[str, ...]
    genre_codes: Indices
    artist_names: tuple[str, ...]
    artist_codes: Indices
    seconds: NDArray[np.float64]
    taught: NDArray[np.bool_]
    content_hashes: Hashes
    audio_hashes: Hashes
    weights: tuple[Indices, Indices, NDArray[np.float32]]
    parents: Mapping[str, str] = field(default_factory=dict)
    since: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls,
        tracks: Sequence[Track],
        vectors: NDArray[np.floating],
        revision: int = 0,
        parents: Mapping[str, str] | None = None,
    ) -> Snapshot:
        """Make a snapshot of tracks in the order given, with their vectors [n, d].

        A track without an id gets its row as such.
        """
        genre_names = tuple(sorted({genre for track in tracks for genre in track.genres}))
        place = {name: code for code, name in enumerate(genre_names)}
        shares = [
            (row, place[genre], share)
            for row, track in enumerate(tracks)
            if track.other_genres
            for genre, share in zip(track.genres, rules.shares_of(track.genres), strict=True)
        ]
        artist_names, artist_codes = encoded([track.artist for track in tracks])
        held = vectors.view()
        held.flags.writeable = False
        return cls(
            revision=revision,
            ids=np.array(
                [row if track.id is None else track.id for row, track in enumerate(tracks)],
                dtype=np.int64,
            ),
            vectors=held,
            genre_names=genre_names,
            genre_codes=np.array(
                [-1 if track.genre is None else place[track.genre] for track in tracks],
                dtype=np.intp,
            ),
            artist_names=artist_names,
            artist_codes=artist_codes,
            seconds=np.array(
                [np.inf if track.duration is None else track.duration for track in tracks],
                dtype=np.float64,
            ),
            taught=np.array([track.taught for track in tracks], dtype=np.bool_),
            content_hashes=hashes(track.content_hash for track in tracks),
            audio_hashes=hashes(track.audio_hash for track in tracks),
            weights=(
                np.array([row for row, _, _ in shares], dtype=np.intp),
                np.array([code for _, code, _ in shares], dtype=np.intp),
                np.array([share for _, _, share in shares], dtype=np.float32),
            ),
            parents=dict(parents or {}),
        )

    @cached_property
    def labels(self) -> NDArray[np.float32]:
        """The weight of each genre for each track [n, G]; where there is one genre, that has 1.

        The row of a track without a genre is zero.
        """
        labels = np.zeros((len(self), len(self.genre_names)), dtype=np.float32)
        labelled = np.flatnonzero(self.genre_codes >= 0)
        labels[labelled, self.genre_codes[labelled]] = 1.0
        rows, codes, weights = self.weights
        labels[rows] = 0.0
        labels[rows, codes] = weights
        labels.flags.writeable = False
        return labels

    @cached_property
    def taxonomy(self) -> dict[str, str]:
        """Of each genre that is a kind of another that other, as stated or as its name tells."""
        return taxonomy(self.genre_names, self.parents)

    @cached_property
    def top(self) -> tuple[NDArray[np.floating], tuple[str, ...]]:
        """What votes for the genre that wins: labels [n, R] and the names of these genres [R].

        Of a track with several genres the first counts, of a style the genre at the top.
        """
        if self.label_sets is None:
            return self.labels, self.genre_names
        return self.label_sets.labels, self.label_sets.first_names

    @cached_property
    def label_sets(self) -> LabelSets | None:
        """All genres of each track and those above them; None where every track has just one."""
        if not len(self.weights[0]) and not self.taxonomy:
            return None
        sets = LabelSets.of(self.labels, self.genre_names, self.taxonomy)
        return sets if sets.several else None

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """The genre of each of the n tracks, by name.

        Raises
        ------
        ValueError
            A track has none.
        """
        if (self.genre_codes < 0).any():
            raise ValueError("a snapshot with unlabelled tracks has no genre for each of them")
        return tuple(self.genre_names[code] for code in self.genre_codes)

    @cached_property
    def artists(self) -> tuple[str | None, ...]:
        """The artist of each of the n tracks, by name, None where unknown."""
        return tuple(None if code < 0 else self.artist_names[code] for code in self.artist_codes)

    # Rows

    def only(self, rows: Indices) -> Snapshot:
        """Return some of the tracks [m], in the order given; the names keep their places."""
        place = np.full(len(self), -1, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        weighed, codes, weights = self.weights
        kept = place[weighed] >= 0
        vectors = self.vectors[rows]
        vectors.flags.writeable = False
        return replace(
            self,
            ids=self.ids[rows],
            vectors=vectors,
            genre_codes=self.genre_codes[rows],
            artist_codes=self.artist_codes[rows],
            seconds=self.seconds[rows],
            taught=self.taught[rows],
            content_hashes=self.content_hashes[rows],
            audio_hashes=self.audio_hashes[rows],
            weights=(place[weighed[kept]], codes[kept], weights[kept]),
            since=None,
        )

    def rows_of(self, ids: Iterable[int]) -> Indices:
        """Return the rows of tracks, without those that are not in the snapshot."""
        wanted = np.fromiter(ids, dtype=np.int64)
        order = self._by_id
        places = np.searchsorted(self.ids, wanted, sorter=order)
        rows = order[np.minimum(places, len(order) - 1)] if len(order) else order[:0]
        if not len(rows):
            return rows
        found: Indices = rows[self.ids[rows] == wanted]
        return found

    @cached_property
    def _by_id(self) -> Indices:
        return np.argsort(self.ids)

    def rows_of_hash(self, content_hash: str, audio_hash: str | None = None) -> Indices:
        """Return the rows [m] of a recording, sorted; often none.

        Parameters
        ----------
        content_hash
            Of its file's bytes.
        audio_hash
            Of the sound in it, where that is known.
        """
        seeds = [_equal(self.content_hashes, self._by_content, content_hash)]
        if audio_hash is not None:
            seeds.append(_equal(self.audio_hashes, self._by_audio, audio_hash))
        found = np.concatenate(seeds)
        if not len(found):
            return found
        return np.flatnonzero(np.isin(self.recording_codes, self.recording_codes[found]))

    @cached_property
    def _by_content(self) -> Indices:
        return np.argsort(self.content_hashes, kind="stable")

    @cached_property
    def _by_audio(self) -> Indices:
        return np.argsort(self.audio_hashes, kind="stable")

    @cached_property
    def recording_codes(self) -> Indices:
        """A number for each track [n], the same for files of the same bytes or the same sound.

        It is the first row of those that belong together, directly or through others.
        """
        codes = np.arange(len(self), dtype=np.intp)
        groups = [
            order[start:stop]
            for column, order in (
                (self.content_hashes, self._by_content),
                (self.audio_hashes, self._by_audio),
            )
            for start, stop in _runs(column[order])
        ]
        settled = False
        while not settled:
            settled = True
            for rows in groups:
                lowest = codes[rows].min()
                if (codes[rows] != lowest).any():
                    codes[rows] = lowest
                    settled = False
        return codes


def _runs(values: Hashes) -> Iterable[tuple[int, int]]:
    """Return where runs of two or more equal values begin and end, without runs of nothing."""
    edges = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1], [True]]))
    starts, stops = edges[:-1], edges[1:]
    long = (stops - starts > 1) & (values[starts] != b"") if len(values) else slice(0, 0)
    return zip(starts[long].tolist(), stops[long].tolist(), strict=True)


def _equal(values: Hashes, order: Indices, wanted: str) -> Indices:
    """Return the rows of a column that hold one hash; none for an empty one."""
    key = np.bytes_(wanted.encode("utf-8", "surrogatepass"))
    if not key:
        return order[:0]
    start = np.searchsorted(values, key, side="left", sorter=order)
    stop = np.searchsorted(values, key, side="right", sorter=order)
    return order[start:stop]


def encoded(names: Sequence[str | None]) -> tuple[tuple[str, ...], Indices]:
    """Return the different names, sorted, and the place of each of n names in them, -1 for None.

    >>> encoded(["rock", None, "jazz"])
    (('jazz', 'rock'), array([ 1, -1,  0]))
    """
    known = tuple(sorted({name for name in names if name is not None}))
    place = {name: code for code, name in enumerate(known)}
    codes = np.array([-1 if name is None else place[name] for name in names], dtype=np.intp)
    return known, codes


def sorted_codes(names: Sequence[str]) -> tuple[tuple[str, ...], Indices]:
    """Return n different names, sorted, and the place of each in them [n]."""
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names), dtype=np.intp)
    place[order] = np.arange(len(names))
    return tuple(names[code] for code in order), place


def hashes(values: Iterable[str | None]) -> Hashes:
    """Return hashes as a column of bytes [n], empty where there is none."""
    listed = [value or "" for value in values]
    if not listed:
        return np.zeros(0, dtype="S1")
    try:
        # ASCII, as all hashes are: NumPy makes bytes of it without a step of Python for each.
        return np.array(listed, dtype=np.bytes_)
    except UnicodeEncodeError:
        coded = [value.encode("utf-8", "surrogatepass") for value in listed]
        return np.array(coded, dtype=np.bytes_)
