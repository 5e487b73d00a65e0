"""Similar songs, paths and playlists keep their rules, whatever the library."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.neighbors.metrics import Cosine
from earmark.recommend.path import path
from earmark.recommend.playlist import playlist, smooth
from earmark.recommend.rules import Catalog, Rules, encode, work_title
from earmark.recommend.similar import Seeds, similar
from earmark.recommend.space import SimilarityMeasure, Space


def made(n: int, seed: int = 0, artists: int = 6, d: int = 8) -> tuple[Space, Catalog]:
    """Return a made library: random points, some copies, some versions of one song."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, d)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    recordings = np.arange(n)
    for copy in range(0, n - 1, 7):
        points[copy + 1] = points[copy]
        recordings[copy + 1] = recordings[copy]
    catalog = Catalog(
        artists=rng.integers(-1, artists, n),
        albums=rng.integers(-1, 3 * artists, n),
        genres=rng.integers(0, 4, n),
        recordings=recordings,
        works=np.where(rng.random(n) < 0.8, np.arange(n), rng.integers(0, n, n)),
        seconds=rng.uniform(60, 400, n),
    )
    return Space(SimilarityMeasure(Cosine(), points)), catalog


def rows_of(listed) -> list[int]:
    return [track.row for track in listed]


def keeps_rules(rows: list[int], catalog: Catalog, rules: Rules) -> None:
    assert len({int(catalog.recordings[row]) for row in rows}) == len(rows)
    if not rules.versions:
        works = [int(catalog.works[row]) for row in rows if catalog.works[row] >= 0]
        assert len(set(works)) == len(works)
    for column, limit in ((catalog.artists, rules.per_artist), (catalog.albums, rules.per_album)):
        known = [int(column[row]) for row in rows if column[row] >= 0]
        if limit is not None and known:
            assert max(known.count(code) for code in known) <= limit
    for gap in range(1, rules.spacing + 1):
        for one, other in zip(rows, rows[gap:], strict=False):
            same = catalog.artists[one] == catalog.artists[other]
            assert not (same and catalog.artists[one] >= 0)


rule_sets = st.builds(
    Rules,
    per_artist=st.one_of(st.none(), st.integers(1, 4)),
    per_album=st.one_of(st.none(), st.integers(1, 3)),
    spacing=st.integers(0, 3),
    genres=st.frozensets(st.integers(0, 3), max_size=3),
    not_genres=st.frozensets(st.integers(0, 3), max_size=1),
    versions=st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(st.integers(5, 60), st.integers(0, 50), rule_sets, st.floats(0, 1), st.data())
def test_a_list_keeps_every_rule(n, seed, rules, variety, data):
    space, catalog = made(n, seed)
    seeds = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=3, unique=True))
    left_out = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=3)), dtype=np.intp)
    listed = similar(
        space, catalog, Seeds(np.array(seeds)), 12, rules=rules, variety=variety, left_out=left_out
    )
    rows = rows_of(listed)
    keeps_rules(rows, catalog, rules)
    forbidden = {int(catalog.recordings[row]) for row in [*seeds, *left_out]}
    assert not forbidden & {int(catalog.recordings[row]) for row in rows}
    assert all(not rules.genres or int(catalog.genres[row]) in rules.genres for row in rows)
    assert all(int(catalog.genres[row]) not in rules.not_genres for row in rows)
    assert all(0 <= track.similarity <= 1 for track in listed)


def test_without_rules_the_list_is_the_nearest_tracks_in_their_order():
    space, catalog = made(200, artists=200)
    rules = Rules(per_artist=None, per_album=None, spacing=0, versions=True)
    rows = rows_of(similar(space, catalog, Seeds(np.array([10])), 150, rules=rules))
    distances = space.of_rows(np.array([10]))[0]
    allowed = [r for r in np.argsort(distances, kind="stable") if catalog.recordings[r] != 10]
    firsts: list[int] = []
    for row in allowed:
        if catalog.recordings[row] not in catalog.recordings[firsts]:
            firsts.append(int(row))
    assert rows == firsts[:150]


def test_the_same_seed_gives_the_same_list_and_another_seed_another():
    space, catalog = made(300, artists=100)
    start = Seeds(np.array([3]))
    one = rows_of(similar(space, catalog, start, 20, variety=0.5, seed=1))
    assert one == rows_of(similar(space, catalog, start, 20, variety=0.5, seed=1))
    assert one != rows_of(similar(space, catalog, start, 20, variety=0.5, seed=2))
    plain = rows_of(similar(space, catalog, start, 20, seed=1))
    assert plain == rows_of(similar(space, catalog, start, 20, seed=2))


def test_songs_to_keep_away_from_move_the_list_away_from_them():
    space, catalog = made(400, artists=400)
    distances = space.of_rows(np.array([0]))[0]
    away = int(np.argsort(distances)[20])
    start = Seeds(np.array([0]))
    without = rows_of(similar(space, catalog, start, 30))
    moved = rows_of(similar(space, catalog, start, 30, away=Seeds(np.array([away]))))
    to_away = space.of_rows(np.array([away]))[0]
    assert np.mean(to_away[moved]) > np.mean(to_away[without])


def test_a_recording_that_is_no_track_can_be_a_seed():
    space, catalog = made(100)
    vector = space._measure._vectors[40][None]
    as_track = similar(space, catalog, Seeds(np.array([40])), 5)
    as_vector = similar(space, catalog, Seeds(np.empty(0, np.intp), vector), 5)
    # As a vector it is not known to be track 40, which therefore comes first.
    assert as_vector[0].row == 40 or catalog.recordings[as_vector[0].row] == catalog.recordings[40]
    shared = set(rows_of(as_track)) & set(rows_of(as_vector))
    assert len(shared) >= 3


def test_similarity_is_the_share_of_pairs_that_are_farther_apart():
    space, _ = made(120)
    every = space.of_rows(np.arange(120))
    pairs = every[np.triu_indices(120, 1)]
    for distance in np.quantile(pairs, [0.0, 0.1, 0.5, 0.9]):
        expected = np.mean(pairs >= distance)
        assert space.similarity(np.array([distance]))[0] == pytest.approx(expected, abs=1e-9)
    assert np.allclose(every, every.T, rtol=1e-4, atol=1e-6)


def best_possible(distances: np.ndarray, n: int) -> float:
    """Return the smallest largest step of all paths of n songs, by looking at every one."""
    last = len(distances) - 1
    middles = itertools.permutations(range(1, last), n - 2)
    return min(
        max(distances[a, b] for a, b in itertools.pairwise((0, *middle, last)))
        for middle in middles
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(3, 5))
def test_no_step_of_a_path_is_much_larger_than_need_be(seed, n):
    space, _ = made(9, seed, d=3)
    catalog = Catalog(*[np.arange(9)] * 5, np.full(9, 200.0))
    rows = rows_of(path(space, catalog, 0, 8, n))
    assert (rows[0], rows[-1], len(rows), len(set(rows))) == (0, 8, n, n)
    distances = space.of_rows(np.arange(9))
    largest = max(distances[a, b] for a, b in itertools.pairwise(rows))
    assert largest <= 1.5 * best_possible(distances, n) + 1e-9


@settings(deadline=None, max_examples=40)
@given(st.integers(8, 60), st.integers(0, 100), rule_sets, st.integers(2, 12))
def test_a_path_keeps_the_rules_between_its_ends(n, seed, rules, songs):
    space, catalog = made(n, seed)
    ends = [0, n - 1]
    if catalog.recordings[0] == catalog.recordings[n - 1]:
        return
    listed = path(space, catalog, *ends, songs, rules=rules)
    rows = rows_of(listed)
    assert [rows[0], rows[-1]] == ends
    assert len(rows) <= songs
    assert listed[0].similarity == 1
    # The ends were asked for, so they may break what the songs between them may not.
    keeps_rules(rows[:-1], catalog, rules)


def test_a_path_in_a_large_library_has_as_many_songs_as_asked_for():
    space, catalog = made(3_000, artists=500, d=16)
    rows = rows_of(path(space, catalog, 5, 2_900, 25))
    assert len(rows) == 25
    steps = [
        float(space.of_rows(np.array([a]), np.array([b]))[0, 0])
        for a, b in itertools.pairwise(rows)
    ]
    direct = float(space.of_rows(np.array([5]), np.array([2_900]))[0, 0])
    assert max(steps) < direct / 2


def test_a_playlist_comes_as_near_to_its_length_as_whole_songs_can():
    space, catalog = made(500, artists=200)
    rows = rows_of(playlist(space, catalog, Seeds(np.array([1])), minutes=60))
    seconds = catalog.seconds[rows].sum()
    assert abs(seconds - 3600) <= catalog.seconds.max() / 2
    keeps_rules(rows, catalog, Rules())


def test_a_smooth_order_is_shorter_and_holds_the_same_songs():
    space, catalog = made(500, artists=200)
    chosen = similar(space, catalog, Seeds(np.array([1])), 40)
    ordered = smooth(space, catalog, chosen, Rules())

    def length(listed) -> float:
        rows = rows_of(listed)
        return sum(float(space.of_rows(np.array([a]))[0, b]) for a, b in itertools.pairwise(rows))

    assert sorted(rows_of(ordered)) == sorted(rows_of(chosen))
    assert ordered[0] == chosen[0]
    assert length(ordered) < length(chosen)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hurricane", "Hurricane (Live)"),
        ("Hurricane", "Hurricane - Remastered 2011"),
        ("Hurricane", "Hurricane [2009 Remaster]"),
        ("Hurricane", "HURRICANE – Single Version"),
    ],
)
def test_versions_of_a_song_have_one_title(one, other):
    assert work_title(one) == work_title(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Live and Let Die", "Let Die"), ("Song 2", "Song"), ("(I Can't Get No)", "Live")],
)
def test_different_songs_have_different_titles(one, other):
    assert work_title(one) != work_title(other)


def test_texts_are_numbered_and_unknown_ones_are_not_alike():
    codes, numbers = encode(["x", None, "y", "x", None])
    assert codes.tolist() == [0, -1, 1, 0, -1]
    assert numbers == {"x": 0, "y": 1}
