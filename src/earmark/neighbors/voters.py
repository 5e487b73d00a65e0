"""The two ways to vote, and which of them parameters ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Indices
from earmark.neighbors.blocks import Block
from earmark.neighbors.fitted import FittedVoter
from earmark.neighbors.majority import MajorityVoter
from earmark.neighbors.parameters import Parameters


def make_voter(
    vectors: Float,
    labels: Float,
    genre_names: Sequence[str],
    parameters: Parameters,
    *,
    learn_from: Indices | None = None,
) -> MajorityVoter | FittedVoter:
    """Return the voter that parameters ask for; the arguments are those of the two classes.

    Raises
    ------
    LibraryEmpty
        There are no tracks.

    Examples
    --------
    >>> import numpy as np
    >>> from earmark.features import Comparison
    >>> from earmark.neighbors import one_hot
    >>> labels, names = one_hot(["jazz", "rock", "rock"])
    >>> points = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
    >>> voter = make_voter(points, labels, names, Parameters(Comparison("euclidean"), 3))
    >>> answers = voter.predict(np.array([[1.0, 0.1]]))
    >>> names[answers.winners[0]], answers.neighbors.tolist()
    ('rock', [[1, 0, 2]])
    >>> answers.probabilities.round(2).tolist()
    [[0.33, 0.67]]
    """
    if parameters.majority:
        return MajorityVoter(vectors, labels, genre_names, parameters)
    return FittedVoter(vectors, labels, genre_names, parameters, learn_from=learn_from)


def kept_voter(
    facts: Mapping[str, NDArray[Any]],
    blocks: Sequence[Block],
    labels: Float,
    genre_names: Sequence[str],
    parameters: Parameters,
) -> MajorityVoter | FittedVoter:
    """Return a voter that was made before, by its ``facts()`` and ``parts()``.

    The other arguments are those that it was made with.
    """
    kind = MajorityVoter if parameters.majority else FittedVoter
    return kind.kept(facts, blocks, labels, genre_names, parameters)
