"""``earmark export``: a my.dat, and what its labels stand for."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from earmark.cli.export import export
from earmark.cli.import_ import import_command
from earmark.errors import ImportFormatError, LibraryExtractor, NotALibrary
from earmark.importing.classic import read_rows
from earmark.importing.npz import import_vectors
from earmark.library import ExtractorSpec, Track, create_library, open_library
from support import gaussians


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(export, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_what_is_printed_brings_the_file_back(tmp_path: Path) -> None:
    dat = gaussians.write(tmp_path / "my.dat", gaussians.rows([3, 1, 2, 1]))
    library = tmp_path / "a.earmark"
    names = "rock,jazz,folk"
    assert CliRunner().invoke(
        import_command, [str(dat), "-o", str(library), "--genres", names]
    ).exit_code == 0  # fmt: skip
    out = tmp_path / "out.dat"
    done = run(out, "--library", library)
    assert done.stdout == f"{out}: 4 rows; --genres 1=folk,2=jazz,3=rock\n"
    assert sorted(read_rows(out).labels) == [1, 2, 3, 3]
    named = done.stdout.split("--genres ")[1].strip()
    again = CliRunner().invoke(
        import_command, [str(out), "-o", str(tmp_path / "b.earmark"), "--genres", named]
    )
    assert "4 tracks (folk 1, jazz 1, rock 2)" in again.stdout
    with pytest.raises(ImportFormatError, match="--force"):
        run(out, "--library", library)
    assert run(out, "--library", library, "--force").exit_code == 0


def test_other_features_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.earmark"
    create_library(path, ExtractorSpec("musicnn", "1", 2, "cosine", "float16")).close()
    with pytest.raises(LibraryExtractor, match="--extractor mfcc"):
        run(tmp_path / "x.dat", "--library", path)


def test_genres_with_commas_come_back_as_a_shell_passes_them(tmp_path: Path) -> None:
    dat = gaussians.write(tmp_path / "my.dat", gaussians.rows([1, 2, 3]))
    names = '1="R&B, soul",2=日本,3=rock \'n\' "roll"'
    library = tmp_path / "a.earmark"
    CliRunner().invoke(import_command, [str(dat), "-o", str(library), "--genres", names])
    done = run(tmp_path / "out.dat", "--library", library)
    (option,) = shlex.split(done.stdout.split("--genres ")[1])
    again = CliRunner().invoke(
        import_command,
        [str(tmp_path / "out.dat"), "-o", str(tmp_path / "b.earmark"), "--genres", option],
    )
    assert again.exit_code == 0, again.output
    with open_library(library) as one, open_library(tmp_path / "b.earmark") as other:
        assert one.genres() == other.genres() == {"R&B, soul": 1, "日本": 1, "rock 'n' \"roll\"": 1}


def test_an_npz_comes_back_as_the_library_that_it_was(tmp_path: Path) -> None:
    tracks = [
        Track(
            name="a", genre="x", artist="Ann", title="Ä", path=str(tmp_path / "secret" / "a.wav")
        ),
        Track(name="b", genre="y"),
        Track(name="c", genre="x"),
        Track(name="d", genre=None),
    ]
    vectors = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    path = tmp_path / "m.earmark"
    with create_library(path, ExtractorSpec("other", "1", 3, "cosine", "float32")) as library:
        library.add(tracks, vectors)
    out = tmp_path / "x.NPZ"
    assert run(out, "--library", path).stdout == f"{out}: 4 tracks\n"
    # No pickle, and nothing of where the files lay.
    with np.load(out, allow_pickle=False) as arrays:
        assert all("secret" not in str(arrays[name]) for name in arrays.files)
    done = import_vectors(out, tmp_path / "n.earmark")
    assert done.metric == "cosine"
    with open_library(tmp_path / "n.earmark") as again:
        found = again.tracks()
        assert [(t.name, t.genre, t.artist, t.title) for t in found] == [
            (t.name, t.genre, t.artist, t.title) for t in tracks
        ]
        for track, vector in zip(found, vectors, strict=True):
            assert track.id is not None
            assert np.array_equal(again.vector(track.id), vector)
    with pytest.raises(ImportFormatError, match="--force"):
        run(out, "--library", path)
    with pytest.raises(ImportFormatError, match="cannot be written"):
        run(tmp_path / "none" / "x.npz", "--library", path)


@pytest.mark.parametrize("name", ["my.dat", "v.npz"])
def test_what_is_no_library_yet_is_told_how_to_become_one(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name == "my.dat":
        gaussians.write(file, gaussians.rows([1, 2]))
    else:
        np.savez(file, vectors=np.zeros((2, 2)))
    with pytest.raises(NotALibrary, match=f"earmark import {name} -o"):
        open_library(file)
