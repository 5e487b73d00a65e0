"""Lists of near tracks, of which a query looks at a few: the one place that imports faiss.

An index of inverted lists (Sivic and Zisserman, 2003; Jégou, Douze and Schmid, 2011) parts the keys
of tracks around centers. A query looks only into the lists whose centers have the smallest
products with it, where each number of a key is kept in one byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from earmark import atomic
from earmark.errors import LibraryError
from earmark.library import kept
from earmark.library.base import Library
from earmark.library.keys_file import ENDING
from earmark.library.model import Mark

MAGIC = b"earmark index 2\n"

_TRAINED_BY = 64
"""So many tracks for each list tell where its center is."""
_MULTIPLE = 16
"""Keys are filled up with zeros to a multiple of this, which processors take at once."""
_LARGEST = 1e18


class InvertedLists:
    """Keys of tracks in lists.

    Parameters
    ----------
    index
        An ``IndexIVF`` of faiss.
    probes
        In how many lists a query looks; 0: it was measured that so few do not find enough.
    """

    def __init__(self, index: Any, probes: int = 0) -> None:
        self._index = index
        self.probes = probes

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def count(self) -> int:
        """How many lists there are."""
        return int(self._index.nlist)

    @classmethod
    def make(
        cls, blocks: Callable[[], Iterator[NDArray[np.float32]]], tracks: int, numbers: int
    ) -> Self:
        """Part keys into lists.

        Parameters
        ----------
        blocks
            Yields the keys [b, numbers] from the first to the last, whenever it is called.
        tracks, numbers
            How many there are, and of how many numbers.

        Raises
        ------
        LibraryError
            The extra ``ann`` is not installed.
        """
        faiss = _faiss()
        # About as many lists as tracks in each of them, so that both are looked at in equal time.
        count = 1 << max(0, round(np.log2(max(1.0, np.sqrt(tracks)))))
        size = _whole(numbers)
        index = faiss.index_factory(size, f"IVF{count},SQ8", faiss.METRIC_INNER_PRODUCT)
        step = max(1, tracks // (_TRAINED_BY * count))
        index.train(_filled(np.concatenate([keys[::step] for keys in blocks()]), size))
        for keys in blocks():
            index.add(_filled(keys, size))
        return cls(index)

    def nearest(self, prepared: NDArray[np.floating], width: int) -> NDArray[np.int64]:
        """Return tracks of the smallest products with queries.

        Parameters
        ----------
        prepared
            What is multiplied with the keys [q, numbers].
        width
            How many.

        Returns
        -------
        Rows [q, width]; -1 where there are no more in these lists.
        """
        # The largest products are what faiss looks for.
        queries = _filled(-prepared, int(self._index.d))
        given = _faiss().SearchParametersIVF(nprobe=self.probes)
        rows: NDArray[np.int64] = self._index.search(queries, width, params=given)[1]
        return rows

    def write(self, path: Path, facts: Mapping[str, object], ids: NDArray[np.int64]) -> None:
        """Write the lists to a file, which is there whole or not at all.

        Parameters
        ----------
        path
            Its place.
        facts
            What tells of which library they are.
        ids
            Of the tracks in them [n].

        Raises
        ------
        OSError
            It cannot be written.
        """
        data = _faiss().serialize_index(self._index) if self.probes else np.zeros(0, np.uint8)
        data = np.concatenate([ids.astype("<i8").view(np.uint8), data])
        told = {**facts, "tracks": len(ids), "probes": self.probes, "digest": _digest(data)}
        head = json.dumps(told).encode()
        with atomic.new_file(path, overwrite=True) as part, part.open("wb") as file:
            file.write(MAGIC + len(head).to_bytes(8, "little") + head)
            file.write(data.data)

    @classmethod
    def read(cls, path: Path) -> tuple[Self | None, NDArray[np.int64]]:
        """Return the lists that `write` wrote, and the ids of their tracks.

        There are no lists where they were found to miss much.

        Raises
        ------
        ValueError
            It is something else, or damaged.
        OSError
            It cannot be read.
        LibraryError
            The extra ``ann`` is not installed.
        """
        told = facts_of(path)
        data = np.fromfile(path, np.uint8, offset=told["at"])
        # Only what this wrote, whole, is given to faiss, which trusts what it reads.
        if _digest(data) != told["digest"]:
            raise ValueError("it is damaged")
        place, probes = 8 * int(told["tracks"]), int(told["probes"])
        ids = data[:place].view("<i8").astype(np.int64)
        return cls(_faiss().deserialize_index(data[place:]), probes) if probes else None, ids


def facts_of(path: Path) -> dict[str, Any]:
    """Return the facts that were written with lists, and ``at``, where their bytes begin.

    Raises
    ------
    ValueError
        It is something else.
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it is no index")
        size = int.from_bytes(file.read(8), "little")
        told = json.loads(file.read(min(size, 10_000)))
        if not isinstance(told, dict):
            raise ValueError("it is no index")
        return {**told, "at": file.tell()}


def kept_lists(
    library: Library, keys: Path
) -> tuple[InvertedLists | None, NDArray[np.int64]] | None:
    """Return the lists beside a file of keys, and the ids of their tracks.

    None where none hold: a vector of the library went away or became another since, very many
    tracks came, the vote was fitted anew, or what reads them is not installed.

    Parameters
    ----------
    library
        As it is now.
    keys
        The place of its file of keys.
    """
    for path in index_files(keys):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, LibraryError):
            told = facts_of(path)
            if told["made_of"] != kept.made_of(library):
                continue
            lists, ids = InvertedLists.read(path)
            if kept.since(library, Mark(*told["mark"]), ids) is not None:
                return lists, ids
    return None


def index_files(keys: Path) -> list[Path]:
    """Return all indexes beside a file of keys, the youngest first."""
    form = re.compile(re.escape(keys.name.removesuffix(ENDING)) + r"\.[0-9a-f]{16}\.index")
    found = [path for path in keys.parent.iterdir() if form.fullmatch(path.name)]
    return sorted(found, key=lambda path: -path.stat().st_mtime_ns)


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError:
        raise LibraryError(
            "the index of a large library needs another package: pip install 'earmark[ann]'"
        ) from None


def _digest(data: NDArray[np.uint8]) -> str:
    return hashlib.blake2b(data.data, digest_size=16).hexdigest()


def _whole(numbers: int) -> int:
    return -(-numbers // _MULTIPLE) * _MULTIPLE


def _filled(keys: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Return keys [n, m] filled up with zeros [n, size]; what is no number becomes one."""
    filled = np.zeros((len(keys), size), np.float32)
    filled[:, : keys.shape[1]] = np.clip(np.nan_to_num(keys), -_LARGEST, _LARGEST)
    return filled
