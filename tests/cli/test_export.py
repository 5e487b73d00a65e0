"""``earmark export``: a my.dat, and what its labels stand for."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from earmark.cli.export import export
from earmark.cli.import_ import import_command
from earmark.errors import ImportFormatError, LibraryExtractor
from earmark.importing.classic import read_rows
from earmark.library import ExtractorSpec, create_library, open_library
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
