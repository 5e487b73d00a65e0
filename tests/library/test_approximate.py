"""Search by an index of few lists: what it finds, and that it is never trusted when it is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import LibraryError
from earmark.library import (
    ExtractorSpec,
    Library,
    Track,
    create_library,
    kept,
    open_library,
    searching,
)
from earmark.library.approximate import ApproximateSearch, index_path
from earmark.library.fitting import follow, kept_parameters, voter
from earmark.library.inverted_lists import InvertedLists, index_files
from earmark.library.mapped import MappedSearch, opened
from earmark.library.searching import approximate_search, kept_search, mapped_search
from earmark.neighbors import Voter, make_voter
from support.skips import import_or_skip

import_or_skip("faiss", "test")

COUNT = 1_100
K = 10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a library of mixtures of the package's tracks."""
    rng = np.random.default_rng(4)
    with open_library("reference") as source:
        known, spec, fitted = source.snapshot(), source.spec, source.fitted()
    one, other = rng.integers(len(known), size=(2, COUNT))
    share = rng.uniform(0.1, 0.5, (COUNT, 1))
    vectors = (1 - share) * known.vectors[one] + share * known.vectors[other]
    path = tmp_path_factory.mktemp("made") / "made.earmark"
    with create_library(path, spec) as library:
        tracks = [Track(name=f"{n:05}", genre=known.genres[row]) for n, row in enumerate(one)]
        library.add(tracks, vectors.astype(known.vectors.dtype))
        assert fitted is not None
        library.store_parameters(fitted.blob)
        approximate_search(library, index_from=COUNT)
    return path


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Iterator[Library]:
    """Copy the library, without what lies beside it."""
    with open_library(made, read_only=True) as source:
        source.copy(tmp_path / "my.earmark")
    with open_library(tmp_path / "my.earmark") as copied:
        yield copied


@pytest.fixture
def indexed(library: Library, made: Path) -> Library:
    """Copy what lies beside it, too: both hold for equal libraries."""
    for file in made.parent.glob("made.earmark.*"):
        if file.suffix in (".keys", ".index"):
            name = file.name.replace("made", "my", 1)
            Path(library.location).with_name(name).write_bytes(file.read_bytes())
    return library


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "INDEX_FROM", 1_000)


def labelled(library: Library) -> set[int]:
    return set(library.snapshot().ids.tolist())


@pytest.fixture
def makings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect which files were made."""
    done: list[str] = []
    for kind in (MappedSearch, ApproximateSearch):
        make = kind.make.__func__  # type: ignore[attr-defined]

        def counted(cls: type, *arguments: object, make=make, **more: object) -> object:  # type: ignore[no-untyped-def]
            done.append(cls.__name__)
            return make(cls, *arguments, **more)

        monkeypatch.setattr(kind, "make", classmethod(counted))
    return done


@pytest.mark.slow
def test_it_finds_nearly_all_and_its_distances_are_exact(indexed: Library) -> None:
    search = approximate_search(indexed)
    assert search.indexed
    assert search.recall(50).recall >= 0.99
    queries = indexed.snapshot().vectors[::60]
    distances, ids = search.search(queries, K)
    exact, true = search.search(queries, K, exact=True)
    hits = 0
    for row in range(len(queries)):
        known = dict(zip(true[row].tolist(), exact[row].tolist(), strict=True))
        found = dict(zip(ids[row].tolist(), distances[row].tolist(), strict=True))
        both = known.keys() & found.keys()
        hits += len(both)
        assert [found[track] for track in both] == [known[track] for track in both]
        assert (np.diff(distances[row]) >= 0).all()
    assert hits >= 0.99 * true.size


def test_the_index_looks_at_few_tracks(indexed: Library) -> None:
    search = approximate_search(indexed)
    lists = search.lists
    assert lists is not None
    assert len(lists) == COUNT
    assert 1 <= lists.probes <= lists.count / 2
    prepared = search.exact.ranking.queries(indexed.snapshot().vectors[:5])[:, :-1]
    assert (lists.nearest(prepared, COUNT) < 0).any(axis=1).all()


def test_all_may_be_asked_for(indexed: Library) -> None:
    _, ids = approximate_search(indexed).search(indexed.snapshot().vectors[:2], 10 * COUNT)
    assert [set(row.tolist()) for row in ids] == [labelled(indexed)] * 2


def test_a_new_track_is_found_and_nothing_is_made_anew(
    indexed: Library, makings: list[str]
) -> None:
    rng = np.random.default_rng(0)
    vectors = indexed.snapshot().vectors[:3] * rng.uniform(0.99, 1.01, (3, 1)).astype("float32")
    genre = indexed.get(int(indexed.snapshot().ids[0])).genre
    indexed.add([Track(name=f"new {n}", genre=genre) for n in range(2)], vectors[:2])
    indexed.add([Track(name="no genre", genre=None)], vectors[2:])
    new = {track.id for track in indexed.tracks(search="new")}
    lost = int(indexed.snapshot().ids[3])
    indexed.update(lost, genre=None)
    indexed.update(int(indexed.snapshot().ids[4]), genre=indexed.snapshot().genre_names[0])
    search = approximate_search(indexed)
    assert makings == []
    assert len(search) == COUNT + 1
    assert set(search.exact.ids.tolist()) - {lost} == labelled(indexed)
    for exact in (True, False):
        _, ids = search.search(vectors, K, exact=exact)
        assert ids[0, 0] in new or ids[0, 1] in new
        assert new <= set(ids.ravel().tolist()) <= labelled(indexed)
    assert search.recall(20).recall >= 0.97


@pytest.mark.slow
def test_what_is_stale_is_made_anew_and_the_former_goes(
    library: Library, makings: list[str]
) -> None:
    before = approximate_search(library)
    assert index_files(before.exact.path) == [index_path(before.exact)]
    gone = int(library.snapshot().ids[0])
    library.remove([gone])
    assert kept_search(library) is None
    search = approximate_search(library)
    assert makings == ["MappedSearch", "ApproximateSearch"] * 2
    assert not index_path(before.exact).exists()
    assert index_path(search.exact).is_file()
    assert gone not in search.search(library.snapshot().vectors[:5], 200)[1]
    track = library.get(int(library.snapshot().ids[0]))
    library.update(int(track.id or 0), path="/there.wav")
    other = library.snapshot().vectors[5:6]
    library.add([Track(name=track.name, genre=track.genre, path="/there.wav")], other)
    assert kept_search(library) is None
    assert track.id in approximate_search(library).search(other, 3)[1]


@pytest.mark.slow
def test_an_index_of_another_library_is_not_asked(library: Library, tmp_path: Path) -> None:
    search = approximate_search(library)
    keys, index = search.exact.path, index_path(search.exact)
    with create_library(tmp_path / "other.earmark", library.spec) as other:
        # The same number of tracks, revision and parameters; other vectors.
        vectors = library.snapshot().vectors[::-1]
        tracks = [Track(name=f"{n:05}", genre=g) for n, g in enumerate(library.snapshot().genres)]
        other.add(tracks, vectors)
        fitted = library.fitted()
        assert fitted is not None
        other.store_parameters(fitted.blob)
        assert other.revision == library.revision
        assert opened(keys, other) is None
        (tmp_path / "other.earmark.keys").write_bytes(keys.read_bytes())
        made = mapped_search(other)
        index_path(made).write_bytes(index.read_bytes())
        assert index_path(made) != index
        assert ApproximateSearch.opened(made, other) is None


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "foreign"])
def test_a_damaged_index_is_not_read(indexed: Library, makings: list[str], damage: str) -> None:
    path = index_path(approximate_search(indexed).exact)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "empty": b"",
            "cut": whole[:-1],
            "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "foreign": b"something else" * 100,
        }[damage]
    )
    assert kept_search(indexed) is None
    assert approximate_search(indexed).indexed
    assert makings == ["ApproximateSearch"]
    assert path.read_bytes() == whole


@pytest.mark.slow
def test_what_was_kept_is_used(library: Library, makings: list[str]) -> None:
    assert kept_search(library) is None
    assert makings == []
    approximate_search(library)
    found = kept_search(library)
    assert found is not None
    assert found.indexed
    assert len(makings) == 2


def test_halves_lie_in_a_file_of_their_own(indexed: Library, makings: list[str]) -> None:
    halves = mapped_search(indexed, precision="float16")
    assert halves.path.name == "my.earmark.halves.keys"
    assert makings == ["MappedSearch"]
    assert approximate_search(indexed).indexed
    assert makings == ["MappedSearch"]


def test_few_tracks_have_no_index(library: Library, makings: list[str]) -> None:
    search = approximate_search(library, index_from=COUNT + 1)
    assert not search.indexed
    assert makings == ["MappedSearch"]
    assert search.recall(5).recall == 1.0


def test_classic_features_are_all_looked_at(tmp_path: Path) -> None:
    with open_library("classic") as source:
        search = approximate_search(source, tmp_path / "keys", index_from=1)
    assert not search.indexed


@pytest.mark.slow
def test_where_lists_miss_much_there_is_no_index(
    library: Library, makings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.library.approximate.RECALL", 1.01)
    assert not approximate_search(library).indexed
    # That is remembered, so that it is not tried each time.
    assert not approximate_search(library).indexed
    assert makings == ["MappedSearch", "ApproximateSearch"]
    assert kept_search(library) is None


@pytest.mark.slow
def test_without_the_extra_it_says_how_to_install_it(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = approximate_search(library)
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert kept_search(library) is None
    index_path(made.exact).unlink()
    with pytest.raises(LibraryError, match=r"pip install 'earmark\[ann\]'"):
        approximate_search(library)


def test_lists_hold_what_is_no_number() -> None:
    keys = np.random.default_rng(0).normal(size=(500, 9)).astype(np.float32)
    keys[3] = np.nan
    keys[4] = np.inf
    lists = InvertedLists.make(lambda: iter([keys[:300], keys[300:]]), 500, 9)
    lists.probes = lists.count
    found = lists.nearest(keys[:2], 500)
    assert set(found[0].tolist()) == set(range(500))


@pytest.mark.slow
def test_who_votes_is_found_by_the_index(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_FROM", 1)
    snapshot = indexed.snapshot()
    queries = np.array(snapshot.vectors[::40]) * 1.01
    exclude = [snapshot.ids[:0].astype(np.intp)] * (len(queries) - 1) + [np.arange(700)]
    vote, exact = (
        voter(indexed),
        make_voter(
            snapshot.vectors,
            *snapshot.top,
            kept_parameters(indexed, snapshot),  # type: ignore[arg-type]
        ),
    )
    compare(vote, exact, queries, exclude)
    for found, wanted in zip(
        vote.kneighbors(queries, K, exclude=exclude, exact=True),
        exact.kneighbors(queries, K, exclude=exclude),
        strict=True,
    ):
        np.testing.assert_array_equal(found, wanted)
    # Those that come and go later, too: in a process that goes on, and in one that opens it.
    genre = snapshot.genres[0]
    indexed.add([Track(name="00007b", genre=genre)], snapshot.vectors[80:81])
    indexed.update(int(snapshot.ids[50]), genre=None)
    now = indexed.snapshot()
    followed = follow(vote, snapshot, now)
    exact = follow(exact, snapshot, now)
    compare(followed, exact, queries, exclude)
    opened = voter(indexed)
    (new,) = (track.id for track in indexed.tracks(search="00007b"))
    for one in (followed, opened):
        rows = one.kneighbors(queries, K)[1]
        assert new in now.ids[rows[2]]
        assert len(one) == len(snapshot)


def compare(vote: Voter, exact: Voter, queries: np.ndarray, exclude: list[np.ndarray]) -> None:
    """See that a vote finds nearly all of the nearest, at the same distances, and looks at few."""
    distances, rows = vote.kneighbors(queries, K, exclude=exclude)
    wanted, true = exact.kneighbors(queries, K, exclude=exclude)
    hits = 0
    for row in range(len(queries)):
        assert not set(rows[row].tolist()) & set(exclude[row].tolist())
        known = dict(zip(true[row].tolist(), wanted[row].tolist(), strict=True))
        both = [place for place in range(K) if int(rows[row, place]) in known]
        hits += len(both)
        for place in both:
            assert distances[row, place] == pytest.approx(known[int(rows[row, place])], abs=1e-12)
    assert hits >= 0.98 * true.size
    assert vote._index._index.listed is not None  # type: ignore[attr-defined]


STEPS = st.lists(st.sampled_from(["add", "label", "unlabel", "remove", "vector"]), max_size=4)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 99))
def test_a_file_that_is_taken_for_fresh_is_fresh(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("steps") / "my.earmark"
    spec = ExtractorSpec("made", "1", 4, "cosine", "float32")

    def vectors(count: int) -> np.ndarray:
        return rng.normal(size=(count, 4)).astype(np.float32)

    with create_library(path, spec) as library:
        genres = [None if n % 7 == 0 else "ab"[n % 2] for n in range(40)]
        tracks = [Track(name=str(n), genre=g, path=f"/{n}") for n, g in enumerate(genres)]
        library.add(tracks, vectors(40))
        mapped_search(library)
        for number, step in enumerate(steps):
            some = library.tracks()[int(rng.integers(library.count()))]
            if step == "add":
                library.add([Track(name=f"n{number}", genre="a")], vectors(1))
            elif step == "remove":
                library.remove([int(some.id or 0)])
            elif step == "vector":
                library.add([Track(name="v", genre="b", path=some.path or "/v")], vectors(1))
            else:
                library.update(int(some.id or 0), genre="b" if step == "label" else None)
        found = opened(Path(f"{path}.keys"), library)
        if not {"remove", "vector"} & set(steps):
            assert found is not None
        if found is None:
            return
        assert len(found) == len(labelled(library))
        snapshot = library.snapshot()
        distances, ids = found.search(snapshot.vectors, len(found))
        for row in range(len(snapshot)):
            assert set(ids[row].tolist()) == labelled(library)
            own = ids[row].tolist().index(int(snapshot.ids[row]))
            assert distances[row, own] == pytest.approx(0, abs=1e-12)
