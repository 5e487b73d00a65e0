"""Embeddings of songs that were heard before, so that no song is heard twice.

One small file a recording and extractor, in the platform's cache folder. A file is written under a
passing name and then renamed, so several processes may share the folder; what is damaged is as if
it were not there. Names and tags of songs are not kept, only what was heard.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from earmark.extraction import Extracted
from earmark.features import ExtractorSpec, Segments

logger = logging.getLogger(__name__)

MOST_FILES = 50_000
"""Songs that are kept: about 600 MB of blocks on disk. Those that were not asked for go first."""

LARGEST = 2**20
"""Bytes of one file."""

_MAGIC = b"earmark embedding 3\n"
_NAME = re.compile("[0-9a-f]{64}")
_DTYPES = frozenset({"float16", "float32", "float64"})


class EmbeddingCache:
    """The embeddings of one extractor.

    Parameters
    ----------
    spec
        The extractor; another version or another model has a folder of its own.
    folder
        Where all are; None: the platform's cache folder.
    """

    def __init__(self, spec: ExtractorSpec, folder: Path | None = None) -> None:
        base = folder or platformdirs.user_cache_path("earmark") / "embeddings"
        told = json.dumps([spec.name, spec.version, spec.checksum, spec.dimension, spec.dtype])
        name = re.sub("[^A-Za-z0-9._-]", "_", spec.name)[:40]
        self.base = base
        self.folder = base / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        self._dimension, self._dtype = spec.dimension, np.dtype(spec.dtype)
        self._written = 0

    def get(self, recording: str) -> Extracted | None:
        """Return what was heard of a recording; None where that is not known."""
        path = self._path(recording)
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
            found = _read(data, self._dimension, self._dtype)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            if not isinstance(error, FileNotFoundError):
                logger.info("%s: is not used: %s", path, error)
            return None
        with contextlib.suppress(OSError):
            # What is asked for stays longest.
            os.utime(path)
        return found

    def put(self, recording: str, found: Extracted) -> None:
        """Keep what was heard of a recording; where it cannot be kept, nothing happens."""
        path = self._path(recording)
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        data = _written(found, self._dtype)
        if len(data) > LARGEST:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(data)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            logger.info("%s: cannot be kept: %s", path, error)
            return
        self._written += 1

    def trim(self, most: int = MOST_FILES) -> None:
        """Delete what was not asked for longest, of any extractor, where there is too much."""
        if not self._written:
            return
        self._written = 0
        found: list[tuple[float, str]] = []
        for where, _, names in os.walk(self.base):
            for name in names:
                path = os.path.join(where, name)  # noqa: PTH118
                with contextlib.suppress(OSError):
                    found.append((os.stat(path).st_mtime, path))  # noqa: PTH116
        found.sort()
        for _, path in found[: max(0, len(found) - most)]:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108

    def _path(self, recording: str) -> Path:
        if not _NAME.fullmatch(recording):
            raise ValueError(f"{recording!r} is no SHA-256")
        return self.folder / recording[:2] / recording


def _written(found: Extracted, dtype: np.dtype[Any]) -> bytes:
    """Return a file: what it says, then the vector, then times and vectors of the segments."""
    segments = found.segments
    facts = {
        "dtype": str(found.vector.dtype),
        "segments": None if segments is None else len(segments),
        "duration": found.duration,
        "heard": found.heard,
        "warnings": list(found.warnings),
    }
    arrays = [found.vector]
    if segments is not None:
        arrays += [segments.starts, segments.stops, segments.vectors.astype(dtype)]
    numbers = [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays]
    body = json.dumps(facts).encode() + b"\n" + b"".join(numbers)
    return _MAGIC + hashlib.sha256(body).digest() + body


def _read(data: bytes, dimension: int, dtype: np.dtype[Any]) -> Extracted:
    """Read what `_written` gave; any error of a parser where it is something else."""
    start = len(_MAGIC) + 32
    digest, body = data[len(_MAGIC) : start], data[start:]
    if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        raise ValueError("it is damaged")
    head, _, numbers = body.partition(b"\n")
    facts = json.loads(head)
    if facts["dtype"] not in _DTYPES:
        raise ValueError("it holds no numbers")
    # What is left over, or lacks, is no number of anything.
    count = None if facts["segments"] is None else int(facts["segments"])
    times = np.dtype("f8")
    kinds = [(dimension, np.dtype(facts["dtype"]))]
    kinds += [] if count is None else [(count, times), (count, times), (count * dimension, dtype)]
    if sum(size * kind.itemsize for size, kind in kinds) != len(numbers):
        raise ValueError("it holds other numbers")
    arrays, at = [], 0
    for size, kind in kinds:
        stored = np.frombuffer(numbers, kind.newbyteorder("<"), size, at)
        arrays.append(stored.astype(kind))
        at += stored.nbytes
    vector, *rest = arrays
    return Extracted(
        vector=vector,
        duration=float(facts["duration"]),
        warnings=tuple(map(str, facts["warnings"])),
        seconds=0.0,
        heard=float(facts["heard"]),
        segments=Segments(rest[0], rest[1], rest[2].reshape(-1, dimension)) if rest else None,
    )
