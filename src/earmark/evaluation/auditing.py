"""What is wrong with a library before any figure is computed.

The same recording twice, one artist under two genres, labels that the neighborhood speaks against,
hubs, genres too small to judge, and files that are gone or changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from earmark.errors import AudioError, AudioIsFolder, AudioNotFound, EvaluationError
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.label_issues import (
    SCALE_NEIGHBORS,
    Neighborhood,
    artist_label_counts,
    label_issue_scores,
    skewness,
    survey_neighborhood,
)
from earmark.evaluation.mistakes import Neighbor, neighbors_of
from earmark.library import Track
from earmark.library.fitting import contents_of
from earmark.listen import identify
from earmark.neighbors import (
    METRICS,
    AllPairs,
    artist_names,
    find_copies,
    fold_artist,
    fold_artists,
)
from earmark.schemas import schema
from earmark.words import say, say_many

# With ten right answers of ten tracks the Wilson interval still reaches down to 72 %.
MIN_TRACKS = 10
# With fewer artists, leaving one out leaves hardly any way to be like the others.
MIN_ARTISTS = 5
# A hub is among the k nearest of five times as many tracks as the average (Flexer et al. 2012).
HUB_FACTOR = 5


@dataclass(frozen=True, slots=True)
class CopyPair:
    """Two tracks that are one recording; ``how`` as in ``earmark.neighbors.Copy``.

    ``track_ids`` are their ids in the library.
    """

    first: str
    second: str
    genres: tuple[str, str]
    distance: float
    how: str
    track_ids: tuple[int | None, int | None] = (None, None)

    @property
    def across_genres(self) -> bool:
        """Whether the two have different labels, one of which must be wrong."""
        return self.genres[0] != self.genres[1]


@dataclass(frozen=True, slots=True)
class SplitArtist:
    """An artist whose tracks stand under several genres, with how many tracks under each."""

    artist: str
    genres: dict[str, int]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A track whose label the neighborhood speaks against.

    Attributes
    ----------
    track, artist, genre
        What it is, and its label.
    suggested
        The genre that is nearest to it but its own.
    ratio
        How many times as far its own genre is as the suggested one.
    agreeing
        How many of the neighbors have its label; at 0 they all disagree.
    doubt
        What the ranking goes by: the ratio, and the labels of the artist's other tracks.
    artist_others, artist_agreeing
        How many other tracks its artist has, and how many of those have its label.
    neighbors
        The nearest tracks, as evidence.
    track_id
        In the library.
    """

    track: str
    artist: str | None
    genre: str
    suggested: str
    ratio: float
    agreeing: int
    doubt: float
    artist_others: int
    artist_agreeing: int
    neighbors: tuple[Neighbor, ...]
    track_id: int | None = None

    def why(self) -> str:
        """Say in a sentence what speaks against the label."""
        values = {"count": len(self.neighbors), "genre": self.genre}
        told = [
            say_many(
                "%(num)s of %(count)s neighbors is %(genre)s",
                "%(num)s of %(count)s neighbors are %(genre)s",
                self.agreeing,
                **values,
            )
            if self.agreeing
            else say("none of %(count)s neighbors is %(genre)s", **values)
        ]
        if self.ratio > 1:
            told.append(
                say(
                    "%(genre)s is %(ratio)s times as near",
                    genre=self.suggested,
                    ratio=f"{self.ratio:.1f}",
                )
            )
        differing = self.artist_others - self.artist_agreeing
        if differing and self.artist_others == 1:
            told.append(say("of 1 other track by its artist, 1 is not %(genre)s", genre=self.genre))
        elif differing:
            told.append(
                say_many(
                    "of %(others)s others by its artist, %(num)s is not %(genre)s",
                    "of %(others)s others by its artist, %(num)s are not %(genre)s",
                    differing,
                    others=self.artist_others,
                    genre=self.genre,
                )
            )
        return "; ".join(told)


@dataclass(frozen=True, slots=True)
class Hub:
    """A track that is among the nearest of many others: ``times`` of all."""

    track: str
    genre: str
    times: int


@dataclass(frozen=True, slots=True)
class SmallGenre:
    """A genre that no figure can be given for with confidence."""

    genre: str
    tracks: int
    artists: int


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that the library was built from: ``what`` is ``"gone"`` or ``"changed"``."""

    track: str
    path: str
    what: str


@dataclass(frozen=True)
class Audit:
    """All findings.

    Attributes
    ----------
    source, n_tracks, n_unknown
        The library, how many labelled tracks it has and how many of these have no artist.
    copies
        The surest first.
    artists
        Those under several genres, the most even ones first.
    suspects
        All tracks that can be judged, the most suspicious first; labels that were given by hand
        are not among them.
    hubs, hubness, never
        The hubs, most frequent first; the skewness of how often tracks are neighbors; the share of
        tracks that are never one.
    small_genres
        By name.
    files
        What is gone or changed; ``files_checked`` says of how many.
    drawn
        That only some tracks of the library were looked at; None where all were.
    """

    source: str
    n_tracks: int
    n_unknown: int
    copies: tuple[CopyPair, ...]
    artists: tuple[SplitArtist, ...]
    suspects: tuple[Suspect, ...]
    hubs: tuple[Hub, ...]
    hubness: float
    never: float
    small_genres: tuple[SmallGenre, ...]
    files: tuple[FileProblem, ...]
    files_checked: int
    drawn: str | None = None

    @property
    def exact(self) -> list[CopyPair]:
        """Pairs that are one recording beyond doubt."""
        return [pair for pair in self.copies if pair.how != "likely"]

    @property
    def likely(self) -> list[CopyPair]:
        """Pairs that seem to be one recording in two forms."""
        return [pair for pair in self.copies if pair.how == "likely"]

    @property
    def outvoted(self) -> list[Suspect]:
        """Suspects whose neighbors all disagree with their label."""
        return [suspect for suspect in self.suspects if suspect.agreeing == 0]

    def to_json(self, most_suspects: int | None = None) -> dict[str, Any]:
        """Return every finding in JSON's types, of the suspects at most so many."""
        return {
            "schema": schema("audit"),
            "library": self.source,
            "tracks": self.n_tracks,
            "tracks_without_artist": self.n_unknown,
            "drawn": self.drawn,
            "exact_copies": [_pair_json(pair) for pair in self.exact],
            "likely_copies": [_pair_json(pair) for pair in self.likely],
            "artists_under_several_genres": [
                {"artist": one.artist, "genres": one.genres} for one in self.artists
            ],
            "suspects": [
                {
                    "track": one.track,
                    "track_id": one.track_id,
                    "artist": one.artist,
                    "genre": one.genre,
                    "suggested": one.suggested,
                    "ratio": one.ratio,
                    "doubt": one.doubt,
                    "neighbors_agreeing": one.agreeing,
                    "artist_others": one.artist_others,
                    "artist_agreeing": one.artist_agreeing,
                    "why": one.why(),
                    "neighbors": [witness.to_json() for witness in one.neighbors],
                }
                for one in self.suspects[:most_suspects]
            ],
            "hubs": [
                {"track": hub.track, "genre": hub.genre, "times": hub.times} for hub in self.hubs
            ],
            "hub_neighbors": SCALE_NEIGHBORS,
            "hubness_skewness": self.hubness,
            "never_a_neighbor": self.never,
            "small_genres": [
                {"genre": one.genre, "tracks": one.tracks, "artists": one.artists}
                for one in self.small_genres
            ],
            "files_checked": self.files_checked,
            "files": [
                {"track": one.track, "path": one.path, "what": one.what} for one in self.files
            ],
        }


def _pair_json(pair: CopyPair) -> dict[str, Any]:
    return {
        "tracks": [pair.first, pair.second],
        "track_ids": list(pair.track_ids),
        "genres": list(pair.genres),
        "across_genres": pair.across_genres,
        "distance": pair.distance,
        "how": pair.how,
    }


def audit(
    data: EvaluationSet,
    *,
    files: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Look for everything that is wrong with a library.

    Parameters
    ----------
    data
        Its tracks, at least two.
    files
        Whether to look at the files that the tracks were heard from. One whose size or time is not
        as it was is read, to see whether its content changed.
    progress
        Called with the number of files looked at and of all.

    Raises
    ------
    EvaluationError
        There are fewer than two tracks.
    """
    if len(data) < 2:
        raise EvaluationError(
            f"{data.source}: has only one labelled track, so there is nothing to compare it with"
        )
    data = data.by_style()
    metric = data.comparison.similarity
    everyone = AllPairs(METRICS[metric].fit(data.vectors), data.vectors, data.labels)
    # What is compared once serves all that is looked for.
    copies = find_copies(data.vectors, metric, contents_of(data.tracks), everyone)
    data = replace(data, known_copies=tuple(copies))
    neighborhood = survey_neighborhood(data.vectors, data.labels, metric, everyone=everyone)
    del everyone
    occurrences = neighborhood.occurrences
    average = min(SCALE_NEIGHBORS, len(data) - 1)
    hubs = np.flatnonzero(occurrences >= HUB_FACTOR * average)
    checked = [track for track in data.tracks if track.path] if files else []
    problems = []
    for i, track in enumerate(checked):
        what = _file_problem(track)
        if what:
            problems.append(FileProblem(track.name, str(track.path), what))
        if progress is not None:
            progress(i + 1, len(checked))
    return Audit(
        source=data.source,
        n_tracks=len(data),
        n_unknown=data.n_unknown,
        copies=tuple(
            CopyPair(
                data.names[copy.first],
                data.names[copy.second],
                (data.genres[copy.first], data.genres[copy.second]),
                copy.distance,
                copy.how,
                (data.tracks[copy.first].id, data.tracks[copy.second].id),
            )
            for copy in data.copies
        ),
        artists=_split_artists(data),
        suspects=_suspects(data, neighborhood),
        hubs=tuple(
            Hub(data.names[i], data.genres[i], int(occurrences[i]))
            for i in hubs[np.argsort(-occurrences[hubs], kind="stable")]
        ),
        hubness=skewness(occurrences),
        never=float(np.mean(occurrences == 0)),
        small_genres=_small_genres(data),
        files=tuple(problems),
        files_checked=len(checked),
        drawn=data.drawn,
    )


def _split_artists(data: EvaluationSet) -> tuple[SplitArtist, ...]:
    spelling: dict[str, str] = {}
    counts: dict[str, Counter[str]] = {}
    for artists, genre in zip(data.artists, data.genres, strict=True):
        for folded, artist in zip(fold_artists(artists), artist_names(artists), strict=True):
            spelling.setdefault(folded, artist)
            counts.setdefault(folded, Counter())[genre] += 1
    several = [
        SplitArtist(spelling[artist], dict(held.most_common()))
        for artist, held in counts.items()
        if len(held) > 1
    ]

    def evenness(one: SplitArtist) -> float:
        return max(one.genres.values()) / sum(one.genres.values())

    return tuple(sorted(several, key=lambda one: (evenness(one), one.artist)))


def _suspects(data: EvaluationSet, seen: Neighborhood) -> tuple[Suspect, ...]:
    votes = (data.labels[seen.neighbors] == data.labels[:, None]).sum(axis=1)
    number: dict[str, int] = {}
    artists = [
        -1 if name is None else number.setdefault(name, len(number))
        for name in map(fold_artist, data.artists)
    ]
    others, agreeing = artist_label_counts(data.labels, np.array(artists, dtype=np.intp))
    doubt = label_issue_scores(seen.ratio, others, agreeing)
    # Who was asked about a label, or gave it by hand, has judged it already.
    by_hand = np.array([track.taught for track in data.tracks], dtype=np.bool_)
    # Nor is a genre suspect where the track has the one that its neighbors have, too.
    has_it = np.array(
        [
            data.genre_names[other] in track.genres
            for track, other in zip(data.tracks, seen.other.tolist(), strict=True)
        ],
        dtype=np.bool_,
    )
    judged = np.flatnonzero(np.isfinite(doubt) & ~by_hand & ~has_it)
    return tuple(
        Suspect(
            track=data.names[i],
            artist=data.artists[i],
            genre=data.genres[i],
            suggested=data.genre_names[seen.other[i]],
            ratio=float(seen.ratio[i]),
            agreeing=int(votes[i]),
            doubt=float(doubt[i]),
            artist_others=int(others[i]),
            artist_agreeing=int(agreeing[i]),
            neighbors=neighbors_of(data, seen.neighbors[i], seen.distances[i]),
            track_id=data.tracks[i].id,
        )
        for i in judged[np.argsort(-doubt[judged], kind="stable")]
    )


def _small_genres(data: EvaluationSet) -> tuple[SmallGenre, ...]:
    small = []
    for number, genre in enumerate(data.genre_names):
        rows = np.flatnonzero(data.labels == number)
        artists = len(np.unique(data.groups[rows]))
        if len(rows) < MIN_TRACKS or artists < MIN_ARTISTS:
            small.append(SmallGenre(genre, len(rows), artists))
    return tuple(small)


def _file_problem(track: Track) -> str | None:
    """Return ``"gone"``, ``"changed"`` or None; a file is read only if its size or time differs.

    A file whose tags alone have changed holds what was heard.
    """
    path = Path(str(track.path))
    try:
        status = path.stat()
    except OSError:
        return "gone"
    if (track.size, track.modified_ns) == (status.st_size, status.st_mtime_ns):
        return None
    if track.audio_hash is None and track.size not in (None, status.st_size):
        return "changed"
    if track.content_hash is None and track.audio_hash is None:
        return None
    try:
        found = identify(path)
    except (AudioNotFound, AudioIsFolder):
        return "gone"
    except AudioError:
        return "changed"
    same_sound = found.audio_hash is not None and found.audio_hash == track.audio_hash
    return None if same_sound or found.content_hash == track.content_hash else "changed"
