"""What each split promises, above all which of them keep an artist on one side."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut, StratifiedShuffleSplit

from earmark.errors import EvaluationError
from earmark.evaluation.sources import LeaveOneSourceOut
from earmark.evaluation.splits import (
    ArtistKFold,
    Fold,
    KFold,
    LeaveOneArtistOut,
    LeaveOneOut,
    ListedSplit,
    RandomSplit,
    Split,
)

Library = tuple[NDArray[np.intp], NDArray[np.intp]]


@st.composite
def libraries(draw: st.DrawFn) -> Library:
    n = draw(st.integers(2, 60))
    genres = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))
    return np.array(genres), np.array(groups)


@st.composite
def splits(draw: st.DrawFn, n: int) -> Split:
    seed, folds = draw(st.integers(0, 5)), draw(st.integers(2, 6))
    tracks = draw(st.permutations(range(n)))
    cut = draw(st.integers(1, n - 1))
    return draw(
        st.sampled_from(
            [
                RandomSplit(draw(st.sampled_from([0.15, 0.3, 0.5])), repeats=3, seed=seed),
                KFold(folds, repeats=2, seed=seed),
                ArtistKFold(folds, repeats=2, seed=seed),
                LeaveOneOut(),
                LeaveOneArtistOut(),
                LeaveOneSourceOut(np.arange(n) * folds // n),
                ListedSplit(np.array(tracks[:cut]), np.array(tracks[cut:])),
            ]
        )
    )


def made(split: Split, library: Library) -> list[Fold]:
    """Return the folds, or none where the split says that it cannot be made."""
    try:
        return list(split.folds(*library))
    except EvaluationError:
        return []


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data(), libraries())
def test_only_random_and_k_fold_put_a_group_on_both_sides(
    data: st.DataObject, library: Library
) -> None:
    split = data.draw(splits(len(library[0])))
    assert split.respects_groups == (split.name not in {"random", "k-fold"})
    for fold in made(split, library):
        assert len(fold.test) > 0
        assert len(fold.train) > 0
        assert not set(fold.train) & set(fold.test)
        assert np.all(np.diff(fold.train) > 0)
        assert np.all(np.diff(fold.test) > 0)
        if split.respects_groups:
            assert not set(library[1][fold.train]) & set(library[1][fold.test])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data(), libraries())
def test_splits_that_ask_every_track_ask_it_once_a_repeat(
    data: st.DataObject, library: Library
) -> None:
    split = data.draw(splits(len(library[0])))
    folds = made(split, library)
    if not folds or split.name in {"random", "files"}:
        return
    for repeat in {fold.repeat for fold in folds}:
        asked = np.concatenate([fold.test for fold in folds if fold.repeat == repeat])
        assert np.array_equal(np.sort(asked), np.arange(len(library[0])))


@pytest.mark.slow
@settings(deadline=None)
@given(libraries(), st.sampled_from([0.1, 0.15, 0.2, 0.5]))
def test_random_sides_are_as_large_as_scikit_learns(library: Library, size: float) -> None:
    genres, groups = library
    counts = Counter(genres.tolist())
    if min(counts.values()) < 2:
        return
    theirs = StratifiedShuffleSplit(n_splits=1, test_size=size, random_state=0)
    try:
        _, test = next(theirs.split(np.zeros(len(genres)), genres))
    except ValueError:
        return  # scikit-learn wants a track of every genre on both sides; we do not
    ours = next(RandomSplit(size, repeats=1).folds(genres, groups)).test
    assert len(ours) == len(test)
    for genre, count in counts.items():
        assert abs(int(np.sum(genres[ours] == genre)) - size * count) < 1 + 1 / len(counts)


def test_gtzan_sized_random_split_takes_fifteen_of_each_genre() -> None:
    genres = np.repeat(np.arange(10), 100)
    folds = list(RandomSplit(0.15, repeats=30, seed=0).folds(genres, np.arange(1000)))
    assert len(folds) == 30
    for fold in folds:
        assert np.array_equal(np.bincount(genres[fold.test]), [15] * 10)
    assert len({tuple(fold.test) for fold in folds}) == 30


def test_repeats_with_one_seed_and_differs_with_another() -> None:
    genres, groups = np.repeat([0, 1], 20), np.repeat(np.arange(10), 4)
    for make in (RandomSplit, KFold, ArtistKFold):
        tests = [
            [tuple(f.test) for f in make(seed=seed).folds(genres, groups)] for seed in (3, 3, 4)
        ]
        assert tests[0] == tests[1] != tests[2]
    # more repeats add to the first ones and do not change them
    few, many = (list(RandomSplit(repeats=r).folds(genres, groups)) for r in (2, 5))
    assert [tuple(f.test) for f in few] == [tuple(f.test) for f in many[:2]]


@pytest.mark.slow
@settings(deadline=None)
@given(libraries(), st.integers(2, 5))
def test_k_folds_are_of_one_size_and_spread_every_genre(library: Library, k: int) -> None:
    genres, groups = library
    if len(genres) < k:
        return
    folds = list(KFold(k).folds(genres, groups))
    assert max(len(f.test) for f in folds) - min(len(f.test) for f in folds) <= 1
    for genre in set(genres.tolist()):
        held = [int(np.sum(genres[f.test] == genre)) for f in folds]
        assert max(held) - min(held) <= 1


def test_leave_one_artist_out_is_scikit_learns_leave_one_group_out() -> None:
    rng = np.random.default_rng(0)
    genres, groups = rng.integers(0, 3, 50), rng.integers(0, 12, 50)
    theirs = LeaveOneGroupOut().split(np.zeros(50), genres, groups)
    for ours, (train, test) in zip(LeaveOneArtistOut().folds(genres, groups), theirs, strict=True):
        assert np.array_equal(ours.train, train)
        assert np.array_equal(ours.test, test)


def test_a_source_is_asked_by_others_and_without_its_artists() -> None:
    sources = np.array([0, 0, 1, 1, 2])
    groups = np.array([0, 1, 1, 2, 3])
    folds = list(LeaveOneSourceOut(sources).folds(np.zeros(5), groups))
    assert [fold.test.tolist() for fold in folds] == [[0, 1], [2, 3], [4]]
    assert [fold.train.tolist() for fold in folds] == [[3, 4], [0, 4], [0, 1, 2, 3]]
    with pytest.raises(EvaluationError, match="one source"):
        list(LeaveOneSourceOut(np.zeros(5, dtype=np.intp)).folds(np.zeros(5), groups))
    with pytest.raises(EvaluationError, match="artists of all others"):
        list(LeaveOneSourceOut(np.array([0, 1])).folds(np.zeros(2), np.zeros(2)))


def test_k_fold_with_as_many_folds_as_tracks_is_the_classic_leave_one_out() -> None:
    genres, groups = np.repeat([0, 1], 5), np.zeros(10, dtype=int)
    asked = sorted(int(f.test[0]) for f in KFold(10).folds(genres, groups))
    assert asked == list(range(10))


def test_artist_folds_spread_genres_evenly_where_artists_allow() -> None:
    groups = np.repeat(np.arange(100), 4)
    genres = np.repeat(np.arange(100) % 5, 4)
    for fold in ArtistKFold(5).folds(genres, groups):
        assert np.array_equal(np.bincount(genres[fold.test]), [16] * 5)


def test_lists_lose_the_tracks_whose_artist_is_asked() -> None:
    genres, groups = np.array([0, 0, 1, 1, 0]), np.array([7, 8, 7, 9, 5])
    split = ListedSplit(np.array([3, 0, 1]), np.array([4, 2]))
    assert list(split.leaking(groups)) == [0]
    (fold,) = split.folds(genres, groups)
    assert (list(fold.train), list(fold.test)) == ([1, 3], [2, 4])


ONE, TWO = np.zeros(6, dtype=int), np.array([0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("split", "genres", "groups", "word"),
    [
        (LeaveOneArtistOut(), TWO, ONE, "one artist"),
        (LeaveOneOut(), TWO, ONE, "one artist"),
        (ArtistKFold(2), TWO, ONE, "one artist"),
        (ArtistKFold(3), TWO, TWO, "2 or fewer"),
        (KFold(7), TWO, ONE, "7 folds"),
        (RandomSplit(0.9), TWO, ONE, "nothing of 6 tracks"),
        (RandomSplit(), [0], [0], "at least two"),
        (RandomSplit(), [], [], "at least two"),
        (LeaveOneArtistOut(), TWO, ONE[1:], "alike"),
        (ListedSplit(np.array([0]), np.array([], dtype=int)), TWO, ONE, "test part"),
        (ListedSplit(np.array([], dtype=int), np.array([0])), TWO, ONE, "training part"),
        (ListedSplit(np.array([0, 1]), np.array([1])), TWO, TWO, "both lists"),
        (ListedSplit(np.array([0]), np.array([1])), TWO, ONE, "left to learn from"),
    ],
)
def test_what_cannot_be_split_is_said(
    split: Split, genres: object, groups: object, word: str
) -> None:
    with pytest.raises(EvaluationError, match=word):
        list(split.folds(genres, groups))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomSplit(0.0),
        lambda: RandomSplit(1.0),
        lambda: RandomSplit(repeats=0),
        lambda: KFold(1),
        lambda: ArtistKFold(1),
        lambda: ArtistKFold(2, repeats=0),
    ],
)
def test_settings_out_of_range_are_refused(make: object) -> None:
    with pytest.raises(EvaluationError):
        make()  # type: ignore[operator]


def test_one_genre_can_be_split() -> None:
    for split in (RandomSplit(), KFold(3), ArtistKFold(3), LeaveOneArtistOut(), LeaveOneOut()):
        assert list(split.folds(ONE, np.arange(6)))
