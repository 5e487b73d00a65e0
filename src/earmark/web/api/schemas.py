"""What goes into the API and what comes out, for checks and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiflask import Schema
from apiflask.fields import (
    Boolean,
    DateTime,
    Dict,
    File,
    Float,
    Integer,
    List,
    Nested,
    Raw,
    String,
    Tuple,
)
from apiflask.validators import Length, OneOf, Range, Regexp
from marshmallow import ValidationError, validates_schema

from earmark.library.model import LARGEST_ID
from earmark.schemas import schema
from earmark.words import UNFIT

# Neither blank at an end nor with such characters.
PLAIN_TEXT = rf"^[^\s{UNFIT}]([^{UNFIT}]*[^\s{UNFIT}])?$"

NOT_PLAIN = "Must be one line of text without control characters and without blanks at its ends."


def _file(**options: Any) -> Any:
    return File(**options)  # type: ignore[no-untyped-call]


def kind_field(kind: str) -> String:
    """Return the field that says what an object is; views need not set it."""
    name = schema(kind)
    return String(
        required=True,
        dump_default=name,
        validate=OneOf([name]),
        metadata={"description": "What this object is, with the version of its form."},
    )


def _whole(text: str) -> None:
    """Refuse what the pattern cannot: halves of characters, and an end of line at the end.

    Raises
    ------
    ValidationError
        There is such a thing.
    """
    if text.endswith("\n") or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValidationError(NOT_PLAIN)


def _name(longest: int = 100) -> list[Callable[[str], Any]]:
    return [Length(min=1, max=longest), Regexp(PLAIN_TEXT, error=NOT_PLAIN), _whole]


class Problem(Schema):
    """A problem document (RFC 9457)."""

    schema = kind_field("problem")
    type = String(required=True, metadata={"description": "What kind of problem, as a URI."})
    title = String(required=True)
    status = Integer(required=True)
    detail = String(required=True, metadata={"description": "What is wrong and what to do."})


class NeighborOut(Schema):
    """A track of the library near a song."""

    track_id = Integer(required=True)
    track = String(required=True)
    genre = String(required=True)
    artist = String(required=True, allow_none=True)
    title = String(required=True, allow_none=True)
    distance = Float(required=True)
    audio = String(
        required=True,
        allow_none=True,
        metadata={"description": "Where it can be heard; null: not on this machine."},
    )


class VoteOut(Schema):
    """What a vote says, in short."""

    genre = String(required=True)
    confidence = Float(required=True, metadata={"description": "Its probability."})
    abstained = Boolean(required=True, metadata={"description": "The answer is “not sure”."})


class PredictionOut(Schema):
    """What Earmark says of one song."""

    schema = kind_field("prediction")
    path = String(required=True, metadata={"description": "The song, as the client named it."})
    artist = String(required=True, allow_none=True, metadata={"description": "By its own tags."})
    title = String(required=True, allow_none=True)
    sentence = String(required=True)
    genre = String(required=True, metadata={"description": "The best guess, also when not sure."})
    genres = List(
        String(),
        required=True,
        metadata={"description": "All its genres, `genre` first; a style stands behind its genre."},
    )
    confidence = Float(required=True, metadata={"description": "Its probability."})
    abstained = Boolean(required=True, metadata={"description": "The answer is “not sure”."})
    reason = String(required=True, allow_none=True, metadata={"description": "Why not sure."})
    unlike = Boolean(
        required=True, metadata={"description": "Not sure because no track is like the song."}
    )
    prediction_set = List(String(), required=True)
    shortlist = List(
        String(),
        required=True,
        metadata={"description": "The prediction set where it says more than the genre alone."},
    )
    coverage = Float(
        required=True,
        allow_none=True,
        metadata={"description": "How often the prediction set holds the true genre."},
    )
    probabilities = Dict(keys=String(), values=Float(), required=True)
    neighbors = List(Nested(NeighborOut), required=True)
    tags = Dict(
        keys=String(),
        values=Float(),
        required=True,
        metadata={"description": "The network's own words; none for classic libraries."},
    )
    taught = Boolean(
        required=True,
        metadata={"description": "The genre was given to this very recording by hand."},
    )
    voted = Nested(
        VoteOut,
        required=True,
        allow_none=True,
        metadata={"description": "Where taught: what the vote says without the song itself."},
    )
    duration = Float(required=True, metadata={"description": "Of the song, in seconds."})
    heard = Float(
        required=True,
        allow_none=True,
        metadata={"description": "How many seconds of it were heard."},
    )
    caution = String(
        required=True,
        allow_none=True,
        metadata={"description": "Said where little was heard, in a sentence."},
    )
    mixed = Boolean(
        required=True, metadata={"description": "It is several things, such as a medley."}
    )
    shares = Dict(
        keys=String(),
        values=Float(),
        required=True,
        metadata={"description": "Share of its time by genre; empty where that is not known."},
    )
    seconds = Float(required=True, metadata={"description": "How long the answer took."})
    warnings = List(String(), required=True)
    content_hash = String(required=True, metadata={"description": "SHA-256 of the file."})


class ResultOut(Schema):
    """What became of one of several files."""

    name = String(required=True)
    prediction = Nested(PredictionOut, required=True, allow_none=True)
    problem = Nested(Problem, required=True, allow_none=True)


class ResultsOut(Schema):
    """What became of all files, in their order."""

    schema = kind_field("predictions")
    results = List(Nested(ResultOut), required=True)


class FilesIn(Schema):
    """One or several songs."""

    file = List(
        _file(),
        required=True,
        validate=Length(min=1, max=100),
        metadata={"description": "One song, or several under the same name."},
    )


class FileIn(Schema):
    """One song."""

    file = _file(required=True)


class JobQuery(Schema):
    """What is wanted of a song."""

    picture = Boolean(
        load_default=True,
        metadata={"description": "Waveform and timeline beside the answer."},
    )


class CancelQuery(Schema):
    """What becomes of a job that is called off."""

    forget = Boolean(
        load_default=True,
        metadata={"description": "Whether an answer that is there already goes, too."},
    )


class PathIn(Schema):
    """A song that the server can read itself."""

    path = String(
        required=True,
        validate=Length(min=1, max=1000),
        metadata={
            "description": "Under the folder that the server was started with.",
            "example": "Some artist/Some song.mp3",
        },
    )


class SegmentOut(Schema):
    """What a part of a song sounds like; times in seconds from its start."""

    start = Float(required=True)
    stop = Float(required=True)
    genre = String(required=True)
    confidence = Float(required=True)


class JobOut(Schema):
    """A song on its way."""

    schema = kind_field("job")
    id = String(required=True)
    name = String(required=True)
    state = String(
        required=True, validate=OneOf(["queued", "running", "done", "failed", "canceled"])
    )
    ahead = Integer(
        required=True, allow_none=True, metadata={"description": "Songs before it in the queue."}
    )
    done = Float(required=True, metadata={"description": "Share of the picture that is made."})
    answered = Boolean(
        required=True,
        metadata={"description": "The result has a prediction, though perhaps no picture yet."},
    )
    problem = Nested(Problem, required=True, allow_none=True)
    created = DateTime(required=True)
    self_url = String(required=True)
    result_url = String(required=True)


class JobResultOut(Schema):
    """The answer for a song, and its picture as soon as that is there."""

    schema = kind_field("job-result")
    job = Nested(JobOut, required=True)
    prediction = Nested(PredictionOut, required=True)
    in_use = Boolean(
        required=True,
        metadata={
            "description": "False: another library was chosen since, so that the numbers of "
            "tracks are not those of the library in use."
        },
    )
    waveform = List(
        Float(),
        required=True,
        allow_none=True,
        metadata={"description": "Loudness in [0, 1] over equal parts of the song."},
    )
    timeline = List(Nested(SegmentOut), required=True, allow_none=True)
    place = Tuple(
        (Float(), Float()),
        required=True,
        allow_none=True,
        metadata={"description": "The song's point on the map."},
    )


class TrackOut(Schema):
    """A track of the library."""

    schema = kind_field("track")
    id = Integer(required=True)
    name = String(required=True)
    genre = String(required=True, allow_none=True)
    artist = String(required=True, allow_none=True)
    title = String(required=True, allow_none=True)
    duration = Float(required=True, allow_none=True)
    taught = Boolean(required=True, metadata={"description": "Labelled by hand."})
    content_hash = String(required=True, allow_none=True)
    audio = String(required=True, allow_none=True)


class PageOut(Schema):
    """Where one is in a list."""

    page = Integer(required=True)
    per_page = Integer(required=True)
    pages = Integer(required=True)
    total = Integer(required=True)


class TracksOut(Schema):
    """One page of tracks."""

    schema = kind_field("tracks")
    tracks = List(Nested(TrackOut), required=True)
    pagination = Nested(PageOut, required=True)


class TracksQuery(Schema):
    """Which tracks are wanted."""

    genre = String(validate=Length(max=100), metadata={"description": "Exactly this genre."})
    artist = String(validate=Length(max=200), metadata={"description": "Exactly this artist."})
    search = String(
        validate=Length(max=200), metadata={"description": "Part of name, artist or title."}
    )
    taught = Boolean(metadata={"description": "Labelled by hand, or not."})
    page = Integer(load_default=1, validate=Range(min=1, max=1_000_000))
    per_page = Integer(load_default=50, validate=Range(min=1, max=500))


class SimilarQuery(Schema):
    """How many tracks are wanted."""

    k = Integer(load_default=10, validate=Range(min=1, max=100))


class SimilarOut(Schema):
    """Tracks, the most similar first."""

    schema = kind_field("similar")
    neighbors = List(Nested(NeighborOut), required=True)


class TrackIn(Schema):
    """A song to add, with its genre."""

    file = _file(required=True)
    genre = String(required=True, validate=_name())
    artist = String(validate=_name(200))
    title = String(validate=_name(200))


class TrackChange(Schema):
    """What to change of a track; what is left out stays."""

    genre = String(validate=_name())
    artist = String(validate=_name(200), allow_none=True)
    title = String(validate=_name(200), allow_none=True)

    @validates_schema
    def _needs_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("There is nothing to change; give genre, artist or title.")


class CorrectionIn(Schema):
    """The right genre of a song that was just classified."""

    job = String(required=True, validate=Length(max=100), metadata={"description": "Its job."})
    genre = String(required=True, validate=_name())
    artist = String(validate=_name(200))
    title = String(validate=_name(200))


class CorrectionOut(Schema):
    """A change of the library by hand."""

    schema = kind_field("correction")
    id = Integer(required=True)
    time = DateTime(required=True)
    what = String(required=True, validate=OneOf(["add", "relabel", "remove"]))
    track_id = Integer(required=True)
    track = String(required=True)
    genre_before = String(required=True, allow_none=True)
    genre_after = String(required=True, allow_none=True)
    undone = Boolean(required=True)


class CorrectionsOut(Schema):
    """Changes, newest first."""

    schema = kind_field("corrections")
    corrections = List(Nested(CorrectionOut), required=True)


class LimitQuery(Schema):
    """How many are wanted."""

    limit = Integer(load_default=50, validate=Range(min=1, max=1000))


class LibraryOut(Schema):
    """What the library holds."""

    schema = kind_field("library")
    name = String(required=True)
    extractor = String(required=True)
    extractor_version = String(required=True)
    metric = String(required=True)
    dimension = Integer(required=True)
    tracks = Integer(required=True)
    labelled = Integer(required=True)
    taught = Integer(required=True)
    artists = Integer(required=True)
    genres = Dict(keys=String(), values=Integer(), required=True)
    parameters = Dict(keys=String(), values=Raw(), required=True)
    writable = Boolean(
        required=True, metadata={"description": "False: the first change makes a copy."}
    )
    revision = Integer(required=True)


class PointOut(Schema):
    """A track's place on the map."""

    id = Integer(required=True)
    x = Float(required=True)
    y = Float(required=True)
    genre = String(required=True)
    track = String(required=True)
    artist = String(required=True, allow_none=True)
    title = String(required=True, allow_none=True)
    audio = String(required=True, allow_none=True)


class MapOut(Schema):
    """All labelled tracks as points."""

    schema = kind_field("map")
    revision = Integer(required=True)
    share = List(
        Float(), required=True, metadata={"description": "Part of the variance that an axis shows."}
    )
    points = List(Nested(PointOut), required=True)


class MapTracksQuery(Schema):
    """Which tracks are asked about."""

    id = List(
        Integer(validate=Range(min=0, max=LARGEST_ID)),
        load_default=list,
        validate=Length(max=200),
        metadata={"description": "A track; repeat it for several."},
    )
    search = String(
        validate=Length(max=200),
        metadata={
            "description": "In place of ids: words, each of them part of name, artist or title."
        },
    )
    limit = Integer(
        load_default=50,
        validate=Range(min=1, max=200),
        metadata={"description": "How many of those that are found are wanted."},
    )


class MapTrackOut(Schema):
    """What a track is called, and its place on the map."""

    id = Integer(required=True)
    x = Float(required=True, allow_none=True, metadata={"description": "None without a genre."})
    y = Float(required=True, allow_none=True, metadata={"description": "None without a genre."})
    genre = String(required=True, allow_none=True)
    track = String(required=True)
    artist = String(required=True, allow_none=True)
    title = String(required=True, allow_none=True)
    audio = String(required=True, allow_none=True)
    duration = Float(required=True, allow_none=True)


class MapTracksOut(Schema):
    """Some tracks of the map."""

    schema = kind_field("map-tracks")
    tracks = List(Nested(MapTrackOut), required=True)
    total = Integer(required=True, metadata={"description": "How many were found in all."})


class ReportOut(Schema):
    """How good the library's answers are."""

    schema = kind_field("report")
    state = String(required=True, validate=OneOf(["computing", "done", "failed"]))
    revision = Integer(required=True)
    problem = String(required=True, allow_none=True)
    report = Dict(required=True, allow_none=True)


class ReportTracksQuery(Schema):
    """Which of the tracks that were asked about are wanted."""

    genre = String(validate=Length(max=100), metadata={"description": "Labelled so."})
    answer = String(validate=Length(max=100), metadata={"description": "Taken for that."})
    page = Integer(load_default=1, validate=Range(min=1, max=1_000_000))
    per_page = Integer(load_default=50, validate=Range(min=1, max=500))


class ReportTrackOut(Schema):
    """A track, and what it was taken for by the tracks of other artists."""

    track = Nested(
        TrackOut,
        required=True,
        allow_none=True,
        metadata={"description": "As it is now; null where it was removed since."},
    )
    label = String(required=True, metadata={"description": "Its genre when it was asked about."})
    answer = String(required=True)
    probability = Float(required=True, metadata={"description": "Of the answer."})
    abstained = Boolean(required=True, metadata={"description": "Not sure."})


class ReportTracksOut(Schema):
    """One page of tracks that were asked about, the surest answers first."""

    schema = kind_field("report-tracks")
    state = String(required=True, validate=OneOf(["computing", "done", "failed"]))
    revision = Integer(required=True)
    tracks = List(Nested(ReportTrackOut), required=True)
    pagination = Nested(PageOut, required=True)


class HealthOut(Schema):
    """The server runs."""

    schema = kind_field("health")
    status = String(required=True)
    version = String(required=True)


class ReadyOut(Schema):
    """The server can take songs."""

    schema = kind_field("ready")
    ready = Boolean(required=True)
    workers = Integer(required=True)
    working = Integer(required=True)
    waiting = Integer(required=True)
