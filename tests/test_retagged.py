"""A song stays the song that it was, whatever tags and pictures its file gets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen import id3

from earmark.classify import Classifier
from earmark.cli.info import held_out
from earmark.collection import build, open_for_build, scan_folder
from earmark.collection.report import BuildReport
from earmark.evaluation import audit, load_evaluation_set
from earmark.library import open_library
from earmark.listen import identify
from earmark.testing import RATE, make_song
from support import sounds
from support.command import Command
from support.retag import copy_by_ffmpeg, needs_ffmpeg, set_by_mutagen
from support.rough import require_same

pytestmark = pytest.mark.slow

KINDS = ["mp3", "flac", "ogg", "opus", "m4a", "wma", "wav-16", "aiff"]


def write(folder: Path, genre: str, number: int, kind: str) -> Path:
    rate = 24000 if kind == "opus" else RATE  # a little faster, which does no harm
    path = folder / f"{kind}{sounds.FORMATS[kind].extension}"
    return sounds.write(path, make_song(genre, number), rate, kind)


def run(library: Path, music: Path) -> BuildReport:
    with open_for_build(library, "mfcc") as target:
        return build(target, scan_folder(music), jobs=2)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a collection in eight formats and the library of it."""
    folder = tmp_path_factory.mktemp("built")
    for number, kind in enumerate(KINDS):
        for genre in ("melody", "hiss"):
            into = folder / "music" / genre
            into.mkdir(parents=True, exist_ok=True)
            write(into, genre, number, kind)
    assert run(folder / "a.earmark", folder / "music").heard == 2 * len(KINDS)
    (folder / "music").rename(folder / "moved")  # where the copies for each test are from
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built / "moved", tmp_path / "music")
    shutil.copy(built / "a.earmark", tmp_path)
    report = run(tmp_path / "a.earmark", tmp_path / "music")
    assert (report.heard, report.recognized) == (0, 2 * len(KINDS))
    return tmp_path


def test_a_build_hears_nothing_that_only_got_other_tags(folder: Path) -> None:
    files = sorted((folder / "music").rglob("*.*"))
    for path in files:
        before = path.read_bytes()
        set_by_mutagen(path)
        assert path.read_bytes() != before
    report = run(folder / "a.earmark", folder / "music")
    assert (report.heard, report.failed, report.problems) == (0, 0, [])
    assert report.recognized == report.total == len(files)
    with open_library(folder / "a.earmark") as library:
        assert library.count() == len(files)
        artists = {track.artist for track in library.tracks()}
        assert artists == {"Somebody Else" * 9, "Somebody Else"}
    again = run(folder / "a.earmark", folder / "music")
    assert again.unchanged == again.total == len(files)


@needs_ffmpeg
def test_a_build_hears_nothing_that_another_program_wrote_anew(folder: Path) -> None:
    for path in sorted((folder / "music").rglob("*.*")):
        target = path.with_stem("anew")
        copy_by_ffmpeg(path, target)
        target.replace(path)
    report = run(folder / "a.earmark", folder / "music")
    assert (report.heard, report.failed, report.recognized) == (0, 0, report.total)


def test_a_retagged_song_has_no_vote_for_itself(folder: Path, tmp_path: Path) -> None:
    with open_library(folder / "a.earmark") as library:
        classifier = Classifier(library)
        for path in sorted((folder / "music" / "melody").iterdir()):
            retagged = Path(shutil.copy(path, tmp_path / f"retagged{path.suffix}"))
            set_by_mutagen(retagged)
            found = classifier.predict(retagged)
            own = next(track for track in library.tracks() if track.path == str(path))
            assert own.content_hash != found.content_hash
            assert own.audio_hash == found.audio_hash
            assert own.id not in {neighbor.track_id for neighbor in found.neighbors}, path.name
            require_same(found.neighbors, classifier.predict(path).neighbors)


def test_copies_with_different_tags_are_one_recording(folder: Path) -> None:
    """Under two genres both are kept, and neither answers for the other."""
    music = folder / "music"
    for path in sorted((music / "melody").iterdir()):
        into = music / "tune"
        into.mkdir(exist_ok=True)
        set_by_mutagen(Path(shutil.copy(path, into / f"other name{path.suffix}")))
    # Of one genre they are one track.
    set_by_mutagen(Path(shutil.copy(music / "hiss" / "flac.flac", music / "hiss" / "copy.flac")))
    report = run(folder / "a.earmark", music)
    assert report.heard == 0
    assert len(report.duplicates) == 1
    with open_library(folder / "a.earmark") as library:
        data = load_evaluation_set(library)
        pairs = {frozenset((identify(t.path or "").audio_hash, t.audio_hash)) for t in data.tracks}
        assert all(len(pair) == 1 for pair in pairs)
        for row, track in enumerate(data.tracks):
            same = [i for i, one in enumerate(data.tracks) if one.audio_hash == track.audio_hash]
            assert len(same) == (1 if track.genre == "hiss" else 2)
            assert len(np.unique(data.groups[same])) == 1, row
        found = audit(data)
    assert len([pair for pair in found.exact if pair.across_genres]) == len(KINDS)
    assert found.files == ()


def test_audit_takes_a_file_with_other_tags_for_the_same(folder: Path) -> None:
    files = sorted((folder / "music").rglob("*.*"))
    for path in files:
        set_by_mutagen(path)
    write(folder / "music" / "hiss", "hum", 3, "flac")
    with open_library(folder / "a.earmark") as library:
        found = audit(load_evaluation_set(library))
    assert [(Path(one.path).name, one.what) for one in found.files] == [("flac.flac", "changed")]


def test_aiff_is_evaluated_as_flac_is(tmp_path: Path) -> None:
    """The artists, whose songs are kept together, are read from both."""
    answers = []
    for kind in ("flac", "aiff"):
        music = tmp_path / kind
        for number in range(12):
            genre = ("melody", "hiss")[number % 2]
            into = music / genre / f"{number:02}{sounds.FORMATS[kind].extension}"
            into.parent.mkdir(parents=True, exist_ok=True)
            sounds.write(into, make_song(genre, number), RATE, kind)
            file = mutagen.File(into)
            if kind == "flac":
                file["artist"] = f"Artist {number % 6}"
            else:
                file.add_tags()
                file.tags.add(id3.TPE1(1, [f"Artist {number % 6}"]))
            file.save()
        run(tmp_path / f"{kind}.earmark", music)
        with open_library(tmp_path / f"{kind}.earmark") as library:
            data = load_evaluation_set(library)
            assert (data.n_artists, data.n_unknown) == (6, 0)
            answers.append(held_out(data))
    assert answers[0] is not None
    assert answers[0]["artists_known"]
    assert answers[0] == answers[1]


def test_an_older_library_learns_the_hashes_of_its_sounds_without_hearing(folder: Path) -> None:
    with open_library(folder / "a.earmark") as library:
        before = {track.path: track.audio_hash for track in library.tracks()}
        for track in library.tracks():
            assert track.id is not None
            library.update(track.id, remember=False, audio_hash=None)
    report = run(folder / "a.earmark", folder / "music")
    assert (report.heard, report.unchanged) == (0, report.total)
    with open_library(folder / "a.earmark") as library:
        assert {track.path: track.audio_hash for track in library.tracks()} == before
    for path in (folder / "music").rglob("*.*"):
        set_by_mutagen(path)
    report = run(folder / "a.earmark", folder / "music")
    assert (report.heard, report.recognized) == (0, report.total)


def test_build_and_info_say_how_many_tracks_have_no_artist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        into = tmp_path / "music" / ("melody", "hiss")[number % 2] / f"{number}.flac"
        into.parent.mkdir(parents=True, exist_ok=True)
        sounds.write(into, make_song(into.parent.name, number), RATE, "flac")
        if number == 0:
            set_by_mutagen(into)
    earmark = Command(monkeypatch, capsys)
    library = tmp_path / "a.earmark"
    made = earmark("build", tmp_path / "music", "--extractor", "mfcc", "--output", library)
    assert "2 tracks have no known artist" in made.err
    assert "2 tracks have no known artist" in earmark("info", library).out
    assert json.loads(earmark("info", library, "--json").out)["without_artist"] == 2
