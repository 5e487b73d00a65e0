"""Several genres a track, and styles of genres: which a song is said to be of.

A track may have several genres, and a genre may be a kind of another, as "Electronic---House" is
one of "Electronic". The first genre of a track votes for the one that wins, a style for the genre
at the top. Then every genre has a vote of its own: the share of the neighbors' votes that have it;
of a style, among those neighbors that have the genre above it. It is listed where this share
reaches a threshold, which answers for tracks of other artists have shown to make the fewest
mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices, blocks
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.predictions import Predictions
from earmark.neighbors.vote import nearness_weights

STYLE_SIGN = "---"
"""What stands between a genre and a style of it, as in Discogs' names."""

PLAIN_THRESHOLD = 0.5
"""The share from which on a genre is listed where nothing was fitted: half of the neighbors."""

NEVER = np.inf
"""The threshold of a genre that is listed only where it wins."""

_QUERIES_A_BLOCK = 1_024

Members = NDArray[np.bool_]


def taxonomy(genres: Iterable[str], stated: Mapping[str, str]) -> dict[str, str]:
    """Return of each genre that is a kind of another, that other, as far as genres need it.

    Parameters
    ----------
    genres
        The names that tracks have.
    stated
        What is said of genres; where nothing is said the name itself tells.

    >>> taxonomy(["Rock", "Rock---Punk", "bebop"], {"bebop": "jazz"})
    {'Rock---Punk': 'Rock', 'bebop': 'jazz'}
    """
    parents: dict[str, str] = {}
    for name in genres:
        genre = name
        while genre not in parents:
            above = stated.get(genre) or genre.rpartition(STYLE_SIGN)[0].strip()
            # Names can contradict what is stated; a genre is no kind of itself.
            if not above or genre in _way(above, parents):
                break
            parents[genre] = above
            genre = above
    return parents


def _way(genre: str, parents: Mapping[str, str]) -> list[str]:
    """Return a genre and what it is a kind of, up to the top."""
    way = [genre]
    while way[-1] in parents:
        way.append(parents[way[-1]])
    return way


def top_of(genre: str, parents: Mapping[str, str]) -> str:
    """Return the genre at the top of which one is a kind, itself where there is none.

    >>> top_of("Rock---Punk", {"Rock---Punk": "Rock"}), top_of("jazz", {})
    ('Rock', 'jazz')
    """
    return _way(genre, parents)[-1]


def with_parents(genres: Iterable[str], parents: Mapping[str, str]) -> tuple[str, ...]:
    """Return genres and all that they are kinds of, each once.

    >>> with_parents(["Rock---Punk", "Pop"], {"Rock---Punk": "Rock"})
    ('Rock', 'Rock---Punk', 'Pop')
    """
    return tuple(dict.fromkeys(name for genre in genres for name in reversed(_way(genre, parents))))


@dataclass(frozen=True, eq=False)
class LabelSets:
    """All genres of tracks, those above theirs among them.

    Attributes
    ----------
    names
        The genres [N], those at the top first, each after the one above it.
    above
        Of which of them each is a kind [N]; -1: of none.
    members
        Which tracks are of which [n, N].
    firsts
        The genres at the top that are the first ones of tracks [R], places in ``names``, rising.
    labels
        Which of these each track is of [n, R], a row of zeros with a one: what votes first.
    """

    names: tuple[str, ...]
    above: Indices
    members: Members
    firsts: Indices
    labels: Float

    @classmethod
    def of(cls, labels: Float, genre_names: Sequence[str], parents: Mapping[str, str]) -> Self:
        """Make them of labels [n, G], the names of the genres [G] and what is a kind of what.

        The first genre of a track is that of the largest label.

        >>> sets = LabelSets.of(np.eye(2), ["Pop", "Rock---Punk"], {"Rock---Punk": "Rock"})
        >>> sets.names, sets.above.tolist(), sets.first_names
        (('Pop', 'Rock', 'Rock---Punk'), [-1, -1, 1], ('Pop', 'Rock'))
        >>> sets.members.tolist()
        [[True, False, False], [False, True, True]]
        """
        found = set(with_parents(genre_names, parents))
        names = tuple(sorted(found, key=lambda name: (len(_way(name, parents)), name)))
        place = {name: i for i, name in enumerate(names)}
        above = np.array([place.get(parents.get(name, ""), -1) for name in names], dtype=np.intp)
        members = np.zeros((len(labels), len(names)), dtype=np.bool_)
        for column, genre in enumerate(genre_names):
            for name in _way(genre, parents):
                members[:, place[name]] |= labels[:, column] > 0
        labelled = labels.any(axis=1)
        tops = np.array([place[top_of(genre, parents)] for genre in genre_names], dtype=np.intp)
        first = np.where(labelled, tops[labels.argmax(axis=1)], -1)
        firsts = np.unique(first[labelled])
        return cls(names, above, members, firsts, (first[:, None] == firsts).astype(np.float32))

    @property
    def several(self) -> bool:
        """Whether any track has more than one."""
        return bool((self.members.sum(axis=1) > 1).any())

    @property
    def first_names(self) -> tuple[str, ...]:
        """The names of the genres that win [R], sorted."""
        return tuple(self.names[number] for number in self.firsts)

    def rows(self, keep: Indices) -> LabelSets:
        """Return those of some tracks."""
        return replace(self, members=self.members[keep], labels=self.labels[keep])

    def own_votes(self, weights: Float64, neighbors: Indices) -> Float64:
        """Return the share of votes that each genre has by itself [q, N].

        Of a style it is the share among the neighbors that have the genre above it.

        Parameters
        ----------
        weights
            What each neighbor's vote counts [q, k].
        neighbors
            Rows of the tracks [q, k].
        """
        counts = np.empty((len(weights), len(self.names)))
        for part in blocks(len(weights), _QUERIES_A_BLOCK):
            counts[part] = np.einsum("qk,qkn->qn", weights[part], self.members[neighbors[part]])
        whole = np.where(self.above < 0, weights.sum(axis=1)[:, None], counts[:, self.above])
        shares: Float64 = np.divide(counts, whole, out=np.zeros_like(counts), where=whole > 0)
        return np.minimum(shares, 1.0)

    def thresholds(self, parameters: Parameters) -> Float64:
        """Return the thresholds [N] that were fitted, or that of half of the neighbors."""
        fitted = dict(parameters.thresholds)
        missing = PLAIN_THRESHOLD if parameters.majority else NEVER
        return np.array([fitted.get(name, missing) for name in self.names])

    def listed(self, own: Float64, winners: Indices, thresholds: Float64) -> Members:
        """Return which genres songs are said to be of [q, N].

        The winners [q] always, which are places in ``names``; others at the top, and styles of
        those that are listed, where their own votes [q, N] reach their thresholds [N].
        """
        listed = own >= thresholds
        listed[np.arange(len(own)), winners] = True
        for number in np.flatnonzero(self.above >= 0):
            listed[:, number] &= listed[:, self.above[number]]
        return listed

    def ordered(self, listed: Members, own: Float64, winner: int) -> tuple[str, ...]:
        """Return the names of the genres of one song: the winner first, then by their own votes.

        Styles stand behind the genre that they are of.

        Parameters
        ----------
        listed, own
            Of the song [N].
        winner
            Its place in ``names``.
        """

        def below(above: int) -> list[int]:
            found = np.flatnonzero(listed & (self.above == above)).tolist()
            found.sort(key=lambda number: (number != winner, -own[number], number))
            return [each for number in found for each in (number, *below(number))]

        return tuple(self.names[number] for number in below(-1))

    def fit(self, own: Float64, winners: Indices, truth: Members) -> Float64:
        """Return the threshold of each genre [N], from answers to tracks that did not vote.

        Each leaves the fewest mistakes: songs of which a genre is listed that they do not have, and
        songs of which one is missing. One more song counts that has every vote and not the genre,
        so that a single track proves nothing. It lies midway between two shares that were seen; of
        equally good ones the highest is taken.

        Parameters
        ----------
        own
            Own votes [m, N].
        winners
            The genres that won [m], places in ``names``.
        truth
            The genres that the tracks have [m, N].
        """
        thresholds = np.full(len(self.names), NEVER)
        for number, above in enumerate(self.above.tolist()):
            if above < 0:
                asked = winners != number
            else:
                # What is above has its threshold by now.
                asked = self.listed(own, winners, thresholds)[:, above]
            thresholds[number] = _threshold(own[asked, number], truth[asked, number])
        return thresholds


def _threshold(own: Float64, truth: Members) -> float:
    """Return the share [m] from which on a genre is listed with the fewest mistakes."""
    voted = own > 0
    if not truth[voted].any():
        return NEVER
    levels, codes = np.unique(own[voted], return_inverse=True)
    gains = np.bincount(codes, np.where(truth[voted], 1, -1), minlength=len(levels))
    # What is gained by listing all from each level on, highest first.
    gained = np.cumsum(gains[::-1]) - 1
    best = int(gained.argmax())
    if gained[best] <= 0:
        return NEVER
    # Nothing is known of what lies between this share and the next lower one.
    lowest, *lower = levels[::-1][best:].tolist()
    return float(lowest + (lower[0] if lower else 0.0)) / 2


def voting_weights(distances: Float64, parameters: Parameters) -> Float64:
    """Return what the votes of neighbors [q, k] count in the own votes of genres."""
    if parameters.majority:
        return np.isfinite(distances).astype(np.float64)
    return nearness_weights(distances)


def list_genres(
    predictions: Predictions, sets: LabelSets, parameters: Parameters
) -> tuple[Members, Float64, Indices]:
    """Return which genres songs are said to be of [q, N], their own votes [q, N], and the winners.

    Parameters
    ----------
    predictions
        The answers to them.
    sets
        The genres of the tracks that voted.
    parameters
        How they voted.
    """
    own = sets.own_votes(voting_weights(predictions.distances, parameters), predictions.neighbors)
    place = {name: i for i, name in enumerate(sets.names)}
    places = np.array([place[name] for name in predictions.genre_names], dtype=np.intp)
    winners = places[predictions.winners]
    return sets.listed(own, winners, sets.thresholds(parameters)), own, winners
