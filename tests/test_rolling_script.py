"""When recording from the microphone stops by itself, as the script that measures it has it."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from support import scripts

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def module() -> ModuleType:
    # Which it imports.
    scripts.load("new_artists")
    return scripts.load("measure_rolling")


@pytest.mark.parametrize(
    ("first", "agree", "stop"),
    [(3.0, 1, 0), (3.0, 2, 3), (6.0, 1, 2), (9.0, 3, 6), (3.0, 4, 7), (3.0, 5, None)],
)
def test_it_stops_at_the_first_look_at_which_enough_answers_agree(
    module: ModuleType, first: float, agree: int, stop: int | None
) -> None:
    sure = np.array([True, False, True, True, True, True, True, True])
    genres = np.array([1, 1, 1, 1, 2, 2, 2, 2])
    assert module.Looks(sure, genres, 1).stop(first, agree) == stop


def test_a_growing_recording_is_the_mean_of_what_was_heard(module: ModuleType) -> None:
    patches = np.array([[2.0, 0.0], [4.0, 3.0], [0.0, 0.0]])
    assert module.growing(patches).tolist() == [[2.0, 0.0], [3.0, 1.5], [2.0, 1.0]]


def test_the_rule_that_is_measured_is_that_of_the_page(module: ModuleType) -> None:
    script = (ROOT / "src/earmark/web/static/js/rolling.js").read_text("utf-8")
    every, agree = (
        float(re.findall(rf"^(?:export )?const {name} = (\d+);$", script, re.MULTILINE)[0])
        for name in ("EVERY", "AGREE")
    )
    assert (every, agree) == module.OF_PAGE
    assert every == module.STEP
