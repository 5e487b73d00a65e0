"""The arrays of a NumPy archive that a stranger wrote: nothing unpickled, no claim believed."""

from __future__ import annotations

import io
import lzma
import math
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from earmark.errors import ImportFormatError
from earmark.importing.source import require_ordinary

MAX_BYTES = 4 * 2**30
"""What all arrays of an archive may unpack to, together."""

_BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError)
"""What unpacking raises of damaged bytes; a ValueError is a place before the file's beginning."""

_BROKEN_HEADER = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    SyntaxError,
    RecursionError,
    MemoryError,
    OverflowError,
    tokenize.TokenError,
)
"""What NumPy raises of the header of an array, which is a literal of Python."""


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` by their names.

    The shape that an array claims must be that of the bytes that are there, so that a small file
    reserves no more memory than it fills.

    Raises
    ------
    ImportFormatError
        The file is no such archive, is damaged or encrypted, unpacks to more than ``MAX_BYTES``,
        or holds something else than plain arrays.
    """
    require_ordinary(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise ImportFormatError(f"{file}: unpacks to more than {MAX_BYTES >> 30} GB")
            return {
                entry.filename.removesuffix(".npy"): _read(file, archive, entry)
                for entry in entries
            }
    except FileNotFoundError:
        raise ImportFormatError(f"{file}: there is no such file") from None
    except IsADirectoryError:
        raise ImportFormatError(f"{file}: is a folder, not an npz file") from None
    except _BROKEN_ARCHIVE as error:
        raise ImportFormatError(f"{file}: is not an npz file, or a damaged one") from error
    except NotImplementedError as error:
        # A kind of NumPy's own error, and of RuntimeError.
        raise ImportFormatError(
            f"{file}: is packed in a way that cannot be read; write it with numpy.savez_compressed"
        ) from error
    except RuntimeError as error:
        # So zipfile asks for a password.
        raise ImportFormatError(f"{file}: is encrypted; write it without a password") from error
    except MemoryError as error:
        raise ImportFormatError(f"{file}: is larger than the memory that is free") from error
    except OSError as error:
        # Damage of bzip2 is an OSError without a number.
        if error.errno is None:
            raise ImportFormatError(f"{file}: is not an npz file, or a damaged one") from error
        raise ImportFormatError(f"{file}: cannot be read ({error.strerror})") from error


def _read(file: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(entry) as packed:
        data = packed.read()
    name = entry.filename.removesuffix(".npy")
    content = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            # Headers of Python 2 are read with a warning that helps nobody here.
            warnings.simplefilter("ignore", UserWarning)
            version = npy.read_magic(content)
            read_header = {
                (1, 0): npy.read_array_header_1_0,
                (2, 0): npy.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(content)
    except _BROKEN_HEADER as error:
        raise ImportFormatError(f"{file}: {name!r} is no array, or a damaged one") from error
    if dtype.hasobject:
        raise ImportFormatError(
            f"{file}: has an array of objects, {name!r}; only numbers and text can be imported"
        )
    start = content.tell()
    there, claimed = len(data) - start, math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or claimed != there:
        claim = f"{dtype} of shape {shape}"
        raise ImportFormatError(
            f"{file}: {name!r} claims to be {claim}, but has {there} bytes; write it again"
        )
    if not claimed:
        # Names without a letter have no bytes at all.
        return np.zeros(shape, dtype)
    flat = np.frombuffer(data, dtype, offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")
