"""What the API takes and gives of the libraries that a server can go on with."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Integer, List, Nested, String
from apiflask.validators import OneOf

from earmark.web.api.schemas import kind_field


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


class FileQuery(Schema):
    """What of a library is wanted."""

    whole = Boolean(
        load_default=False,
        metadata={
            "description": "With its history, and with paths, sizes and times of files: to be "
            "kept. Without: to be given away."
        },
    )


class LibrariesOut(Schema):
    """The libraries that can be chosen."""

    schema = kind_field("libraries")
    libraries = List(Nested(ShelvedOut), required=True)
