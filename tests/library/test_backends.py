"""What every library does, wherever it is kept: one suite for all back-ends."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import (
    ChangeNotFound,
    LibraryError,
    LibraryExists,
    LibraryExtractor,
    TrackNotFound,
)
from earmark.features import Segments
from earmark.library import (
    ExtractorSpec,
    Fitted,
    Library,
    MemoryLibrary,
    Snapshot,
    Track,
    create_library,
    open_library,
)

SPEC = ExtractorSpec("musicnn", "1", 3, "cosine", "float32")
BACKENDS = ("sqlite", "memory", "postgres")

Make = Callable[..., Library]


@pytest.fixture(params=BACKENDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """What makes an empty library of one back-end."""
    with ExitStack() as open_ones:

        def made(spec: ExtractorSpec = SPEC, name: str = "a") -> Library:
            if request.param == "memory":
                return open_ones.enter_context(MemoryLibrary(spec, name))
            if request.param == "postgres":
                place = request.getfixturevalue("postgres").new_place()
                return open_ones.enter_context(create_library(place, spec))
            return open_ones.enter_context(create_library(tmp_path / f"{name}.earmark", spec))

        yield made


@pytest.fixture
def library(make: Make) -> Library:
    return make()


def track(number: int, genre: str | None = "rock", **more: object) -> Track:
    return Track(name=f"song {number:03}", genre=genre, path=f"/m/{number}.wav", **more)  # type: ignore[arg-type]


def ids(library: Library, *tracks: Track) -> list[int]:
    """Add tracks of no particular vectors; return their ids."""
    changes = library.add(tracks, np.arange(3 * len(tracks)).reshape(-1, 3))
    return [change.track_id for change in changes]


def test_snapshot_is_ordered_by_name_whatever_the_order_of_adding(make: Make) -> None:
    order = [3, 1, 2, 0]
    snapshots = []
    for name, numbers in (("a", order), ("b", sorted(order))):
        made = make(name=name)
        for number in numbers:
            made.add([track(number)], np.full((1, 3), number))
        made.add([track(9, None)], np.zeros((1, 3)))
        snapshots.append(made.snapshot())
        named = made.get_many(made.snapshot().ids.tolist()).values()
        assert [t.name for t in named] == [f"song {n:03}" for n in range(4)]
    first, second = snapshots
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert first.genres == ("rock",) * 4
    assert not first.vectors.flags.writeable


def test_a_track_of_the_same_path_is_replaced_and_keeps_its_id(library: Library) -> None:
    before = library.add([track(1)], np.zeros((1, 3)))[0].track_id
    after = library.add([track(1, "jazz")], np.ones((1, 3)))[0].track_id
    assert before == after
    assert library.count() == 1
    assert library.get(after).genre == "jazz"
    np.testing.assert_array_equal(library.vector(after), np.ones(3))


def test_a_path_that_comes_twice_is_one_track(library: Library) -> None:
    vectors = np.arange(9).reshape(3, 3)
    changes = library.add([track(1), track(2), track(1, "jazz")], vectors, remember=True)
    assert [change.what for change in changes] == ["add", "add", "relabel"]
    assert changes[0].track_id == changes[2].track_id
    assert library.count() == 2
    assert library.get(changes[0].track_id).genre == "jazz"
    np.testing.assert_array_equal(library.vector(changes[0].track_id), vectors[2])
    library.undo(changes[2].id or 0)
    assert library.get(changes[0].track_id).genre == "rock"
    np.testing.assert_array_equal(library.vector(changes[0].track_id), vectors[0])


def parts(count: int, seed: int = 0, dimension: int = 3) -> Segments:
    starts = 2.5 * np.arange(count)
    vectors = np.random.default_rng(seed).integers(0, 9, (count, dimension)).astype(np.float32)
    return Segments(starts, starts + 3, vectors)


def same(found: Segments, expected: Segments) -> bool:
    return all(
        np.array_equal(getattr(found, name), getattr(expected, name))
        for name in ("starts", "stops", "vectors")
    )


def test_segments_are_kept_beside_vectors_and_go_with_them(library: Library) -> None:
    given = [parts(4), None, parts(2, seed=1)]
    changes = library.add([track(1), track(2), track(3)], np.zeros((3, 3)), segments=given)
    first, second, third = (change.track_id for change in changes)
    found = library.segments([third, first, second, 999])
    assert set(found) == {first, third}
    assert same(found[first], parts(4))
    assert same(found[third], parts(2, seed=1))
    library.check()
    library.update(first, genre="jazz")
    assert same(library.segments([first])[first], parts(4))
    # A file that was heard anew has other segments; one of the same path that has none loses them.
    library.add([track(1), track(3)], np.ones((2, 3)), segments=[parts(1, seed=2), None])
    assert same(library.segments([first])[first], parts(1, seed=2))
    assert library.segments([third]) == {}
    library.check()
    (removed,) = library.remove([first])
    assert library.segments([first]) == {}
    library.undo(removed.id or 0)
    assert library.segments([first]) == {}
    library.check()


def test_segments_of_a_track_that_is_replaced_are_not_those_of_its_former_vector(
    library: Library,
) -> None:
    library.add([track(1)], np.zeros((1, 3)), segments=[parts(4)])
    (change,) = library.add([track(1)], np.ones((1, 3)), segments=[parts(3)], remember=True)
    library.undo(change.id or 0)
    assert library.segments([change.track_id]) == {}
    library.check()


def test_a_copy_has_the_segments(library: Library, tmp_path: Path) -> None:
    library.add([track(1), track(2)], np.zeros((2, 3)), segments=[None, parts(3)])
    for packed in (False, True):
        library.copy(tmp_path / f"{packed}.earmark", packed=packed)
        with open_library(tmp_path / f"{packed}.earmark") as copied:
            copied.check()
            ids = copied.snapshot().ids.tolist()
            (found,) = copied.segments(ids).values()
            assert same(found, parts(3))


@pytest.mark.parametrize(
    "wrong",
    [
        [parts(2)],
        [parts(2), parts(2, dimension=4)],
        [None, Segments(np.array([1.0]), np.array([1.0]), np.zeros((1, 3)))],
        [None, Segments(np.array([-1.0]), np.array([1.0]), np.zeros((1, 3)))],
        [None, Segments(np.array([0.0]), np.array([np.inf]), np.zeros((1, 3)))],
        [None, Segments(np.array([0.0]), np.array([1.0]), np.full((1, 3), np.nan))],
        [None, Segments(np.zeros(2), np.ones(2), np.zeros((2, 3)))],
    ],
)
def test_odd_segments_are_refused_and_nothing_is_added(
    library: Library, wrong: list[Segments | None]
) -> None:
    with pytest.raises(ValueError, match=r"segments|vectors"):
        library.add([track(1), track(2)], np.zeros((2, 3)), segments=wrong)
    assert library.count() == 0


def test_a_part_of_a_snapshot_is_that_of_its_tracks(library: Library) -> None:
    names = [f"{n}" for n in range(6)]
    tracks = [
        Track(name=name, genre="ab"[n % 2], artist="cd"[n % 2], duration=float(n))
        for n, name in enumerate(names)
    ]
    vectors = np.random.default_rng(0).normal(size=(6, library.spec.dimension))
    library.add(tracks, vectors.astype(np.float32))
    whole = library.snapshot()
    rows = np.array([4, 1, 2])
    some = whole.only(rows)
    assert some.ids.tolist() == whole.ids[rows].tolist()
    assert some.genres == tuple(whole.genres[row] for row in rows)
    assert some.artists == tuple(whole.artists[row] for row in rows)
    np.testing.assert_array_equal(some.labels, whole.labels[rows])
    np.testing.assert_array_equal(some.vectors, whole.vectors[rows])
    np.testing.assert_array_equal(some.seconds, whole.seconds[rows])
    heavy = dataclasses.replace(
        whole, weights=(np.array([1, 3]), np.array([0, 1]), np.float32([0.5, 2]))
    )
    np.testing.assert_array_equal(heavy.only(rows).labels, heavy.labels[rows])


def test_a_snapshot_is_kept_until_the_library_changes(library: Library) -> None:
    first, _ = ids(library, track(1), track(2))
    before = library.snapshot()
    assert library.snapshot() is before
    library.update(first, title="x")
    library.store_parameters(b"x")
    assert library.revision == before.revision + 1
    assert library.snapshot() is not before


def test_a_snapshot_is_the_labelled_tracks_in_columns(library: Library) -> None:
    tracks = [
        track(3, "rock", artist="B", content_hash="c" * 64, duration=3.5),
        track(1, None, artist="A"),
        track(2, "jazz", content_hash="d" * 64, audio_hash="e" * 64, taught=True),
        track(0, "rock", artist="A", audio_hash="e" * 64),
    ]
    changes = library.add(tracks, np.arange(12).reshape(4, 3))
    snapshot = library.snapshot()
    order = [3, 2, 0]
    assert snapshot.ids.tolist() == [changes[row].track_id for row in order]
    np.testing.assert_array_equal(snapshot.vectors, np.arange(12).reshape(4, 3)[order])
    assert snapshot.genre_names == ("jazz", "rock")
    assert snapshot.genres == ("rock", "jazz", "rock")
    np.testing.assert_array_equal(snapshot.labels, [[0, 1], [1, 0], [0, 1]])
    assert snapshot.artist_names == ("A", "B")
    assert snapshot.artists == ("A", None, "B")
    assert snapshot.seconds.tolist() == [np.inf, np.inf, 3.5]
    assert snapshot.taught.tolist() == [False, True, False]
    assert snapshot.recording_codes.tolist() == [0, 0, 2]
    assert snapshot.rows_of_hash("d" * 64).tolist() == [0, 1]
    assert snapshot.rows_of_hash("x", "e" * 64).tolist() == [0, 1]
    assert snapshot.rows_of_hash("c" * 64).tolist() == [2]
    assert snapshot.rows_of_hash("").tolist() == []
    assert snapshot.rows_of([changes[0].track_id, 99, changes[1].track_id]).tolist() == [2]


def test_an_empty_library_has_an_empty_snapshot(library: Library) -> None:
    snapshot = library.snapshot()
    assert len(snapshot) == 0
    assert snapshot.labels.shape == (0, 0)
    assert snapshot.rows_of([1]).tolist() == []
    assert snapshot.rows_of_hash("a").tolist() == []
    assert snapshot.recording_codes.tolist() == []


@given(st.lists(st.tuples(*[st.sampled_from([None, "a", "b", "c", "d"])] * 2), max_size=12))
@settings(deadline=None)
def test_recordings_are_linked_by_file_or_sound(pairs: list[tuple[str | None, str | None]]) -> None:
    tracks = [Track(name="x", genre="g", content_hash=c, audio_hash=a) for c, a in pairs]
    found = Snapshot.of(tracks, np.zeros((len(tracks), 1))).recording_codes
    # By definition: the classes of the transitive closure.
    same = np.array(
        [
            [i == j or any(x is not None and x == y for x, y in zip(p, q, strict=True))
             for j, q in enumerate(pairs)]
            for i, p in enumerate(pairs)
        ],
        dtype=bool,
    ).reshape(len(pairs), len(pairs))  # fmt: skip
    for _ in pairs:
        same = (same.astype(int) @ same.astype(int)) > 0
    np.testing.assert_array_equal(found[:, None] == found[None, :], same)


def test_filters_agree_with_each_other(library: Library) -> None:
    library.add(
        [
            track(1, "rock", artist="Björk", title="50% off"),
            track(2, "jazz", artist="ΣΊΣΥΦΟΣ", taught=True),
            track(3, "jazz", title="50 ways"),
        ],
        np.zeros((3, 3)),
    )
    assert [t.name for t in library.tracks(search="BJÖRK")] == ["song 001"]
    assert [t.name for t in library.tracks(search="σίσυφοσ")] == ["song 002"]
    # With accents and without, on either side.
    assert [t.name for t in library.tracks(search="bjork")] == ["song 001"]
    assert [t.name for t in library.tracks(search="σισυφος")] == ["song 002"]
    assert [t.name for t in library.tracks(search="wäys")] == ["song 003"]
    assert library.count(search=("Bjórk", "öff")) == 1
    assert [t.name for t in library.tracks(search="50%")] == ["song 001"]
    # Of several parts all are there, in any order.
    assert [t.name for t in library.tracks(search=("off", "BJÖRK", ""))] == ["song 001"]
    assert library.tracks(search=("off", "ways")) == []
    assert library.count(search=("50", "song")) == 2
    assert library.count(genre="jazz") == len(library.tracks(genre="jazz")) == 2
    assert [t.name for t in library.tracks(taught=True)] == ["song 002"]
    assert [t.name for t in library.tracks(offset=1, limit=1)] == ["song 002"]
    assert library.find_path("/m/3.wav") is not None
    assert library.find_path("/m/4.wav") is None


def test_undecodable_file_names_survive(library: Library) -> None:
    path = b"/m/caf\xe9.wav".decode("utf-8", "surrogateescape")
    library.add([Track(name="caf\udce9", genre="rock", path=path)], np.zeros((1, 3)))
    found = library.find_path(path)
    assert found is not None
    assert (found.path, found.name) == (path, "caf\udce9")


@pytest.mark.parametrize(
    "vectors", [np.zeros((1, 4)), np.zeros(3), np.full((1, 3), np.nan), np.full((1, 3), 1e39)]
)
def test_vectors_that_do_not_fit_are_refused(library: Library, vectors: object) -> None:
    with pytest.raises(ValueError, match="vectors"):
        library.add([track(1)], vectors)  # type: ignore[arg-type]
    assert library.count() == 0


def test_adding_is_all_or_nothing(library: Library) -> None:
    first = library.add([track(1)], np.zeros((1, 3)))[0].track_id
    revision = library.revision
    with pytest.raises(TrackNotFound):
        library.remove([first, 77])
    assert library.get(first)
    assert library.revision == revision


def test_update_refuses_the_path_of_another_track(library: Library) -> None:
    first, second = ids(library, track(1), track(2))
    with pytest.raises(LibraryError, match="already"):
        library.update(second, path="/m/1.wav")
    assert library.update(first, genre="rock") is None


# History


def test_each_change_can_be_undone(library: Library) -> None:
    kept = library.add([track(1, "rock")], np.ones((1, 3)))[0].track_id
    assert library.history() == []
    taught = library.add([track(2, "jazz", taught=True)], np.zeros((1, 3)))[0].track_id
    relabel = library.update(kept, genre="metal", taught=True)
    assert relabel is not None
    library.remove([kept])
    removal, relabelling, adding = library.history()
    assert [c.what for c in (removal, relabelling, adding)] == ["remove", "relabel", "add"]
    assert relabelling == relabel == library.change(relabel.id or 0)
    assert relabelling.before is not None
    assert (relabelling.before.genre, relabelling.before.taught) == ("rock", False)

    with pytest.raises(LibraryError, match="was removed after this change; undo that"):
        library.undo(relabelling.id)
    assert library.undo(removal.id) == dataclasses.replace(removal, undone=True)
    assert library.get(kept).genre == "metal"
    np.testing.assert_array_equal(library.vector(kept), np.ones(3))
    library.undo(relabelling.id)
    assert library.get(kept).genre == "rock"
    assert not library.get(kept).taught
    library.undo(adding.id)
    with pytest.raises(TrackNotFound):
        library.get(taught)
    assert all(change.undone for change in library.history())
    with pytest.raises(LibraryError, match="already"):
        library.undo(adding.id)
    with pytest.raises(ChangeNotFound, match="no change"):
        library.undo(99)


def test_relabelling_by_adding_again_restores_the_vector_too(library: Library) -> None:
    first = library.add([track(1)], np.ones((1, 3)))[0].track_id
    library.add([track(1, "jazz", taught=True)], np.zeros((1, 3)))
    library.undo(library.history(1)[0].id)
    np.testing.assert_array_equal(library.vector(first), np.ones(3))
    assert library.get(first).genre == "rock"


def test_a_removal_is_not_undone_over_a_new_track_of_the_same_file(library: Library) -> None:
    first = library.add([track(1)], np.ones((1, 3)))[0].track_id
    library.remove([first])
    library.add([track(1)], np.zeros((1, 3)))
    with pytest.raises(LibraryError, match="again"):
        library.undo(library.history(1)[0].id)


# Parameters


def test_parameters_remember_what_they_were_fitted_to(library: Library) -> None:
    assert library.fitted() is None
    library.add([track(1), track(2, "jazz")], np.zeros((2, 3)))
    snapshot = library.snapshot()
    library.add([track(3, "pop")], np.zeros((1, 3)))
    library.store_parameters(b"abc", snapshot)
    assert library.fitted() == Fitted(b"abc", snapshot.revision, ("jazz", "rock"))
    library.store_parameters(b"d")
    assert library.fitted() == Fitted(b"d", library.revision, ("jazz", "pop", "rock"))


# The rest


@pytest.mark.slow
def test_many_tracks_are_found_at_once(library: Library) -> None:
    added = ids(library, *(track(number) for number in range(1200)))
    found = library.get_many([*added[::-1], 10**6, -1, 2**70])
    assert list(found) == added[::-1]
    assert all(found[i].id == i for i in added)


def test_a_page_far_down_is_the_part_of_the_list(library: Library) -> None:
    ids(library, *(track(number, "a" if number % 3 else None) for number in range(60)))
    whole = library.tracks()
    assert library.tracks(offset=41, limit=7) == whole[41:48]
    some = library.tracks(genre="a")
    assert library.tracks(genre="a", offset=30, limit=50) == some[30:]
    assert library.tracks(offset=100, limit=5) == []


def test_what_is_known_of_a_file_is_no_change_of_the_history(library: Library) -> None:
    (first,) = ids(library, track(1, "rock", taught=True))
    before = library.history()
    library.set_identity(first, audio_hash="a" * 64, content_hash="b" * 64, size=3, modified_ns=4)
    found = library.get(first)
    assert library.find_audio_hash("a" * 64) == library.find_hash("b" * 64) == [found]
    assert (found.size, found.modified_ns, found.genre, found.taught) == (3, 4, "rock", True)
    assert library.history() == before
    with pytest.raises(TrackNotFound):
        library.set_identity(99, audio_hash="a" * 64)


def test_a_change_that_changes_nothing_is_none(library: Library) -> None:
    (first,) = ids(library, track(1))
    revision = library.revision
    assert library.update(first, genre="rock") is None
    assert (library.revision, library.history()) == (revision, [])


def test_changes_that_are_not_kept_say_what_they_did(library: Library) -> None:
    (added,) = library.add([track(1)], np.zeros((1, 3)))
    assert (added.id, added.what, added.before) == (None, "add", None)
    relabelled = library.update(added.track_id, genre="jazz", remember=False)
    assert relabelled is not None
    assert (relabelled.id, relabelled.before, relabelled.track.genre) == (None, added.after, "jazz")
    (gone,) = library.remove([added.track_id], remember=False)
    assert (gone.id, gone.after, gone.track) == (None, None, relabelled.after)
    assert library.history() == []


def test_genres_may_be_kinds_of_others(library: Library) -> None:
    assert library.parents() == {}
    tree = {"bebop": "jazz", "cool": "jazz", "jazz": "music"}
    library.set_parents(tree)
    assert library.parents() == tree
    with pytest.raises(ValueError, match="kind of itself"):
        library.set_parents({"a": "b", "b": "a"})
    assert library.parents() == tree


def test_tracks_of_several_genres(library: Library) -> None:
    one, two, _ = ids(
        library,
        track(1, "rock", other_genres=("blues", "folk")),
        track(2, "blues"),
        track(3, None),
    )
    assert library.get(one).genres == ("rock", "blues", "folk")
    assert library.genres() == {"blues": 2, "folk": 1, "rock": 1}
    assert [found.id for found in library.tracks(genre="blues")] == [one, two]
    assert [found.name for found in library.tracks(labelled=False)] == ["song 003"]
    assert (library.count(labelled=True), library.count(labelled=False)) == (2, 1)
    snapshot = library.snapshot()
    assert snapshot.genre_names == ("blues", "folk", "rock")
    assert snapshot.genres == ("rock", "blues")
    # The first of three genres has the largest part of the vote of its track.
    np.testing.assert_allclose(
        snapshot.labels, [[3 / 11, 2 / 11, 6 / 11], [1.0, 0.0, 0.0]], rtol=1e-6
    )
    sets = snapshot.label_sets
    assert sets is not None
    assert sets.members.tolist() == [[True, True, True], [True, False, False]]


def test_one_genre_takes_the_others_away_and_undo_brings_them_back(library: Library) -> None:
    (one,) = ids(library, track(1, "rock", other_genres=("blues",)))
    change = library.update(one, genre="jazz")
    assert change is not None
    assert library.get(one).genres == ("jazz",)
    assert library.genres() == {"jazz": 1}
    assert library.snapshot().label_sets is None
    library.undo(change.id or 0)
    assert library.get(one).genres == ("rock", "blues")
    (removal,) = library.remove([one])
    library.undo(removal.id or 0)
    assert library.get(one).genres == ("rock", "blues")
    more = library.update(one, other_genres=("blues", "folk"))
    assert more is not None
    assert library.get(one).genres == ("rock", "blues", "folk")
    library.check()


@pytest.mark.parametrize(
    ("genre", "others"), [(None, ("rock",)), ("rock", ("rock",)), ("rock", (" ",))]
)
def test_further_genres_that_make_no_sense(genre: str | None, others: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="song 001"):
        track(1, genre, other_genres=others)


def test_what_is_a_kind_of_what_is_in_the_snapshot(library: Library) -> None:
    ids(library, track(1, "bebop"), track(2, "Rock---Punk"), track(3, "jazz"))
    assert library.snapshot().taxonomy == {"Rock---Punk": "Rock"}
    library.set_parents({"bebop": "jazz", "unheard": "of"})
    snapshot = library.snapshot()
    assert snapshot.taxonomy == {"Rock---Punk": "Rock", "bebop": "jazz"}
    labels, names = snapshot.top
    assert names == ("Rock", "jazz")
    assert labels.tolist() == [[0, 1], [1, 0], [0, 1]]
    library.set_parents({})
    assert library.snapshot().top[1] == ("Rock", "bebop", "jazz")


def test_another_extractor_is_refused(library: Library) -> None:
    library.require("musicnn", "1")
    with pytest.raises(LibraryExtractor, match="musicnn 1, not of mfcc 1"):
        library.require("mfcc", "1")
    with pytest.raises(LibraryExtractor):
        library.require("musicnn", "2")


def test_a_sound_library_passes_its_check(library: Library) -> None:
    first, _ = ids(library, track(1), track(2, "jazz"))
    library.store_parameters(b"x")
    library.remove([first])
    library.check()
    library.require_unchanged()


def test_a_copy_holds_the_same(library: Library, tmp_path: Path) -> None:
    ids(library, track(2, "jazz", size=3, other_genres=("soul", "bebop")), track(1))
    library.set_parents({"bebop": "jazz"})
    library.copy(str(tmp_path / "b.earmark"))
    library.copy(str(tmp_path / "c.earmark"), packed=True)
    with pytest.raises(LibraryExists):
        library.copy(str(tmp_path / "b.earmark"))
    for name in "bc":
        with open_library(tmp_path / f"{name}.earmark") as copy:
            assert copy.genres() == library.genres()
            assert copy.parents() == library.parents()
            assert [t.genres for t in copy.tracks()] == [t.genres for t in library.tracks()]
            np.testing.assert_array_equal(copy.snapshot().vectors, library.snapshot().vectors)
            assert {t.path for t in copy.tracks()} == (
                {None} if name == "c" else {t.path for t in library.tracks()}
            )


@pytest.mark.slow
def test_threads_share_one_library(library: Library) -> None:
    failures: list[BaseException] = []

    def work(base: int) -> None:
        try:
            for number in range(10):
                library.add([track(base + number)], np.zeros((1, 3)))
                library.snapshot()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(library.snapshot()) == 40


def test_a_snapshot_can_hold_tracks_without_a_genre(library: Library) -> None:
    library.add([track(1), track(2, None, artist="A"), track(3, "jazz")], np.eye(3))
    everything = library.snapshot(unlabelled=True)
    assert everything.genre_names == ("jazz", "rock")
    assert everything.genre_codes.tolist() == [1, -1, 0]
    assert everything.labels.tolist() == [[0, 1], [0, 0], [1, 0]]
    assert everything.artists == (None, "A", None)
    assert len(library.snapshot()) == 2
    with pytest.raises(ValueError, match="unlabelled"):
        _ = everything.genres
    library.update(int(everything.ids[1]), genre="rock")
    assert library.snapshot(unlabelled=True).genres == ("rock", "rock", "jazz")


def test_several_tracks_are_changed_together_or_not_at_all(library: Library) -> None:
    library.add([track(1), track(2), track(3)], np.eye(3))
    first, second, third = (one.id or 0 for one in library.tracks())
    with pytest.raises(TrackNotFound):
        library.update_many({first: {"genre": "jazz"}, 99: {"genre": "jazz"}})
    with pytest.raises(LibraryError):
        library.update_many({first: {"path": "/new"}, second: {"path": "/new"}})
    assert library.genres() == {"rock": 3}
    changes = library.update_many({first: {"genre": "jazz"}, second: {}, third: {"artist": "A"}})
    assert [change.track_id for change in changes] == [first, third]
    assert len({change.time for change in changes}) == 1
    removed = library.remove([second], at=changes[0].time)
    assert removed[0].time == changes[0].time
    assert [change.id for change in library.history()] == [
        change.id for change in reversed([*changes, *removed])
    ]
