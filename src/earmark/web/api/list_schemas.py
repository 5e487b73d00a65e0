"""What goes into the lists of songs and what comes out."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range
from marshmallow import ValidationError, validates_schema

from earmark.library.model import LARGEST_ID
from earmark.recommend.files import FORMATS
from earmark.web.api.schemas import kind_field

MOST_SEEDS = 100
MOST_SONGS = 1_000


def _track(**options: Any) -> Integer:
    return Integer(validate=Range(min=1, max=LARGEST_ID), **options)


def _tracks(most: int, said: str) -> Any:
    return List(
        _track(),
        load_default=list,
        validate=Length(max=most),
        metadata={"description": f"{said}; repeat it for several."},
    )


def _genres(said: str) -> Any:
    return List(
        String(validate=Length(min=1, max=100)),
        load_default=list,
        validate=Length(max=100),
        metadata={"description": f"{said}; repeat it for several."},
    )


class RulesQuery(Schema):
    """What a list keeps to."""

    genre = _genres("Only tracks of this genre")
    not_genre = _genres("No track of this genre")
    word = _genres("Only tracks that this word of the extractor fits best")
    not_word = _genres("No track that this word fits best")
    per_artist = Integer(
        load_default=3,
        validate=Range(min=0, max=MOST_SONGS),
        metadata={"description": "At most so many songs of an artist; 0: no limit."},
    )
    per_album = Integer(
        load_default=2,
        validate=Range(min=0, max=MOST_SONGS),
        metadata={"description": "At most so many songs of an album (a folder); 0: no limit."},
    )
    spacing = Integer(
        load_default=2,
        validate=Range(min=0, max=MOST_SONGS),
        metadata={"description": "So many other songs between two of one artist."},
    )
    versions = Boolean(
        load_default=False,
        metadata={"description": "Take other versions of a song: live, remastered."},
    )
    left_out = _tracks(MOST_SONGS, "A track that may not stand in the list")


class _ChosenQuery(RulesQuery):
    """A list that grows from songs."""

    song = _tracks(MOST_SEEDS, "A track that the list is to be like")
    job = List(
        String(validate=Length(min=1, max=100)),
        load_default=list,
        validate=Length(max=MOST_SEEDS),
        metadata={
            "description": "The job of a song that was sent, which the list is to be like; repeat "
            "it for several."
        },
    )
    unlike = _tracks(MOST_SEEDS, "A track to keep away from")
    variety = Float(
        load_default=0.0,
        validate=Range(min=0, max=1),
        metadata={"description": "How much of the choice is random."},
    )
    seed = Integer(
        load_default=0,
        validate=Range(min=0, max=2**32 - 1),
        metadata={"description": "The same seed gives the same list."},
    )


class SimilarListQuery(_ChosenQuery):
    """Tracks like some others."""

    n = Integer(load_default=20, validate=Range(min=1, max=MOST_SONGS))

    @validates_schema
    def _needs_a_song(self, data: dict[str, Any], **_: Any) -> None:
        if not (data["song"] or data["job"]):
            raise ValidationError("Name at least one track or job.", "song")


class PlaylistQuery(_ChosenQuery):
    """Tracks for so many minutes."""

    minutes = Float(load_default=60.0, validate=Range(min=0, max=10_000, min_inclusive=False))
    n = Integer(
        validate=Range(min=1, max=MOST_SONGS),
        metadata={"description": "So many songs, instead of minutes."},
    )

    @validates_schema
    def _needs_a_start(self, data: dict[str, Any], **_: Any) -> None:
        if not (data["song"] or data["job"] or data["genre"] or data["word"]):
            raise ValidationError("Name a track, a job, a genre or a word to start from.", "song")


class PathQuery(RulesQuery):
    """Tracks that lead from one to another."""

    start = _track(required=True)
    end = _track(required=True)
    n = Integer(load_default=10, validate=Range(min=2, max=200))


class SongsFileQuery(Schema):
    """Tracks that are to be a playlist file."""

    song = _tracks(MOST_SONGS, "A track, in the order of the list")
    title = String(load_default="Earmark", validate=Length(min=1, max=200))
    format = String(load_default="m3u8", validate=OneOf(FORMATS))

    @validates_schema
    def _needs_a_song(self, data: dict[str, Any], **_: Any) -> None:
        if not data["song"]:
            raise ValidationError("Name at least one track.", "song")


class SongOut(Schema):
    """A track of a list."""

    track_id = Integer(required=True)
    track = String(required=True)
    artist = String(required=True, allow_none=True)
    title = String(required=True, allow_none=True)
    genre = String(required=True, allow_none=True)
    duration = Float(required=True, allow_none=True, metadata={"description": "In seconds."})
    similarity = Float(
        required=True,
        metadata={
            "description": "To the songs that were asked about, or in a path to the one before: "
            "the share of the library's pairs of tracks that are farther apart."
        },
    )
    audio = String(
        required=True,
        allow_none=True,
        metadata={"description": "Where it can be heard; null: not on this machine."},
    )


class SongsOut(Schema):
    """A list of tracks."""

    schema = kind_field("songs")
    kind = String(required=True, validate=OneOf(["similar", "path", "playlist"]))
    tracks = List(Nested(SongOut), required=True)
