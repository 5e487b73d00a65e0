"""Measure which words of the default network hold, on tracks whose genre is known.

    python scripts/measure_words.py

A word picks the tenth of the reference library that it fits best. Of these, the share with the
genre that the word names, beside the share of all tracks with it; the interval is over artists. A
word holds where even the lower end of its interval is at least twice the share of all tracks.
"""

from __future__ import annotations

import numpy as np

from earmark.library import open_library
from earmark.library.fitting import tracks_together
from earmark.recommend.tag_words import picked
from measure_similar import interval

GENRES = {
    "blues": ("blues",),
    "country": ("country",),
    "hip-hop": ("hiphop",),
    "jazz": ("jazz",),
    "metal": ("metal",),
    "heavy metal": ("metal",),
    "hard rock": ("metal", "rock"),
    "pop": ("pop",),
    "rock": ("rock",),
    "classic rock": ("rock",),
    "alternative rock": ("rock",),
    "indie rock": ("rock",),
    "progressive rock": ("rock",),
}
"""Words that name a genre of the library, and which; hard rock lies between two."""

TIMES_CHANCE = 2.0


def main() -> None:
    """Print a line for every word that can be measured."""
    with open_library("reference", read_only=True) as library:
        snapshot = library.snapshot()
        groups = tracks_together(snapshot, library.spec.similarity)
        words = library.spec.words
    vectors = np.asarray(snapshot.vectors)
    for word, genres in GENRES.items():
        # Its place alone, as words that do not hold are not offered.
        at = words.index(word)
        mask = picked(["measured"], vectors[:, at : at + 1], "measured")
        codes = [snapshot.genre_names.index(genre) for genre in genres]
        right = np.isin(snapshot.genre_codes, codes)
        low, high = interval(right[mask].astype(float), groups[mask])
        chance = right.mean()
        holds = "holds" if low >= TIMES_CHANCE * chance else "does not hold"
        print(
            f"| {word} | {' or '.join(genres)} | {right[mask].mean():.1%} | "
            f"{low:.1%} to {high:.1%} | {chance:.1%} | {holds} |"
        )


if __name__ == "__main__":
    main()
