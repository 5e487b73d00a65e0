"""What a view needs from the application that it runs in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeAlias, cast

from flask import current_app, request
from werkzeug.datastructures import FileStorage

from earmark.errors import Busy, EarmarkError
from earmark.web.access import DROP_BODY, Access
from earmark.web.errors import BadRequest
from earmark.web.http.forms import keep
from earmark.web.songs.jobs import Job
from earmark.web.songs.queue import SongQueue
from earmark.web.state import ServerState
from earmark.words import one_line

Entry: TypeAlias = tuple[str, Job | EarmarkError]
"""A file of several: its name, and its job or why it has none."""


def server_state() -> ServerState:
    """Return what the server of the application holds."""
    return cast(ServerState, current_app.extensions["earmark"])


def access() -> Access:
    """Return the rules of the application."""
    return cast(Access, current_app.extensions["earmark-access"])


def shown_name(file: FileStorage) -> str:
    """Return the name of an upload, fit to be shown: no folders, no control characters."""
    return one_line(PurePosixPath(PureWindowsPath(file.filename or "").name).name) or "the song"


def uploaded(*fields: str) -> list[FileStorage]:
    """Return the files of a form, of whichever of these fields.

    Raises
    ------
    BadRequest
        There is none.
    """
    files = [file for field in fields for file in request.files.getlist(field) if file.filename]
    if not files:
        raise BadRequest(f"there is no file in this request; send one in the field {fields[0]!r}")
    return files


def saver(file: FileStorage) -> Callable[[Path], None]:
    """Return what writes the only upload of a request to a path, and then lets go of its body."""

    def save(path: Path) -> None:
        keep(file, path)
        _let_go(file)

    return save


def _let_go(*files: FileStorage) -> None:
    """Close uploads that were written, and free the body that they came in."""
    for file in files:
        file.close()
    drop = request.environ.get(DROP_BODY)
    if drop is not None:
        drop()


def submit_all(songs: SongQueue, files: list[FileStorage]) -> list[Entry]:
    """Submit several files without their pictures; return their names with a job or a problem.

    A full queue is waited for as long as others of these files are in it.
    """
    entries: list[Entry] = []
    for file in files:
        name = shown_name(file)
        entries.append((name, _submit_in_turn(songs, file, name, entries)))
    _let_go(*files)
    return entries


def _submit_in_turn(
    songs: SongQueue, file: FileStorage, name: str, before: list[Entry]
) -> Job | EarmarkError:
    while True:
        try:
            return songs.submit_upload(partial(keep, file), name, picture=False)
        except Busy as busy:
            waiting = [
                job.answered for _, job in before if isinstance(job, Job) and not job.finished
            ]
            if not waiting:
                return busy
            wait(waiting[:1])
            # It was read while it was saved.
            file.stream.seek(0)
        except EarmarkError as error:
            return error


def client_gone() -> Callable[[], bool] | None:
    """Return how to ask whether the client closed the connection; None where nobody knows."""
    gone: Callable[[], bool] | None = request.environ.get("waitress.client_disconnected")
    return gone
