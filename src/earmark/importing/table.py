"""Tracks as a table of comma-separated values, as ``earmark build --manifest`` reads it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from earmark.atomic import new_file
from earmark.errors import ImportFormatError
from earmark.library import Library, Track

COLUMNS = ("path", "genre", "artist", "title", "track", "seconds", "taught", "content_hash")
"""The columns; ``track`` is the name."""

OTHER_GENRES = "other_genres"
"""One column more where tracks have several genres: those after the first."""

GENRE_SEPARATOR = ";"
"""What stands between these."""


def track_json(track: Track) -> dict[str, Any]:
    """Return a track as JSON values."""
    return {
        "id": track.id,
        "name": track.name,
        "genre": track.genre,
        "genres": list(track.genres),
        "artist": track.artist,
        "title": track.title,
        "path": track.path,
        "duration": track.duration,
        "taught": track.taught,
        "content_hash": track.content_hash,
        "audio_hash": track.audio_hash,
    }


def write_table(tracks: Iterable[Track], file: TextIO) -> None:
    """Write tracks as a table with a header; what is not known of a track is empty."""
    listed = list(tracks)
    several = any(track.other_genres for track in listed)
    table = csv.writer(file, lineterminator="\n")
    table.writerow((*COLUMNS, OTHER_GENRES) if several else COLUMNS)
    for track in listed:
        seconds = "" if track.duration is None else f"{track.duration:.3f}"
        cells = (
            track.path or "",
            track.genre or "",
            track.artist or "",
            track.title or "",
            track.name,
            seconds,
            "yes" if track.taught else "",
            track.content_hash or "",
        )
        table.writerow(
            (*cells, f"{GENRE_SEPARATOR} ".join(track.other_genres)) if several else cells
        )


def export_table(library: Library, target: Path) -> int:
    """Write all tracks of a library as a table; return how many there are.

    A file that is there is replaced. It appears whole or not at all.

    Raises
    ------
    ImportFormatError
        It cannot be written.
    """
    tracks = library.tracks()
    try:
        # Names of files may hold bytes that are no text; they come back as they were.
        with (
            new_file(target, overwrite=True) as part,
            part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            write_table(tracks, file)
    except OSError as error:
        raise ImportFormatError(f"{target}: cannot be written ({error.strerror})") from error
    return len(tracks)
