"""What is evaluated: names found, artists taken, groups kept together."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import EvaluationError
from earmark.evaluation import gtzan
from earmark.evaluation.evaluation_set import load_evaluation_set, with_artists
from earmark.library import ExtractorSpec, Track, create_library, open_library
from earmark.library.fitting import tracks_together
from support.evaluated import make_evaluation_set, write_library


def named(*names: str, paths: tuple[str | None, ...] = ()) -> object:
    data = make_evaluation_set(1, len(names))
    tracks = tuple(
        replace(track, name=name, path=paths[i] if paths else None)
        for i, (track, name) in enumerate(zip(data.tracks, names, strict=True))
    )
    return replace(data, tracks=tracks)


@pytest.mark.parametrize(
    "line",
    [
        "blues.00029",
        "blues/blues.00029.wav",
        "blues.00029.au",
        "/music/gtzan/blues/blues.00029.flac",
        "genres\\blues\\blues.00029.wav",
        "  blues.00029  ",
    ],
)
def test_a_track_is_found_by_any_of_its_names(line: str) -> None:
    data = named("blues.00029", "blues.00030")
    rows, missing = data.find([line], "list")
    assert (list(rows), missing) == ([0], [])


def test_lists_skip_comments_and_say_what_is_missing() -> None:
    data = named("a", "b", "c")
    rows, missing = data.find(["# mine", "", "c", "x", "a", "c"], "list")
    assert (list(rows), missing) == ([2, 0], ["x"])


def test_the_most_exact_meaning_counts_and_the_rest_is_refused() -> None:
    data = named(
        "one", "one", "two", paths=("/m/blues/one.mp3", "/m/jazz/one.mp3", "/m/jazz/two.mp3")
    )
    assert list(data.find(["jazz/one.mp3"], "list")[0]) == [1]
    assert list(data.find(["/m/blues/one.mp3"], "list")[0]) == [0]
    with pytest.raises(EvaluationError, match="can mean 2 tracks"):
        data.find(["one"], "list")


def test_a_dot_in_a_name_is_no_ending() -> None:
    data = named("Mr. Blue", "Mr. Red")
    assert list(data.find(["Mr. Red"], "list")[0]) == [1]
    assert data.find(["Mr"], "list")[1] == ["Mr"]


def test_groups_join_artists_copies_and_what_a_file_states() -> None:
    data = make_evaluation_set(4, 2)
    vectors = data.vectors.copy()
    vectors[2] = vectors[0]  # a track of artist 1 is a copy of one of artist 0
    data = replace(data, vectors=vectors, stated_copies=((5, 7),))
    assert [(c.first, c.second, c.how) for c in data.copies] == [(0, 2, "exact")]
    assert len(set(data.groups[:4])) == 1
    assert len(set(data.groups[4:])) == 1
    assert len(set(data.groups)) == 2


def test_a_vote_is_fitted_with_the_groups_that_it_is_evaluated_with(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    songs = rng.normal(size=(40, 8))
    # Encoded anew, half of them are likely copies and no exact ones.
    again = songs[:20] + 0.01 * rng.normal(size=(20, 8))
    vectors = np.concatenate([songs, again])
    tracks = [Track(name=f"{n:02}", genre=f"genre {n % 2}") for n in range(60)]
    spec = ExtractorSpec("foreign", "1", 8, "cosine", "float64")
    with create_library(tmp_path / "l.earmark", spec) as library:
        library.add(tracks, vectors)
        fitted = tracks_together(library.snapshot(), "cosine")
        data = load_evaluation_set(library)
    assert {copy.how for copy in data.copies} == {"likely"}
    assert len(np.unique(fitted)) == 40
    for groups in (fitted, data.groups):
        np.testing.assert_array_equal(groups[:20], groups[40:])
    assert len(np.unique(data.groups)) == 40


def test_files_of_the_same_bytes_are_copies_whatever_their_vectors() -> None:
    data = make_evaluation_set(4, 2)
    tracks = tuple(
        replace(track, content_hash="ab" * 32 if i in (1, 6) else None)
        for i, track in enumerate(data.tracks)
    )
    data = replace(data, tracks=tracks)
    assert [(c.first, c.second, c.how) for c in data.copies] == [(1, 6, "content")]
    assert data.groups[1] == data.groups[6]


def test_a_part_of_a_corpus_keeps_what_belongs_to_its_tracks() -> None:
    data = replace(make_evaluation_set(), stated_copies=((0, 9), (3, 4)))
    part = data.rows(np.array([9, 0, 20]))
    assert part.names == tuple(data.names[i] for i in (9, 0, 20))
    assert part.stated_copies == ((1, 0),)
    assert np.array_equal(part.vectors, data.vectors[[9, 0, 20]])


def test_artists_from_a_file(tmp_path: Path) -> None:
    library = open_library(write_library(make_evaluation_set(known=False), tmp_path / "l.earmark"))
    data = load_evaluation_set(library)
    assert (data.n_artists, data.artists_from) == (0, None)
    file = tmp_path / "artists.csv"
    file.write_text(
        "Track,Artist,duplicate_of\n"
        "blues-00-0.wav, Ann ,jazz-01-0\nblues-00-1,ann,\nnot-there,Bob,\njazz-01-0,,\n",
        "utf-8",
    )
    data = load_evaluation_set(library, str(file))
    assert data.n_artists == 1
    assert data.artists_from == str(file)
    first, second, copy = (data.names.index(n) for n in ("blues-00-0", "blues-00-1", "jazz-01-0"))
    assert data.groups[first] == data.groups[second] == data.groups[copy]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name,artist\nblues-00-0,Ann\n", "no column 'track'"),
        ("", "is empty; its first line needs to name the columns track,artist"),
        ("track,artist\na,Ann\nb,Ann\n", "names 2 tracks, none of which is in made-up"),
        ("track;artist\n", "names no track"),
        ("track,name\n", "no column 'artist'; its columns are: track, name"),
        ('track,artist\n"' + "a" * 200_000 + '",Ann\n', "line 2: field larger"),
        ("track,artist\nelse,Ann\n", "names 1 track, which is not in made-up"),
    ],
)
def test_artists_files_that_do_not_fit_are_refused(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "artists.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(EvaluationError, match=word):
        with_artists(make_evaluation_set(), file)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_artists_files_may_be_separated_as_manifests_are(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "artists.csv"
    rows = [["Artist", '"Track"', "x"], ["Ann", "blues-00-0"], [], ["Ann", '"jazz-01-0"', "y"]]
    file.write_text("\r\n".join(mark.join(row) for row in rows), "utf-8")
    data = with_artists(make_evaluation_set(known=False), file)
    assert {
        name: artist for name, artist in zip(data.names, data.artists, strict=True) if artist
    } == {
        "blues-00-0": "Ann",
        "jazz-01-0": "Ann",
    }


def test_artists_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="there is no such file"):
        with_artists(make_evaluation_set(), tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"track,artist\n\0,x\n")
    with pytest.raises(EvaluationError, match="is not text"):
        with_artists(make_evaluation_set(), tmp_path / "bytes.csv")


def test_a_library_without_labels_is_refused(tmp_path: Path) -> None:
    spec = ExtractorSpec("foreign", "1", 2, "euclidean", "float64")
    with create_library(tmp_path / "l.earmark", spec) as library:
        library.add([Track(name="a", genre=None)], np.ones((1, 2)))
        with pytest.raises(EvaluationError, match="no labelled tracks"):
            load_evaluation_set(library)


def test_of_a_large_library_some_tracks_are_drawn(tmp_path: Path) -> None:
    path = write_library(make_evaluation_set(6, 5), tmp_path / "l.earmark")
    with open_library(path, read_only=True) as library:
        whole = load_evaluation_set(library)
        some, again = (load_evaluation_set(library, most=20) for _ in range(2))
        same = load_evaluation_set(library, most=len(whole))
    assert (whole.drawn, same.drawn, len(same)) == (None, None, len(whole))
    assert (len(some), some.drawn_from, some.names) == (20, len(whole), again.names)
    assert f"20 of {len(whole)} labelled tracks were drawn" in str(some.drawn)
    # Not the first ones, and each with what is its own.
    assert some.names != whole.names[:20]
    rows = [whole.names.index(name) for name in some.names]
    np.testing.assert_array_equal(some.vectors, whole.vectors[rows])
    assert some.artists == tuple(whole.artists[row] for row in rows)
    assert some.genres == tuple(whole.genres[row] for row in rows)
    assert some.excerpts is None
    assert whole.excerpts is None


def test_gtzan_is_known_by_its_names(tmp_path: Path) -> None:
    data = make_evaluation_set(10, 3, known=False, genres=("blues", "pop"))
    tracks = tuple(
        replace(track, name=f"{track.genre}.{i:05}") for i, track in enumerate(data.tracks)
    )
    library = open_library(write_library(replace(data, tracks=tracks), tmp_path / "g.earmark"))
    data = load_evaluation_set(library)
    assert data.is_gtzan
    assert data.artists[data.names.index("blues.00000")] == "John Lee Hooker"
    assert "Sturm" in str(data.artists_from)
    assert load_evaluation_set(library, "none").n_artists == 0
    partly = (replace(tracks[0], artist="Somebody"), *tracks[1:])
    library = open_library(write_library(replace(data, tracks=partly), tmp_path / "p.earmark"))
    data = load_evaluation_set(library)
    assert data.artists[data.names.index(partly[0].name)] == "Somebody"
    assert "the library and, for" in str(data.artists_from)
    assert not gtzan.is_gtzan(["blues.00001"] * 19)
    assert not gtzan.is_gtzan(["my song"] * 30)


def test_the_facts_about_gtzan_are_those_of_the_index(shared_data: Path) -> None:
    with (shared_data / "gtzan" / "tracks.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    artists = {row["track"]: " ".join(row["artist"].split()) for row in rows}
    assert gtzan.artists() == {track: artist for track, artist in artists.items() if artist}
    for part, count in (("train", 443), ("valid", 197), ("test", 290)):
        file = shared_data / "gtzan" / "splits" / f"{part}_filtered.txt"
        names = [str(gtzan.clip_name(line)) for line in file.read_text().split()]
        assert sorted(gtzan.fault_filtered()[part]) == sorted(names)
        assert len(names) == count
