"""Search in a mapped file: the answers of double precision, whatever the keys are kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import LibraryEmpty, LibraryError
from earmark.features import Comparison
from earmark.library import ExtractorSpec, Library, MemoryLibrary, Track, kept, open_library
from earmark.library.fitting import kept_parameters
from earmark.library.mapped import MappedSearch
from earmark.library.searching import mapped_search
from earmark.neighbors import Parameters, Ranking, brute_force, make_voter
from support.tolerances import require_same_nearest

K = 10


def filled(packaged: str, count: int) -> Library:
    """Make a library of the package's tracks and of mixtures of them; some are there twice."""
    rng = np.random.default_rng(3)
    with open_library(packaged) as source:
        known, spec, fitted = source.snapshot(), source.spec, source.fitted()
    one, other = rng.integers(len(known), size=(2, count))
    share = rng.uniform(0.02, 0.3, (count, 1))
    mixed = (1 - share) * known.vectors[one] + share * known.vectors[other]
    vectors = np.concatenate([known.vectors, mixed.astype(known.vectors.dtype)])
    vectors[-10:] = vectors[:10]
    genres = [known.genres[row] for row in (*range(len(known)), *one.tolist())]
    made = MemoryLibrary(spec, "memory")
    made.add([Track(name=f"{n * 7919 % 10007:05}", genre=g) for n, g in enumerate(genres)], vectors)
    assert fitted is not None
    made.store_parameters(fitted.blob)
    return made


def in_memory(library: Library, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and ids of the nearest, by the vote's own search."""
    snapshot = library.snapshot()
    parameters = kept_parameters(library, snapshot)
    assert parameters is not None
    voter = make_voter(snapshot.vectors, snapshot.labels, snapshot.genre_names, parameters)
    distances, rows = voter.kneighbors(queries, K)
    return distances, np.asarray(snapshot.ids)[rows]


def pairs(ids: np.ndarray, distances: np.ndarray) -> list[list[tuple[str, float]]]:
    """Return each row's tracks with their distances."""
    rows = zip(ids.astype(str).tolist(), distances.tolist(), strict=True)
    return [[*zip(*row, strict=True)] for row in rows]


@pytest.mark.soak
@pytest.mark.parametrize("packaged", ["reference", "classic"])
def test_the_nearest_are_those_of_memory(
    packaged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soak: bool
) -> None:
    library = filled(packaged, 3_000 if soak else 300)
    # Several blocks, the last of them short.
    monkeypatch.setattr(brute_force, "TRACKS_A_BLOCK", 300)
    queries = library.snapshot().vectors[:: 1 if soak else 19][:1000]
    distances, expected = in_memory(library, queries)
    for precision, size in (("float32", 4), ("float16", 2)):
        search = MappedSearch.make(tmp_path / precision, library, precision)  # type: ignore[arg-type]
        found, ids = search.search(queries, K)
        for near, known in zip(pairs(ids, found), pairs(expected, distances), strict=True):
            require_same_nearest(near, known)
        assert {keys.itemsize for _, keys, _ in search._blocks} == {size}
        assert all(isinstance(keys, np.memmap) for _, keys, _ in search._blocks)


def test_fewer_tracks_than_are_asked_for(tmp_path: Path) -> None:
    library = filled("classic", 10)
    search = mapped_search(library, tmp_path / "keys")
    distances, ids = search.search(library.snapshot().vectors[:2], 10_000)
    assert distances.shape == ids.shape == (2, len(library.snapshot()))
    assert set(ids[0].tolist()) == set(np.asarray(library.snapshot().ids).tolist())


def test_a_file_is_made_once_and_anew_when_it_is_stale_or_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = filled("classic", 10)
    path = tmp_path / "keys"
    made = []
    make = MappedSearch.make.__func__  # type: ignore[attr-defined]

    def counted(cls: type[MappedSearch], *arguments: object) -> MappedSearch:
        made.append(arguments)
        found: MappedSearch = make(cls, *arguments)
        return found

    monkeypatch.setattr(MappedSearch, "make", classmethod(counted))
    mapped_search(library, path)
    mapped_search(library, path)
    assert len(made) == 1
    vector = library.snapshot().vectors[:1]
    library.add([Track(name="new", genre="blues")], vector)
    new = library.snapshot()
    _, ids = mapped_search(library, path).search(vector, 3)
    assert len(made) == 2
    assert {new.ids[row] for row in np.flatnonzero((new.vectors == vector).all(axis=1))} <= set(
        ids[0].tolist()
    )
    mapped_search(library, path, precision="float16")
    assert len(made) == 3
    for damage in (b"", b"something else", path.read_bytes()[:5000]):
        path.write_bytes(damage)
        mapped_search(library, path, precision="float16")
    assert len(made) == 6


def test_what_cannot_be_searched_so_is_said(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="say where its keys are to lie"):
        mapped_search(filled("classic", 0))
    empty = MemoryLibrary(ExtractorSpec("made", "1", 3, "cosine", "float32"), "memory")
    with pytest.raises(LibraryEmpty, match="no labelled tracks"):
        mapped_search(empty, tmp_path / "keys")
    flat = MemoryLibrary(ExtractorSpec("made", "1", 3, "euclidean", "float32"), "memory")
    flat.add([Track(name=str(n), genre="g") for n in range(3)], np.eye(3, dtype=np.float32))
    with pytest.raises(LibraryError, match="does not bound euclidean distances"):
        mapped_search(flat, tmp_path / "keys")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), decades=st.floats(-6, 6))
def test_products_of_halves_are_never_above_ranks(seed: int, decades: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(40, 12)) * 10.0**decades).astype(np.float32)
    ranking = Ranking.fit(vectors, Parameters(Comparison("cosine"), 3))
    halves, errors = kept.rounded(ranking.keys(vectors), "float16")
    assert halves.dtype == np.float16
    prepared = ranking.queries(vectors[:5])
    products = prepared[:, :-1] @ halves.astype(np.float32).T + prepared[:, -1:] * errors
    for number in range(5):
        assert (products[number] <= ranking.ranks(vectors[number], vectors)).all()
