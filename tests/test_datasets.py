"""GTZAN is found in each of its layouts, and tables of features are read as they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.datasets import genre_folders, gtzan, indexed, read_features
from earmark.errors import CollectionError
from earmark.evaluation.gtzan import GENRES

HEADS = {".wav": b"RIFF\0\0\0\0WAVE", ".au": b".snd\0\0\0\0"}


def unpack(folder: Path, suffix: str) -> None:
    """Make the files of a GTZAN archive, without their sound."""
    for genre in GENRES:
        (folder / genre).mkdir(parents=True)
        for number in range(100):
            file = folder / genre / f"{genre}.{number:05}{suffix}"
            file.write_bytes(HEADS[suffix])


@pytest.mark.parametrize(
    ("inside", "suffix"), [("Data/genres_original", ".wav"), ("genres", ".au"), ("", ".wav")]
)
def test_every_layout_is_found(tmp_path: Path, inside: str, suffix: str) -> None:
    unpack(tmp_path / inside, suffix)
    damaged = tmp_path / inside / "jazz" / f"jazz.00054{suffix}"
    damaged.write_bytes(b"\0" * 100)
    (tmp_path / inside / "jazz" / "notes.txt").write_text("no clip")
    found = gtzan(tmp_path)
    assert len(found.clips) == 999
    assert found.broken == (str(damaged),)
    assert found.missing == ("jazz.00054",)
    # jazz.00054 is of the part for training.
    assert [len(found.part(part)) for part in ("train", "valid", "test")] == [442, 197, 290]
    sides = [{clip.artist for clip in found.part(part)} - {None} for part in ("train", "test")]
    assert not sides[0] & sides[1]
    groups = found.groups
    hooker = [i for i, clip in enumerate(found.clips) if clip.artist == "John Lee Hooker"]
    assert len(hooker) > 5
    assert len(set(groups[hooker].tolist())) == 1
    with pytest.raises(ValueError, match="the parts are: train, valid, test"):
        found.part("tests")


def test_of_two_forms_the_one_that_loses_nothing_is_taken(tmp_path: Path) -> None:
    unpack(tmp_path / "genres", ".au")
    (tmp_path / "genres" / "pop" / "pop.00001.mp3").write_bytes(b"ID3\4")
    assert all(clip.path.endswith(".au") for clip in gtzan(tmp_path).clips)


def test_a_folder_without_clips_is_told(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="holds no clip of GTZAN"):
        gtzan(tmp_path)
    with pytest.raises(CollectionError, match="is no folder"):
        gtzan(tmp_path / "nowhere")


def test_kaggles_tables_are_read(tmp_path: Path) -> None:
    file = tmp_path / "features_3_sec.csv"
    file.write_text(
        "filename,length,chroma_stft_mean,tempo,label\n"
        "blues.00000.0.wav,66149,0.35,129.1,blues\n"
        "blues.00000.1.wav,66149,0.36,123.0,blues\n"
        "blues.00001.0.wav,66149,0.30,99.5,blues\n"
        "jazz.00003.0.wav,66149,0.20,80.5,jazz\n"
        "my own song.wav,66149,0.20,80.5,jazz\n"
    )
    features = read_features(file)
    assert features.columns == ("chroma_stft_mean", "tempo")
    np.testing.assert_array_equal(features.X[0], [0.35, 129.1])
    assert features.y.tolist() == ["blues"] * 3 + ["jazz"] * 2
    # Pieces of one clip, and clips of one artist, stay together.
    assert features.groups.tolist() == [0, 0, 0, 1, 2]
    assert features.names[0] == "blues.00000.0.wav"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("filename,tempo\na.wav,1\n", "has no column 'label'"),
        ("filename,label\na.wav,x\n", "has no column of features"),
        ("filename,tempo,label\n", "no rows"),
        ("filename,tempo,label\na.wav,fast,x\n", "line 2, column 'tempo': 'fast' is no number"),
        ("filename,tempo,label\na.wav,nan,x\n", "is no number"),
        ("filename,tempo,label\na.wav,1\n", "line 2 has 2 cells, not 3"),
        ("filename,tempo,label\na.wav,1,\n", "line 2 has no filename or no label"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(CollectionError, match=told):
        read_features(tmp_path / "t.csv")


def test_any_folder_gives_its_clips(tmp_path: Path) -> None:
    for where in ("polka/one.wav", "waltz/slow/two.flac", "loose.mp3"):
        file = tmp_path / "dances" / where
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"RIFF")
    found = genre_folders(tmp_path / "dances")
    assert [(clip.name, clip.genre) for clip in found.clips] == [("one", "polka"), ("two", "waltz")]
    assert found.broken == (str(tmp_path / "dances" / "loose.mp3"),)
    assert len(set(found.groups.tolist())) == 2
    assert repr(found) == "<Clips: 2 clips, 1 broken>"
    with pytest.raises(CollectionError):
        genre_folders(tmp_path / "nowhere")
    with pytest.raises(CollectionError, match="is no folder"):
        gtzan(tmp_path / ("x" * 300))


def index_of(folder: Path, tracks: Any) -> Path:
    file = folder / "index.json"
    file.write_text(json.dumps({"version": "1.0", "tracks": tracks}))
    return file


def test_an_index_gives_its_clips(tmp_path: Path) -> None:
    checksums = {}
    for name in ("a", "b", "c"):
        file = tmp_path / "data" / "polka" / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"RIFF{name}".encode())
        checksums[name] = hashlib.md5(file.read_bytes()).hexdigest()
    index = index_of(
        tmp_path,
        {
            "c": {"audio": ["polka/c.wav", checksums["a"]], "tempo": ["c.bpm", "0"]},
            "a": {"audio": ["polka/a.wav", checksums["a"]]},
            "b": {"audio": ["polka/b.wav", checksums["b"]]},
            "gone": {"audio": ["polka/gone.wav", "0"]},
            "silent": {"audio": [None, None]},
            "long": {"audio": ["x" * 300 + "/a.wav", "0"]},
        },
    )
    found = indexed(index, tmp_path / "data")
    assert [(clip.name, clip.genre) for clip in found.clips] == [
        ("a", "polka"), ("b", "polka"), ("c", "polka"),
    ]  # fmt: skip
    assert (found.broken, found.missing) == ((), ("gone", "long"))
    checked = indexed(
        index,
        tmp_path / "data",
        verified=True,
        genres={"a": "one", "c": "two", "gone": "one"},
        artists={"a": "Anna"},
    )
    assert [(clip.name, clip.genre, clip.artist) for clip in checked.clips] == [
        ("a", "one", "Anna")
    ]
    assert checked.broken == (str(tmp_path / "data" / "polka" / "c.wav"),)
    assert checked.missing == ("gone",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no json", "is no JSON"),
        ("[" * 200_000, "is no JSON"),
        ("[]", "is no index"),
        ('{"tracks": []}', "is no index"),
        ('{"tracks": {"a": {"mix": ["a.wav", null]}}}', "of 'a' there is no pair"),
        ('{"tracks": {"a": {"audio": ["a.wav"]}}}', "of 'a' there is no pair"),
        ('{"tracks": {"a": 3}}', "of 'a' there is no pair"),
        ('{"tracks": {"a": {"audio": ["a.wav", null]}}}', "holds none of the clips"),
    ],
)
def test_an_index_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(CollectionError, match=told):
        indexed(tmp_path / "index.json", tmp_path)
