"""Where tracks stand on the map, and in which color."""

from __future__ import annotations

import json
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
from earmark.web.served import map_points, projection
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


def test_many_tracks_are_projected_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = clusters(120, dimension=6)
    vectors = drawn.vectors + 1e6
    vectors[:, 3] = 0.1
    far = Tracks(vectors, drawn.genres, drawn.groups)
    whole, _ = projected(tmp_path, far, majority=True)
    monkeypatch.setattr(projection, "BLOCK", 7)
    parts, _ = projected(tmp_path, far, majority=True)
    np.testing.assert_allclose(parts.points, whole.points, atol=1e-6)
    # What is the same everywhere says nothing, however it is rounded.
    np.testing.assert_allclose(whole.axes[3], 0, atol=1e-9)


def test_a_map_is_made_once_however_many_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = clusters(60, dimension=6)
    tracks = [Track(name=f"{n:03}", genre=genre) for n, genre in enumerate(drawn.genres)]
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slow(snapshot: Snapshot, vote: Voter) -> Projection:
        made.append(snapshot.revision)
        begun.set()
        assert go_on.wait(60)
        return project(snapshot, vote)

    with library_of(tmp_path / "l.earmark", tracks, drawn.vectors) as library:
        projections = ProjectionCache(Voting(library).refresh)
        monkeypatch.setattr(projection, "project", slow)
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(projections.current) for _ in range(4)]
            assert begun.wait(60)
            go_on.set()
            found = {id(one.result(60)) for one in asked}
    assert len(made) == len(found) == 1


def test_a_map_that_cannot_be_made_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = clusters(60, dimension=6)
    tracks = [Track(name=f"{n:03}", genre=genre) for n, genre in enumerate(drawn.genres)]

    def broken(snapshot: Snapshot, vote: Voter) -> Projection:
        raise MemoryError

    with library_of(tmp_path / "l.earmark", tracks, drawn.vectors) as library:
        projections = ProjectionCache(Voting(library).refresh)
        with monkeypatch.context() as patch:
            patch.setattr(projection, "project", broken)
            with pytest.raises(MemoryError):
                projections.current()
        assert len(projections.current().points) == 60


def unpacked(body: bytes) -> dict[str, object]:
    """Read the points of a map, as the page of the HTTP API describes them."""
    magic, version, size, n, total, revision = struct.unpack_from("<4sHHIIQ", body)
    low_x, low_y, high_x, high_y, *share = struct.unpack_from("<6f", body, 24)
    id_bytes, genre_bytes, _, text = struct.unpack_from("<BBHI", body, 48)
    at, columns = size, []
    for kind in ({4: "<u4", 8: "<f8"}[id_bytes], "<u2", "<u2", f"<u{genre_bytes}"):
        columns.append(np.frombuffer(body, kind, n, at))
        at += columns[-1].nbytes
    assert (magic, version, len(body)) == (b"EMAP", 1, at + text)
    ids, x, y, codes = columns
    names = json.loads(body[at:])
    return {
        "total": total,
        "revision": revision,
        "share": share,
        "ids": ids.tolist(),
        "x": low_x + x / 65535 * (high_x - low_x),
        "y": low_y + y / 65535 * (high_y - low_y),
        "genres": [names[code] for code in codes],
    }


@pytest.mark.parametrize("first_id", [1, 2**40], ids=["narrow", "wide"])
def test_points_as_bytes_are_the_points(tmp_path: Path, first_id: int) -> None:
    made, _ = projected(tmp_path, clusters(120, dimension=6), majority=False)
    ids = first_id + np.random.default_rng(0).permutation(120) * 3
    # Names of many genres and of other alphabets; points beyond 1.
    names = tuple(f"Жанр {n:03}" for n in range(300))
    codes = np.arange(120) * 2
    snapshot = replace(made.snapshot, ids=ids, genre_names=names, genre_codes=codes)
    points = made.points * 1.5
    read = unpacked(map_points.pack(snapshot, points, made.share))
    order = np.argsort(ids)
    assert read["ids"] == ids[order].tolist()
    assert read["genres"] == [names[codes[row]] for row in order]
    assert (read["total"], read["revision"]) == (120, snapshot.revision)
    np.testing.assert_allclose(read["share"], made.share, rtol=1e-6)
    for axis, name in enumerate("xy"):
        # Half a step of 65,535.
        np.testing.assert_allclose(read[name], points[order, axis], atol=3 / 65535 / 2 * 1.01)


def test_of_very_many_points_a_part_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = projected(tmp_path, clusters(120, dimension=6), majority=False)
    monkeypatch.setattr(map_points, "MOST_POINTS", 50)
    read = unpacked(made.packed)
    assert read["total"] == 120
    assert len(set(read["ids"])) == 50  # type: ignore[arg-type]
    # At the largest number of points, whatever their ids and genres, it is 2 MB.
    assert 64 + 200_000 * (4 + 2 + 2 + 1) < 2e6


def test_tracks_at_one_place_have_a_map(tmp_path: Path) -> None:
    drawn = clusters(60, dimension=6)
    same = Tracks(np.ones_like(drawn.vectors), drawn.genres, drawn.groups)
    made, _ = projected(tmp_path, same, majority=True)
    read = unpacked(made.packed)
    assert not np.any(read["x"])
    assert not np.any(read["y"])


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
