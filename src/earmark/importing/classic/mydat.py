"""The rows of a ``my.dat``: concatenated pickled tuples (mean, covariance, label)."""

from __future__ import annotations

import os
import pickle
import pickletools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.atomic import new_file
from earmark.errors import FeatureError, ImportFormatError, UnsafePickle
from earmark.features.gaussian import N_COEFFICIENTS, pack, regularize, unpack
from earmark.importing.classic.machine import PickleReader, PickleTruncated
from earmark.importing.source import require_ordinary
from earmark.words import one_line, plural

PROTOCOL = 2
"""What is written: the newest protocol that every reader of the format knows."""

LABEL_LIMIT = 1_000_000
"""Labels are small numbers; a larger one is a mistake."""

_SYMMETRY = 1e-6
_NEGATIVE = 1e-9
_ZERO = 1e-12
# Those of music are below 1e4; the square of a number is kept in single precision.
_LARGEST = 1e15


@dataclass(frozen=True)
class Rows:
    """What a file holds.

    Attributes
    ----------
    vectors
        [n, 104], as ``earmark.features.gaussian`` packs them.
    labels
        Of each of the n rows: all integers, or all names.
    notes
        What was wrong with the file, one line each, without its name.
    left_out
        How many rows could not be used; one that the end of the file cuts counts.
    """

    vectors: NDArray[np.float64]
    labels: tuple[int, ...] | tuple[str, ...]
    notes: tuple[str, ...]
    left_out: int

    def __len__(self) -> int:
        return len(self.labels)


def read_rows(path: str | os.PathLike[str]) -> Rows:
    """Read a file; nothing of it is run.

    A row within which the file ends is left out, and so are rows whose numbers are no Gaussian;
    ``notes`` says so.

    Raises
    ------
    UnsafePickle
        It asks for something else than arrays of numbers.
    ImportFormatError
        It holds no pickles, rows of another shape, or labels of two kinds; or it cannot be read.
    """
    file = Path(path)
    require_ordinary(file)
    try:
        data = file.read_bytes()
    except IsADirectoryError:
        raise ImportFormatError(f"{file}: is a folder, not a my.dat") from None
    except OSError as error:
        raise ImportFormatError(f"{file}: cannot be read ({error.strerror})") from error
    if not data:
        raise ImportFormatError(f"{file}: is empty")
    vectors: list[NDArray[np.float64]] = []
    labels: list[int | str] = []
    bad: dict[str, list[int]] = {}
    notes: list[str] = []
    cut: list[int] = []
    for number, row in _rows(file, data, notes, cut):
        mean, covariance, label = _parts(file, number, row)
        problem = _problem(mean, covariance)
        if problem is not None:
            bad.setdefault(problem, []).append(number)
            continue
        vectors.append(pack(mean, regularize(covariance)))
        labels.append(label)
    for problem, numbers in bad.items():
        notes.append(f"left out {_listing(numbers, 'row')}, because {problem}")
    if not labels:
        raise ImportFormatError(
            f"{file}: no row of it can be used" + (f" ({notes[0]})" if notes else "")
        )
    if len({type(label) for label in labels}) > 1:
        raise ImportFormatError(f"{file}: some labels are numbers and some are names")
    left_out = len(cut) + sum(map(len, bad.values()))
    return Rows(np.stack(vectors), tuple(labels), tuple(notes), left_out)  # type: ignore[arg-type]


def _rows(
    file: Path, data: bytes, notes: list[str], cut: list[int]
) -> Iterator[tuple[int, object]]:
    reader = PickleReader(data)
    number = 0
    # Every protocol since 2 says its number first; before that, a tuple begins with its mark.
    if data[:1] not in (b"\x80", b"("):
        raise _no_pickles(file, data)
    while reader:
        number += 1
        began = reader.position
        try:
            row = reader.read()
        except PickleTruncated:
            if number == 1:
                raise ImportFormatError(f"{file}: ends within its first row") from None
            cut.append(number)
            left = len(data) - began
            whole = f"{number - 1} {plural(number - 1, 'row is', 'rows are')} whole"
            notes.append(f"is cut off: {whole}, the last {left} bytes are not")
            return
        except UnsafePickle as error:
            raise UnsafePickle(
                f"{file}: row {number} {error}; a my.dat holds only arrays of numbers"
            ) from error
        except ImportFormatError as error:
            if number == 1 and data[:1] == b"(":
                raise _no_pickles(file, data) from error
            raise ImportFormatError(
                f"{file}: row {number} (byte {began}) {error}; a row is (mean, covariance, label)"
            ) from error
        yield number, row


def _no_pickles(file: Path, data: bytes) -> ImportFormatError:
    start = data[:24].decode("ascii", "replace").replace("\ufffd", "?")
    return ImportFormatError(f"{file}: is not a my.dat, it holds no pickles (begins {start!r})")


def _parts(
    file: Path, number: int, row: object
) -> tuple[NDArray[np.float64], NDArray[np.float64], int | str]:
    where = f"{file}: row {number}"
    if not isinstance(row, tuple) or len(row) != 3:
        raise ImportFormatError(f"{where} is not a tuple (mean, covariance, label)")
    mean, covariance, label = row
    shapes = (_shape(mean), _shape(covariance))
    size = N_COEFFICIENTS
    if shapes[0] not in ((size,), (1, size), (size, 1)) or shapes[1] != (size, size):
        raise ImportFormatError(
            f"{where} has a mean of shape {shapes[0]} and a covariance of shape {shapes[1]}; "
            f"only ({size},) and ({size}, {size}) can be compared"
        )
    return (
        np.asarray(mean, dtype=np.float64).reshape(size),
        np.asarray(covariance, dtype=np.float64),
        _label(where, label),
    )


def _shape(value: object) -> tuple[int, ...] | str:
    return value.shape if isinstance(value, np.ndarray) else type(value).__name__


def _label(where: str, label: object) -> int | str:
    if isinstance(label, np.ndarray) and label.size == 1:
        label = label.reshape(())[()]
    if isinstance(label, str) and one_line(label):
        return one_line(label)
    if isinstance(label, (float, np.floating)) and float(label).is_integer():
        label = int(label)
    if isinstance(label, (int, np.integer)) and abs(int(label)) <= LABEL_LIMIT:
        return int(label)
    raise ImportFormatError(f"{where} has a label that is neither a small number nor a name")


def _problem(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> str | None:
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        return "they hold numbers that are not finite"
    largest = float(np.abs(covariance).max())
    if max(largest, float(np.abs(mean).max())) > _LARGEST:
        return "they hold numbers too large to be compared"
    if float(np.abs(covariance - covariance.T).max()) > _SYMMETRY * largest:
        return "their covariance is not symmetric"
    eigenvalues = np.linalg.eigvalsh(covariance)
    size = float(np.abs(eigenvalues).max())
    if size >= _ZERO and eigenvalues[0] < -_NEGATIVE * size:
        return "their covariance has negative variances"
    try:
        regularize(covariance)
    except FeatureError:
        return "their covariance is zero"
    return None


def _listing(numbers: Sequence[int], noun: str) -> str:
    shown = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
    count = len(numbers)
    return f"{noun} {shown}" if count == 1 else f"{count} {plural(count, noun)} ({shown})"


def write_rows(
    path: str | os.PathLike[str], vectors: NDArray[np.floating], labels: Iterable[int]
) -> None:
    """Write rows [n, 104] with their labels, so that old and new programs can read them.

    The file appears whole or not at all; one that is there is replaced.

    Raises
    ------
    ImportFormatError
        The file cannot be written.
    """
    target = Path(path)
    means, covariances = unpack(vectors)
    try:
        with new_file(target, overwrite=True) as part, part.open("wb") as file:
            for mean, covariance, label in zip(means, covariances, labels, strict=True):
                file.write(_portable(mean.copy(), covariance.copy(), int(label)))
    except OSError as error:
        raise ImportFormatError(f"{target}: cannot be written ({error.strerror})") from error


def _portable(mean: NDArray[np.float64], covariance: NDArray[np.float64], label: int) -> bytes:
    """Pickle one row with the names that NumPy 1 has, and NumPy 2 keeps for old files."""
    raw = pickle.dumps((mean, covariance, label), protocol=PROTOCOL)
    parts = []
    kept = 0
    for operation, argument, position in pickletools.genops(raw):
        if operation.name == "GLOBAL" and position is not None:
            module, name = str(argument).split(" ")
            if module.startswith("numpy._core"):
                new = f"c{module.replace('numpy._core', 'numpy.core', 1)}\n{name}\n".encode()
                parts += [raw[kept:position], new]
                kept = position + len(f"c{module}\n{name}\n")
    return b"".join([*parts, raw[kept:]])
