"""Make a wider reference library: that of the package, and recordings by other artists.

    python scripts/make_wide_library.py ../shared/data/artists wide.earmark

At most fifteen new recordings a genre are taken, so that no genre is mostly of one collection; each
track says which collection it is from. docs/reference-library.md has what such a library is worth.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from earmark.library import open_library
from make_libraries import write
from new_artists import PIECES_OF_A_GENRE, read_new_artists

SOURCE = "GTZAN"


def widen(artists: Path, wide: Path) -> None:
    """Write the library of the package with recordings of its genres from a folder."""
    new = read_new_artists(artists)
    with open_library("reference", read_only=True) as library:
        snapshot, spec = library.snapshot(), library.spec
        ids = snapshot.ids.tolist()
        held, parts = library.get_many(ids), library.segments(ids)
    rows = new.choose(new.of_genres(snapshot.genre_names), PIECES_OF_A_GENRE)
    known = [replace(held[i], id=None, source=SOURCE) for i in ids]
    tracks = [*known, *(new.tracks[row] for row in rows)]
    segments = [*(parts.get(i) for i in ids), *(new.segments[row] for row in rows)]
    # As a snapshot has them.
    order = sorted(range(len(tracks)), key=lambda row: tracks[row].name)
    write(
        [tracks[row] for row in order],
        np.concatenate([snapshot.vectors, new.vectors[rows]])[order],
        [segments[row] for row in order],
        spec,
        wide,
    )


def main() -> None:
    """Make the library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artists", type=Path, help="the folder of musicnn1.npz and tracks.csv")
    parser.add_argument("wide", type=Path, help="the library to write")
    arguments = parser.parse_args()
    widen(arguments.artists, arguments.wide)


if __name__ == "__main__":
    main()
