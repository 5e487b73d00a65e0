"""The nearest tracks, found inside a database: the same as in a file and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import LibraryError, LibraryReadOnly
from earmark.features import Comparison
from earmark.library import (
    ExtractorSpec,
    Library,
    MemoryLibrary,
    Track,
    create_library,
    open_library,
)
from earmark.library.backends.postgres_search import DatabaseSearch
from earmark.library.mapped import MappedSearch
from earmark.library.searching import database_search
from earmark.neighbors import Parameters, Ranking, make_voter
from support.postgres import Server
from support.tolerances import require_same_nearest

K = 10


def filled(packaged: str, place: Path | str | None, count: int) -> Library:
    """Make a library of the package's tracks and of mixtures of two of one genre of them."""
    rng = np.random.default_rng(5)
    with open_library(packaged) as source:
        known, spec = source.snapshot(), source.spec
        fitted = source.fitted()
    others = rng.integers(0, len(known), count)
    partners = np.array(
        [rng.choice(np.flatnonzero(known.genre_codes == known.genre_codes[o])) for o in others],
        dtype=np.intp,
    )
    share = rng.uniform(0.02, 0.3, (count, 1))
    mixed = (1 - share) * known.vectors[others] + share * known.vectors[partners]
    vectors = np.concatenate([known.vectors, mixed.astype(known.vectors.dtype)])
    # Some are there twice, so that equally near ones have to be told apart.
    vectors[-20:] = vectors[:20]
    genres = [known.genres[row] for row in (*range(len(known)), *others.tolist())]
    new = [
        Track(name=f"{n * 7919 % 10007:05}", genre=genre, artist=f"artist {n % 50}")
        for n, genre in enumerate(genres)
    ]
    made = MemoryLibrary(spec, "memory") if place is None else create_library(place, spec)
    made.add(new, vectors)
    assert fitted is not None
    made.store_parameters(fitted.blob)
    return made


def parameters_of(library: Library) -> Parameters:
    fitted = library.fitted()
    assert fitted is not None
    return Parameters.from_bytes(fitted.blob, library.spec.comparison)


def in_memory(
    library: Library, queries: np.ndarray, excluded: list[np.ndarray] | None = None
) -> tuple[np.ndarray, list[list[str]]]:
    """Return distances and names of the nearest, by the vote's own search."""
    snapshot = library.snapshot()
    voter = make_voter(
        snapshot.vectors, snapshot.labels, snapshot.genre_names, parameters_of(library)
    )
    distances, found = voter.kneighbors(queries, K, exclude=excluded)
    return distances, [names_of(library, snapshot.ids[row].tolist()) for row in found]


def require_same(
    library: Library,
    found: tuple[np.ndarray, np.ndarray],
    expected: tuple[np.ndarray, list[list[str]]],
) -> None:
    """See that a search, which gives distances and ids, finds what the vote's own does."""
    for distances, ids, others, names in zip(*found, *expected, strict=True):
        near = zip(names_of(library, ids.tolist()), distances.tolist(), strict=True)
        require_same_nearest([*near], [*zip(names, others.tolist(), strict=True)])


def names_of(library: Library, ids: list[int]) -> list[str]:
    return [track.name for track in library.get_many(ids).values()]


@pytest.mark.slow
@pytest.mark.soak
def test_all_back_ends_give_the_same_neighbors(
    postgres: Server, tmp_path: Path, soak: bool
) -> None:
    for packaged in ("reference", "classic"):
        count = 3_000 if soak else 100
        with (
            filled(packaged, tmp_path / f"{packaged}.earmark", count) as file,
            filled(packaged, None, count) as memory,
            filled(packaged, postgres.new_place(), count) as database,
        ):
            snapshot = file.snapshot()
            queries = snapshot.vectors[:: 1 if soak else 23][:1000]
            expected = in_memory(file, queries)
            assert in_memory(memory, queries)[1] == expected[1]
            assert in_memory(database, queries)[1] == expected[1]
            for precision in ("float32", "float16"):
                keys = tmp_path / f"{packaged}.{precision}"
                blocks = MappedSearch.make(keys, file, precision)  # type: ignore[arg-type]
                require_same(file, blocks.search(queries, K), expected)
            search = DatabaseSearch(database)  # type: ignore[arg-type]
            search.prepare(parameters_of(file), index_from=100_000)
            assert not search.is_indexed()
            require_same(database, search.search(queries, K), expected)
            search.prepare(parameters_of(file), index_from=1)
            assert search.is_indexed() == (packaged == "reference")
            _, ids = search.search(queries, K)
            found = [set(names_of(database, row.tolist())) for row in ids]
            hits = sum(len(set(a) & b) for a, b in zip(expected[1], found, strict=True))
            assert hits >= 0.99 * K * len(queries)
            assert search.recall(5).recall >= 0.99


@pytest.fixture
def library(postgres: Server) -> Iterator[Library]:
    with filled("reference", postgres.new_place(), 0) as made:
        yield made


@pytest.fixture
def search(library: Library) -> DatabaseSearch:
    found = database_search(library)
    assert found is not None
    assert found.is_prepared()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("exact", [True, False])
def test_filters_are_part_of_the_question(
    library: Library, search: DatabaseSearch, exact: bool
) -> None:
    search.prepare(parameters_of(library), index_from=1)
    snapshot = library.snapshot()
    queries = snapshot.vectors[::120]
    left_out = snapshot.rows_of(track.id or 0 for track in library.tracks(artist="artist 3"))
    expected = in_memory(library, queries, [left_out] * len(queries))
    found = search.search(queries, K, not_artist="artist 3", exact=exact)
    require_same(library, found, expected)
    others = snapshot.rows_of(track.id or 0 for track in library.tracks() if track.genre != "jazz")
    expected = in_memory(library, queries, [others] * len(queries))
    require_same(library, search.search(queries, K, genre="jazz", exact=exact), expected)
    distances, ids = search.search(queries, K, genre="no such genre", exact=exact)
    assert (ids == -1).all()
    assert np.isinf(distances).all()


def test_changes_are_found_without_making_keys_anew(
    library: Library, search: DatabaseSearch
) -> None:
    snapshot = library.snapshot()
    query, own = snapshot.vectors[:1], int(snapshot.ids[0])
    assert search.search(query, 1)[1].tolist() == [[own]]
    # Another process knows nothing of this one's search.
    with open_library(library.location) as other:
        (removal,) = other.remove([own])
        assert search.search(query, 1)[1].tolist() != [[own]]
        other.undo(removal.id or 0)
        assert search.search(query, 1)[1].tolist() == [[own]]
        (added,) = other.add([Track(name="a", genre="jazz")], 2 * snapshot.vectors[7:8] - query)
    near, ids = search.search(2 * snapshot.vectors[7:8] - query, 1)
    assert ids.tolist() == [[added.track_id]]
    assert near[0, 0] == pytest.approx(0, abs=1e-6)
    library.add([Track(name="b", genre="jazz", path="/b")], snapshot.vectors[9:10])
    (replaced,) = library.add(
        [Track(name="b", genre="jazz", path="/b")], 3 * query - snapshot.vectors[5:6]
    )
    assert search.search(3 * query - snapshot.vectors[5:6], 1)[1].tolist() == [[replaced.track_id]]
    library.update(replaced.track_id, genre=None)
    assert search.search(3 * query - snapshot.vectors[5:6], 1)[1].tolist() != [[replaced.track_id]]
    assert search.is_prepared()


def test_who_may_not_write_finds_what_has_keys(library: Library, search: DatabaseSearch) -> None:
    query = library.snapshot().vectors[:1]
    expected = search.search(query, 3)[1].tolist()
    with open_library(library.location, read_only=True) as reader:
        found = database_search(reader)
        assert found is not None
        assert found.search(query, 3)[1].tolist() == expected
        library.add([Track(name="a", genre="jazz")], query)
        with pytest.raises(LibraryReadOnly, match="changed since its keys were made"):
            found.search(query, 3)


@pytest.mark.slow
def test_a_library_with_keys_can_be_replaced_and_copied(
    library: Library, search: DatabaseSearch, tmp_path: Path
) -> None:
    library.copy(tmp_path / "copy.earmark")
    with open_library(tmp_path / "copy.earmark") as copy:
        copy.check()
        assert database_search(copy) is None
    with create_library(library.location, library.spec, overwrite=True) as made:
        assert made.count() == 0


def test_what_no_database_can_search_is_said(postgres: Server) -> None:
    spec = ExtractorSpec("x", "1", 3, "euclidean", "float32")
    with create_library(postgres.new_place(), spec) as made:
        made.add([Track(name="a", genre="b")], np.ones((1, 3)))
        with pytest.raises(LibraryError, match="euclidean"):
            DatabaseSearch(made).prepare(Parameters(Comparison("euclidean"), 3))  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1), st.floats(-6, 6))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=25)
def test_products_are_never_above_ranks_and_bytes_keep_all(seed: int, decades: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(40, 12)) * 10.0**decades).astype(np.float32)
    parameters = Parameters(Comparison("cosine"), 3)
    ranking = Ranking.fit(vectors, parameters)
    again = Ranking.from_bytes(ranking.to_bytes())
    queries = (rng.normal(size=(5, 12)) * 10.0**decades).astype(np.float32)
    products = ranking.queries(queries) @ ranking.keys(vectors).T
    for number, query in enumerate(queries):
        ranks = ranking.ranks(query, vectors)
        assert (products[number] <= ranks).all()
        np.testing.assert_array_equal(ranks, again.ranks(query, vectors))
    np.testing.assert_array_equal(ranking.keys(vectors), again.keys(vectors))
