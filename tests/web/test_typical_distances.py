"""Near and far are said as the tracks of a library lie to each other."""

from __future__ import annotations

import re

import numpy as np
import pytest

from earmark.library import open_library
from earmark.library.fitting import voter
from earmark.web.served.typical_distances import typical_distances

pytestmark = pytest.mark.slow


def test_half_of_the_tracks_have_their_nearest_very_near_and_their_tenth_near(original) -> None:
    with open_library(original, read_only=True) as library:
        snapshot = library.snapshot()
        vote = voter(library, snapshot)
        typical = typical_distances(vote, snapshot)
        every = [
            np.sort(np.delete(vote.kneighbors(one[None], len(snapshot))[0][0], 0))
            for one in snapshot.vectors
        ]
    assert typical is not None
    assert 0 < typical.nearest < typical.tenth
    for rank, word in ((0, {"very near"}), (9, {"very near", "near"})):
        said = [typical.word(float(distances[rank])) in word for distances in every]
        assert len(every) / 2 <= sum(said) <= len(every) / 2 + 1


def test_the_page_says_how_near_each_neighbor_is(client, state, tune_file) -> None:
    page = client.post("/", data={"file": (tune_file.open("rb"), "tune.wav")}).text
    words = re.findall(r'near-word">([a-z ]+)<', page)
    figures = [float(text) for text in re.findall(r'title="Distance ([\d.e+]+)', page)]
    typical = state.served.typical_distances()
    assert len(words) == 8
    assert figures == sorted(figures)
    assert words == [typical.word(figure) for figure in figures]
    assert "all 8 are melody." in page
    # Where the library is another, so is what is near in it.
    state.library.remove([track.id for track in state.library.tracks(genre="melody")])
    assert state.served.typical_distances() != typical
