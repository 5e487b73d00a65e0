"""A file of arrays beside a library, which the system maps into memory.

It begins with what it is, in JSON: facts, and of each array its name, type and shape. The arrays
follow, each at a place that processors like.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark import atomic

MAGIC = b"earmark keys 3\n"
ENDING = ".keys"

_ALIGNED = 64
_MOST_HEAD = 100_000

Arrays = Mapping[str, NDArray[Any] | tuple[np.dtype[Any], tuple[int, ...], Iterable[NDArray[Any]]]]
"""Arrays by name; or their type, shape and parts, which are asked for when they are written."""


def path_beside(location: str) -> Path:
    """Return where the file of a library lies."""
    return Path(f"{location}{ENDING}")


def is_file(location: str) -> bool:
    """Whether a library lies in a file, not in a database; a URL may be too long for a name."""
    return os.path.isfile(location)  # noqa: PTH113


def write(path: Path, facts: Mapping[str, object], arrays: Arrays) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    layout = [[name, *_form(array)] for name, array in arrays.items()]
    head = json.dumps({**facts, "arrays": layout}).encode()
    with atomic.new_file(path, overwrite=True) as part, part.open("wb") as file:
        file.write(MAGIC + len(head).to_bytes(8, "little") + head)
        for array in arrays.values():
            file.write(bytes(_aligned(file.tell()) - file.tell()))
            for piece in _pieces(array):
                file.write(np.ascontiguousarray(piece).tobytes())


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the facts and arrays of a file, which are read where they are looked at.

    Raises
    ------
    ValueError
        It is something else, or not whole.
    OSError
        It cannot be read.
    """
    facts = facts_of(path)
    place, size, arrays = int(facts["at"]), path.stat().st_size, {}
    for name, kind, shape in facts["arrays"]:
        form, lengths = np.dtype(str(kind)), tuple(map(int, shape))
        if form.hasobject or min(lengths, default=-1) < 0:
            raise ValueError("it holds no numbers")
        place = _aligned(place)
        bytes_ = math.prod(lengths) * form.itemsize
        if place + bytes_ > size:
            raise ValueError("it ends early")
        arrays[str(name)] = (
            np.memmap(path, dtype=form, mode="r", offset=place, shape=lengths)
            if bytes_
            else np.zeros(lengths, form)
        )
        place += bytes_
    return facts, arrays


def facts_of(path: Path) -> dict[str, Any]:
    """Return the facts of a file, without its arrays; errors are those of `read`."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it is no file of keys")
        size = int.from_bytes(file.read(8), "little")
        if size > _MOST_HEAD:
            raise ValueError("it is no file of keys")
        facts = json.loads(file.read(size))
        if not isinstance(facts, dict):
            raise ValueError("it is no file of keys")
        return {**facts, "at": file.tell()}


def _form(array: Any) -> tuple[str, list[int]]:
    if isinstance(array, np.ndarray):
        return array.dtype.str, list(array.shape)
    kind, shape, _ = array
    return np.dtype(kind).str, list(shape)


def _pieces(array: Any) -> Iterator[NDArray[Any]]:
    if isinstance(array, np.ndarray):
        yield array
    else:
        yield from array[2]


def _aligned(place: int) -> int:
    return -(-place // _ALIGNED) * _ALIGNED
