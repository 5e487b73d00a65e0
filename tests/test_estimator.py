"""The estimator keeps scikit-learn's contract, and its neighbors are those of scikit-learn."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from earmark import open_library
from earmark.estimator import GenreNeighborsClassifier
from support.skips import skip


@parametrize_with_checks(
    [GenreNeighborsClassifier(), GenreNeighborsClassifier(3, weights="distance")]
)
def test_scikit_learn_finds_no_fault(
    estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without it, arrays of other kinds than NumPy's are not tried.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    try:
        check(estimator)
    except SkipTest as lacks:
        skip(str(lacks), "pip install --group dev")


@pytest.fixture(name="made")
def made_vectors() -> tuple[Any, Any, Any]:
    """Sixty vectors of three genres, each genre by five artists."""
    random = np.random.default_rng(7)
    y = np.repeat(["blues", "jazz", "rock"], 20)
    groups = np.repeat(np.arange(15), 4)
    centers = random.normal(size=(15, 6)) * 2 + np.repeat(np.eye(3, 6) * 3, 5, axis=0)
    return centers[groups] + random.normal(size=(60, 6)) * 0.3, y, groups


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_neighbors_are_those_of_scikit_learn(made: Any, metric: str) -> None:
    X, y, _ = made
    ours = GenreNeighborsClassifier(5, metric=metric).fit(X[::2], y[::2])
    theirs = KNeighborsClassifier(5, metric=metric, algorithm="brute").fit(X[::2], y[::2])
    for queries in (X[1::2], None):
        distances, rows = ours.kneighbors(queries)
        expected, expected_rows = theirs.kneighbors(queries)
        np.testing.assert_array_equal(rows, expected_rows)
        np.testing.assert_allclose(distances, expected, atol=1e-12)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_allclose(ours.predict_proba(X[1::2]), theirs.predict_proba(X[1::2]))


def test_no_neighbor_is_of_the_own_group(made: Any) -> None:
    X, y, groups = made
    model = GenreNeighborsClassifier(5).fit(X, y, groups=groups)
    for asked in (None, X):
        rows = model.kneighbors(asked, return_distance=False, groups=groups)
        assert not (groups[rows] == groups[:, None]).any()
    # Without, the artist answers, and the figure looks better than it is.
    honest = (model.predict(X, groups=groups) == y).mean()
    assert honest < (model.predict(X) == y).mean()
    nobody = GenreNeighborsClassifier(5).fit(X, y, groups=[None] * 60)
    rows = nobody.kneighbors(X, 1, return_distance=False, groups=[None] * 60)
    np.testing.assert_array_equal(rows[:, 0], np.arange(60))


def test_where_nobody_is_left_every_genre_has_the_same_share() -> None:
    model = GenreNeighborsClassifier(2).fit([[0.0], [1.0]], ["a", "b"], groups=["x", "x"])
    assert model.predict_proba([[0.2]], groups=["x"]).tolist() == [[0.5, 0.5]]
    assert model.predict([[0.2]], groups=["y"]).tolist() == ["a"]


def test_groups_come_by_metadata_routing(made: Any) -> None:
    X, y, groups = made
    with sklearn.config_context(enable_metadata_routing=True):
        model = GenreNeighborsClassifier(5).set_fit_request(groups=True)
        folds = StratifiedGroupKFold(5).set_split_request(groups=True)
        done = cross_validate(
            make_pipeline(StandardScaler(), model), X, y, params={"groups": groups},
            cv=folds, return_estimator=True,
        )  # fmt: skip
        for fitted in done["estimator"]:
            # It got them: asked about what it learned, it leaves each one's group out.
            learned = fitted[-1]
            rows = learned.kneighbors(return_distance=False)
            held = np.array(learned._groups)
            assert not (held[rows] == held[:, None]).any()


def test_it_gives_the_honest_figure_of_a_library() -> None:
    with open_library("classic") as library:
        X, y, groups, names = library.to_arrays()
    assert len(X) == len(y) == len(groups) == len(names) > 300
    model = GenreNeighborsClassifier(8, metric="gaussian-kl")
    folds = StratifiedGroupKFold(4)
    scores = cross_val_score(model, X, y, groups=groups, cv=folds)
    assert 0.25 < scores.mean() < 0.65
    for train, test in folds.split(X, y, groups):
        assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"n_neighbors": 0}, "n_neighbors is 0"),
        ({"weights": "far"}, "weights is 'far'"),
        ({"metric": "taxi"}, "metric is 'taxi'"),
    ],
)
def test_a_wrong_parameter_is_named(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        GenreNeighborsClassifier(**wrong).fit([[0.0], [1.0]], ["a", "b"])


def test_groups_are_asked_for_on_both_sides() -> None:
    model = GenreNeighborsClassifier(1).fit([[0.0], [1.0]], ["a", "b"])
    with pytest.raises(ValueError, match="give them to both"):
        model.predict([[0.0]], groups=["x"])
    with pytest.raises(ValueError, match="one value for each of the 2 rows"):
        GenreNeighborsClassifier(1).fit([[0.0], [1.0]], ["a", "b"], groups=["x"])
