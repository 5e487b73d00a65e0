"""What a notebook shows of predictions, libraries and evaluations; nothing of it can run."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Protocol

import numpy as np
import pytest

from earmark import Library, Neighbor, Prediction, Track
from earmark.evaluation.cross_validation import Vote
from earmark.evaluation.evaluating import evaluate
from earmark.library import ExtractorSpec, MemoryLibrary
from support.evaluated import make_evaluation_set

EVIL = "<script>alert(1)</script>\x1b[2J"


class Shown(Protocol):
    """What a notebook can show."""

    def _repr_html_(self) -> str: ...


class Reader(HTMLParser):
    """Collects the tags and the text of a piece of HTML."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(shown._repr_html_())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_of_a_prediction_the_answer_and_why() -> None:
    near = Neighbor(EVIL, "rock", EVIL, None, distance=0.25, track_id=1)
    prediction = Prediction(
        path=f"{EVIL}.mp3",
        genre=EVIL,
        confidence=0.75,
        probabilities={EVIL: 0.75, "rock": 0.25},
        neighbors=(near,),
        abstained=False,
        reason=None,
        prediction_set=(EVIL,),
        coverage=None,
        tags=(),
        seconds=0.1,
        duration=20.0,
        warnings=(),
        content_hash="0" * 64,
        vector=np.zeros(3),
    )
    reader = Reader(prediction)
    assert reader.tags == {"p", "b", "table", "tr", "th", "td"}
    assert "\x1b" not in reader.text
    for said in ("This song is classified as", "75%", "25%", "0.25", "rock"):
        assert said in reader.text


def test_of_a_library_its_genres_the_largest_first() -> None:
    library: Library = MemoryLibrary(ExtractorSpec("made-up", "1", 2, "euclidean", "float32"), EVIL)
    genres = ["<b>jazz</b>", "<b>jazz</b>", "blues"]
    tracks = [Track(name=f"song {number}", genre=genre) for number, genre in enumerate(genres)]
    library.add(tracks, np.arange(6).reshape(3, 2))
    reader = Reader(library)  # type: ignore[arg-type]
    assert reader.tags == {"p", "b", "table", "tr", "th", "td"}
    assert "\x1b" not in reader.text
    assert "3 labelled tracks of 2 genres" in reader.text
    assert reader.text.index("<b>jazz</b>") < reader.text.index("blues")


@pytest.mark.slow
def test_of_an_evaluation_whom_to_believe_and_who_was_taken_for_whom() -> None:
    data = make_evaluation_set(genres=("<i>rock</i>", "pop"))
    evaluation = evaluate(replace(data, source=EVIL), None, Vote())
    reader = Reader(evaluation)
    assert reader.tags == {"p", "b", "table", "tr", "th", "td"}
    assert "\x1b" not in reader.text
    assert " ".join(evaluation.sentence().split()) in " ".join(reader.text.split())
    assert "<i>rock</i>" in reader.text
    for split in (evaluation, *evaluation.other_splits):
        assert f" {split.verdict.level} " in reader.text
    for count in evaluation.scores.confusion.diagonal():
        assert f" {count} " in reader.text
