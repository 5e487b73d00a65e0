"""Where tracks stand on the map, and in which color."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from earmark.features import Comparison
from earmark.library import ExtractorSpec, Library, Snapshot, Track, create_library
from earmark.library.fitting import follow, voter
from earmark.neighbors import Voter, fit, make_voter, one_hot
from earmark.web.pages.colors import COLORS, Colors
from earmark.web.served.projection import Projection, ProjectionCache, project
from support.clusters import Tracks, clusters

UNITS = np.array([1000.0, 1.0, 0.01, 5.0, 1.0, 300.0])


def library_of(path: Path, tracks: list[Track], vectors: np.ndarray) -> Library:
    library = create_library(path, ExtractorSpec("foreign", "1", 6, "euclidean", "float64"))
    library.add(tracks, vectors)
    return library


def projected(folder: Path, drawn: Tracks, *, majority: bool) -> tuple[Projection, Voter]:
    """Make the map of made-up tracks, whose vote is fitted or not."""
    labels, names = one_hot(drawn.genres)
    comparison = Comparison("euclidean")
    parameters = fit(drawn.vectors, labels, drawn.groups, comparison=comparison, majority=majority)
    made = make_voter(drawn.vectors, labels, names, parameters)
    tracks = [Track(name=str(n), genre=genre) for n, genre in enumerate(drawn.genres)]
    path = folder / f"{len(list(folder.iterdir()))}.earmark"
    with library_of(path, tracks, drawn.vectors) as library:
        return project(library.snapshot(), made), made


def spread_out(plane: np.ndarray) -> np.ndarray:
    """Bring each axis to −1 to 1."""
    low, high = plane.min(axis=0), plane.max(axis=0)
    return 2 * (plane - low) / (high - low) - 1


@pytest.mark.parametrize("majority", [True, False], ids=["majority", "fitted"])
def test_the_map_shows_the_two_directions_in_which_tracks_vary_most(
    tmp_path: Path, majority: bool
) -> None:
    found, vote = projected(tmp_path, clusters(120, dimension=6), majority=majority)
    compared = np.asarray(vote.points(found.snapshot.vectors), dtype=np.float64)
    if majority:
        # Numbers of different units weigh the same.
        compared = StandardScaler().fit_transform(compared)
    axes = PCA(2).fit(compared)
    expected = spread_out(axes.transform(compared))
    for axis in range(2):
        sign = np.sign(expected[:, axis] @ found.points[:, axis])
        np.testing.assert_allclose(sign * expected[:, axis], found.points[:, axis], atol=1e-6)
    np.testing.assert_allclose(found.share, axes.explained_variance_ratio_, atol=1e-6)
    np.testing.assert_allclose(found.points.min(axis=0), -1)
    np.testing.assert_allclose(found.points.max(axis=0), 1)


def test_of_one_vote_a_neighbor_units_do_not_change_the_map(tmp_path: Path) -> None:
    drawn = clusters(120, dimension=6)
    plain, _ = projected(tmp_path, drawn, majority=True)
    other = Tracks(drawn.vectors * UNITS, drawn.genres, drawn.groups)
    scaled, _ = projected(tmp_path, other, majority=True)
    np.testing.assert_allclose(scaled.points, plain.points, atol=1e-6)


@pytest.mark.parametrize("majority", [True, False], ids=["majority", "fitted"])
def test_a_map_looks_the_same_every_time(tmp_path: Path, majority: bool) -> None:
    """Eigenvectors have no sign of their own: the largest part of each is made positive."""
    for seed in range(8):
        found, _ = projected(tmp_path, clusters(60, dimension=6, seed=seed), majority=majority)
        largest = np.abs(found.axes).argmax(axis=0)
        assert (found.axes[largest, [0, 1]] > 0).all()
        placed = [found.place(vector) for vector in found.snapshot.vectors]
        np.testing.assert_allclose(placed, found.points, atol=1e-6)


def test_on_a_map_of_many_a_correction_moves_nothing_else(tmp_path: Path) -> None:
    drawn = clusters(120, dimension=6)
    tracks = [Track(name=f"{n:03}", genre=genre) for n, genre in enumerate(drawn.genres)]
    with library_of(tmp_path / "l.earmark", tracks, drawn.vectors) as library:
        classified = Voting(library)
        projections = ProjectionCache(classified.refresh)
        before = projections.current()
        library.update(7, genre=drawn.genres[0])
        library.add([Track(name="050 b", genre=drawn.genres[0])], drawn.vectors[:1])
        library.remove([20])
        after = projections.current()
        assert after.axes is before.axes
        others = [row for row in range(120) if row not in (6, 19)]
        at = after.snapshot.rows_of(before.snapshot.ids[others].tolist())
        np.testing.assert_array_equal(after.points[at], before.points[others])
        new = after.snapshot.rows_of([121])
        np.testing.assert_allclose(after.points[new[0]], before.points[0], atol=1e-6)
        # With the next four more than a twentieth has changed.
        library.remove([30, 31, 32, 33])
        anew = projections.current()
        assert anew.axes is not before.axes
        np.testing.assert_allclose(np.abs(anew.points).max(axis=0), 1)


class Voting:
    """The vote of a library, whatever has changed, as a classifier takes it up."""

    def __init__(self, library: Library) -> None:
        self.library, self.current = library, (voter(library), library.snapshot())

    def refresh(self) -> tuple[Voter, Snapshot]:
        known, old = self.current
        new = self.library.snapshot()
        if new is not old:
            self.current = follow(known, old, new), new
        return self.current


def kept(path: Path, *tracks: tuple[str, bool]) -> Library:
    """Make a library of tracks, each of a genre that was taught by hand or not."""
    made = [
        Track(name=str(n), genre=genre, taught=taught) for n, (genre, taught) in enumerate(tracks)
    ]
    return library_of(path, made, np.random.default_rng(0).normal(size=(len(made), 6)))


def test_genres_of_corrections_come_last_in_the_order_of_colors(tmp_path: Path) -> None:
    tracks = [("polka", True), ("rock", False), ("blues", True), ("jazz", False), ("blues", False)]
    with kept(tmp_path / "l.earmark", *tracks, ("rock", True), ("ska", True)) as library:
        numbers = Colors().of(library)
    assert list(numbers) == sorted(numbers)
    # Blues was taught first, but came into the library by itself, too.
    assert sorted(numbers, key=numbers.__getitem__) == ["rock", "jazz", "blues", "polka", "ska"]
    assert sorted(numbers.values()) == [0, 1, 2, 3, 4]


def test_a_genre_keeps_its_color_and_a_thirteenth_shares_one(tmp_path: Path) -> None:
    names = [f"genre {n:02}" for n in range(COLORS)]
    with kept(tmp_path / "l.earmark", *[(name, False) for name in names]) as library:
        colors = Colors()
        before = colors.of(library)
        library.add([Track(name="new", genre="a new one", taught=True)], np.ones((1, 6)))
        after = colors.of(library)
        assert after == {**before, "a new one": 0}
        assert sorted(before.values()) == list(range(COLORS))
        library.update(4, genre="a new one")
        # Its color is free, and nobody's until another genre comes.
        assert colors.of(library) == {name: n for name, n in after.items() if name != "genre 03"}
        library.update(5, genre="the next")
        assert colors.of(library)["the next"] == before["genre 03"]
