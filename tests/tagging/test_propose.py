"""Proposals: only what is sure, only where it is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from earmark.classify import Classifier
from earmark.hearing import Hearing
from earmark.library import open_library
from earmark.listen import identify
from earmark.prediction import Neighbor, Prediction
from earmark.tagging.albums import Opinion, album_vote, common_neighbors, song_vote
from earmark.tagging.genremap import GenreMap
from earmark.tagging.genres import write_genres
from earmark.tagging.plan import Proposal
from earmark.tagging.propose import Kept, Left, Rules, genres_for, propose
from earmark.workers import WorkerPool
from support import sounds, tagged
from support.web import GENRES, RATE, make_library, make_music, song

Ask = Callable[..., dict[str, Proposal | Left]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    return make_library(folder / "made.earmark", make_music(folder / "music"))


@pytest.fixture(scope="module")
def ask(library: Path) -> Iterator[Ask]:
    pool = WorkerPool(1)
    with open_library(library) as opened:
        classifier = Classifier(opened)
        hearing = Hearing(pool, opened.spec)

        def run(folder: Path, **rules: Any) -> dict[str, Proposal | Left]:
            paths = sorted(str(path) for path in folder.rglob("*.flac"))
            roots = dict.fromkeys(paths, str(folder))
            found = propose(paths, roots, pool, hearing, classifier, Rules(**rules))
            return {Path(each.path).stem: each for each in found}

        yield run
    pool.close()


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    for genre in GENRES:
        sounds.write(folder / f"{genre}.flac", song(genre, 12), RATE, "flac")
    set_genres(folder / "hum.flac", ["Drone", "Old"])
    return folder


def set_genres(path: Path, genres: list[str]) -> None:
    file = tagged.Memory(path.read_bytes(), path.name)
    write_genres(file, genres)
    path.write_bytes(file.getvalue())


def test_only_files_without_a_genre(ask: Ask, songs: Path) -> None:
    found = ask(songs)
    hiss = found["hiss"]
    assert isinstance(hiss, Proposal)
    assert hiss.genres == ("hiss",)
    assert hiss.seen == ()
    assert hiss.audio_hash == identify(songs / "hiss.flac").audio_hash
    assert hiss.probability > 0.5
    assert {neighbor.genre for neighbor in hiss.neighbors} == {"hiss"}
    assert hiss.evidence is None
    hum = found["hum"]
    assert isinstance(hum, Left)
    assert (hum.why, hum.seen) == ("has a genre", ("Drone", "Old"))


def test_replace_and_add(ask: Ask, songs: Path) -> None:
    hum = ask(songs, mode="replace")["hum"]
    assert isinstance(hum, Proposal)
    assert (hum.seen, hum.genres) == (("Drone", "Old"), ("hum",))
    hum = ask(songs, mode="add")["hum"]
    assert isinstance(hum, Proposal)
    assert hum.genres == ("Drone", "Old", "hum")
    set_genres(songs / "hum.flac", ["HUM"])
    hum = ask(songs, mode="add")["hum"]
    assert isinstance(hum, Left)
    assert hum.why == "has this genre"


def test_a_map_names_and_leaves_out(ask: Ask, songs: Path) -> None:
    table = GenreMap((("hiss", ("Noise", "Folk, World, & Country")), ("melo*", ())))
    found = ask(songs, names=table)
    hiss = found["hiss"]
    assert isinstance(hiss, Proposal)
    assert hiss.genres == ("Noise", "Folk, World, & Country")
    assert isinstance(found["melody"], Left)


def test_how_sure_it_must_be(ask: Ask, songs: Path) -> None:
    found = ask(songs, min_confidence=1.01)
    assert all(isinstance(each, Left) for each in found.values())
    sure = ask(songs, min_confidence=0.0)
    assert isinstance(sure["melody"], Proposal)


def test_only_genres_that_were_asked_for(ask: Ask, songs: Path) -> None:
    found = ask(songs, mode="replace", genre_now=["dro*"])
    assert [name for name, each in found.items() if isinstance(each, Proposal)] == ["hum"]


def test_evidence_says_what_was_heard(ask: Ask, songs: Path) -> None:
    hiss = ask(songs, library="mine", names=GenreMap((("hiss", ("Noise",)),)))["hiss"]
    assert isinstance(hiss, Proposal)
    assert hiss.evidence == {
        "EARMARK_GENRE": "hiss",
        "EARMARK_CONFIDENCE": f"{hiss.probability:.2f}",
        "EARMARK_LIBRARY": "mine",
    }


def test_what_cannot_be_used_costs_itself(ask: Ask, songs: Path) -> None:
    (songs / "broken.flac").write_bytes(b"fLaC" + bytes(50))
    (songs / "empty.flac").write_bytes(b"")
    (songs / "twice.flac").hardlink_to(songs / "hiss.flac")
    found = ask(songs)
    for name in ("broken", "empty"):
        left = found[name]
        assert isinstance(left, Left)
        assert left.reason == "failed"
    twice = found["twice"]
    assert isinstance(twice, Left)
    assert "same file" in twice.why
    assert isinstance(found["hiss"], Proposal)


def test_an_album_votes_together(ask: Ask, songs: Path) -> None:
    album = songs / "album"
    album.mkdir()
    for seed in (13, 14, 15):
        sounds.write(album / f"one-{seed}.flac", song("melody", seed), RATE, "flac")
    sounds.write(album / "intro.flac", song("hiss", 16), RATE, "flac")
    set_genres(album / "one-13.flac", ["Present"])
    found = ask(album, by_album=True)
    for name in ("one-14", "one-15", "intro"):
        each = found[name]
        assert isinstance(each, Proposal)
        assert each.genres == ("melody",)
        assert "3 of 4 songs" in each.why
    assert isinstance(found["one-13"], Left)
    assert ask(album)["intro"].genres == ("hiss",)  # type: ignore[union-attr]


def test_all_genres_of_a_song_are_written(library: Path, songs: Path, tmp_path: Path) -> None:
    """Of a library whose tracks have several, or styles; an album has what half of its songs do."""
    several = {"hum": ("Drone", "Noise---Hum"), "hiss": ("Noise---Hiss",)}
    shutil.copy(library, tmp_path / "several.earmark")
    album = songs / "album"
    album.mkdir()
    for seed in (13, 14, 15):
        sounds.write(album / f"one-{seed}.flac", song("hum", seed), RATE, "flac")
    with open_library(tmp_path / "several.earmark") as opened, WorkerPool(1) as pool:
        for track in opened.tracks():
            if track.genre in several:
                first, *others = several[track.genre]
                opened.update(track.id or 0, genre=first, other_genres=tuple(others))
        classifier, hearing = Classifier(opened), Hearing(pool, opened.spec)
        predicted = classifier.predict(songs / "hiss.flac")
        assert (predicted.genre, predicted.genres) == ("Noise", ("Noise", "Noise---Hiss"))
        assert predicted.sentence() == "This song is classified as Noise (Hiss)."
        assert predicted.to_json()["genres"] == ["Noise", "Noise---Hiss"]

        def run(folder: Path, **rules: Any) -> dict[str, tuple[str, ...]]:
            paths = sorted(str(path) for path in folder.glob("*.flac"))
            roots = dict.fromkeys(paths, str(folder))
            found = propose(paths, roots, pool, hearing, classifier, Rules(**rules))
            return {Path(one.path).stem: one.genres for one in found if isinstance(one, Proposal)}

        assert run(songs, mode="replace") == {
            "hiss": ("Noise", "Hiss"),
            "hum": ("Drone", "Noise", "Hum"),
            "melody": ("melody",),
        }
        names = GenreMap((("noise---hum", ("Mains",)), ("noise", ())))
        assert run(songs, names=names)["hiss"] == ("Hiss",)
        assert run(album, by_album=True, names=names)["one-13"] == ("Drone", "Mains")


@pytest.fixture(scope="module")
def prediction(library: Path) -> Prediction:
    with open_library(library) as opened:
        return Classifier(opened).predict(library.parent / "music" / "hum" / "hum-0.wav")


def told(prediction: Prediction, genre: str, share: float, artist: str = "A") -> Prediction:
    others = {name: (1 - share) / 2 for name in GENRES if name != genre}
    return replace(
        prediction,
        genre=genre,
        confidence=share,
        probabilities={genre: share, **others},
        artist=artist,
        abstained=share < 0.5,
    )


def test_an_album_is_surer_than_its_songs(prediction: Prediction) -> None:
    songs = [told(prediction, "hum", 0.6)] * 4
    album = album_vote(songs, "Best", None)
    assert album is not None
    assert album.probability > song_vote(songs[0]).probability
    assert (album.genre, album.sure) == ("hum", True)
    # As sure as two independent songs, not as four.
    assert album.probability == pytest.approx(0.6**2 / (0.6**2 + 2 * 0.2**2))


def test_an_album_of_doubts_is_not_sure(prediction: Prediction) -> None:
    unsure = told(prediction, "hum", 0.4)
    for songs in ([unsure] * 5, [told(prediction, "hum", 0.6), told(prediction, "hiss", 0.6)]):
        album = album_vote(songs, "Best", None)
        assert album is not None
        assert not album.sure


def test_compilations_are_left_to_their_songs(prediction: Prediction) -> None:
    songs = [told(prediction, "hum", 0.9, artist) for artist in "ABCA"]
    assert album_vote(songs, "Best", None) is None
    alike = [told(prediction, "hum", 0.9)] * 50
    assert album_vote(alike, "Best", None) is not None
    assert album_vote(alike, "Best", "Various Artists") is None
    # So many songs without the name of an album are a folder of downloads.
    assert album_vote(alike, None, None) is None
    assert album_vote(alike[:1], "Best", None) is None
    assert album_vote([*songs, told(prediction, "hum", 0.9, "a")], "Best", None) is not None


def test_genres_that_are_kept_count_and_are_never_lost() -> None:
    sure = Opinion("rock", 0.9, True, "")
    add = Rules(mode="add", most=2, names=lambda _: ("Rock", "Metal"))
    assert genres_for(sure, ("Pop",), add) == ("Pop", "Rock")
    assert genres_for(sure, ("rock",), add) == ("rock", "Metal")
    for had in (("A", "B"), ("A", "B", "C")):
        kept = genres_for(sure, had, add)
        assert isinstance(kept, Kept)
        assert kept.reason == "has-genre"
    same = genres_for(sure, ("rock", "METAL"), add)
    assert isinstance(same, Kept)
    assert same.reason == "same-genre"
    assert genres_for(sure, ("A", "B", "C"), replace(add, mode="replace")) == ("Rock", "Metal")


def test_neighbors_of_most_songs_come_first() -> None:
    def near(number: int, distance: float) -> Neighbor:
        return Neighbor(str(number), "hum", None, None, distance, number)

    songs = [[near(1, 0.1), near(2, 0.4)], [near(2, 0.3)], [near(3, 0.2), near(2, 0.5)]]
    assert [(n.track_id, n.distance) for n in common_neighbors(songs)] == [
        (2, 0.3),
        (1, 0.1),
        (3, 0.2),
    ]
    assert common_neighbors([]) == []
