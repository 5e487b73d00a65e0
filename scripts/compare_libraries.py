"""Compare what a reference library could be made of, by leaving out one artist at a time.

    python scripts/compare_libraries.py ../shared/data/artists

Prints the table of docs/reference-library.md. It needs no audio: the vectors are those of GTZAN's
clips in the package and those of the folder named, recordings by other artists from other sources.
Every candidate is asked for all tracks of both, by the vote of the app; artists are dealt into 20
folds, the space is fitted without the fold, and no track votes for one of its artist or for a copy
of itself. Probabilities keep the order of votes, so they are not fitted here.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.evaluation import metrics
from earmark.features import Comparison
from earmark.library import open_library
from earmark.library.snapshot import encoded
from earmark.neighbors import FittedVoter, group_tracks, links_of, one_hot, recording_groups
from earmark.neighbors.fitting import assign_folds, uncalibrated
from new_artists import PIECES_OF_A_GENRE, NewArtists, read_new_artists

Indices = NDArray[np.intp]
Vectors = NDArray[np.floating]

DRAWS = 4
"""Random choices of as many recordings: how much of a figure is luck."""


@dataclass(frozen=True)
class Pool:
    """All tracks that may be in a library, GTZAN's first."""

    vectors: Vectors
    genres: NDArray[np.object_]
    artists: tuple[str | None, ...]
    codes: Indices
    n_gtzan: int
    new: NewArtists
    comparison: Comparison

    @cached_property
    def groups(self) -> Indices:
        """The tracks of an artist, and copies, have one number [n]."""
        recordings = recording_groups(self.vectors, self.comparison.similarity, self.codes)
        return group_tracks(self.artists, links_of(recordings))

    @cached_property
    def gtzan(self) -> Indices:
        """The rows of GTZAN's clips."""
        return np.arange(self.n_gtzan)

    @cached_property
    def ten(self) -> list[str]:
        """GTZAN's genres."""
        return sorted(set(self.genres[self.gtzan]))

    def added(self, genres: list[str], most: int | None = None, *, sure: bool = False) -> Indices:
        """Return rows of new recordings of some genres, at most so many of each."""
        rows = self.new.of_genres(genres)
        rows = rows[self.new.sure[rows]] if sure else rows
        return self.n_gtzan + (rows if most is None else self.new.choose(rows, most))

    def answers(self, library: Indices, vectors: Vectors | None = None) -> NDArray[np.object_]:
        """Return the genre [n] that each track gets from tracks of other artists in a library.

        ``vectors`` [n, d] are those that the library holds, where they differ from what is asked.
        """
        held = (self.vectors if vectors is None else vectors)[library]
        labels, names = one_hot(self.genres[library].tolist())
        groups = self.groups[library]
        named = np.empty(len(self.vectors), dtype=object)
        for fold in assign_folds(self.groups, 20):
            rest = np.flatnonzero(~np.isin(library, fold))
            voter = FittedVoter(
                held, labels, names, uncalibrated(labels, self.comparison), learn_from=rest
            )
            exclude = [np.flatnonzero(groups == group) for group in self.groups[fold]]
            found, near = voter.kneighbors(
                self.vectors[fold], voter.parameters.n_neighbors, exclude=exclude
            )
            winners = voter.vote_shares(found, near, exclude=exclude)[1]
            named[fold] = np.array(names, dtype=object)[winners]
        return named

    def centred(self, library: Indices) -> Vectors:
        """Return all vectors, the new ones moved by what tells them from GTZAN's.

        That is the mean over genres of the difference of both means, by the smaller of both counts.
        """
        mine = np.isin(np.arange(len(self.genres)), library)
        differences, weights = [], []
        for genre in self.ten:
            of_genre = np.flatnonzero(mine & (self.genres == genre))
            old, new = of_genre[of_genre < self.n_gtzan], of_genre[of_genre >= self.n_gtzan]
            if len(new):
                differences.append(self.vectors[new].mean(axis=0) - self.vectors[old].mean(axis=0))
                weights.append(min(len(old), len(new)))
        moved = self.vectors.copy()
        moved[self.n_gtzan :] -= np.average(differences, axis=0, weights=weights)
        return moved


def read_pool(folder: Path) -> Pool:
    """Read GTZAN's clips from the package, the others from a folder."""
    with open_library("gtzan", read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
    new = read_new_artists(folder)
    return Pool(
        vectors=np.concatenate([snapshot.vectors, new.vectors]),
        genres=np.array([*snapshot.genres, *(track.genre for track in new.tracks)], dtype=object),
        artists=(*snapshot.artists, *(track.artist for track in new.tracks)),
        codes=np.concatenate([snapshot.recording_codes, len(snapshot) + np.arange(len(new))]),
        n_gtzan=len(snapshot),
        new=new,
        comparison=comparison,
    )


def balanced(pool: Pool, named: NDArray[np.object_], rows: Indices) -> float:
    """Return the mean recall of the genres of some tracks."""
    names, codes = encoded([*pool.genres[rows], *named[rows]])
    truth, said = codes[: len(rows)], codes[len(rows) :]
    return float(metrics.balanced_accuracy(metrics.confusion_matrix(truth, said, len(names))))


def row(pool: Pool, name: str, library: Indices, named: NDArray[np.object_]) -> str:
    """Return the row of a candidate."""
    of_gtzan, others = pool.gtzan, pool.added(pool.ten)
    sure = pool.added(pool.ten, sure=True)
    right = int((named[of_gtzan] == pool.genres[of_gtzan]).sum())
    figures = [balanced(pool, named, rows) for rows in (of_gtzan, others, sure)]
    return " | ".join([f"| {name}", str(len(library)), str(right), *map("{:.1%}".format, figures)])


def taken(pool: Pool, genre: str, library: Indices, named: NDArray[np.object_]) -> str:
    """Return what a new genre of a library has of its own, takes from others and gives to them."""
    named, truth = named[library], pool.genres[library]
    own = truth == genre
    takes = {str(g): int(((named == genre) & (truth == g)).sum()) for g in sorted(set(truth[~own]))}
    gives = {g: int((named[own] == g).sum()) for g in takes}
    more = [f"{g} {takes[g]} ({gives[g]})" for g in takes if takes[g] > gives[g]]
    return f"{(named[own] == genre).mean():.0%} of {own.sum()} | {', '.join(more)} |"


def main() -> None:
    """Judge every candidate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artists", type=Path, help="the folder of musicnn1.npz and tracks.csv")
    pool = read_pool(parser.parse_args().artists)
    gtzan, ten, most = pool.gtzan, pool.ten, PIECES_OF_A_GENRE
    chosen = np.concatenate([gtzan, pool.added(ten, most)])
    candidates = {
        "GTZAN alone": gtzan,
        "the new ones alone": pool.added(ten),
        "… those with a sure genre": pool.added(ten, sure=True),
        "both, all": np.concatenate([gtzan, pool.added(ten)]),
        "both, new ones with a sure genre": np.concatenate([gtzan, pool.added(ten, sure=True)]),
        **{
            f"both, at most {n} new ones a genre": np.concatenate([gtzan, pool.added(ten, n)])
            for n in (10, 12, most, 20, 30)
        },
    }
    heads = ["library", "tracks", "GTZAN right of 598", "GTZAN", "new artists", "… sure genre"]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for name, library in candidates.items():
        print(row(pool, name, library, pool.answers(library)), "|", flush=True)
    moved = pool.answers(chosen, pool.centred(chosen))
    print(row(pool, f"… {most}, centred by source", chosen, moved), "|", flush=True)
    rng = np.random.default_rng(0)
    for draw in range(DRAWS):
        drawn = [rng.permutation(pool.added([genre]))[:most] for genre in ten]
        library = np.concatenate([gtzan, *drawn])
        print(row(pool, f"… {most} at random, {draw + 1}", library, pool.answers(library)), "|")
    print(f"\n| with | tracks | {' | '.join(heads[2:])} | own recall | takes more than it gives |")
    print("|" + " --- |" * 8)
    for genre in sorted(set(pool.genres) - set(ten)):
        for n in (most, 4 * most) if len(pool.added([genre])) > 4 * most else (most,):
            library = np.concatenate([chosen, pool.added([genre], n)])
            named = pool.answers(library)
            told = taken(pool, genre, library, named)
            print(row(pool, f"{genre}, {n}", library, named), "|", told, flush=True)


if __name__ == "__main__":
    main()
