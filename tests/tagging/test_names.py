"""What texts stored as genres mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TCON

from earmark.errors import TagError
from earmark.tagging.names import (
    ID3V1,
    SIGNS,
    genre_names,
    id3v1_number,
    joined,
    require_genres,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("17", ["Rock"]),
        ("(17)", ["Rock"]),
        ("(17)(18)Refinement", ["Rock", "Techno", "Refinement"]),
        ("(4)Eurodisco", ["Disco", "Eurodisco"]),
        ("(RX)(CR)", ["Remix", "Cover"]),
        ("((x) y", ["(x) y"]),
        ("Rock\0Pop", ["Rock", "Pop"]),
        ("Rock/Pop", ["Rock", "Pop"]),
        ("Rock; Pop", ["Rock", "Pop"]),
        ("Rock / Pop", ["Rock", "Pop"]),
        ("35; 45", ["House", "Meditative"]),
        ("Folk, World, & Country", ["Folk, World, & Country"]),
        ("Folk, World, & Country;Funk / Soul", ["Folk, World, & Country", "Funk / Soul"]),
        ("Funk / Soul", ["Funk / Soul"]),
        ("Hip-Hop/Rap", ["Hip-Hop/Rap"]),
        ("(200)", []),
        ("255", []),
        ("1980", ["1980"]),
        (" Rock ", ["Rock"]),
        ("Rock;;Rock", ["Rock"]),
        ("", []),
    ],
)
def test_texts_of_id3(text: str, meant: list[str]) -> None:
    assert list(genre_names([text], id3=True)) == meant


def test_a_list_is_taken_as_it_is() -> None:
    assert genre_names(["AC/DC", "Rock; Pop"]) == ("AC/DC", "Rock; Pop")


def test_names_that_are_known_stay_whole() -> None:
    assert genre_names(["Pop/Rock"], id3=True, known=["POP/ROCK"]) == ("Pop/Rock",)
    assert genre_names(["Pop/Rock"], id3=True) == ("Pop", "Rock")


def test_numbers_are_those_that_others_know() -> None:
    assert [name.replace("Alternative", "Alt.") for name in ID3V1[38:42]] == TCON.GENRES[38:42]
    assert ID3V1[41:] == tuple(TCON.GENRES[41:])
    assert ID3V1[:40] == tuple(TCON.GENRES[:40])
    assert all(id3v1_number(name.upper()) == number for number, name in enumerate(ID3V1))
    assert id3v1_number("Zydeco") == 255


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(SIGNS))
def test_what_is_joined_can_be_parted_or_is_refused(genres: list[str], sign: str) -> None:
    try:
        require_genres(genres)
        text = joined(genres, sign)
    except TagError:
        return
    if len(genres) > 1:
        assert genre_names([text], id3=True) == tuple(genres)


@pytest.mark.parametrize(
    "genres", [[], [""], ["17"], ["Rock", "Rock"], ["a\nb"], [" Rock"], ["x" * 201], ["a"] * 51]
)
def test_what_no_file_should_get(genres: list[str]) -> None:
    with pytest.raises(TagError):
        require_genres(genres)
