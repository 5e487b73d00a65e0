"""What can go wrong in the server beside the song itself, as part of the tree of errors."""

from __future__ import annotations

from earmark.errors import ServerError


class NotFound(ServerError):
    """The server has no such job, correction or file."""


class NotAllowed(ServerError):
    """The path lies outside the folder of music, or there is none."""


class PageOutOfDate(NotAllowed):
    """The page that a change was sent from does not have the secret of this server."""


class BadRequest(ServerError):
    """The request lacks something or makes no sense."""
