"""The vote of neighbors as an estimator of scikit-learn: for courses, pipelines and comparisons.

It needs scikit-learn: ``pip install 'earmark[sklearn]'``. Nothing else in Earmark does.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "earmark.estimator needs scikit-learn 1.6 or newer; get it with: "
        "pip install 'earmark[sklearn]'"
    ) from error

from earmark.neighbors.arrays import Float64, Indices
from earmark.neighbors.brute_force import BruteForce
from earmark.neighbors.metrics import METRICS
from earmark.neighbors.vote import nearness_weights, vote


class GenreNeighborsClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify by the labelled tracks that are nearest; tracks of one group never vote for another.

    With groups (artists, albums, recordings) given to `fit` and to `predict`, a track's neighbors
    are looked for among the other groups only. They can come by metadata routing:
    ``set_fit_request(groups=True)`` and ``set_predict_request(groups=True)``.

    Parameters
    ----------
    n_neighbors
        How many vote. Where fewer tracks may, all of them do.
    weights
        ``"uniform"``: each has one vote. ``"distance"``: nearer ones count more,
        exp(−2 d / mean d).
    metric
        How vectors are compared: ``"euclidean"``, ``"cosine"``, or ``"gaussian-kl"`` for the
        vectors of the classic features (means and covariances of MFCCs).

    Attributes
    ----------
    classes_
        The genres [G], sorted.
    n_features_in_
        The dimension d of the vectors.

    Examples
    --------
    >>> from earmark import open_library
    >>> from earmark.estimator import GenreNeighborsClassifier
    >>> from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
    >>> with open_library("classic") as library:
    ...     X, y, groups, names = library.to_arrays()
    >>> model = GenreNeighborsClassifier(8, metric="gaussian-kl")
    >>> honest = StratifiedGroupKFold(5)
    >>> scores = cross_val_score(model, X, y, groups=groups, cv=honest)
    >>> bool(0.3 < scores.mean() < 0.6)
    True
    """

    def __init__(
        self,
        n_neighbors: int = 8,
        *,
        weights: Literal["uniform", "distance"] = "uniform",
        metric: str = "euclidean",
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.metric = metric

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:  # noqa: N803
        """Learn labelled tracks.

        Parameters
        ----------
        X
            Their vectors [n, d].
        y
            Their genres [n].
        groups
            What each belongs to [n], such as its artist; None: nothing is known. A single group
            that is None belongs to no other track.

        Raises
        ------
        ValueError
            A parameter or an array cannot be used.
        """
        self._check_parameters()
        vectors, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self._labels = np.zeros((len(codes), len(self.classes_)), dtype=np.float32)
        self._labels[np.arange(len(codes)), codes] = 1
        # A copy, since an index does not copy and the caller may change the array.
        self._vectors = np.array(vectors)
        self._index = BruteForce(METRICS[self.metric].fit(self._vectors), self._vectors)
        self._groups = None if groups is None else _listed(groups, len(codes))
        return self

    def kneighbors(
        self,
        X: ArrayLike | None = None,  # noqa: N803
        n_neighbors: int | None = None,
        return_distance: bool = True,
        groups: ArrayLike | None = None,
    ) -> tuple[Float64, Indices] | Indices:
        """Return the nearest of the learned tracks.

        Parameters
        ----------
        X
            Vectors [q, d]; None: the learned tracks, none of which is its own neighbor, nor are
            those of its group.
        n_neighbors
            How many; None: as many as vote.
        return_distance
            Return the distances, too.
        groups
            Of the queries [q]: learned tracks of the same one are left out.

        Returns
        -------
        Distances [q, k], nearest first, and rows [q, k] of the learned tracks. Where fewer may be
        found, the distance of the rest is infinite.

        Raises
        ------
        ValueError
            A parameter or an array cannot be used.
        """
        distances, rows = self._neighbors(X, n_neighbors, groups)
        return (distances, rows) if return_distance else rows

    def predict_proba(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.float64]:  # noqa: N803
        """Return the shares of votes [q, G] for ``classes_`` of vectors [q, d].

        ``groups`` are as for `kneighbors`. Where no other group is left to vote, each genre has
        the same share.
        """
        distances, rows = self._neighbors(X, None, groups)
        shares = np.full((len(distances), len(self.classes_)), 1 / len(self.classes_))
        asked = np.isfinite(distances).any(axis=1)
        if asked.any():
            near = distances[asked]
            weights = nearness_weights(near) if self.weights == "distance" else None
            shares[asked], _ = vote(near, self._labels, rows[asked], weights=weights)
        return shares

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[Any]:  # noqa: N803
        """Return the genres [q] of vectors [q, d]; the most votes win.

        Of genres with equally many votes it is the first, as scikit-learn wants it; Earmark's own
        majority vote looks at the distances then. ``groups`` are as for `kneighbors`.
        """
        shares = self.predict_proba(X, groups=groups)
        genres: NDArray[Any] = self.classes_[shares.argmax(axis=1)]
        return genres

    def _neighbors(
        self,
        X: ArrayLike | None,  # noqa: N803
        n_neighbors: int | None,
        groups: ArrayLike | None,
    ) -> tuple[Float64, Indices]:
        check_is_fitted(self)
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        _check_count(k)
        if X is None:
            vectors = self._vectors
            asking = self._groups if groups is None else _listed(groups, len(vectors))
        else:
            vectors = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
            asking = None if groups is None else _listed(groups, len(vectors))
        if asking is not None and self._groups is None:
            raise ValueError("groups were given, but fit was called without; give them to both")
        alike = _rows_by_group(self._groups or [])
        nothing = np.zeros(0, dtype=np.intp)
        exclude = [nothing] * len(vectors)
        if asking is not None:
            exclude = [alike.get(group, nothing) for group in asking]
        if X is None:
            exclude = [np.union1d(rows, [row]).astype(np.intp) for row, rows in enumerate(exclude)]
        return self._index.search(vectors, k, exclude)

    def _check_parameters(self) -> None:
        _check_count(self.n_neighbors)
        if self.weights not in ("uniform", "distance"):
            raise ValueError(f"weights is {self.weights!r}; use 'uniform' or 'distance'")
        if self.metric not in METRICS:
            raise ValueError(f"metric is {self.metric!r}; use one of: {', '.join(METRICS)}")


def _check_count(count: int) -> None:
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
        raise ValueError(f"n_neighbors is {count!r}; it needs to be a whole number from 1")


def _listed(groups: ArrayLike, n: int) -> list[Any]:
    """Return groups [n] as a list, None for what is not known: None, or not a number."""
    listed: list[Any] = np.asarray(groups).tolist()
    if not isinstance(listed, list) or len(listed) != n:
        raise ValueError(f"groups needs one value for each of the {n} rows")
    return [None if group != group else group for group in listed]


def _rows_by_group(groups: list[Any]) -> dict[Any, Indices]:
    rows: dict[Any, list[int]] = {}
    for row, group in enumerate(groups):
        if group is not None:
            rows.setdefault(group, []).append(row)
    return {group: np.array(held, dtype=np.intp) for group, held in rows.items()}
