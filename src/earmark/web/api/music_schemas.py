"""What the API takes and gives of the server's folder of music."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Float, List, Nested, String
from apiflask.validators import Length, OneOf

from earmark.web.api.schemas import kind_field

MOST_JOBS = 5_000


class FolderQuery(Schema):
    """Which folder."""

    folder = String(
        load_default="",
        validate=Length(max=1000),
        metadata={"description": "Below the folder of music; empty: that folder itself."},
    )


class FolderOut(Schema):
    """What lies in a folder; all paths are below the folder of music."""

    schema = kind_field("music")
    folders = List(String(), required=True)
    songs = List(String(), required=True)
    below = List(
        String(),
        required=True,
        metadata={"description": "All songs in it and in its folders, at most 5,000."},
    )
    more = Boolean(required=True, metadata={"description": "Whether there are more."})


class PlanIn(Schema):
    """For which songs genres are proposed."""

    jobs = List(
        String(validate=Length(min=1, max=100)),
        required=True,
        validate=Length(min=1, max=MOST_JOBS),
        metadata={"description": "Songs of the folder of music that were answered."},
    )
    mode = String(
        load_default="missing",
        validate=OneOf(["missing", "replace", "add"]),
        metadata={"description": "Files without a genre, or genres replaced, or one more added."},
    )


class TagsSeen(Schema):
    """The genres that a file has."""

    kind = String(required=True)
    genres = List(String(), required=True)


class ProposalOut(Schema):
    """What is proposed for a file: a line of a plan."""

    schema = kind_field("plan")
    path = String(required=True)
    root = String(required=True)
    audio_hash = String(required=True)
    tags_seen = Nested(TagsSeen, required=True)
    genres = List(String(), required=True)
    probability = Float(required=True)
    why = String(required=True)
    neighbors = List(Dict(), required=True)
    evidence = Dict(required=True, allow_none=True)


class LeftOut(Schema):
    """A file that nothing is proposed for, and why."""

    schema = kind_field("tag-left")
    path = String(required=True)
    reason = String(required=True)
    why = String(required=True)
    seen = List(String(), required=True)
    genre = String(required=True, allow_none=True)
    probability = Float(required=True, allow_none=True)


class PlanOut(Schema):
    """Proposals, and the files that stay as they are."""

    schema = kind_field("tag-proposals")
    proposals = List(Nested(ProposalOut), required=True)
    left = List(Nested(LeftOut), required=True)
