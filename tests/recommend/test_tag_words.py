"""Tracks picked by the words of the extractor."""

from __future__ import annotations

import dataclasses
import math
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import RecommendError
from earmark.features import doubtful_words, get_extractor
from earmark.library import open_library
from earmark.recommend import Recommender, Rules, Songs
from earmark.recommend.tag_words import TOP_SHARE, offered, picked

ROOT = Path(__file__).resolve().parents[2]
FREE = Rules(per_artist=None, per_album=None, spacing=0, versions=True)


@pytest.fixture(scope="module")
def recommender() -> Iterator[Recommender]:
    with open_library("reference", read_only=True) as library:
        yield Recommender(library)


def test_a_word_picks_its_top_share() -> None:
    outputs = np.random.default_rng(0).random((101, 2))
    mask = picked(["jazz", "metal"], outputs, "METAL ")
    assert mask.sum() == math.ceil(TOP_SHARE * 101)
    assert outputs[mask, 1].min() > outputs[~mask, 1].max()
    # What the network calls much or little does not matter, only the order.
    assert np.array_equal(mask, picked(["jazz", "metal"], outputs**3 / 50, "metal"))


@pytest.mark.parametrize("word", ["rock", "no such word", ""])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(RecommendError, match="these are: jazz"):
        picked(["jazz", "rock"], np.ones((3, 2)), word, doubtful=["rock"])


def test_a_library_without_words_says_so() -> None:
    with pytest.raises(RecommendError, match="has no words"):
        picked([], np.ones((3, 2)), "jazz")


def test_words_let_in_and_keep_out(recommender: Recommender) -> None:
    n = 1000
    songs = Songs((1,))

    def ids(**words: list[str]) -> set[int]:
        found = recommender.similar(songs, n, rules=FREE, **words)  # type: ignore[arg-type]
        return {int(one.track.id or 0) for one in found}

    every, jazz, not_jazz = ids(), ids(words=["jazz"]), ids(not_words=["jazz"])
    assert jazz
    assert jazz < every
    assert not jazz & not_jazz
    assert ids(words=["jazz"], not_words=["jazz"]) == set()
    assert ids(words=["jazz", "blues"]) == jazz & ids(words=["blues"])


def test_a_playlist_begins_with_a_word(recommender: Recommender) -> None:
    found = recommender.playlist(Songs(), minutes=5, words=["jazz"])
    assert len(found) > 5
    assert [one.track.genre for one in found].count("jazz") > len(found) / 2
    with pytest.raises(RecommendError, match="a genre or a word"):
        recommender.playlist(Songs(), minutes=5)


def test_words_that_do_not_hold_are_not_offered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    runpy.run_path(str(ROOT / "scripts" / "measure_words.py"), run_name="__main__")
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    failed = {row[0] for row in rows if row[-1] == "does not hold"}
    doubtful = doubtful_words(get_extractor("musicnn").spec)
    assert failed == doubtful
    assert len(rows) > len(failed)
    assert not failed & set(offered([row[0] for row in rows], doubtful))


def test_words_of_an_extractor_that_is_not_here_are_not_doubted() -> None:
    spec = get_extractor("musicnn").spec
    assert doubtful_words(dataclasses.replace(spec, version="0")) == frozenset()
    assert doubtful_words(dataclasses.replace(spec, name="none such")) == frozenset()
    with open_library("reference", read_only=True) as library, pytest.raises(RecommendError):
        Recommender(library).playlist(Songs(), words=["progressive rock"])
