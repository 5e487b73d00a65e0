"""Lists of songs from a library: what the engine needs is taken from its tracks once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryEmpty, RecommendError
from earmark.features import doubtful_words
from earmark.library import Library, Snapshot, Track
from earmark.library.fitting import voter as library_voter
from earmark.neighbors import METRICS, fold_artist, recording_groups
from earmark.neighbors.arrays import Float
from earmark.neighbors.metrics import Cosine
from earmark.recommend.path import path
from earmark.recommend.playlist import playlist
from earmark.recommend.rules import Catalog, Rules, encode, work_title
from earmark.recommend.similar import NO_SEEDS, Listed, Seeds, similar
from earmark.recommend.space import Rows, SimilarityMeasure, Space, label_free_measure
from earmark.recommend.tag_words import picked
from earmark.schemas import schema

_TRACKS_A_BLOCK = 10_000

_MOST_OF_ALBUM = 60
"""Songs that one artist has in a folder that is one album, such as that of a box of records."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A track of a list.

    Attributes
    ----------
    track
        Of the library.
    similarity
        To the songs that were asked about, or of a path to the song before it: the share of the
        library's own pairs of tracks that are farther apart, from 0 to 1.
    """

    track: Track
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """Return the suggestion as JSON values."""
        return {
            "track_id": self.track.id,
            "track": self.track.name,
            "artist": self.track.artist,
            "title": self.track.title,
            "genre": self.track.genre,
            "path": self.track.path,
            "duration": self.track.duration,
            "similarity": round(self.similarity, 4),
        }


@dataclass(frozen=True, slots=True)
class Songs:
    """Songs by which a list is made: tracks of the library, recordings that are none, or both.

    Attributes
    ----------
    track_ids
        Of tracks.
    vectors
        Of recordings [m, d], as the library's extractor gives them; None: there are none.
    """

    track_ids: tuple[int, ...] = ()
    vectors: Float | None = None


class Recommender:
    """Makes lists from the tracks of a library, labelled or not, as it is now.

    Parameters
    ----------
    library
        Open.

    Attributes
    ----------
    space
        How unlike its tracks are, by the rows of its snapshot.

    Raises
    ------
    LibraryEmpty
        It has no tracks to choose from.

    Examples
    --------
    >>> from earmark.library import open_library
    >>> with open_library("reference", read_only=True) as library:
    ...     song = library.tracks(search="metal.00000")[0]
    ...     found = Recommender(library).similar(Songs((song.id,)), 3)
    >>> len(found), found[0].track.genre
    (3, 'metal')
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._snapshot: Snapshot = library.snapshot(unlabelled=True)
        if not len(self._snapshot):
            raise LibraryEmpty(f"{library.location}: has no tracks; earmark build adds some")
        self.space = Space(_measure(library, np.asarray(self._snapshot.vectors)))
        self._catalog = catalog_of(library, self._snapshot)
        _, self._holding = genres_of(self._snapshot)

    @property
    def track_ids(self) -> list[int]:
        """The ids of all tracks to choose from."""
        ids: list[int] = self._snapshot.ids.tolist()
        return ids

    def similar(
        self,
        songs: Songs,
        n: int = 20,
        *,
        away: Songs | None = None,
        left_out: Iterable[int] = (),
        genres: Sequence[str] = (),
        not_genres: Sequence[str] = (),
        words: Sequence[str] = (),
        not_words: Sequence[str] = (),
        rules: Rules | None = None,
        variety: float = 0.0,
        seed: int = 0,
    ) -> list[Suggestion]:
        """Return the n tracks that sound most like some songs, the most similar first.

        Parameters
        ----------
        songs
            One or several; they are not in the list, nor are their copies and other versions.
        n
            How many; fewer where the rules leave no more.
        away
            Songs to keep away from.
        left_out
            Ids of tracks that may not stand in the list, such as those played lately.
        genres, not_genres
            Only tracks of these; none of those.
        words, not_words
            Only tracks that each of these words picks; none that one of those does. A word of the
            extractor picks the tenth of the library that it fits best.
        rules
            See `earmark.recommend.Rules`; its genres are those of the two arguments above.
        variety, seed
            How much chance there is in the list, from 0 to 1; the same seed gives the same list.

        Raises
        ------
        RecommendError
            A track or genre is not in the library, a word is none to pick by, or a number is out
            of range.
        """
        listed = _said(
            similar,
            self.space,
            self._catalog,
            self._seeds(songs),
            n,
            away=NO_SEEDS if away is None else self._seeds(away),
            left_out=self._left_out(left_out, words, not_words),
            rules=self._rules(rules, genres, not_genres),
            variety=variety,
            seed=seed,
        )
        return self._suggestions(listed)

    def path(
        self,
        start: int,
        end: int,
        n: int = 10,
        *,
        left_out: Iterable[int] = (),
        genres: Sequence[str] = (),
        not_genres: Sequence[str] = (),
        words: Sequence[str] = (),
        not_words: Sequence[str] = (),
        rules: Rules | None = None,
    ) -> list[Suggestion]:
        """Return n songs that lead from one track to another in small, even steps.

        Parameters
        ----------
        start, end
            Ids of the first and the last of them.
        n
            How many in all; fewer where the rules leave no path of n.
        left_out, genres, not_genres, words, not_words, rules
            As for `similar`; they hold for the songs between the two.

        Raises
        ------
        RecommendError
            As for `similar`, or both ends are the same track.
        """
        rows = self._rows((start, end))
        listed = _said(
            path,
            self.space,
            self._catalog,
            int(rows[0]),
            int(rows[1]),
            n,
            rules=self._rules(rules, genres, not_genres),
            left_out=self._left_out(left_out, words, not_words),
        )
        return self._suggestions(listed)

    def playlist(
        self,
        songs: Songs,
        *,
        minutes: float | None = 60.0,
        n: int | None = None,
        away: Songs | None = None,
        left_out: Iterable[int] = (),
        genres: Sequence[str] = (),
        not_genres: Sequence[str] = (),
        words: Sequence[str] = (),
        not_words: Sequence[str] = (),
        rules: Rules | None = None,
        variety: float = 0.0,
        seed: int = 0,
    ) -> list[Suggestion]:
        """Return songs like some others for so many minutes, in an order of small steps.

        Parameters
        ----------
        songs, away, left_out, genres, not_genres, words, not_words, rules, variety, seed
            As for `similar`. Without any song to start from, the list is for the genres, or for
            the words.
        minutes
            How long it is; None where ``n`` is given.
        n
            How many songs instead.

        Raises
        ------
        RecommendError
            As for `similar`, or there is no song, genre or word to start from.
        """
        seeds = self._seeds(songs)
        if not len(seeds):
            seeds = self._center(genres, words)
        listed = _said(
            playlist,
            self.space,
            self._catalog,
            seeds,
            minutes=minutes,
            n=n,
            away=NO_SEEDS if away is None else self._seeds(away),
            left_out=self._left_out(left_out, words, not_words),
            rules=self._rules(rules, genres, not_genres),
            variety=variety,
            seed=seed,
        )
        return self._suggestions(listed)

    # How

    def _seeds(self, songs: Songs) -> Seeds:
        return Seeds(self._rows(songs.track_ids), songs.vectors)

    def _rows(self, track_ids: Sequence[int]) -> Rows:
        rows = [self._snapshot.rows_of([track_id]) for track_id in track_ids]
        for track_id, found in zip(track_ids, rows, strict=True):
            if not len(found):
                raise RecommendError(f"{self._library.name}: has no track {track_id}")
        return np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)

    def _center(self, genres: Sequence[str], words: Sequence[str]) -> Seeds:
        """Return the middle of genres and words: the mean vector of their tracks."""
        if not genres and not words:
            raise RecommendError("a playlist needs a song, a genre or a word to start from")
        meant = self._picked(words)
        if genres:
            meant &= np.isin(self._catalog.genres, list(self._codes(genres)))
        if not meant.any():
            raise RecommendError("no track has all of these words and genres; ask for fewer")
        nobody = np.empty(0, dtype=np.intp)
        vectors = np.asarray(self._snapshot.vectors[np.flatnonzero(meant)])
        return Seeds(nobody, vectors.mean(axis=0)[None])

    def _picked(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which tracks [n] every one of some words picks."""
        mask = np.ones(len(self._snapshot), dtype=np.bool_)
        for word in words:
            mask &= picked(
                self._library.spec.words,
                self._snapshot.vectors,
                word,
                doubtful=doubtful_words(self._library.spec),
            )
        return mask

    def _left_out(
        self, track_ids: Iterable[int], words: Sequence[str], not_words: Sequence[str]
    ) -> Rows:
        """Return the rows of tracks that were named, and of those that words leave out."""
        rows: Rows = self._snapshot.rows_of(track_ids)
        unwanted = ~self._picked(words)
        for word in not_words:
            unwanted |= self._picked([word])
        return np.union1d(rows, np.flatnonzero(unwanted)) if words or not_words else rows

    def _codes(self, genres: Sequence[str]) -> frozenset[int]:
        codes: set[int] = set()
        for genre in genres:
            if genre.casefold() not in self._holding:
                known = ", ".join(self._snapshot.genre_names[:20])
                raise RecommendError(
                    f"{self._library.name}: has no genre {genre!r}; it has {known}"
                )
            codes |= self._holding[genre.casefold()]
        return frozenset(codes)

    def _rules(
        self, rules: Rules | None, genres: Sequence[str], not_genres: Sequence[str]
    ) -> Rules:
        given = rules or Rules()
        return Rules(
            per_artist=given.per_artist,
            per_album=given.per_album,
            spacing=given.spacing,
            genres=self._codes(genres),
            not_genres=self._codes(not_genres),
            versions=given.versions,
        )

    def _suggestions(self, listed: Sequence[Listed]) -> list[Suggestion]:
        ids = [int(self._snapshot.ids[song.row]) for song in listed]
        tracks = self._library.get_many(ids)
        return [
            Suggestion(tracks[track_id], song.similarity)
            for track_id, song in zip(ids, listed, strict=True)
            if track_id in tracks
        ]


def to_json(kind: str, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    """Return a list as one JSON object; ``kind`` is "similar", "path" or "playlist"."""
    tracks = [song.to_json() for song in suggestions]
    return {"schema": schema("songs"), "kind": kind, "tracks": tracks}


def _said(make: Any, *arguments: Any, **options: Any) -> list[Listed]:
    """Make a list; what is wrong with a number that was asked for is said in our words.

    Raises
    ------
    RecommendError
        A number is out of range.
    """
    try:
        listed: list[Listed] = make(*arguments, **options)
    except ValueError as error:
        raise RecommendError(str(error)) from error
    return listed


def _measure(library: Library, vectors: Float) -> SimilarityMeasure:
    """Return how far all tracks [n, d] are from each other, as the vote of the library has it.

    A library without any label has no vote; what that would not learn from labels is the same.
    """
    labelled = library.snapshot()
    if not len(labelled):
        return label_free_measure(library.spec, vectors)
    voter = library_voter(library, labelled)
    if voter.parameters.majority:
        return SimilarityMeasure(METRICS[library.spec.similarity].fit(vectors), vectors)
    return SimilarityMeasure(Cosine(), voter.points(vectors), voter.points)


def catalog_of(library: Library, snapshot: Snapshot) -> Catalog:
    """Return artists, albums and recordings of the tracks of a snapshot, as rules need them."""
    folded = {name: fold_artist(name) for name in snapshot.artist_names}
    artists, _ = encode(
        None if code < 0 else folded[snapshot.artist_names[code]] for code in snapshot.artist_codes
    )
    albums, works = _albums_and_works(library, snapshot, artists)
    return Catalog(
        artists=artists,
        albums=albums,
        genres=genres_of(snapshot)[0],
        recordings=recording_groups(
            np.asarray(snapshot.vectors), library.spec.similarity, snapshot.recording_codes
        ),
        works=works,
        seconds=snapshot.seconds,
    )


def genres_of(snapshot: Snapshot) -> tuple[NDArray[np.intp], dict[str, frozenset[int]]]:
    """Return a code of all genres of each track [n], and which codes hold a genre, folded.

    A track with several genres is of each, and one of a style is of the genre above it, too.
    """
    sets = snapshot.label_sets
    if sets is None:
        known = enumerate(snapshot.genre_names)
        return snapshot.genre_codes, {name.casefold(): frozenset([code]) for code, name in known}
    kinds, codes = np.unique(sets.members, axis=0, return_inverse=True)
    holding = {
        name.casefold(): frozenset(np.flatnonzero(kinds[:, column]).tolist())
        for column, name in enumerate(sets.names)
    }
    return codes.reshape(-1).astype(np.intp), holding


def _albums_and_works(
    library: Library, snapshot: Snapshot, artists: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the codes of albums and of songs, whatever their versions, of all tracks [n].

    An album is what one artist has in one folder: the library keeps no names of albums. A folder
    of very many is a heap of songs, and no album.
    """
    albums: list[str | None] = []
    works: list[str | None] = []
    for start in range(0, len(snapshot), _TRACKS_A_BLOCK):
        ids = snapshot.ids[start : start + _TRACKS_A_BLOCK].tolist()
        tracks = library.get_many(ids)
        for place, track_id in enumerate(ids, start):
            track = tracks.get(track_id)
            known = track is not None and track.title is not None and artists[place] >= 0
            title = work_title(track.title or "") if track is not None and known else ""
            works.append(f"{artists[place]}\n{title}" if title else None)
            folder = Path(track.path).parent if track is not None and track.path else None
            albums.append(None if folder is None else f"{artists[place]}\n{folder}")
    sizes = Counter(albums)
    are_albums = (album if sizes[album] <= _MOST_OF_ALBUM else None for album in albums)
    return encode(are_albums)[0], encode(works)[0]
