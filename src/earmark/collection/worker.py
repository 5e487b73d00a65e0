"""What a worker process does with one file; it may also run on another machine."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.collection.tags import read_tags
from earmark.errors import AudioError, FeatureError
from earmark.features import ExtractorSpec, FeatureExtractor, Vector, get_extractor
from earmark.listen import hash_file, listen


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file whose bytes were looked at.

    Attributes
    ----------
    path
        The file.
    content_hash
        SHA-256 of its bytes.
    size, modified_ns
        When that was done.
    """

    path: str
    content_hash: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Listened:
    """A file that was heard: its vector [d], and what else was found out."""

    path: str
    vector: Vector
    duration: float
    artist: str | None
    title: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be used, and why; ``reason`` does not repeat its name."""

    path: str
    reason: str


def hash_piece(path: str) -> Hashed | Failed:
    """Look at the bytes of a file."""
    try:
        status = Path(path).stat()
        return Hashed(path, hash_file(path), status.st_size, status.st_mtime_ns)
    except AudioError as error:
        return Failed(path, error.problem)
    except OSError as error:
        return Failed(path, f"cannot be read ({error.strerror})")


def listen_piece(
    path: str, extractor: ExtractorSpec, options: Mapping[str, Any]
) -> Listened | Failed:
    """Hear a file.

    Parameters
    ----------
    path
        The file.
    extractor, options
        As `earmark.features.get_extractor` takes them.
    """
    try:
        heard = listen(path, _extractor(extractor, tuple(sorted(options.items()))))
        artist, title = read_tags(path)
        return Listened(path, heard.vector, heard.duration, artist, title, heard.warnings)
    except AudioError as error:
        return Failed(path, error.problem)
    except FeatureError as error:
        return Failed(path, str(error))
    except MemoryError:
        return Failed(path, "needs more memory than there is")
    except Exception as error:
        # One odd file must not end a run over thousands; it is listed with what happened.
        return Failed(path, f"failed unexpectedly ({type(error).__name__}: {error})")


@functools.cache
def _extractor(spec: ExtractorSpec, options: tuple[tuple[str, Any], ...]) -> FeatureExtractor:
    return get_extractor(spec, **dict(options))
