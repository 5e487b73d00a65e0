"""What is said of a song, and of the songs of an album together."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from earmark.prediction import Neighbor, Prediction
from earmark.words import tell_shares

MOST_WITHOUT_NAME = 40
"""Songs of a folder that are still taken for one album where no tag says so."""

VARIOUS = frozenset(("various", "various artists", "various artist", "va", "v.a.", "verschiedene"))
"""Album artists of compilations."""

_DISC = re.compile(r"(cd|disc|disk|disque|lp|side)[ _.-]*(\d{1,2}|[a-d])", re.IGNORECASE)


@dataclass(frozen=True)
class Opinion:
    """What is said of a song or an album: a genre, how probable, whether that is sure, and why.

    ``genres`` are all that it is said to be of, that genre first.
    """

    genre: str
    probability: float
    sure: bool
    why: str
    genres: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "genres", self.genres or (self.genre,))


def album_key(path: str, album: str | None) -> Hashable:
    """Return what the songs of one album have in common.

    That is the folder and the album's name in the tags. Folders of the discs of an album that has a
    name are one.

    Parameters
    ----------
    path
        Of the song.
    album
        As its tags have it.

    >>> album_key("/m/Mozart/CD 1/a.flac", "Requiem"), album_key("/m/Mozart/CD2/b.flac", "requiem")
    (('/m/Mozart', 'requiem'), ('/m/Mozart', 'requiem'))
    >>> album_key("/m/Mozart/CD 1/a.flac", None)
    ('/m/Mozart/CD 1', '')
    """
    folder = PurePath(path).parent
    if album and _DISC.fullmatch(folder.name):
        folder = folder.parent
    return str(folder), (album or "").casefold()


def song_vote(prediction: Prediction) -> Opinion:
    """Return what is said of one song."""
    voters = prediction.neighbors
    agreeing = sum(prediction.genre in neighbor.genres for neighbor in voters)
    if prediction.mixed:
        why = f"mixed: {tell_shares(prediction.shares)} of its time"
    elif prediction.abstained:
        why = f"not sure: {prediction.reason}"
    else:
        why = f"{agreeing} of the {len(voters)} nearest tracks are {prediction.genre}"
    sure = not prediction.abstained and not prediction.mixed
    return Opinion(prediction.genre, prediction.confidence, sure, why, prediction.genres)


def album_vote(
    predictions: Sequence[Prediction], album: str | None, album_artist: str | None
) -> Opinion | None:
    """Return what the songs of an album say together; None where it is none.

    Logarithms of probabilities are averaged and weighed with the root of their number: songs of
    an album are alike, so that n of them are less than n independent witnesses. The answer is sure
    where half of the songs are sure by themselves, and three of four of these agree with it.
    Further genres and styles of the album are those that half of its songs have.

    Parameters
    ----------
    predictions
        Of the songs, with their artists.
    album, album_artist
        What the tags say.

    Returns
    -------
    Opinion or None
        None for a single song, for a compilation (the album's artist is "Various Artists", or the
        songs have several artists and none has most of them), and for a large folder without a
        name.
    """
    artists = [p.artist.casefold() for p in predictions if p.artist]
    counts = Counter(artists)
    if (
        len(predictions) < 2
        or (album_artist or "").casefold() in VARIOUS
        or (len(counts) > 2 and counts.most_common(1)[0][1] <= len(artists) / 2)
        or (not album and len(predictions) > MOST_WITHOUT_NAME)
    ):
        return None
    genres = predictions[0].probabilities
    scores = {
        genre: sum(math.log(max(p.probabilities.get(genre, 0.0), 1e-6)) for p in predictions)
        / math.sqrt(len(predictions))
        for genre in genres
    }
    highest = max(scores.values())
    weights = {genre: math.exp(score - highest) for genre, score in scores.items()}
    winner = max(weights, key=lambda genre: weights[genre])
    sure = [p for p in predictions if not p.abstained]
    agreeing = sum(p.genre == winner for p in sure)
    is_sure = 2 * len(sure) >= len(predictions) and 4 * agreeing >= 3 * len(sure)
    why = f"{agreeing} of {len(predictions)} songs of the album are surely {winner}"
    listed = Counter(genre for p in predictions for genre in p.genres)
    shared = [genre for genre, songs in listed.items() if 2 * songs >= len(predictions)]
    told = tuple(dict.fromkeys([winner, *shared]))
    return Opinion(winner, weights[winner] / sum(weights.values()), is_sure, why, told)


def common_neighbors(of_songs: Sequence[Sequence[Neighbor]]) -> list[Neighbor]:
    """Return the neighbors of several songs: first those of most songs, then the nearest.

    Parameters
    ----------
    of_songs
        Of each song, the nearest first.
    """
    nearest: dict[int, Neighbor] = {}
    counts: Counter[int] = Counter()
    for neighbors in of_songs:
        for neighbor in neighbors:
            known = nearest.setdefault(neighbor.track_id, neighbor)
            if neighbor.distance < known.distance:
                nearest[neighbor.track_id] = neighbor
            counts[neighbor.track_id] += 1
    return sorted(nearest.values(), key=lambda n: (-counts[n.track_id], n.distance, n.track_id))
