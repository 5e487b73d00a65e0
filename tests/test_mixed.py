"""An ordinary answer says where a recording is several things."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark import Classifier
from earmark.classify import FEWEST_SEGMENTS, shares_of
from earmark.features import Segments, get_extractor
from earmark.library import Library, open_library
from earmark.library.fitting import rows_of_song
from earmark.library.fitting import voter as library_voter
from earmark.tagging.albums import song_vote
from earmark.testing import RATE, make_library, make_music, make_song, write_wav
from earmark.web.songs.answers import told
from support.command import Command

pytestmark = pytest.mark.slow

PIECES = {"hum": 31, "hiss": 22, "melody": 40}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that the network hears, a medley of its genres, and one song."""
    found = tmp_path_factory.mktemp("several")
    music = make_music(found / "music")
    make_library(found / "made.earmark", music, get_extractor("musicnn")).close()
    samples = [make_song(genre, 9, seconds) for genre, seconds in PIECES.items()]
    write_wav(found / "medley.wav", np.concatenate(samples), RATE)
    write_wav(found / "song.wav", make_song("melody", 10, 60), RATE)
    return found


@pytest.fixture
def library(folder: Path) -> Iterator[Library]:
    with open_library(folder / "made.earmark", read_only=True) as opened:
        yield opened


def test_a_medley_is_mixed_and_a_song_is_not(library: Library, folder: Path) -> None:
    classifier = Classifier(library)
    medley = classifier.predict(folder / "medley.wav")
    assert medley.mixed
    truth = {genre: seconds / sum(PIECES.values()) for genre, seconds in PIECES.items()}
    assert medley.shares == pytest.approx(truth, abs=0.08)
    assert list(medley.shares) == ["melody", "hum", "hiss"]
    assert medley.sentence().startswith("This recording is mixed: melody 4")
    assert medley.sentence().endswith("% of its time.")
    assert sum(medley.to_json()["shares"].values()) == pytest.approx(1, abs=1e-3)
    song = classifier.predict(folder / "song.wav")
    assert (song.mixed, song.shares) == (False, {"melody": 1.0})
    assert "mixed" not in song.sentence()


def test_nothing_is_said_of_the_parts_of_a_short_song(library: Library, tmp_path: Path) -> None:
    seconds = 3 * FEWEST_SEGMENTS - 5
    song = write_wav(tmp_path / "song.wav", make_song("hum", 3, seconds), RATE)
    assert Classifier(library).predict(song).shares == {}


def test_classic_features_say_nothing_of_parts(folder: Path, tmp_path: Path) -> None:
    with make_library(tmp_path / "classic.earmark", folder / "music") as library:
        found = Classifier(library).predict(folder / "medley.wav")
    assert (found.mixed, found.shares) == (False, {})


def test_the_command_says_it_in_every_form_and_again_from_what_it_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Command(monkeypatch, capsys)
    medley, song = folder / "medley.wav", folder / "song.wav"
    library = ("-l", folder / "made.earmark")
    fresh = json.loads(run("classify", "--json", *library, medley).out)
    again = json.loads(run("classify", "--json", *library, medley).out)
    assert fresh["mixed"]
    assert {**again, "seconds": 0} == {**fresh, "seconds": 0}
    text = run("classify", *library, medley, song).out
    assert text.count("mixed: melody 4") == 1
    assert "of its time; --parts says where" in text
    assert "as one song" in text
    brief = run("classify", "--brief", *library, medley, song).out.splitlines()
    assert "medley.wav: mixed: melody 4" in brief[0]
    assert "mixed" not in brief[1]
    rows = csv.DictReader(io.StringIO(run("classify", "--csv", *library, medley, song).out))
    assert [row["mixed"] for row in rows] == ["yes", "no"]


def test_no_genre_is_proposed_for_a_medley_as_if_it_were_sure(
    library: Library, folder: Path
) -> None:
    medley = Classifier(library).predict(folder / "medley.wav")
    opinion = song_vote(medley)
    assert not opinion.sure
    assert opinion.why.startswith("mixed: melody")
    # Who taught its genre was asked, and has answered.
    assert not told(medley, "hum").mixed


def test_tracks_of_the_reference_library_in_a_row_are_mixed_and_one_artist_is_not() -> None:
    with open_library("reference", read_only=True) as library:
        snapshot = library.snapshot()
        voter = library_voter(library, snapshot)
        names = {track.name: track for track in library.tracks(limit=10_000)}

        def shares(*chosen: str) -> tuple[bool, dict[str, float]]:
            held = [names[name] for name in chosen]
            kept = library.segments([track.id for track in held if track.id is not None])
            vectors = np.concatenate([one.vectors for one in kept.values()])
            starts = 3.0 * np.arange(len(vectors))
            own = [rows_of_song(library, voter, snapshot, one.content_hash) for one in held]
            segments = Segments(starts, starts + 3, vectors)
            return shares_of(voter, segments, 3.0 * len(vectors), exclude=np.concatenate(own))

        mixed, found = shares("classical.00000", "classical.00003", "metal.00041", "metal.00044")
        assert mixed
        assert found == pytest.approx({"classical": 0.5, "metal": 0.5}, abs=0.13)
        mixed, found = shares("classical.00000", "classical.00003", "classical.00006")
        assert not mixed
        assert next(iter(found)) == "classical"
