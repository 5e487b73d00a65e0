"""What a notebook shows of a prediction."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from earmark import Neighbor, Prediction

EVIL = "<script>alert(1)</script>\x1b[2J"


class Reader(HTMLParser):
    """Collects the tags and the text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_a_notebook_shows_the_answer_and_runs_nothing_of_a_files_names() -> None:
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
    reader = Reader()
    reader.feed(prediction._repr_html_())
    assert reader.tags == {"p", "b", "table", "tr", "th", "td"}
    assert "\x1b" not in reader.text
    for said in ("This song is classified as", "75%", "25%", "0.25", "rock"):
        assert said in reader.text
