"""Large forms, read as they come in: a song is written once, to the file that it is heard from.

Else waitress would keep the whole body in a file, Werkzeug would write each song of it into
another, and the application into the last one.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from werkzeug.datastructures import FileStorage, ImmutableMultiDict
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

LARGE = 512 * 1024
"""Bytes; smaller bodies stay in memory until they are saved."""

RECEIVED_FORM = "earmark.received_form"
"""In the environment of a request: its form, where that was read as it came in."""

Form = tuple[ImmutableMultiDict[str, str], ImmutableMultiDict[str, FileStorage]]


class ReceivedFile(io.FileIO):
    """A file of a form that lies on disk already.

    Parameters
    ----------
    path
        Where; it is deleted with the form.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path


def keep(file: FileStorage, path: Path) -> None:
    """Write a file of a form to a path; one that lies on disk gets a second name."""
    if isinstance(file.stream, ReceivedFile):
        try:
            os.link(file.stream.path, path)
            return
        except OSError:
            # Not every file system has names for the same file.
            pass
    file.save(path)


class FormBuffer:
    """What waitress puts a body into: here it is a form, and its files are written at once.

    Parameters
    ----------
    boundary
        Between the parts.
    new_file
        Names a file that does not exist yet.
    max_parts, max_field
        How many parts the form may have, and bytes of a field that is no file.
    """

    def __init__(
        self, boundary: bytes, new_file: Callable[[], Path], *, max_parts: int, max_field: int
    ) -> None:
        self._decoder = MultipartDecoder(
            boundary, max_form_memory_size=max_field, max_parts=max_parts
        )
        self._new_file, self._max_field = new_file, max_field
        self._length = 0
        self._part: Field | File | None = None
        self._field: list[bytes] = []
        self._out: IO[bytes] | None = None
        self._fields: list[tuple[str, str]] = []
        self._files: list[tuple[File, Path]] = []
        self._wrong: Exception | None = None

    def __len__(self) -> int:
        """Return how many bytes came."""
        return self._length

    # What waitress asks

    def append(self, data: bytes) -> None:
        """Take bytes of the body.

        Raises
        ------
        OSError
            A file cannot be written.
        """
        self._length += len(data)
        self._read(data)

    def getfile(self) -> IO[bytes]:
        """Return what is left of the body: nothing."""
        return io.BytesIO()

    def close(self) -> None:
        """Delete the files; what was kept of them by another name stays."""
        self._end_file()
        for _, path in self._files:
            # What cannot be deleted goes with the folder when the server stops.
            with contextlib.suppress(OSError):
                path.unlink()
        self._files = []

    # What the application asks

    def parse(self, *_: Any, **__: Any) -> tuple[IO[bytes], Any, Any]:
        """Return the form as `werkzeug.formparser.FormDataParser` does; empty where it is broken.

        Raises
        ------
        RequestEntityTooLarge
            It has too many parts, or too much in one field.
        """
        self._read(None)
        self._end_file()
        if isinstance(self._wrong, HTTPException):
            raise self._wrong
        empty: Form = ImmutableMultiDict(), ImmutableMultiDict()
        return io.BytesIO(), *(empty if self._wrong is not None else self._form())

    def _form(self) -> Form:
        files = [
            (
                part.name,
                FileStorage(ReceivedFile(path), part.filename, part.name, headers=part.headers),
            )
            for part, path in self._files
        ]
        return ImmutableMultiDict(self._fields), ImmutableMultiDict(files)

    def _read(self, data: bytes | None) -> None:
        if self._wrong is not None:
            return
        try:
            self._decoder.receive_data(data)
            while not isinstance(event := self._decoder.next_event(), (NeedData, Epilogue)):
                if isinstance(event, (Field, File)):
                    self._begin(event)
                elif isinstance(event, Data):
                    self._take(event)
        except (ValueError, RequestEntityTooLarge) as error:
            self._wrong = error

    def _begin(self, part: Field | File) -> None:
        self._part, self._field = part, []
        if isinstance(part, File):
            path = self._new_file()
            self._files.append((part, path))
            self._out = path.open("xb", buffering=2**18)

    def _take(self, event: Data) -> None:
        if self._out is not None:
            self._out.write(event.data)
        elif self._part is not None:
            self._field.append(event.data)
            if sum(map(len, self._field)) > self._max_field:
                raise RequestEntityTooLarge
        if event.more_data:
            return
        if self._out is None and self._part is not None:
            charset = MultiPartParser().get_part_charset(self._part.headers)
            text = b"".join(self._field).decode(charset, "replace")
            self._fields.append((self._part.name, text))
        self._end_file()

    def _end_file(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None


def boundary_of(content_type: str) -> bytes | None:
    """Return what stands between the parts of a form; None where it is no form with files.

    >>> boundary_of('multipart/form-data; boundary="x"')
    b'x'
    >>> boundary_of("application/json")
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind.lower() != "multipart/form-data" or not boundary.isascii():
        return None
    return boundary.encode() or None
