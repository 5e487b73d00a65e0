"""Thresholds by length: what they promise in each class, and how they go on between the classes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import LibraryDamaged
from earmark.features import Comparison
from earmark.neighbors import (
    Excerpts,
    Parameters,
    fit,
    leave_group_out,
    one_hot,
)
from earmark.neighbors.calibration import COVERAGE
from earmark.neighbors.lengths import EDGES, FEWEST, ByLength, class_of
from support.clusters import Tracks, clusters

COSINE = Comparison("cosine")


@given(
    st.lists(st.tuples(st.floats(0.1, 500), st.floats(0, 1)), min_size=1, max_size=200),
    st.floats(0.01, 1e6),
)
def test_a_threshold_lies_between_those_of_the_classes(pairs, asked):
    seconds, numbers = map(np.array, zip(*pairs, strict=True))
    found = ByLength.fit(seconds, numbers, lambda part: float(np.median(part)))
    assert list(found.seconds) == sorted(set(found.seconds))
    (value,) = found.at(np.array([asked]))
    assert min(found.values) - 1e-12 <= value <= max(found.values) + 1e-12
    np.testing.assert_allclose(found.at(np.array(found.seconds)), found.values)


def test_each_class_has_its_own_threshold_and_few_songs_have_none():
    seconds = np.repeat([2.0, 9.0, 30.0, np.inf], [FEWEST, FEWEST - 1, 40, 50])
    numbers = np.repeat([0.1, 0.9, 0.2, 0.3], [FEWEST, FEWEST - 1, 40, 50])
    found = ByLength.fit(seconds, numbers, lambda part: float(part.mean()))
    assert found.seconds == (2.0, 30.0, 60.0)
    assert found.values == pytest.approx((0.1, 0.2, 0.3))
    assert found.whole == pytest.approx(0.3)
    few = ByLength.fit(seconds[:20], numbers[:20], lambda part: float(part.mean()))
    assert few.at(np.array([0.5, 30.0, np.inf])).tolist() == pytest.approx([0.1] * 3)


def test_a_little_more_changes_little():
    found = ByLength((2.5, 3.0, 9.0, 30.0), (0.02, 0.08, 0.24, 0.2))
    seconds = np.geomspace(0.5, 200, 5000)
    assert np.abs(np.diff(found.at(seconds))).max() < 0.001
    assert class_of(np.array(EDGES)).tolist() == [1, 2, 3]


def heard_in_part(tracks: Tracks, counts=(1, 3), seed=0) -> Excerpts:
    """Make parts of tracks: the less is heard, the more they vary; a segment takes 3 s."""
    rng = np.random.default_rng(seed)
    rows, vectors, seconds = [], [], []
    for count in counts:
        rows.append(np.arange(len(tracks)))
        noise = rng.normal(size=tracks.vectors.shape) / np.sqrt(count)
        vectors.append(tracks.vectors + 1.2 * noise)
        seconds.append(np.full(len(tracks), 3.0 * count))
    return Excerpts(np.concatenate(rows), np.concatenate(vectors), np.concatenate(seconds))


def test_parts_follow_their_tracks():
    tracks = clusters(20)
    excerpts = heard_in_part(tracks)
    kept = np.array([7, 3, 12])
    some = excerpts.of(kept)
    assert len(some) == 6
    for row, vector in zip(some.rows, some.vectors, strict=True):
        assert np.abs(vector - tracks.vectors[kept[row]]).max() < 6
    np.testing.assert_array_equal(np.sort(kept[some.rows]), [3, 3, 7, 7, 12, 12])
    mine = excerpts.which(np.array([3]))
    np.testing.assert_array_equal(excerpts.vectors[mine], some.vectors[some.rows == 1])


@pytest.mark.slow
def test_lists_keep_their_word_at_every_length_and_own_songs_are_kept_alike():
    tracks = clusters(600, 5, dimension=12, tracks_a_group=2, apart=0.8)
    labels, names = one_hot(tracks.genres)
    truth = labels.argmax(axis=1)
    seconds = np.full(len(tracks), 30.0)
    excerpts = heard_in_part(tracks)
    asked = heard_in_part(tracks, seed=1)
    told = {"comparison": COSINE, "seconds": seconds}
    held, kept = {}, {}
    for known in (None, excerpts):
        answers = leave_group_out(
            tracks.vectors, labels, names, tracks.groups, excerpts=known, asked=asked, **told
        )
        right = answers.sets[np.arange(len(asked)), truth[asked.rows]]
        for length in (3.0, 9.0):
            part = asked.seconds == length
            held[known is None, length] = right[part].mean()
            kept[known is None, length] = 1 - answers.abstained[part].mean()
    # The threshold of whole tracks promises too much of short ones; their own does not.
    assert held[True, 3.0] < COVERAGE - 0.03
    for length in (3.0, 9.0):
        assert abs(held[False, length] - COVERAGE) < 0.03
        assert abs(kept[False, length] - 0.88) < 0.04
    assert kept[True, 3.0] < kept[False, 3.0]


def test_whole_tracks_are_answered_as_without_parts():
    tracks = clusters(300, 4, tracks_a_group=2, apart=0.8)
    labels, _ = one_hot(tracks.genres)
    seconds = np.full(len(tracks), 30.0)
    one, other = (
        fit(
            tracks.vectors, labels, tracks.groups,
            comparison=COSINE, seconds=seconds, excerpts=excerpts,
        ).calibration
        for excerpts in (None, heard_in_part(tracks))
    )  # fmt: skip
    assert one is not None
    assert other is not None
    assert (one.floor, one.power, one.n_judged) == (other.floor, other.power, other.n_judged)
    assert (one.accuracy, one.balanced_accuracy) == (other.accuracy, other.balanced_accuracy)
    assert one.set_thresholds.whole == other.set_thresholds.whole
    assert one.novelty.means == other.novelty.means
    assert one.novelty.limits.whole == other.novelty.limits.whole
    assert other.set_thresholds.seconds == (3.0, 9.0, 30.0)


def test_thresholds_are_kept_and_odd_ones_are_refused():
    tracks = clusters(200, 4, tracks_a_group=2)
    labels, _ = one_hot(tracks.genres)
    parameters = fit(
        tracks.vectors, labels, tracks.groups, comparison=COSINE, excerpts=heard_in_part(tracks)
    )
    assert Parameters.from_bytes(parameters.to_bytes(), COSINE) == parameters
    assert [round(part["seconds"]) for part in parameters.describe()["by_length"]] == [3, 9, 60]
    calibration = parameters.calibration
    assert calibration is not None
    for seconds, values in [((), ()), ((3.0, 3.0), (1.0, 1.0)), ((0.0,), (1.0,)), ((3.0,), ())]:
        odd = dataclasses.replace(calibration, set_thresholds=ByLength(seconds, values))
        blob = dataclasses.replace(parameters, calibration=odd).to_bytes()
        with pytest.raises(LibraryDamaged):
            Parameters.from_bytes(blob, COSINE)
