"""What NumPy writes into pickles, as inert objects that describe arrays of numbers.

Nothing of NumPy is called on a pickle's word: an array is made here, from its type, its shape and
its bytes, once all three are known and fit each other.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import ImportFormatError, UnsafePickle

MAX_DIMENSIONS = 8

# Truth values, integers, and floating-point numbers of 16 to 64 bits.
_CODES = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248])")


@dataclass(frozen=True, slots=True)
class Global:
    """A name that NumPy writes, standing for itself."""

    name: str


@dataclass(slots=True)
class Type:
    """A NumPy type as far as it has been described."""

    code: str
    order: str = "|"


@dataclass(slots=True)
class Array:
    """An array as far as it has been described."""

    state: tuple[Any, ...] | None = None


# Every name by which NumPy writes numbers and arrays of them.
GLOBALS = {
    **{
        (module, name): Global(name)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("_reconstruct", "scalar")
    },
    ("numpy.core.numeric", "_frombuffer"): Global("_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"): Global("_frombuffer"),
    ("numpy", "ndarray"): Global("ndarray"),
    ("numpy", "dtype"): Global("dtype"),
    ("_codecs", "encode"): Global("encode"),
    ("__builtin__", "bytes"): Global("bytes"),
    ("builtins", "bytes"): Global("bytes"),
}


@dataclass(slots=True)
class Budget:
    """How many bytes of arrays may still be made.

    A pickle can name the same bytes again and again. An honest one makes about as many bytes of
    arrays as it is long; this keeps the others from filling the memory.
    """

    left: int

    def spend(self, count: int) -> None:
        """Take ``count`` bytes.

        Raises
        ------
        ImportFormatError
            There are not so many left.
        """
        self.left -= count
        if self.left < 0:
            raise ImportFormatError("expands to far more than its size")


def call(function: object, arguments: object, budget: Budget) -> Any:
    """Do what one of `GLOBALS` stands for.

    Raises
    ------
    UnsafePickle
        The function is something else.
    ImportFormatError
        The arguments are not those that NumPy writes.
    """
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        raise UnsafePickle("calls something that is no function of NumPy; nothing of it was run")
    match function.name, arguments:
        case "_reconstruct", (Global("ndarray"), *_):
            return Array()
        case "dtype", (str() | bytes() as code, *_):
            return Type(_text(code))
        case "scalar", (Type() as kind, str() | bytes() as raw):
            return _array((), kind, _raw(raw), "C", budget)[()]
        case "_frombuffer", (bytes() as raw, Type() as kind, tuple() as shape, "C" | "F" as order):
            return _array(shape, kind, raw, order, budget)
        case "encode", (str() as text, "latin1" | "latin-1"):
            budget.spend(len(text))
            return _raw(text)
        case "bytes", ():
            return b""
    raise ImportFormatError(f"is broken (calls {function.name} in a way that NumPy does not)")


def set_state(target: object, state: object) -> None:
    """Complete the description of a type or an array.

    Raises
    ------
    UnsafePickle
        The target is something else.
    ImportFormatError
        The type is one of objects, records or the like.
    """
    match target, state:
        case Type(), (int(), str() | bytes() as order, None, None, None, *_):
            target.order = _text(order)
        case Type(), _:
            raise ImportFormatError(f"holds an array of {target.code!r}, not of plain numbers")
        case Array(), tuple():
            target.state = state
        case _:
            raise UnsafePickle("sets the state of something else than an array; nothing was run")


def finish(value: Any, budget: Budget) -> Any:
    """Make an array of its description; anything else stays as it is.

    Raises
    ------
    ImportFormatError
        The description is incomplete, contradicts itself, or is not of plain numbers.
    """
    if not isinstance(value, Array):
        return value
    match value.state:
        case (int(), tuple() as shape, Type() as kind, int() as fortran, str() | bytes() as raw):
            return _array(shape, kind, _raw(raw), "F" if fortran else "C", budget)
        case (int(), tuple(), Type() as kind, *_):
            raise ImportFormatError(f"holds an array of {kind.code!r}, not of plain numbers")
    raise ImportFormatError("holds an array that is not complete")


def _array(
    shape: tuple[Any, ...], kind: Type, raw: bytes, order: str, budget: Budget
) -> NDArray[Any]:
    if not _CODES.fullmatch(kind.code) or kind.order not in ("<", ">", "|", "="):
        raise ImportFormatError(f"holds an array of {kind.code[:40]!r}, not of plain numbers")
    dtype = np.dtype(kind.code).newbyteorder(">" if kind.order == ">" else "<")
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise ImportFormatError("holds an array of an impossible shape")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ImportFormatError("holds an array whose numbers do not fill its shape")
    budget.spend(len(raw))
    flat = np.frombuffer(raw, dtype=dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C").astype(dtype.newbyteorder("="))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _raw(value: str | bytes) -> bytes:
    # Before protocol 3 bytes travel as text, one character a byte.
    if isinstance(value, bytes):
        return value
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ImportFormatError("is broken (bytes beyond 255)") from error
