"""Two libraries, or two votes, asked the same questions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from earmark.errors import EvaluationError
from earmark.evaluation.comparison import common_tracks, compare
from earmark.evaluation.cross_validation import Vote
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.splits import LeaveOneArtistOut, RandomSplit, Split
from support.evaluated import make_evaluation_set, relabel

PLAIN = (Vote(3, majority=True), Vote(3, majority=True))


def artist_out(data: EvaluationSet) -> Split:
    return LeaveOneArtistOut()


def worse(data: EvaluationSet) -> EvaluationSet:
    """Return the same tracks, heard by a worse ear."""
    noise = np.random.default_rng(9).normal(size=data.vectors.shape)
    return replace(data, vectors=data.vectors + 4 * noise, source="worse.earmark")


def test_a_library_is_not_better_than_itself() -> None:
    data = make_evaluation_set(artist_spread=2.0)
    found = compare(data, data, PLAIN, artist_out)
    assert found.accuracy.difference == 0
    assert found.accuracy.mcnemar == 1
    assert "No difference can be told" in found.sentence()


def test_a_better_ear_is_seen_whatever_the_order_of_tracks() -> None:
    good = make_evaluation_set(n_artists=24, tracks_each=4)
    bad = worse(good)
    order = np.random.default_rng(0).permutation(len(good))
    found = compare(good, bad.rows(order), PLAIN, artist_out)
    straight = compare(good, bad, PLAIN, artist_out)
    assert found.accuracy.difference == pytest.approx(straight.accuracy.difference)
    assert found.accuracy.difference < -0.2
    assert found.accuracy.interval is not None
    assert found.accuracy.interval.high < 0
    assert "first is better" in found.sentence()
    assert found.n_tracks == len(good)
    json.dumps(found.to_json(), allow_nan=False)


def test_only_tracks_that_both_have_under_one_genre_are_asked() -> None:
    first = make_evaluation_set()
    second = first.rows(np.arange(4, len(first)))
    labels = second.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    found = compare(first, relabel(second, labels), PLAIN, artist_out)
    assert found.n_tracks == len(first) - 5
    assert (found.first.left_out, found.second.left_out) == (5, 1)


def test_tracks_are_matched_by_content_before_name() -> None:
    first, second = make_evaluation_set(3, 1), make_evaluation_set(3, 1)
    first = replace(
        first,
        tracks=tuple(
            replace(t, content_hash=str(i) * 64, genre="a") for i, t in enumerate(first.tracks)
        ),
    )
    second = replace(
        second,
        tracks=tuple(
            replace(t, content_hash=str(2 - i) * 64, genre="a") for i, t in enumerate(second.tracks)
        ),
    )
    rows = common_tracks(first, second)
    assert [list(side) for side in rows] == [[0, 1, 2], [2, 1, 0]]


def test_tracks_with_other_tags_are_matched_by_their_sound() -> None:
    first, second = make_evaluation_set(3, 1), make_evaluation_set(3, 1)
    first, second = (
        replace(
            data,
            tracks=tuple(
                replace(t, content_hash=f"{step}{i}" * 32, audio_hash=str(order[i]) * 64, genre="a")
                for i, t in enumerate(data.tracks)
            ),
        )
        for step, data, order in (("a", first, [0, 1, 2]), ("b", second, [2, 1, 0]))
    )
    assert [list(side) for side in common_tracks(first, second)] == [[0, 1, 2], [2, 1, 0]]


def test_groups_of_either_library_are_kept_together() -> None:
    known, unknown = make_evaluation_set(), make_evaluation_set(known=False)
    asked: list[int] = []

    def make(common: EvaluationSet) -> Split:
        asked.append(len(set(common.groups)))
        return LeaveOneArtistOut()

    compare(unknown, known, PLAIN, make)
    assert asked == [12]


def test_two_votes_of_one_library() -> None:
    data = make_evaluation_set(n_artists=24, artist_spread=2.0)
    found = compare(data, data, (Vote(1, majority=True), Vote(20, majority=True)), artist_out)
    assert "k = 1" in found.first.title
    assert "k = 20" in found.second.title
    assert found.accuracy.difference == pytest.approx(found.second.accuracy - found.first.accuracy)


def test_repeated_questions_have_no_mcnemar() -> None:
    data = make_evaluation_set()
    found = compare(data, worse(data), PLAIN, lambda _: RandomSplit(repeats=10))
    assert found.repeated
    assert found.to_json()["mcnemar_p"] is None


def test_libraries_with_nothing_in_common_are_refused() -> None:
    first = make_evaluation_set()
    second = replace(first, tracks=tuple(replace(t, name="x" + t.name) for t in first.tracks))
    with pytest.raises(EvaluationError, match="no track in common"):
        compare(first, second, PLAIN, artist_out)


def test_a_track_answers_for_one_other_alone() -> None:
    # The first library holds one recording twice, the second once.
    first, second = make_evaluation_set(2, 2), make_evaluation_set(2, 2)
    same = [replace(track, content_hash="ab" * 32) for track in first.tracks[:2]]
    first = replace(first, tracks=(*same, *first.tracks[2:]))
    second = replace(second, tracks=(*same[:1], *second.tracks[2:]))
    one, other = common_tracks(first, second)
    assert list(one) == [0, 2, 3]
    assert list(other) == [0, 1, 2]
