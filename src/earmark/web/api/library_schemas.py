"""What the API takes and gives of the libraries that a server can go on with."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Boolean, DateTime, Dict, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range

from earmark.features import CLASSIC, DEFAULT
from earmark.web.api.schemas import Problem, kind_field
from earmark.web.served.libraries import LONGEST_NAME


class ShelvedOut(Schema):
    """A library that can be chosen."""

    name = String(required=True, metadata={"description": "By which it is asked for."})
    title = String(required=True, metadata={"description": "What it is called."})
    kind = String(
        required=True,
        validate=OneOf(["package", "own", "made", "started"]),
        metadata={
            "description": "Of the package; the user's own; made on the pages; or another one that "
            "the server was started with."
        },
    )
    in_use = Boolean(required=True)
    started = Boolean(
        required=True, metadata={"description": "The server was started with this one."}
    )
    extractor = String(required=True, allow_none=True)
    tracks = Integer(required=True, allow_none=True)
    labelled = Integer(required=True, allow_none=True)
    taught = Integer(required=True, allow_none=True)
    genres = Dict(keys=String(), values=Integer(), required=True)
    size = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Bytes of its file; null of one in a database."},
    )
    problem = String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it cannot be opened; then nothing else is known of it."},
    )


class RemovedOut(Schema):
    """A library that was removed, or a copy of what one was before it was reset."""

    name = String(required=True)
    title = String(required=True, metadata={"description": "What the library was called."})
    time = DateTime(required=True)
    size = Integer(required=True, metadata={"description": "Bytes."})


class FileQuery(Schema):
    """What of a library is wanted."""

    whole = Boolean(
        load_default=False,
        metadata={
            "description": "With its history, and with paths, sizes and times of files: to be "
            "kept. Without: to be given away."
        },
    )


class BuildIn(Schema):
    """Of what a library is made."""

    name = String(required=True, validate=Length(min=1, max=LONGEST_NAME))
    folder = String(
        load_default="",
        validate=Length(max=1000),
        metadata={
            "description": "Below the server's folder of music; empty: all of it. Its sub-folders "
            "are the genres."
        },
    )
    genre_level = Integer(
        load_default=None,
        allow_none=True,
        validate=Range(min=1, max=20),
        metadata={"description": "Which folder on the way to a file is its genre."},
    )
    extractor = String(
        load_default=None,
        allow_none=True,
        validate=OneOf([DEFAULT, CLASSIC]),
        metadata={"description": "The feature extractor; without it the usual one."},
    )


class FileLeft(Schema):
    """A file, and what is to be said of it."""

    path = String(required=True)
    reason = String(required=True)


class BuildOut(Schema):
    """How far a library is that is being made, or what became of it."""

    schema = kind_field("library-build")
    name = String(required=True)
    folder = String(required=True)
    state = String(required=True, validate=OneOf(["running", "done", "failed", "canceled"]))
    total = Integer(required=True, metadata={"description": "Files that can be used by name."})
    finished = Integer(required=True, metadata={"description": "Of these."})
    under_way = List(String(), required=True)
    seconds = Float(required=True)
    used = Integer(required=True)
    left_out = Integer(required=True)
    files = List(
        Nested(FileLeft),
        required=True,
        metadata={"description": "Files that are left out and why, at most 1,000."},
    )
    warnings = List(
        Nested(FileLeft),
        required=True,
        metadata={"description": "Files that were used, and what is odd about them."},
    )
    passed_over = Dict(
        keys=String(),
        values=Integer(),
        required=True,
        metadata={"description": "Files not named like sound files, counted by their endings."},
    )
    problem = Nested(Problem, required=True, allow_none=True)


class LibrariesOut(Schema):
    """The libraries that can be chosen."""

    schema = kind_field("libraries")
    libraries = List(Nested(ShelvedOut), required=True)
    removed = List(
        Nested(RemovedOut),
        required=True,
        metadata={"description": "Those that were removed and can be put back."},
    )


class ResetOut(Schema):
    """What became of all corrections at once."""

    schema = kind_field("reset")
    undone = Integer(required=True)
    left = Integer(
        required=True,
        metadata={"description": "Could not be undone: their tracks were changed since."},
    )
    kept = String(
        required=True,
        allow_none=True,
        metadata={"description": "Name of the copy of before, among those that were removed."},
    )
