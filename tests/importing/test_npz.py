"""Vectors of a foreign feature space: what is taken, what is refused."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.errors import ImportFormatError
from earmark.importing.npz import export_vectors, import_vectors
from earmark.library import Library, open_library
from earmark.library.fitting import voter

VECTORS = np.random.default_rng(0).normal(size=(4, 3))


def archive(path: Path, **arrays: Any) -> Path:
    given = {
        "vectors": VECTORS,
        "track": np.array(["a", "b", "c", "d"]),
        "genre": np.array(["x", "y", "x", "y"]),
        "metric": np.array("cosine"),
    }
    given.update(arrays)
    np.savez_compressed(path / "v.npz", **{k: v for k, v in given.items() if v is not None})
    return path / "v.npz"


def bring(path: Path, asked: str | None = None, **arrays: Any) -> tuple[Any, Library]:
    done = import_vectors(archive(path, **arrays), path / "v.earmark", metric=asked)
    return done, open_library(path / "v.earmark")


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float64", "float64"), ("float32", "float32"), ("float16", "float32"), ("int64", "float64")],
)
def test_vectors_are_kept_as_they_are(tmp_path: Path, given: str, kept: str) -> None:
    vectors = (10 * VECTORS).astype(given)
    done, library = bring(tmp_path, vectors=vectors, artist=np.array(["A", "", "B", "A"]))
    with library:
        snapshot = library.snapshot()
        assert (library.spec.name, library.spec.similarity) == ("foreign", "cosine")
    assert snapshot.vectors.dtype == kept
    np.testing.assert_array_equal(snapshot.vectors, vectors.astype(kept))
    assert snapshot.genres == ("x", "y", "x", "y")
    assert snapshot.artists == ("A", None, "B", "A")
    assert done.notes == ()


def test_the_option_comes_before_the_files_own_metric(tmp_path: Path) -> None:
    done, library = bring(tmp_path, "euclidean")
    library.close()
    assert done.metric == "euclidean"
    assert "says metric cosine" in done.notes[0]


def test_rows_that_cannot_be_used_are_left_out(tmp_path: Path) -> None:
    vectors = VECTORS.copy()
    vectors[1, 0] = np.inf
    vectors[3] = 0
    done, library = bring(
        tmp_path,
        vectors=vectors,
        track=np.array([7, 8, 9, 10]),
        genre=np.array([b"x", b"y", b"", b"y"]),
    )
    with library:
        assert [t.name for t in library.tracks()] == ["10", "7", "9"]
        assert library.genres() == {"x": 1, "y": 1}
    assert done.left_out == 1
    assert len(done.notes) == 3


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"vectors": None}, "no array 'vectors'; it holds genre, metric, track"),
        ({"vectors": np.zeros(4)}, "shape"),
        ({"vectors": np.zeros((4, 0))}, "shape"),
        ({"vectors": np.array([["a"]] * 4)}, "numbers"),
        ({"vectors": np.full((4, 3), np.nan)}, "no row"),
        ({"track": np.array(["a"])}, "'track'.*each of the 4"),
        ({"genre": np.array([None, "x", "y", "z"], dtype=object)}, "objects"),
        ({"metric": np.array("manhattan")}, "none of cosine, euclidean"),
        ({"metric": None}, "--metric"),
    ],
)
def test_archives_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ImportFormatError, match=reason):
        bring(tmp_path, **arrays)
    assert not (tmp_path / "v.earmark").exists()


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_the_cosine_has_no_scale(tmp_path: Path, scale: float) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "track": np.array([f"t{i}" for i in range(40)]),
        "genre": np.array(["x", "y"] * 20),
    }
    vectors = rng.normal(size=(40, 3)) + 2 * np.tile([[1.0, 0, 0], [0, 1.0, 0]], (20, 1))
    answers = []
    for factor in (1.0, scale):
        done, library = bring(tmp_path, vectors=factor * vectors, **arrays)
        with library:
            vote = voter(library)
            answers.append(vote.predict(factor * vectors))
        assert done.notes == ()
        (tmp_path / "v.earmark").unlink()
    np.testing.assert_array_equal(answers[0].winners, answers[1].winners)
    np.testing.assert_allclose(answers[0].probabilities, answers[1].probabilities, atol=1e-6)
    np.testing.assert_allclose(answers[0].distances, answers[1].distances, atol=1e-6)
    np.testing.assert_allclose(answers[0].outlier_scores, answers[1].outlier_scores, rtol=1e-6)


@pytest.mark.parametrize(
    ("metric", "factors", "reason"),
    [
        ("euclidean", [1, 1e300, 1, 1], r"1 of 4 vectors .* euclidean \(row 2\)"),
        ("euclidean", [1e300] * 4, r"4 of 4 vectors .* \(rows 1, 2, 3, 4\)"),
        ("euclidean", [1e-300] * 4, "counts as one recording"),
        ("euclidean", [1e-8] * 4, "counts as one recording"),
        ("cosine", [1, 1, 1e300, 1], r"1 of 4 vectors .* cosine \(row 3\)"),
        ("cosine", [1, 1, 1, 1e-300], r"1 of 4 vectors .* cosine \(row 4\)"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(
    tmp_path: Path, metric: str, factors: list[float], reason: str
) -> None:
    with pytest.raises(ImportFormatError, match=reason):
        bring(tmp_path, metric, vectors=VECTORS * np.array(factors)[:, None])
    assert not (tmp_path / "v.earmark").exists()


def test_names_are_brought_to_one_line(tmp_path: Path) -> None:
    _, library = bring(
        tmp_path,
        genre=np.array(["new\nwave", "\x1b[31mred", "日本", "a\u202eb"]),
        title=np.array([b"one\r\ntwo", b"", b"x\ty", b"z"]),
    )
    with library:
        assert set(library.genres()) == {"new wave", "\ufffd[31mred", "日本", "a\ufffdb"}
        assert {track.title for track in library.tracks()} == {"one two", None, "x y", "z"}


def test_sources_come_along_and_are_written_again(tmp_path: Path) -> None:
    sources = ["tapes", "", "radio", "tapes"]
    _, library = bring(tmp_path, source=np.array(sources))
    with library:
        assert [track.source or "" for track in library.tracks()] == sources
        export_vectors(library, tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as again:
        assert again["source"].tolist() == sources


def test_several_genres_come_along_and_are_written_again(tmp_path: Path) -> None:
    several = ["z; Jazz, Swing", "", "w;;x", " y "]
    _, library = bring(tmp_path, other_genres=np.array(several))
    wanted = {"a": ("x", "z", "Jazz, Swing"), "b": ("y",), "c": ("x", "w"), "d": ("y",)}
    with library:
        assert {track.name: track.genres for track in library.tracks()} == wanted
        export_vectors(library, tmp_path / "again.npz")
    import_vectors(tmp_path / "again.npz", tmp_path / "again.earmark")
    with open_library(tmp_path / "again.earmark") as again:
        assert {track.name: track.genres for track in again.tracks()} == wanted


def test_what_is_no_archive(tmp_path: Path) -> None:
    bad = tmp_path / "bad.npz"
    for data in (b"", b"text", archive(tmp_path).read_bytes()[:-200]):
        bad.write_bytes(data)
        with pytest.raises(ImportFormatError, match="not an npz"):
            import_vectors(bad, tmp_path / "x.earmark")
    with pytest.raises(ImportFormatError, match="no such file"):
        import_vectors(tmp_path / "none.npz", tmp_path / "x.earmark")


def test_published_tags_can_be_brought(shared_data: Path, tmp_path: Path) -> None:
    with np.load(shared_data / "taggrams" / "msd_musicnn_gtzan_train443.npz") as published:
        tags, track = published["tags"], published["track"]
    names = np.unique(track)
    means = np.stack([tags[track == name].mean(axis=0) for name in names])
    genres = np.array([str(name).split("/")[-1].split(".")[0] for name in names])
    done, library = bring(tmp_path, vectors=means, track=names, genre=genres)
    library.close()
    assert done.tracks == 443
    assert len(done.genres) == 10


@pytest.mark.parametrize("names", [["big"], ["one", "two"]])
def test_more_than_four_gigabytes_are_not_unpacked(tmp_path: Path, names: list[str]) -> None:
    """What an archive says that it unpacks to counts, all of its arrays together."""
    most = 4 * 2**30
    for beyond in (0, 1):
        file = tmp_path / f"{beyond}.npz"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
            for name in names:
                written.writestr(f"{name}.npy", b"")
            for entry in written.infolist():
                # The directory at the end of the archive is written when it is closed.
                entry.file_size = most // len(names)
            written.infolist()[0].file_size += beyond
        with pytest.raises(ImportFormatError) as told:
            import_vectors(file, tmp_path / "l.earmark")
        assert (str(told.value) == f"{file}: unpacks to more than 4 GB") == bool(beyond)


def entry(shape: object, data: bytes, descr: object = "<f8") -> bytes:
    """Return an array as an archive holds it, that claims whatever it is told to."""
    content = io.BytesIO()
    claim = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, claim)
    return content.getvalue() + data


def packed(file: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as written:
        for name, data in entries.items():
            written.writestr(f"{name}.npy", data)
    return file


def with_field(file: Path, place: int, value: int) -> Path:
    """Set two bytes in both headers of every entry; ``place`` is that of the header in front."""
    data = bytearray(file.read_bytes())
    for mark, more in ((b"PK\3\4", 0), (b"PK\1\2", 2)):
        at = data.find(mark)
        while at >= 0:
            data[at + place + more : at + place + more + 2] = value.to_bytes(2, "little")
            at = data.find(mark, at + 4)
    file.write_bytes(data)
    return file


def lying(shape: object, descr: object = "<f8") -> Callable[[Path], Path]:
    return lambda file: packed(file, {"vectors": entry(shape, bytes(96), descr)})


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: with_field(archive(file.parent), 6, 1), "encrypted"),
        (lambda file: with_field(archive(file.parent), 8, 97), "packed in a way"),
        (lambda file: packed(file, {"vectors": b"no array"}), "'vectors' is no array"),
        (lambda file: packed(file, {"vectors": b""}), "'vectors' is no array"),
        (lambda file: packed(file, {"vectors": b"\x93NUMPY\x09\x00"}), "'vectors' is no array"),
        (lying((10**15, 3)), r"\(1000000000000000, 3\), but has 96 bytes"),
        (lying((2**62, 2**62)), "but has 96 bytes"),
        (lying((-4, -3)), "but has 96 bytes"),
        (lying((4, 4)), "but has 96 bytes"),
        (lying((4, 2)), "but has 96 bytes"),
        (lying((4, 3), "|O"), "array of objects"),
        (lying((4, 3), "<f99"), "no array"),
        (lying("four"), "no array"),
    ],
)
def test_an_archive_that_lies_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    file = make(tmp_path / "lie.npz")
    with pytest.raises(ImportFormatError, match=reason) as told:
        import_vectors(file, tmp_path / "l.earmark")
    assert str(told.value).startswith(f"{file}: ")
    assert not (tmp_path / "l.earmark").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_archive_is_refused_or_read(tmp_path: Path, method: int) -> None:
    """Whatever bytes are other ones, there is one line or a library, and no traceback."""
    given = archive(tmp_path)
    with zipfile.ZipFile(given) as written:
        whole = {name.removesuffix(".npy"): written.read(name) for name in written.namelist()}
    sound = packed(tmp_path / "sound.npz", whole, method).read_bytes()
    chance = random.Random(method)
    file, target = tmp_path / "damaged.npz", tmp_path / "l.earmark"
    for _ in range(120):
        data = bytearray(sound)
        for _ in range(chance.choice([1, 1, 3, 30])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        file.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        told = f"{file}: "
        try:
            import_vectors(file, target, overwrite=True)
        except ImportFormatError as error:
            told = str(error)
        assert told.startswith(f"{file}: ")


def test_text_without_a_letter_is_read(tmp_path: Path) -> None:
    done, library = bring(tmp_path, artist=np.array(["", "", "", ""], dtype="<U0"))
    library.close()
    assert done.tracks == 4
