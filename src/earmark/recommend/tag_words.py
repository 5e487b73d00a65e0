"""Words by which tracks are picked: what a tagging network says of them, measured on the library.

A network says of every track how much each of its words fits, but its numbers differ from word to
word and from collection to collection. So a word picks a share of the library's own tracks: those
that it fits best there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.errors import RecommendError

TOP_SHARE = 0.1
"""Of a library's tracks, that a word picks."""


def offered(words: Sequence[str], doubtful: Collection[str] = ()) -> tuple[str, ...]:
    """Return those of an extractor's words that tracks can be picked by.

    Parameters
    ----------
    words
        Of the extractor.
    doubtful
        Those that do not hold where that is known: `earmark.features.doubtful_words`.

    Examples
    --------
    >>> offered(["rock", "jazz", "female vocalists"], doubtful={"rock"})
    ('jazz', 'female vocalists')
    """
    return tuple(word for word in words if word not in doubtful)


def picked(
    words: Sequence[str],
    vectors: NDArray[np.floating],
    word: str,
    *,
    doubtful: Collection[str] = (),
    share: float = TOP_SHARE,
) -> NDArray[np.bool_]:
    """Tell which tracks [n] a word picks: the share of them that it fits best, at least one.

    Parameters
    ----------
    words
        The words of the extractor, whose outputs stand first in its vectors.
    vectors
        Of the tracks [n, d].
    word
        Which; case does not matter.
    doubtful
        Words that are not offered.
    share
        Of the tracks, from 0 to 1.

    Raises
    ------
    RecommendError
        The extractor has no such word, or it does not hold.

    Examples
    --------
    >>> picked(["jazz"], np.array([[0.1], [0.9], [0.2]]), "Jazz")
    array([False,  True, False])
    """
    known = offered(words, doubtful)
    place = {name.casefold(): words.index(name) for name in known}
    code = place.get(word.casefold().strip())
    if code is None:
        if not known:
            raise RecommendError(
                "the extractor of this library has no words; choose by genre instead"
            )
        raise RecommendError(f"{word!r} is no word to pick by; these are: {', '.join(known)}")
    outputs = np.asarray(vectors[:, code])
    top = np.argsort(-outputs, kind="stable")[: math.ceil(share * len(outputs))]
    mask = np.zeros(len(outputs), dtype=np.bool_)
    mask[top] = True
    return mask
