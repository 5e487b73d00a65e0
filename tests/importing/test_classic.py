"""my.dat files: what comes in, what goes out, and what is said of the odd ones."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import (
    ImportFormatError,
    LibraryEmpty,
    LibraryExists,
    LibraryExtractor,
    UnsafePickle,
)
from earmark.importing.classic import (
    GTZAN,
    classic_spec,
    export_classic,
    import_classic,
    read_rows,
)
from earmark.importing.classic.genres import gtzan_names, odd_labels, parse, to_text
from earmark.importing.classic.recognize import Reference, recognize, window_of
from earmark.library import (
    ExtractorSpec,
    Library,
    Track,
    create_library,
    default,
    open_library,
)
from support import gaussians


def empty_reference() -> Reference:
    return Reference((), np.zeros((0, 104)))


def reference_of(path: Path, dat: Path, names: str) -> Reference:
    """The tracks of a my.dat as a library that knows them."""
    import_classic(dat, path, genres=names, reference=empty_reference())
    with open_library(path) as library:
        return Reference.of(library)


def write(tmp_path: Path, labels: list[int], name: str = "my.dat") -> Path:
    return gaussians.write(tmp_path / name, gaussians.rows(labels))


def bring(tmp_path: Path, dat: Path, **options: object) -> tuple[tuple[str, ...], Library]:
    options.setdefault("reference", empty_reference())
    target = tmp_path / f"{dat.stem}.earmark"
    done = import_classic(dat, target, overwrite=True, **options)  # type: ignore[arg-type]
    return done.notes, open_library(target)


# Round trips


@pytest.mark.parametrize("protocol", range(6))
def test_out_and_in_again_changes_no_bit(tmp_path: Path, protocol: int) -> None:
    labels = [2, 1, 2, 3, 1]
    rows = gaussians.rows(labels)
    source = gaussians.write(tmp_path / "my.dat", rows, protocol)
    _, library = bring(tmp_path, source, genres="c,a,b")
    with library:
        assert library.spec == classic_spec()
        named = export_classic(library, tmp_path / "out.dat")
    assert named == {1: "a", 2: "b", 3: "c"}
    data = (tmp_path / "out.dat").read_bytes()
    assert b"numpy.core.multiarray" in data
    assert b"_core" not in data
    assert data[:2] == b"\x80\x02"
    # As Python itself reads it.
    back = []
    with (tmp_path / "out.dat").open("rb") as file:
        while file.peek():
            back.append(pickle.load(file))
    old = {1: 3, 2: 1, 3: 2}
    expected = sorted(((mean, cov, old[label]) for mean, cov, label in rows), key=lambda r: r[2])
    assert [row[2] for row in back] == [row[2] for row in expected]
    for one, other in zip(back, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    _, again = bring(tmp_path, tmp_path / "out.dat", genres="a,b,c")
    with again:
        np.testing.assert_array_equal(
            np.sort(again.snapshot().vectors, axis=0),
            np.sort(read_rows(source).vectors, axis=0),
        )


def test_export_refuses_other_features_and_nothing(tmp_path: Path) -> None:
    with (
        create_library(
            tmp_path / "m.earmark", ExtractorSpec("musicnn", "1", 2, "cosine", "float16")
        ) as other,
        pytest.raises(LibraryExtractor, match="--extractor mfcc"),
    ):
        export_classic(other, tmp_path / "x.dat")
    with (
        create_library(tmp_path / "e.earmark", classic_spec()) as empty,
        pytest.raises(LibraryEmpty),
    ):
        export_classic(empty, tmp_path / "x.dat")
    assert not (tmp_path / "x.dat").exists()


# Names


def test_names_by_order_by_label_and_of_gtzan() -> None:
    assert parse("a, b", [1, 2, 1]) == {1: "a", 2: "b"}
    assert parse("a,b", [0, 1]) == {0: "a", 1: "b"}
    assert parse("a,b,c", [1, 3]) == {1: "a", 3: "c"}
    assert parse("a,b", [1, 7]) == {1: "a", 7: "b"}
    assert parse("7=a, 1=b", [1, 7]) == {1: "b", 7: "a"}
    assert parse("1=a,2=a", [1, 2]) == {1: "a", 2: "a"}
    assert parse("GTZAN", list(range(1, 11))) == dict(enumerate(GTZAN, 1))


def test_names_with_commas_stand_in_quotes() -> None:
    assert parse('1="R&B, soul",2=日本', [1, 2]) == {1: "R&B, soul", 2: "日本"}
    assert parse('"R&B, soul", jazz', [1, 2]) == {1: "R&B, soul", 2: "jazz"}
    assert parse('12" mixes,a "b" c', [1, 2]) == {1: '12" mixes', 2: 'a "b" c'}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 12), st.text(min_size=1).filter(lambda name: name.strip()), min_size=1
    )
)
def test_names_that_are_written_are_read_again(named: dict[int, str]) -> None:
    assert parse(to_text(named), list(named)) == named


def test_more_names_than_labels_are_refused_but_for_gtzans() -> None:
    ten = list(range(1, 11))
    with pytest.raises(ImportFormatError, match=r"11 genres, but the labels are 1, 2.*for 'k'"):
        parse("a,b,c,d,e,f,g,h,i,j,k", ten)
    with pytest.raises(ImportFormatError, match="for 'c'"):
        parse("a,b,c", [0, 1])
    # A run that was stopped early has no last labels.
    for text in ("gtzan", ",".join(GTZAN)):
        assert parse(text, [1, 2, 4]) == {1: "blues", 2: "classical", 4: "disco"}
    notes: list[str] = []
    assert parse("1=a,2=b,7=c,9=d", [1, 2], notes) == {1: "a", 2: "b"}
    assert notes == ["--genres names labels 7, 9, which no row has"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [('1="a,2=b', "ends with a quote"), ('"a"b,c', "ends with a quote"),
     ("1=R&B, soul,2=b", "needs quotes"), ("1=a,2=", "form"), ("a,", "empty"), ('a,""', "empty"),
     ("a", "label 2"), ("a,,b", "empty"), ("a,a", "twice"), ("1=a", "label 2"), ("1=a,b", "form"),
     ("1=a,1=b", "twice"), ("x=a,2=b", "form")],
)  # fmt: skip
def test_names_that_do_not_fit_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ImportFormatError, match=reason):
        parse(text, [1, 2])


@pytest.mark.slow
def test_ten_blocks_of_100_are_named_as_gtzan_names_them(tmp_path: Path) -> None:
    labels = [label for label in range(1, 11) for _ in range(100)]
    dat = write(tmp_path, labels)
    _, library = bring(tmp_path, dat, genres="gtzan")
    with library:
        tracks = library.tracks()
    assert [t.name for t in tracks] == [f"{g}.{n:05}" for g in GTZAN for n in range(100)]
    np.testing.assert_array_equal(
        read_rows(dat).vectors, open_library(library.file).snapshot().vectors
    )
    assert gtzan_names(labels, dict(enumerate(GTZAN, 1)))[142] == "classical.00042"


def test_other_rows_are_named_by_label_and_number(tmp_path: Path) -> None:
    _, library = bring(tmp_path, write(tmp_path, [1, 2, 1]), genres="a,b")
    with library:
        assert [t.name for t in library.tracks()] == ["1.00000", "1.00001", "2.00000"]


def test_labels_that_are_names_need_no_genres(tmp_path: Path) -> None:
    mean, covariance, _ = gaussians.row(1)
    dat = tmp_path / "my.dat"
    dat.write_bytes(pickle.dumps((mean, covariance, "blues")))
    _, library = bring(tmp_path, dat)
    with library:
        assert library.genres() == {"blues": 1}


# Recordings that are known


@pytest.fixture
def known(tmp_path: Path) -> tuple[Path, Reference]:
    """A file of three genres with ten recordings each, and a reference that knows them."""
    dat = write(tmp_path, [1] * 10 + [2] * 10 + [3] * 10, "known.dat")
    return dat, reference_of(tmp_path / "reference.earmark", dat, "blues,jazz,rock")


def test_labels_are_named_by_recordings_that_are_known(
    tmp_path: Path, known: tuple[Path, Reference]
) -> None:
    _, reference = known
    rows = gaussians.rows([1] * 10 + [2] * 10 + [3] * 10)
    shuffled = gaussians.write(
        tmp_path / "s.dat", [(m, c, {1: 9, 2: 5, 3: 7}[label]) for m, c, label in rows]
    )
    notes, library = bring(tmp_path, shuffled, reference=reference)
    with library:
        snapshot = library.snapshot()
        assert library.genres() == {"blues": 10, "jazz": 10, "rock": 10}
    assert any("5 = jazz, 7 = rock, 9 = blues" in note for note in notes)
    by_vector = {
        v.tobytes(): g
        for v, g in zip(reference.vectors, (t.genre for t in reference.tracks), strict=True)
    }
    assert all(
        by_vector[v.tobytes()] == g for v, g in zip(snapshot.vectors, snapshot.genres, strict=True)
    )


def test_what_is_not_known_is_not_guessed(
    tmp_path: Path, known: tuple[Path, Reference], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(*gaussians.row(1000 + n)[:2], 1) for n in range(10)]
    dat = gaussians.write(tmp_path / "u.dat", rows)
    with pytest.raises(ImportFormatError, match=r"of label 1 only 0 of 10.*--genres 1=NAME"):
        bring(tmp_path, dat, reference=known[1])
    monkeypatch.setattr(default, "PACKAGE_DATA", tmp_path / "no package")
    with pytest.raises(ImportFormatError, match="no classic reference"):
        import_classic(dat, tmp_path / "u.earmark")
    assert not (tmp_path / "u.earmark").exists()


def test_one_genre_under_two_labels_is_refused(
    tmp_path: Path, known: tuple[Path, Reference]
) -> None:
    rows = gaussians.rows([1] * 5 + [4] * 5 + [2] * 10)
    dat = gaussians.write(tmp_path / "t.dat", rows)
    with pytest.raises(ImportFormatError, match="labels 1 and 4 both hold blues"):
        bring(tmp_path, dat, reference=known[1])
    _, library = bring(tmp_path, dat, reference=known[1], genres="1=blues,4=blues,2=jazz")
    with library:
        assert library.genres() == {"blues": 10, "jazz": 10}


def test_names_against_known_recordings_are_remarked(
    tmp_path: Path, known: tuple[Path, Reference]
) -> None:
    notes, library = bring(tmp_path, known[0], reference=known[1], genres="rock,jazz,blues")
    library.close()
    assert any("label 1 is not rock but blues" in note for note in notes)


def test_another_window_is_refused_and_never_mixed(
    tmp_path: Path, known: tuple[Path, Reference]
) -> None:
    # Half the window has half the energy, in every band.
    shift = -np.sqrt(26) * np.log(2)
    straight = gaussians.rows([1] * 10 + [2] * 10)
    rows = [(mean + shift * np.eye(13)[0], cov, label) for mean, cov, label in straight]
    dat = gaussians.write(tmp_path / "w.dat", rows)
    with pytest.raises(ImportFormatError, match=r"window of 10 ms.*other-settings"):
        bring(tmp_path, dat, reference=known[1], genres="a,b")
    notes, library = bring(tmp_path, dat, reference=known[1], genres="a,b", other_settings=True)
    with library:
        assert library.spec.name == "foreign"
        with pytest.raises(LibraryExtractor):
            export_classic(library, tmp_path / "x.dat")
    assert any("other settings" in note for note in notes)
    assert window_of(shift) == pytest.approx(10)


@pytest.mark.parametrize("change", ["samples in [-1, 1]", "no liftering"])
def test_features_on_another_scale_are_refused(tmp_path: Path, change: str) -> None:
    rows = []
    for mean, covariance, label in gaussians.rows([1, 2, 1, 2]):
        scale = np.ones(13)
        if change == "no liftering":
            scale = 1 / (1 + 11 * np.sin(np.pi * np.arange(13) / 22))
        else:
            mean = mean - 2 * np.sqrt(26) * np.log(32768) * np.eye(13)[0]
        rows.append((mean * scale, covariance * np.outer(scale, scale), label))
    dat = gaussians.write(tmp_path / "o.dat", rows)
    with pytest.raises(ImportFormatError, match="other settings"):
        bring(tmp_path, dat, genres="a,b")


# Odd files


def test_a_file_that_ends_within_a_row_gives_the_whole_rows(tmp_path: Path) -> None:
    dat = write(tmp_path, [1, 2, 1])
    dat.write_bytes(dat.read_bytes()[:-100])
    done = import_classic(dat, tmp_path / "c.earmark", genres="a,b", reference=empty_reference())
    assert done.tracks == 2
    assert done.left_out == 1
    assert any("cut off: 2 rows are whole" in note for note in done.notes)


def bad(kind: str) -> gaussians.Row:
    mean, covariance, label = gaussians.row(5)
    match kind:
        case "not finite":
            mean[3] = np.nan
        case "not symmetric":
            covariance[1, 2] += 5
        case "zero":
            covariance[:] = 0
        case "negative variances":
            covariance = -np.eye(13)
        case "too large":
            mean[2] = 1e300
        case "negative":
            covariance -= 2 * np.linalg.eigvalsh(covariance)[0] * np.eye(13)
    return mean, covariance, label


@pytest.mark.parametrize(
    "kind",
    ["not finite", "not symmetric", "zero", "negative", "negative variances", "too large"],
)
def test_rows_that_are_no_gaussians_are_left_out_and_named(tmp_path: Path, kind: str) -> None:
    rows = [gaussians.row(1), bad(kind), gaussians.row(2)]
    read = read_rows(gaussians.write(tmp_path / "b.dat", rows))
    assert len(read) == 2
    assert read.left_out == 1
    assert read.notes[0].startswith("left out row 2, because")
    assert kind in read.notes[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((np.zeros(20), np.eye(20), 1), r"shape \(20,\)"),
        ((np.zeros(13), np.zeros(13), 1), r"shape \(13,\); only|covariance of shape"),
        ((np.zeros(13), np.eye(13)), "not a tuple"),
        ((np.zeros(13), np.eye(13), None), "label"),
        ((np.zeros(13), np.eye(13), 10**30), "label"),
        ((np.zeros(13), np.eye(13), float("nan")), "label"),
        (np.zeros(13), "not a tuple"),
        ([np.zeros(13), np.eye(13), 1], "a list"),
    ],
)
def test_another_shape_is_refused_with_its_row(tmp_path: Path, row: object, reason: str) -> None:
    dat = tmp_path / "s.dat"
    dat.write_bytes(pickle.dumps(gaussians.row(1)) + pickle.dumps(row))
    with pytest.raises(ImportFormatError, match=f"row 2.*({reason})") as caught:
        read_rows(dat)
    assert "\n" not in str(caught.value)


def test_an_unsafe_row_anywhere_refuses_the_file(tmp_path: Path) -> None:
    dat = write(tmp_path, [1, 2])
    dat.write_bytes(dat.read_bytes() + b"cos\nsystem\n(S'touch trace'\ntR.")
    with pytest.raises(UnsafePickle, match=r"row 3 asks for os\.system; nothing of it was run"):
        read_rows(dat)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "is empty"), (b"path,genre\n", "no pickles"), (b"(this is text", "no pickles"),
     (b"\x80\x02(", "first row"), (b"\x80\x63.", "row 1")],
)  # fmt: skip
def test_what_is_no_my_dat(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "x.dat").write_bytes(data)
    with pytest.raises(ImportFormatError, match=reason):
        read_rows(tmp_path / "x.dat")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImportFormatError, match="No such file"):
        read_rows(tmp_path / "none.dat")
    with pytest.raises(ImportFormatError, match="folder"):
        read_rows(tmp_path)


def test_odd_labels_are_remarked() -> None:
    assert odd_labels([1] * 5 + [2] * 5) == []
    assert odd_labels([1] * 5 + [3] * 5) == ["no rows have label 2"]
    (note,) = odd_labels([1] * 5 + [2] * 5 + [3] * 2)
    assert "label 3 has 2 rows where others have 5" in note
    assert "stopped there" in note


def test_an_import_does_not_replace(tmp_path: Path) -> None:
    dat = write(tmp_path, [1, 2])
    import_classic(dat, tmp_path / "a.earmark", genres="a,b")
    with pytest.raises(LibraryExists):
        import_classic(dat, tmp_path / "a.earmark", genres="a,b")


# The public files


@pytest.fixture(scope="module")
def clips(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """What a library of the clips that are at hand knows: their rows, moved as coding moves them.

    Half of the rows stand for the clips of a reference; measured on real clips, coding to Ogg moves
    c0 by -0.18 and c1 by 0.32, and gives distances of 0.003 to 0.9.
    """
    rows = read_rows(shared_data / "mydat" / "gtzan1000.dat")
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(1000)[:500])
    vectors = rows.vectors[chosen].copy()
    vectors[:, 0] -= 0.18
    vectors[:, 1] += 0.32
    tracks = [
        Track(name=f"{GTZAN[n // 100]}.{n % 100:05}", genre=GTZAN[n // 100], artist=f"artist {n}")
        for n in chosen
    ]
    path = tmp_path_factory.mktemp("clips") / "classic.earmark"
    with create_library(path, classic_spec()) as library:
        library.add(tracks, vectors)
        return Reference.of(library)


@pytest.mark.slow
def test_the_public_file_and_its_shuffled_kin_get_the_right_names(
    shared_data: Path, tmp_path: Path, clips: Reference
) -> None:
    _, straight = bring(tmp_path, shared_data / "mydat" / "gtzan1000.dat", reference=clips)
    _, shuffled = bring(tmp_path, shared_data / "mydat" / "shuffled_labels.dat", reference=clips)
    with straight, shuffled:
        first, second = straight.snapshot(), shuffled.snapshot()
        tracks = straight.get_many(first.ids.tolist())
        others = shuffled.tracks()
    names = [tracks[track_id].name for track_id in first.ids.tolist()]
    assert names == [f"{g}.{n:05}" for g in GTZAN for n in range(100)]
    assert first.genres == tuple(g for g in GTZAN for _ in range(100))
    assert sum(artist is not None for artist in first.artists) >= 500
    # The same recordings, computed again: equal but for the last digits.
    matches = recognize(second.vectors, first).tracks
    agree = [first.genres[row] == genre for row, genre in zip(matches, second.genres, strict=True)]
    assert np.mean(agree) > 0.99
    # Its rows lie in another order, so that GTZAN's names would be wrong.
    assert not {t.name for t in others} & set(names)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("blues_twice.dat", "labels 1 and 3 both hold blues"),
        ("not_a_pickle.dat", "no pickles"),
        ("winlen_10ms.dat", "window of 10 ms"),
    ],
)
def test_public_files_that_are_refused(
    shared_data: Path, tmp_path: Path, clips: Reference, name: str, reason: str
) -> None:
    with pytest.raises(ImportFormatError, match=reason):
        bring(tmp_path, shared_data / "mydat" / name, reference=clips)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tracks", "remark"),
    [
        ("truncated_552.dat", 552, "label 6 has 52 rows where others have 100; the run"),
        ("no_jazz54_999.dat", 999, "label 6 has 99 rows where others have 100"),
    ],
)
def test_public_files_that_are_odd_but_usable(
    shared_data: Path, tmp_path: Path, clips: Reference, name: str, tracks: int, remark: str
) -> None:
    notes, library = bring(tmp_path, shared_data / "mydat" / name, reference=clips)
    with library:
        assert library.count() == tracks
        assert set(library.genres()) <= set(GTZAN)
    assert any(note.startswith(remark) for note in notes)
