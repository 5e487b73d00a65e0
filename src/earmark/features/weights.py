"""Files of weights, and what they are known by."""

from __future__ import annotations

import hashlib
from pathlib import Path

from earmark.errors import ExtractorRefused

_BLOCK = 1 << 20


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file of weights in hexadecimal.

    Raises
    ------
    ExtractorRefused
        It is missing or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError:
        raise ExtractorRefused(file, "there is no such file") from None
    except OSError as error:
        raise ExtractorRefused(file, f"cannot be read ({error.strerror})") from error
    return digest.hexdigest()
