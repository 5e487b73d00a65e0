"""The audit finds what was put there, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from earmark.errors import EvaluationError
from earmark.evaluation.auditing import audit
from earmark.evaluation.evaluation_set import EvaluationSet, load_evaluation_set
from earmark.evaluation.label_issues import (
    artist_label_counts,
    label_issue_scores,
    skewness,
    survey_neighborhood,
)
from earmark.evaluation.reporting.text import audit_sentence, audit_text
from earmark.importing.classic import import_classic
from earmark.library import ExtractorSpec, Track, create_library, open_library
from earmark.neighbors import METRICS, codes_of, find_copies
from support.evaluated import make_evaluation_set, relabel

pytestmark = pytest.mark.slow

REPLICAS = {
    ("disco.00098", "disco.00099"),
    ("hiphop.00039", "hiphop.00045"),
    ("hiphop.00076", "hiphop.00078"),
    ("metal.00034", "metal.00094"),
    ("metal.00040", "metal.00061"),
    ("metal.00041", "metal.00062"),
    ("metal.00042", "metal.00063"),
    ("metal.00043", "metal.00064"),
    ("metal.00044", "metal.00065"),
    ("metal.00045", "metal.00066"),
    ("metal.00058", "rock.00016"),
    ("pop.00054", "pop.00060"),
    ("pop.00067", "pop.00071"),
    ("reggae.00081", "reggae.00082"),
}


@pytest.fixture(scope="module")
def gtzan1000(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> EvaluationSet:
    path = tmp_path_factory.mktemp("gtzan") / "g.earmark"
    import_classic(shared_data / "mydat" / "gtzan1000.dat", path, genres="gtzan")
    with open_library(path) as library:
        return load_evaluation_set(library)


def swap(data: EvaluationSet, seed: int) -> tuple[EvaluationSet, set[str]]:
    """Give 5 % of the tracks a wrong label; return their names too."""
    rng = np.random.default_rng(seed)
    n, n_genres = len(data), len(data.genre_names)
    wrong = rng.choice(n, round(0.05 * n), replace=False)
    labels = data.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, n_genres, len(wrong))) % n_genres
    return relabel(data, labels), {data.names[i] for i in wrong}


def test_exactly_the_known_replicas_of_gtzan_are_exact_copies(gtzan1000: EvaluationSet) -> None:
    found = audit(gtzan1000)
    assert {(pair.first, pair.second) for pair in found.exact} == REPLICAS
    assert [p.first for p in found.exact if p.across_genres] == ["metal.00058"]
    # everything called a likely copy is known to be the same song by the same artist
    artists = dict(zip(gtzan1000.names, gtzan1000.artists, strict=True))
    assert len(found.likely) >= 8
    assert all(artists[pair.first] == artists[pair.second] for pair in found.likely)
    assert {one.artist for one in found.artists} == {"Queen", "Guns N' Roses", "Leonard Bernstein"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("with_artists", [True, False])
def test_swapped_labels_of_gtzan_stand_among_the_first_suspects(
    gtzan1000: EvaluationSet, seed: int, with_artists: bool
) -> None:
    data = gtzan1000
    if not with_artists:
        data = replace(data, artists=(None,) * len(data))
    swapped, wrong = swap(data, seed)
    first = {suspect.track for suspect in audit(swapped).suspects[:100]}
    assert len(wrong & first) / len(wrong) >= (0.9 if with_artists else 0.8)


def test_swapped_labels_of_the_reference_library_stand_among_the_first_suspects() -> None:
    with open_library("reference") as library:
        data = load_evaluation_set(library)
    swapped, wrong = swap(data, 0)
    first = {suspect.track for suspect in audit(swapped).suspects[: len(data) // 10]}
    assert len(wrong & first) / len(wrong) >= 0.8


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(3, 40))
def test_the_ratio_is_that_of_a_loop(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, labels = rng.normal(size=(n, 3)), rng.integers(0, 3, n)
    seen = survey_neighborhood(vectors, labels, "euclidean", n_neighbors=2)
    far = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    scale = [np.mean(sorted(np.delete(far[i], i))[:10]) for i in range(n)]
    for i in range(n):
        genres: dict[int, float] = {}
        for genre in range(3):
            others = [j for j in range(n) if j != i and labels[j] == genre]
            if others:
                near = sorted(far[i, j] / np.sqrt(scale[i] * scale[j]) for j in others)[:5]
                genres[genre] = float(np.mean(near))
        own = genres.pop(int(labels[i]), None)
        if own is None or not genres:
            assert np.isnan(seen.ratio[i])
        else:
            assert seen.ratio[i] == pytest.approx(own / min(genres.values()), rel=1e-3)
        order = sorted((far[i, j], j) for j in range(n) if j != i)
        assert list(seen.neighbors[i]) == [j for _, j in order[:2]]
    assert seen.occurrences.sum() == n * min(10, n - 1)


def test_what_an_artist_says_counts_both_ways() -> None:
    labels, artists = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, -1])
    others, agreeing = artist_label_counts(labels, artists)
    assert (list(others), list(agreeing)) == ([3, 3, 3, 3, 0], [2, 2, 2, 0, 0])
    doubt = label_issue_scores(np.ones(5), others, agreeing)
    assert doubt[3] > doubt[4] > doubt[0]
    assert doubt[4] == 0


def test_skewness_is_scipys() -> None:
    values = np.random.default_rng(0).poisson(3, 500)
    assert skewness(values) == pytest.approx(stats.skew(values))
    assert skewness(np.full(5, 7)) == 0.0


def test_a_hub_is_found() -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(200, 60))
    vectors = 10 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    vectors[0] = 0.0  # nearer to everything than everything else is
    data = replace(make_evaluation_set(50, 4), vectors=vectors)
    found = audit(data)
    assert found.hubs[0].track == data.names[0]
    assert found.hubs[0].times == 199
    assert found.hubness > 3


def test_copies_are_told_apart_by_how_sure_they_are() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 10))
    vectors[7] = vectors[3]
    vectors[9] = vectors[5] + 0.01
    hashes: list[str | None] = [None] * 60
    hashes[20] = hashes[40] = hashes[50] = "ab"
    copies = find_copies(vectors, "euclidean", codes_of(hashes))
    found = [(copy.first, copy.second, copy.how) for copy in copies]
    assert found == [(20, 40, "content"), (20, 50, "content"), (3, 7, "exact"), (5, 9, "likely")]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_tracks_have_no_likely_copies(n: int) -> None:
    vectors = np.arange(n, dtype=float)[:, None] + 1
    assert find_copies(vectors, "euclidean", np.arange(n)) == []


def test_small_genres_and_artists_under_several_genres_are_named() -> None:
    data = make_evaluation_set(n_artists=18, tracks_each=4)
    labels = data.labels.copy()
    labels[0] = 2
    found = audit(relabel(data, labels))
    assert [(one.artist, one.genres) for one in found.artists] == [
        ("Artist 0", {"blues": 3, "rock": 1})
    ]
    assert found.small_genres == ()
    small = audit(make_evaluation_set(n_artists=9, tracks_each=2))
    assert {one.genre: (one.tracks, one.artists) for one in small.small_genres} == {
        "blues": (6, 3),
        "jazz": (6, 3),
        "rock": (6, 3),
    }


def test_a_swapped_track_is_the_first_suspect_and_the_evidence_says_why() -> None:
    data = make_evaluation_set(n_artists=12, tracks_each=5)
    labels = data.labels.copy()
    labels[0] = 1
    suspect = audit(relabel(data, labels)).suspects[0]
    assert (suspect.track, suspect.genre, suspect.suggested) == ("blues-00-0", "jazz", "blues")
    assert suspect.agreeing == 0
    assert "none of 8 neighbors is jazz" in suspect.why()
    assert "of 4 others by its artist, 4 are not jazz" in suspect.why()
    assert all(witness.genre != "jazz" for witness in suspect.neighbors)


def test_files_that_are_gone_or_changed_are_found(tmp_path: Path) -> None:
    data = make_evaluation_set(5, 1)
    tracks = []
    for i, track in enumerate(data.tracks):
        file = tmp_path / f"{i}.wav"
        file.write_bytes(b"sound %d" % i)
        status = file.stat()
        tracks.append(
            replace(
                track,
                path=str(file),
                content_hash=hashlib.sha256(file.read_bytes()).hexdigest(),
                size=status.st_size,
                modified_ns=status.st_mtime_ns,
            )
        )
    (tmp_path / "0.wav").unlink()
    (tmp_path / "1.wav").write_bytes(b"another sound")
    (tmp_path / "2.wav").write_bytes(b"sounD 2")
    os.utime(tmp_path / "2.wav", ns=(1, 1))
    os.utime(tmp_path / "3.wav", ns=(1, 1))  # touched, but the same
    data = replace(data, tracks=tuple(tracks))
    told: list[tuple[int, int]] = []
    found = audit(data, progress=lambda done, total: told.append((done, total)))
    assert [(Path(one.path).name, one.what) for one in found.files] == [
        ("0.wav", "gone"),
        ("1.wav", "changed"),
        ("2.wav", "changed"),
    ]
    assert found.files_checked == 5
    assert told[-1] == (5, 5)
    assert audit(data, files=False).files == ()


def test_degenerate_libraries_are_audited() -> None:
    for data in (
        make_evaluation_set(2, 1, genres=("a",)),
        make_evaluation_set(2, 1, genres=("a", "b")),
        replace(make_evaluation_set(4, 3), vectors=np.ones((12, 8))),
    ):
        found = audit(data)
        json.dumps(found.to_json(), allow_nan=False)
        assert audit_text(found)
    with pytest.raises(EvaluationError, match=r"made-up\.earmark: has only one labelled track"):
        audit(make_evaluation_set(1, 1))


def test_text_and_json_hold_the_findings(tmp_path: Path) -> None:
    data = make_evaluation_set(18, 4)
    vectors = data.vectors.copy()
    vectors[5] = vectors[0]
    found = audit(replace(data, vectors=vectors))
    text = audit_text(found)
    assert "blues-00-0 = jazz-01-1" in text
    assert "ACROSS GENRES: blues and jazz" in text
    written = json.loads(json.dumps(found.to_json(3), allow_nan=False))
    assert written["exact_copies"][0]["tracks"] == ["blues-00-0", "jazz-01-1"]
    assert len(written["suspects"]) == 3
    assert len(found.to_json()["suspects"]) == 72


def test_unlabelled_tracks_do_not_count(tmp_path: Path) -> None:
    spec = ExtractorSpec("foreign", "1", 2, "euclidean", "float64")
    with create_library(tmp_path / "l.earmark", spec) as library:
        library.add(
            [Track(name=f"{i}", genre=None if i == 0 else "a") for i in range(4)],
            np.random.default_rng(0).normal(size=(4, 2)),
        )
        assert audit(load_evaluation_set(library)).n_tracks == 3


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([True] * 3, "None of 3 files is gone or changed."),
        ([True, True, False], "1 of 3 files is gone or changed."),
        ([True, False, False], "2 of 3 files are gone or changed."),
        ([True], "None of 1 file is gone or changed."),
    ],
)
def test_files_are_counted_in_words(tmp_path: Path, there: list[bool], said: str) -> None:
    data = make_evaluation_set(6, 2)
    tracks = list(data.tracks)
    for i, kept in enumerate(there):
        path = tmp_path / f"{i}.wav"
        path.write_bytes(b"x")
        tracks[i] = replace(tracks[i], path=str(path), size=1 if kept else 2)
    assert said in audit_sentence(audit(replace(data, tracks=tuple(tracks))))


def test_one_is_not_several() -> None:
    data = make_evaluation_set(3, 1)
    text = audit_text(audit(replace(data, artists=(None, *data.artists[1:]))))
    assert "1 track has no artist." in " ".join(text.split())
    assert "blues: 1 track by 1 artist or group\n" in text
    unknown = audit_text(audit(make_evaluation_set(3, 1, known=False)))
    assert "3 tracks have no artist." in " ".join(unknown.split())
    assert "blues: 1 track of 1 recording\n" in unknown


def star(spokes: int, seed: int) -> np.ndarray:
    """Return vectors [spokes + 1, 60]: the first is nearer to each of the others than these are."""
    directions = np.random.default_rng(seed).normal(size=(spokes, 60))
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return np.concatenate([np.zeros((1, 60)), unit])


def test_a_hub_is_a_neighbor_of_five_times_as_many_as_the_average() -> None:
    # Two stars far apart. On average a track is among the ten nearest of ten others.
    vectors = np.concatenate([star(49, 0), 100 + star(50, 1)])
    data = replace(make_evaluation_set(101, 1), vectors=vectors)
    times = survey_neighborhood(vectors, data.labels, "euclidean").occurrences
    assert (times[0], times[50], times.mean()) == (49, 50, 10)
    assert [(hub.track, hub.times) for hub in audit(data).hubs] == [(data.names[50], 50)]


@pytest.mark.parametrize(("share", "found"), [(0.95, ["likely"]), (1.05, [])])
@pytest.mark.parametrize("others", [1, 2, 10])
def test_a_copy_is_not_counted_among_its_own_surroundings(
    share: float, found: list[str], others: int
) -> None:
    # All else is as far from both: at 1, on another axis each.
    distance = share * METRICS["euclidean"].likely_share
    vectors = np.zeros((2 + others, 1 + others))
    vectors[:2, 0] = [-distance / 2, distance / 2]
    vectors[2:, 1:] = np.sqrt(1 - distance**2 / 4) * np.eye(others)
    copies = find_copies(vectors, "euclidean", np.arange(len(vectors)))
    assert [copy.how for copy in copies] == found
