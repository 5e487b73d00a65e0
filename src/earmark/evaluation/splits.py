"""Which tracks are known and which are asked: the splits of a library into training and test.

Every split takes the genre and the group of each track and yields folds. A group must not be
divided between the two sides: it is the tracks of one artist, and recordings that stand in the
library twice. Only ``RandomSplit`` and ``KFold`` divide groups; they are here because most
published figures were made that way, and because the difference is worth seeing. In every fold of
every other split the groups of the test side are absent from the training side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import EvaluationError

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Fold:
    """One question put to the library: the tracks that are known and those that are asked.

    Attributes
    ----------
    train, test
        Rising track indices; no index is in both.
    repeat
        Which repetition of the whole split this fold belongs to, from 0. A figure is computed over
        the folds of a repeat together, and its spread over repeats.
    """

    train: Indices
    test: Indices
    repeat: int = 0


class Split(Protocol):
    """A way to part the tracks of a library."""

    @property
    def name(self) -> str:
        """As the command line knows it."""
        ...

    @property
    def respects_groups(self) -> bool:
        """Whether a group is never on both sides of a fold."""
        ...

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield the folds.

        Parameters
        ----------
        genres
            Genre number of each track [n].
        groups
            Group number of each track [n].

        Raises
        ------
        EvaluationError
            The split cannot be made of these tracks; the message says why.
        """
        ...

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted; without artists, none are spoken of."""
        ...


def _check(genres: ArrayLike, groups: ArrayLike) -> tuple[Indices, Indices]:
    """Check both arrays and number groups from 0."""
    y, g = np.asarray(genres), np.asarray(groups)
    if y.ndim != 1 or y.shape != g.shape:
        raise EvaluationError(f"genres {y.shape} and groups {g.shape} must be alike, [n]")
    if y.size < 2:
        raise EvaluationError(
            f"a split needs at least two labelled tracks, but there {_are(y.size)}"
        )
    return y.astype(np.intp), np.unique(g, return_inverse=True)[1].astype(np.intp)


def _are(count: int) -> str:
    return "is only one" if count == 1 else "are none"


def _sides(test: NDArray[np.bool_], repeat: int = 0) -> Fold:
    return Fold(np.flatnonzero(~test), np.flatnonzero(test), repeat)


def _shares(counts: Indices, total: int) -> Indices:
    """Part ``total`` over genres in proportion to their counts, by largest remainders."""
    exact = counts * (total / counts.sum())
    whole = np.floor(exact).astype(np.intp)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return np.asarray(whole, dtype=np.intp)


@dataclass(frozen=True)
class RandomSplit:
    """Draw a share of each genre's tracks for testing, again and again. Leaks artists.

    As scikit-learn's ``StratifiedShuffleSplit``: the test side has ⌈test_size · n⌉ tracks, spread
    over genres in proportion.
    """

    name: ClassVar[str] = "random"
    respects_groups: ClassVar[bool] = False

    test_size: float = 0.15
    repeats: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.test_size < 1.0:
            raise EvaluationError(f"the test size is a share between 0 and 1, not {self.test_size}")
        _positive("repeats", self.repeats)

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield one fold a repeat."""
        y, _ = _check(genres, groups)
        n_test = int(np.ceil(self.test_size * len(y)))
        if n_test >= len(y):
            raise EvaluationError(
                f"a test share of {self.test_size} leaves nothing of {len(y)} tracks to learn from"
            )
        names, counts = np.unique(y, return_counts=True)
        take = _shares(counts.astype(np.intp), n_test)
        for repeat in range(self.repeats):
            rng = np.random.default_rng([self.seed, repeat])
            test = np.zeros(len(y), dtype=bool)
            for genre, some in zip(names, take, strict=True):
                test[rng.permutation(np.flatnonzero(y == genre))[:some]] = True
            yield _sides(test, repeat)

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted."""
        known = round(100 * (1 - self.test_size))
        return f"random {known}/{100 - known}, {_times(self.repeats)}, seed {self.seed}"


def _times(repeats: int) -> str:
    return "once" if repeats == 1 else f"{repeats} times"


def _positive(what: str, value: int, least: int = 1) -> None:
    if value < least:
        raise EvaluationError(f"{what} must be at least {least}, not {value}")


@dataclass(frozen=True)
class KFold:
    """Deal the tracks of each genre into k parts; each part is asked once. Leaks artists.

    With as many folds as tracks this is the classic leave-one-out.
    """

    name: ClassVar[str] = "k-fold"
    respects_groups: ClassVar[bool] = False

    n_folds: int = 10
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        _positive("folds", self.n_folds, 2)
        _positive("repeats", self.repeats)

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield ``n_folds`` folds a repeat."""
        y, _ = _check(genres, groups)
        if self.n_folds > len(y):
            raise EvaluationError(f"{len(y)} tracks cannot be dealt into {self.n_folds} folds")
        for repeat in range(self.repeats):
            rng = np.random.default_rng([self.seed, repeat])
            shuffled = rng.permutation(len(y))
            # Dealt like cards in the order of genres, so that parts are of equal size and every
            # genre is spread as evenly as it can be.
            dealt = shuffled[np.argsort(y[shuffled], kind="stable")]
            part = np.empty(len(y), dtype=np.intp)
            part[dealt] = np.arange(len(y)) % self.n_folds
            for fold in range(self.n_folds):
                yield _sides(part == fold, repeat)

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted."""
        return f"{self.n_folds}-fold over tracks, {_times(self.repeats)}, seed {self.seed}"


@dataclass(frozen=True)
class ArtistKFold:
    """Deal whole groups into k parts, each genre spread as evenly as its artists allow."""

    name: ClassVar[str] = "artist-k-fold"
    respects_groups: ClassVar[bool] = True

    n_folds: int = 10
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        _positive("folds", self.n_folds, 2)
        _positive("repeats", self.repeats)

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield ``n_folds`` folds a repeat."""
        y, g = _check(genres, groups)
        n_groups = int(g.max()) + 1
        if n_groups < self.n_folds:
            raise EvaluationError(
                f"{n_groups} artists (or groups) cannot be dealt into {self.n_folds} folds; "
                f"ask for {n_groups} or fewer"
                if n_groups > 1
                else "all tracks are of one artist, so no part of them can judge the rest"
            )
        y = np.unique(y, return_inverse=True)[1]
        content = np.zeros((n_groups, int(y.max()) + 1))
        np.add.at(content, (g, y), 1.0)
        for repeat in range(self.repeats):
            part = self._deal(content, np.random.default_rng([self.seed, repeat]))[g]
            for fold in range(self.n_folds):
                yield _sides(part == fold, repeat)

    def _deal(self, content: NDArray[np.float64], rng: np.random.Generator) -> Indices:
        """Give each group a fold, the largest first, each to where its genres are missed most.

        ``content`` counts tracks [n_groups, n_genres].
        """
        order = rng.permutation(len(content))
        order = order[np.argsort(-content[order].max(axis=1), kind="stable")]
        share = content / content.sum(axis=0)
        held = np.zeros((self.n_folds, content.shape[1]))
        part = np.empty(len(content), dtype=np.intp)
        for i, group in enumerate(order):
            # What the spread over folds would be, Σ over genres of the variance, if this group
            # went to each fold: only the term 2 · held · share differs between folds.
            cost = held @ share[group]
            empty = np.flatnonzero(held.sum(axis=1) == 0)
            left = len(order) - i
            fold = empty[0] if left <= len(empty) else np.lexsort((held.sum(axis=1), cost))[0]
            part[group] = fold
            held[fold] += share[group]
        return part

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted."""
        over = "artists" if artists_known else "tracks and their copies"
        return f"{self.n_folds}-fold over {over}, {_times(self.repeats)}, seed {self.seed}"


@dataclass(frozen=True)
class LeaveOneOut:
    """Ask every track once, known only by the tracks outside its group.

    The classic leave-one-out keeps the track's artist and even its copies on the known side; for
    that figure ask for ``KFold`` with as many folds as tracks.
    """

    name: ClassVar[str] = "leave-one-out"
    respects_groups: ClassVar[bool] = True

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield one fold a track."""
        _, g = _check(genres, groups)
        _more_than_one(g)
        for i in range(len(g)):
            yield Fold(np.flatnonzero(g != g[i]), np.array([i], dtype=np.intp))

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted."""
        return "every track in turn, its artist and copies left out" if artists_known else _ALONE


@dataclass(frozen=True)
class LeaveOneArtistOut:
    """Ask the tracks of every group once, known only by the tracks of the others."""

    name: ClassVar[str] = "leave-one-artist-out"
    respects_groups: ClassVar[bool] = True

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield one fold a group."""
        _, g = _check(genres, groups)
        _more_than_one(g)
        for group in range(int(g.max()) + 1):
            yield _sides(g == group)

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted."""
        return "every artist in turn" if artists_known else _ALONE


_ALONE = "every track in turn, its copies left out"


def _more_than_one(groups: Indices) -> None:
    if groups.max() == 0:
        raise EvaluationError(
            "all tracks are of one artist, so leaving that artist out leaves nothing to learn from"
        )


@dataclass(frozen=True)
class ListedSplit:
    """Lists of tracks: those to learn from and those to ask.

    Tracks to learn from that share a group with a track that is asked are left out; ``leaking``
    says which they are.
    """

    train: Indices
    test: Indices
    title: str = "given lists"
    name: str = "files"
    respects_groups: ClassVar[bool] = True

    def leaking(self, groups: ArrayLike) -> Indices:
        """Return the tracks to learn from whose group is also asked."""
        g = np.asarray(groups)
        return self.train[np.isin(g[self.train], g[self.test])]

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield the one fold."""
        _, g = _check(genres, groups)
        if len(self.test) == 0:
            raise EvaluationError(f"{self.title}: the test part has no track of this library")
        if len(self.train) == 0:
            raise EvaluationError(f"{self.title}: the training part has no track of this library")
        if len(np.intersect1d(self.train, self.test)):
            raise EvaluationError(f"{self.title}: the same track is on both lists")
        train = np.setdiff1d(self.train, self.leaking(g))
        if len(train) == 0:
            raise EvaluationError(
                f"{self.title}: no track is left to learn from once the artists that are asked "
                "are left out"
            )
        yield Fold(train, np.unique(self.test))

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted."""
        return f"{self.title}: {len(self.train)} to learn from, {len(self.test)} asked"
