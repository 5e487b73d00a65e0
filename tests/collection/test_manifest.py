"""Manifests as people and spreadsheets write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from earmark.collection import LabelledFile, read_manifest
from earmark.errors import CollectionError
from support.skips import needs_posix


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "sub/c.wav", "Ünï, x.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_paths_start_at_the_manifest_and_other_columns_do_not_matter(music: Path) -> None:
    text = (
        "Title, genre ,year,PATH,artist\nT,rock,1999,a.wav,A\n,jazz,,sub/../sub/c.wav,\n"
        f",pop,,{music}/b.wav,B\n"
    )
    read = read_manifest(write(music, text))
    assert read.files == (
        LabelledFile(str(music / "a.wav"), "rock", "A", "T"),
        LabelledFile(str(music / "b.wav"), "pop", "B", None),
        LabelledFile(str(music / "sub" / "c.wav"), "jazz", None, None),
    )
    assert read.problems == ()


def test_further_genres_have_a_column(music: Path) -> None:
    text = "path,genre,other_genres\na.wav,rock,blues; rock;;folk \nb.wav,pop,\nsub/c.wav,jazz\n"
    files = read_manifest(write(music, text)).files
    assert [(file.genre, file.other_genres) for file in files] == [
        ("rock", ("blues", "folk")),
        ("pop", ()),
        ("jazz", ()),
    ]


EXPECTED = {"a.wav": "Rock & Röll", "Ünï, x.wav": "jazz"}
TEXT = 'path{0}genre\r\na.wav{0}Rock & Röll\r\n\r\n"Ünï, x.wav"{0}jazz\r\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings(music: Path, delimiter: str, encoding: str) -> None:
    read = read_manifest(write(music, TEXT.format(delimiter).encode(encoding)))
    assert {Path(p.path).name: p.genre for p in read.files} == EXPECTED
    assert read.problems == ()


def test_rows_that_cannot_be_used_are_listed(music: Path) -> None:
    text = (
        "path,genre\na.wav,rock\nnone.wav,rock\n,rock\nb.wav,\nsub,rock\na.wav,jazz\na.wav,rock\n"
        "b.wav,rock,too,many\n"
    )
    read = read_manifest(write(music, text))
    assert [p.path for p in read.files] == [str(music / "a.wav")]
    reasons = [str(problem) for problem in read.problems]
    for reason, expected in zip(
        reasons,
        [
            r"none.wav: there is no such file (line 3)",
            "line 4: has no path",
            "b.wav: has no genre (line 5)",
            "sub: is a folder (line 6)",
            "a.wav: is rock by line 2 and jazz here; the first one holds (line 7)",
            "line 9: has more cells than the header",
        ],
        strict=True,
    ):
        assert expected in reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("file,genre\na.wav,rock\n", "no column 'path'; its columns are: file, genre"),
        ("path;label\na.wav;rock\n", "no column 'genre'"),
        ("path,genre\n", "names no file"),
        ("path,genre\nnone.wav,rock\n", "names no file.*no such file"),
    ],
)
def test_manifests_that_cannot_be_used(music: Path, text: str, reason: str) -> None:
    with pytest.raises(CollectionError, match=reason):
        read_manifest(write(music, text))


def test_what_is_no_text_is_not_printed(music: Path) -> None:
    with pytest.raises(CollectionError, match="is not text"):
        read_manifest(write(music, b"RIFF\x00\x00\x1b[2J\xff" * 50))


@needs_posix("pipes with names")
def test_a_pipe_is_read_where_something_comes_out_of_it(music: Path) -> None:
    os.mkfifo(music / "pipe")
    with pytest.raises(CollectionError, match="nothing comes out"):
        read_manifest(music / "pipe")
    # Both ends, so that this end waits for nobody.
    writer = os.open(music / "pipe", os.O_RDWR)
    os.write(writer, b"path,genre\na.wav,rock\n")

    def end(descriptor: int, blocking: bool) -> None:
        os.close(writer)
        set_blocking(descriptor, blocking)

    set_blocking = os.set_blocking
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "set_blocking", end)
        # A list that lies nowhere starts where we are.
        patched.chdir(music)
        (file,) = read_manifest(music / "pipe").files
    assert (file.genre, file.path) == ("rock", str(music / "a.wav"))
    with pytest.raises(CollectionError, match="is a device"):
        read_manifest(os.devnull)


def test_no_manifest_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no such file"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(CollectionError, match="folder"):
        read_manifest(tmp_path)
