"""A person labels a library: what is asked, kept, taken back, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.errors import LibraryEmpty
from earmark.labelling import Progress, Session, progress_of
from earmark.library import ExtractorSpec, MemoryLibrary, Track, open_library

SPEC = ExtractorSpec("musicnn", "1", 8, "cosine", "float32")
GENRES = ("jazz", "pop", "rock")


def library_of(each: int = 12, *, copies: int = 0) -> tuple[MemoryLibrary, dict[str, str]]:
    """Return a library of unlabelled tracks and what they are, by their names."""
    rng = np.random.default_rng(3)
    library = MemoryLibrary(SPEC)
    truth: dict[str, str] = {}
    tracks, vectors = [], []
    for number, genre in enumerate(GENRES):
        for song in range(each):
            name = f"{genre}-{song:02}"
            truth[name] = genre
            center = np.eye(8)[number] * 3
            vectors.append(center + rng.standard_normal(8) * 0.5)
            tracks.append(
                Track(name=name, genre=None, artist=f"{genre} {song // 2}", content_hash=name * 2)
            )
    for copy in range(copies):
        tracks.append(
            Track(name=f"copy-{copy}", genre=None, content_hash=tracks[copy].content_hash)
        )
        vectors.append(vectors[copy])
        truth[f"copy-{copy}"] = truth[tracks[copy].name]
    library.add(tracks, np.array(vectors))
    return library, truth


def answered(session: Session, truth: dict[str, str], count: int) -> list[str]:
    asked = []
    for _ in range(count):
        question = session.question()
        if question is None:
            break
        asked.append(question.track.name)
        session.answer(question.track, truth[question.track.name])
    return asked


def test_the_first_questions_find_every_genre_and_other_artists() -> None:
    library, truth = library_of()
    session = Session(library)
    asked = answered(session, truth, 6)
    assert {truth[name] for name in asked[:3]} == set(GENRES)
    artists = [track.artist for track in library.tracks() if track.name in asked]
    assert len(set(artists)) == 6
    assert library.genres() == {"jazz": 2, "pop": 2, "rock": 2}
    assert all(track.taught for track in library.tracks() if track.genre)
    assert session.labelled == 6
    question = session.question()
    assert question is not None
    assert question.guesses[0].genre == truth[question.track.name]
    assert sum(guess.share for guess in question.guesses) == pytest.approx(1)


def test_another_session_goes_on_where_this_one_ended() -> None:
    library, truth = library_of()
    asked = answered(Session(library), truth, 5)
    more = answered(Session(library), truth, 100)
    assert len(more) == len(truth) - 5
    assert not set(asked) & set(more)
    assert Session(library).question() is None


def test_a_copy_is_not_asked_about_again() -> None:
    library, truth = library_of(each=4, copies=6)
    session = Session(library)
    asked = answered(session, truth, 100)
    assert len(asked) == 12


def test_what_is_no_music_is_not_asked_about_again_and_never_votes() -> None:
    library, truth = library_of(each=4)
    session = Session(library)
    question = session.question()
    assert question is not None
    session.not_music(question.track)
    assert question.track.name not in answered(session, truth, 100)
    assert question.track.name not in answered(Session(library), truth, 100)
    assert len(library.snapshot()) == len(truth) - 1


def test_back_takes_answers_and_skips_back() -> None:
    library, _ = library_of(each=4)
    before = library.tracks()
    session = Session(library)
    first = session.question()
    assert first is not None
    session.answer(first.track, "polka")
    second = session.question()
    assert second is not None
    session.skip(second.track)
    third = session.question()
    assert third is not None
    session.not_music(third.track)
    for question in (third, second, first):
        back = session.back()
        assert back is not None
        assert back.name == question.track.name
        again = session.question()
        assert again is not None
        assert again.track.name == question.track.name
    assert session.back() is None
    assert library.tracks() == before


def test_suggestions_are_unlike_each_other_and_change_nothing() -> None:
    library, truth = library_of()
    session = Session(library)
    suggested = [question.track.name for question in session.questions(6)]
    assert len(set(suggested)) == 6
    assert {truth[name] for name in suggested[:3]} == set(GENRES)
    assert library.genres() == {}
    assert session.left == len(truth)
    assert len(session.questions(1000)) == len(truth)


@pytest.mark.slow
def test_progress_tells_accuracy_once_there_are_labels() -> None:
    library, truth = library_of()
    session = Session(library)
    answered(session, truth, 6)
    early = progress_of(library)
    assert (early.labels, early.genres, early.accuracy, early.pays) == (6, 3, None, True)
    answered(session, truth, 20)
    later = progress_of(library)
    assert later.accuracy is not None
    assert later.accuracy > 0.9
    assert later.unlabelled == len(truth) - 26
    assert later.unsure is not None
    assert 0 <= later.unsure <= later.unlabelled
    assert later.with_half is not None
    assert later.pays == (later.accuracy - later.with_half >= 0.02)
    body = later.to_json()
    assert body["schema"] == "earmark.labelling/1"
    assert body["more_labels_pay"] is later.pays


@pytest.mark.parametrize(
    ("labels", "accuracy", "with_half", "pays"),
    [
        (80, 0.75, 0.70, True),
        (80, 0.75, 0.74, False),
        (80, 0.75, 0.76, False),
        # With few labels nobody can tell.
        (30, 0.75, 0.75, True),
        (80, None, None, True),
    ],
)
def test_labels_pay_as_long_as_the_second_half_of_them_helps(
    labels: int, accuracy: float | None, with_half: float | None, pays: bool
) -> None:
    progress = Progress(labels, 10, accuracy, None, with_half, None, 100)
    assert progress.pays is pays


def test_a_library_without_tracks_says_what_to_do() -> None:
    with pytest.raises(LibraryEmpty, match="--no-labels"):
        Session(MemoryLibrary(SPEC))


@pytest.mark.slow
def test_few_chosen_labels_beat_more_at_random(tmp_path: Path) -> None:
    """On GTZAN's clips 4 labels a genre that are chosen do more than 6 at random."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    try:
        import label_songs
    finally:
        sys.path.pop(0)
    with open_library("gtzan", read_only=True) as library:
        bench = label_songs.Bench(library)
    chosen = label_songs.curve(bench, bench.chosen, 6, [40])
    drawn = label_songs.curve(bench, bench.at_random, 6, [60])
    assert chosen.mean() > drawn.mean()
