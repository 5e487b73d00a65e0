"""Lists asked of a library itself, by what people call songs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.errors import RecommendError, TrackNotFound
from earmark.library import Library, open_library
from earmark.recommend import Recommender, Songs

EXAMPLE = Path(__file__).parents[2] / "examples" / "war_of_freedom.ogg"


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with open_library("reference", read_only=True) as opened:
        yield opened


def test_a_song_goes_by_its_name_its_id_itself_and_its_title(library: Library) -> None:
    track = library.tracks(search="blues.00001")[0]
    assert track.id is not None
    expected = Recommender(library).similar(Songs((track.id,)), 4)
    for song in (track.name, track.id, track, f"{track.artist} - {track.title}"):
        assert library.similar(song, n=4) == expected


def test_what_is_wanted_is_passed_on(library: Library) -> None:
    track = library.tracks(genre="rock", limit=1)[0]
    recommender = Recommender(library)
    seeds, away = Songs((track.id or 0,)), Songs((library.tracks(search="metal.00005")[0].id or 0,))
    assert library.similar(
        track, n=6, unlike=("metal.00005",), not_genres=["blues"], variety=0.5, seed=3
    ) == recommender.similar(seeds, 6, away=away, not_genres=["blues"], variety=0.5, seed=3)
    assert library.playlist(track, n=6, genres=["rock", "pop"]) == recommender.playlist(
        seeds, n=6, minutes=None, genres=["rock", "pop"]
    )
    assert library.playlist(genres=["jazz"], minutes=3) == recommender.playlist(
        Songs(), genres=["jazz"], minutes=3
    )


def test_a_path_leads_from_the_one_to_the_other(library: Library) -> None:
    names = [found.track.name for found in library.path("blues.00001", "metal.00005", 6)]
    assert (names[0], names[-1], len(names)) == ("blues.00001", "metal.00005", 6)


@pytest.mark.slow
def test_a_file_is_heard(library: Library) -> None:
    found = library.similar(EXAMPLE, n=5)
    assert len({suggestion.track.id for suggestion in found}) == 5
    with pytest.raises(RecommendError, match=r"war_of_freedom\.ogg: is no track"):
        library.path(EXAMPLE, "metal.00005")


def test_what_nobody_knows_is_named(library: Library) -> None:
    with pytest.raises(TrackNotFound, match="Nobody - Nothing"):
        library.similar("Nobody - Nothing")
    with pytest.raises(RecommendError, match="start from"):
        library.playlist()


def test_a_library_is_opened_without_what_makes_lists() -> None:
    code = (
        "import sys; from earmark import open_library; open_library('reference').close();"
        "sys.exit('earmark.recommend' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
