"""What can be asked of a library."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from earmark.errors import LibraryExtractor, TrackNotFound
from earmark.library import rows, sqlite
from earmark.library.model import ExtractorSpec, Fitted, Snapshot, Track
from earmark.library.schema import state, track_genres, tracks, vectors


class LibraryReader:
    """The questions; `earmark.library.Library` adds the changes.

    Attributes
    ----------
    path
        The file, absolute.
    spec
        The extractor of its vectors.
    read_only
        Changes are refused with `LibraryReadOnly`: it was asked for, or the file or its folder
        may not be written.
    """

    def __init__(self, path: Path, engine: sa.Engine, spec: ExtractorSpec, read_only: bool) -> None:
        self.path = path
        self.spec = spec
        self.read_only = read_only
        self._engine = engine
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Library {str(self.path)!r} of {self.spec.name} vectors>"

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with sqlite.translated(self.path), self._engine.begin() as connection:
            yield connection

    # What it is

    @property
    def revision(self) -> int:
        """Grows by one for every track added, changed or removed, by whichever process."""
        with self._reading() as connection, rows.intact(self.path):
            return _revision(connection)

    @property
    def digest(self) -> str:
        """What `earmark.library.digest` made of all vectors and labels, as it was written down."""
        with self._reading() as connection, rows.intact(self.path):
            return str(connection.execute(sa.select(state.c.digest)).scalar_one())

    def require(self, name: str, version: str, checksum: str | None = None) -> None:
        """See that the vectors are of a certain extractor.

        Parameters
        ----------
        name, version
            Of the extractor.
        checksum
            Of its model; None: whatever it is.

        Raises
        ------
        LibraryExtractor
            They are of another, or of another version of it.
        """
        if (self.spec.name, self.spec.version) != (name, version):
            raise LibraryExtractor(
                f"{self.path}: holds vectors of {self.spec.name} {self.spec.version}, "
                f"not of {name} {version}; build another library for those"
            )
        # One of the two may not have been noted.
        if None not in (checksum, self.spec.checksum) and checksum != self.spec.checksum:
            raise LibraryExtractor(
                f"{self.path}: holds vectors of another model that is also called {name} "
                f"{version} (its SHA-256 begins with {str(self.spec.checksum)[:12]}); build "
                "another library for this one"
            )

    # Questions

    def _get(self, connection: sa.Connection, track_id: int) -> Track:
        query = sa.select(*rows.COLUMNS).where(tracks.c.id == track_id)
        with rows.intact(self.path):
            row = connection.execute(query).mappings().first()
            if row is None:
                raise TrackNotFound(f"{self.path}: has no track {track_id}")
            return rows.track_of(row)

    def get(self, track_id: int) -> Track:
        """Return one track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        with self._reading() as connection:
            return self._get(connection, track_id)

    def find_hash(self, content_hash: str) -> list[Track]:
        """Return the tracks whose file had these bytes; often none."""
        return self._select(tracks.c.content_hash == content_hash)

    def find_audio_hash(self, audio_hash: str) -> list[Track]:
        """Return the tracks whose file had this audio payload; often none."""
        return self._select(tracks.c.audio_hash == audio_hash)

    def find_path(self, path: str | os.PathLike[str]) -> Track | None:
        """Return the track of a file, None where there is none. The path is taken as it is."""
        found = self._select(tracks.c.path == os.fspath(path))
        return found[0] if found else None

    def tracks(
        self,
        *,
        genre: str | None = None,
        artist: str | None = None,
        search: str | None = None,
        taught: bool | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[Track]:
        """Return the tracks that fit every filter given, by name, then path.

        Parameters
        ----------
        genre, artist
            Exactly this one.
        search
            Part of name, artist or title, in upper or lower case.
        taught
            Labelled by hand, or not.
        offset, limit
            Skip so many, return at most so many.
        """
        where = _filters(genre, artist, search, taught)
        return self._select(*where, offset=offset, limit=limit)

    def _select(
        self, *where: sa.ColumnElement[bool], offset: int = 0, limit: int | None = None
    ) -> list[Track]:
        order = (tracks.c.name, tracks.c.path, tracks.c.content_hash, tracks.c.id)
        query = sa.select(*rows.COLUMNS).where(*where).order_by(*order).offset(offset).limit(limit)
        with self._reading() as connection, rows.intact(self.path):
            return [rows.track_of(row) for row in connection.execute(query).mappings()]

    def count(
        self,
        *,
        genre: str | None = None,
        artist: str | None = None,
        search: str | None = None,
        taught: bool | None = None,
    ) -> int:
        """Return how many tracks fit the filters of `tracks`."""
        where = _filters(genre, artist, search, taught)
        query = sa.select(sa.func.count()).select_from(tracks).where(*where)
        with self._reading() as connection:
            return int(connection.scalar(query) or 0)

    def genres(self) -> dict[str, int]:
        """Return the number of tracks of each genre, genres sorted; the unlabelled do not count."""
        return self._counts(track_genres.c.genre)

    def artists(self) -> dict[str, int]:
        """Return the number of tracks of each artist, artists sorted, unknown ones left out."""
        return self._counts(tracks.c.artist)

    def _counts(self, column: sa.Column[Any]) -> dict[str, int]:
        query = sa.select(column, sa.func.count()).where(column.is_not(None)).group_by(column)
        with self._reading() as connection:
            return dict(sorted((str(key), int(count)) for key, count in connection.execute(query)))

    def vector(self, track_id: int) -> NDArray[np.floating]:
        """Return the vector [dimension] of a track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        with self._reading() as connection, rows.intact(self.path):
            self._get(connection, track_id)
            blob = connection.scalar(
                sa.select(vectors.c.vector).where(vectors.c.track_id == track_id)
            )
        vector: NDArray[np.floating] = rows.unpack([blob or b""], self.spec, self.path)[0]
        return vector

    def snapshot(self) -> Snapshot:
        """Return all labelled tracks and their vectors, as of one moment.

        The order of its rows is by name, path and content hash, so that two libraries of the same
        music agree whatever the order in which they were filled. Kept until the library changes.

        Raises
        ------
        LibraryDamaged
            A stored vector has a wrong length or numbers that are not finite, or a cell holds
            something else than its column does.
        """
        with self._lock:
            with self._reading() as connection, rows.intact(self.path):
                revision = _revision(connection)
                if self._snapshot is not None and self._snapshot.revision == revision:
                    return self._snapshot
                query = (
                    sa.select(*rows.COLUMNS, vectors.c.vector)
                    .outerjoin(vectors, vectors.c.track_id == tracks.c.id)
                    .where(rows.is_labelled())
                )
                found = [
                    (rows.track_of(row), row["vector"])
                    for row in connection.execute(query).mappings()
                ]
            # Databases differ in how they order text.
            found.sort(key=lambda pair: _order(pair[0]))
            labelled = tuple(track for track, _ in found)
            self._snapshot = Snapshot(
                revision=revision,
                tracks=labelled,
                vectors=rows.unpack([blob for _, blob in found], self.spec, self.path),
                genres=tuple(str(track.genre) for track in labelled),
                artists=tuple(track.artist for track in labelled),
            )
            return self._snapshot

    # Parameters of the vote

    def load_parameters(self) -> tuple[bytes, int] | None:
        """Return the stored parameters and the revision they were fitted at, None without."""
        fitted = self.fitted()
        return None if fitted is None else (fitted.blob, fitted.revision)

    def fitted(self) -> Fitted | None:
        """Return the stored parameters and how the library looked then, None without.

        Raises
        ------
        LibraryDamaged
            A cell of them holds something else than its column does.
        """
        query = sa.select(
            state.c.parameters, state.c.parameters_revision, state.c.parameters_genres
        )
        with self._reading() as connection, rows.intact(self.path):
            row = connection.execute(query).one()
            if row[0] is None:
                return None
            if not isinstance(row[0], bytes):
                raise TypeError("the parameters are not bytes")
            return Fitted(row[0], int(row[1]), tuple(json.loads(row[2])))


def _revision(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(state.c.revision)).scalar_one())


def _order(track: Track) -> tuple[str, str, str, int]:
    return (track.name, track.path or "", track.content_hash or "", track.id or 0)


def _filters(
    genre: str | None, artist: str | None, search: str | None, taught: bool | None
) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if genre is not None:
        where.append(rows.has_genre(genre))
    if artist is not None:
        where.append(tracks.c.artist == artist)
    if search:
        where.append(tracks.c.search_text.contains(rows.fold(search), autoescape=True))
    if taught is not None:
        where.append(tracks.c.taught.is_(taught))
    return where
