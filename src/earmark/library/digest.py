"""A digest of what decides answers: it tells when vectors, labels or parameters were damaged.

Every vector, every segment and every label is hashed by itself, and the digest is the sum of these
hashes modulo 2¹²⁸ (an incremental hash after Bellare and Micciancio 1997, AdHash). So it does not
depend on any order, and a change costs the hash of what was changed, not of the whole library. It
finds bits that flipped by accident; it is no proof against somebody who computes it anew.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

MODULUS = 1 << 128
EMPTY = f"{0:032x}"
"""The digest of nothing, 32 hexadecimal digits."""

_ID = struct.Struct("<q")
_LABEL = struct.Struct("<qd")
_SEGMENT = struct.Struct("<qdd")


def of_vector(track_id: int, vector: bytes) -> int:
    """Return the part of one track's stored vector."""
    return _number(b"v" + _ID.pack(track_id) + vector)


def of_segment(track_id: int, start: float, stop: float, vector: bytes) -> int:
    """Return the part of the stored vector of a segment of a track."""
    return _number(b"s" + _SEGMENT.pack(track_id, start, stop) + vector)


def of_label(track_id: int, genre: str, weight: float) -> int:
    """Return the part of one genre of a track."""
    return _number(b"g" + _LABEL.pack(track_id, weight) + genre.encode("utf-8", "surrogatepass"))


def of_parameters(blob: bytes) -> str:
    """Return the digest of the stored parameters of the vote."""
    return f"{_number(b'p' + blob):032x}"


def moved(digest: str, *, more: Iterable[int] = (), less: Iterable[int] = ()) -> str:
    """Return a digest after parts came and went.

    >>> one, other = of_label(1, "jazz", 1.0), of_label(2, "rock", 1.0)
    >>> moved(moved(EMPTY, more=[one, other]), less=[other]) == moved(EMPTY, more=[one])
    True
    """
    return f"{(int(digest, 16) + sum(more) - sum(less)) % MODULUS:032x}"


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=16).digest(), "big")
