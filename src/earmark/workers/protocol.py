"""What the main process and its workers say to each other.

A message is one frame: its length, the length of its text, JSON, and the raw numbers of the arrays
that the JSON announces. Nothing is pickled. A worker reads files of strangers, and if one of them
took it over, it still could neither make the main process run code nor fill its memory: a frame
that is longer than allowed is not read, and a value that is not of the type that the called
function declares is refused.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import struct
import types
import typing
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeAlias

from earmark.errors import BadReply

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays: TypeAlias = "list[NDArray[Any]]"

MAX_MESSAGE = 8 * 2**20
"""Bytes of a message: the embeddings of 120 segments with 2,048 numbers each take two million."""

_DTYPES = frozenset({"float16", "float32", "float64", "int32", "int64"})
_HEAD = struct.Struct("!II")
_ARRAY = "array"


def send(
    stream: IO[bytes], message: dict[str, Any], value: object = None, *, limit: int = MAX_MESSAGE
) -> None:
    """Send a message, and a value with it.

    Parameters
    ----------
    stream
        Where to.
    message
        JSON values.
    value
        Made of JSON values, tuples, data classes and arrays of numbers.
    limit
        Bytes that the message may have.

    Raises
    ------
    BadReply
        It has more.
    OSError
        The other process is gone.
    TypeError, ValueError
        The value is of something else, or has numbers outside of arrays that are not finite.
    """
    arrays: Arrays = []
    content = _packed(value, arrays)
    layout = [[str(array.dtype), list(array.shape)] for array in arrays]
    text = json.dumps([message, content, layout], allow_nan=False).encode()
    size = len(text) + sum(array.nbytes for array in arrays)
    if size > limit:
        raise BadReply(f"the result has {size:,} bytes; {limit:,} are allowed")
    stream.write(b"".join([_HEAD.pack(size, len(text)), text, *map(bytes, map(_raw, arrays))]))
    stream.flush()


def receive(stream: IO[bytes], *, limit: int = MAX_MESSAGE) -> tuple[dict[str, Any], Any, Arrays]:
    """Wait for a message; return it with the value that came along, still packed, and its arrays.

    Raises
    ------
    EOFError
        The other process is gone.
    BadReply
        What came is no message; nobody knows where the next one begins.
    """
    size, text_size = _HEAD.unpack(_read(stream, _HEAD.size))
    if size > limit or text_size > size:
        raise BadReply(f"a message of {size:,} bytes came; {limit:,} are allowed")
    frame = _read(stream, size)
    try:
        message, content, layout = json.loads(frame[:text_size], parse_constant=_no_number)
        if not isinstance(message, dict):
            raise ValueError("it is no object")
        arrays = _arrays(frame, text_size, layout) if layout else []
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise BadReply(f"what came is no message ({_short(error)})") from error
    return message, content, arrays


def _read(stream: IO[bytes], size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = stream.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _arrays(frame: bytes, at: int, layout: list[list[Any]]) -> Arrays:
    import numpy as np

    arrays: Arrays = []
    for dtype, shape in layout:
        if dtype not in _DTYPES:
            raise ValueError(f"an array of {dtype!r}")
        if not all(type(side) is int and 0 <= side <= len(frame) for side in shape):
            raise ValueError("an array of no shape")
        count = 1
        for side in shape:
            count *= side
        # frombuffer sees to it that so many are there; a copy may be written to.
        found = np.frombuffer(frame, np.dtype(dtype), count, at) if count else np.empty(0, dtype)
        arrays.append(found.reshape(shape).copy())
        at += found.nbytes
    if at != len(frame):
        raise ValueError("numbers are left over")
    return arrays


def _raw(array: NDArray[Any]) -> memoryview:
    import numpy as np

    return memoryview(np.ascontiguousarray(array).tobytes())


def _packed(value: object, arrays: Arrays) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        # NumPy's own float64 is a float, but no JSON.
        return float(value) if isinstance(value, float) else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _packed(getattr(value, field.name), arrays)
            for field in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("the names in a dict that is sent are strings")
        return {name: _packed(item, arrays) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item, arrays) for item in value]
    if hasattr(value, "__array__") and str(getattr(value, "dtype", "")) in _DTYPES:
        import numpy as np

        arrays.append(np.asarray(value))
        return {_ARRAY: len(arrays) - 1}
    raise TypeError(f"a {type(value).__name__} cannot be sent between processes")


def unpack(content: Any, arrays: Arrays, kind: Any) -> Any:
    """Return a value that was sent, as the type that it has to be.

    Parameters
    ----------
    content, arrays
        As `receive` gives them.
    kind
        A type: ``None``, ``bool``, ``int``, ``float``, ``str``, a data class of such, an array
        (``NDArray[...]``), ``tuple[...]``, ``list[...]``, ``dict[str, ...]``, a union of these, or
        ``Any`` for plain JSON.

    Raises
    ------
    BadReply
        It is none of that type.
    """
    try:
        return _unpacked(content, arrays, kind)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise BadReply(f"the result is not of the right kind ({_short(error)})") from error


def _unpacked(content: Any, arrays: Arrays, kind: Any) -> Any:
    if kind is Any:
        return content
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _unpacked(content, arrays, inner[0])
    if origin in (typing.Union, types.UnionType):
        return _one_of(content, arrays, inner)
    if kind is None or kind is types.NoneType:
        return _checked(content is None, content, "nothing")
    if kind in (bool, int, str):
        return _checked(type(content) is kind, content, kind.__name__)
    if kind is float:
        return float(_checked(type(content) in (int, float), content, "a number"))
    if origin in (tuple, list):
        _checked(isinstance(content, list), content, "a list")
        if origin is tuple and inner[-1:] != (...,):
            pairs = zip(content, inner, strict=True)
            return tuple(_unpacked(item, arrays, one) for item, one in pairs)
        return origin(_unpacked(item, arrays, inner[0]) for item in content)
    if origin is dict:
        _checked(isinstance(content, dict), content, "an object")
        return {name: _unpacked(item, arrays, inner[1]) for name, item in content.items()}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        names = {field.name for field in dataclasses.fields(kind)}
        right = isinstance(content, dict) and set(content) == names
        _checked(right, content, f"a {kind.__name__}")
        return kind(**{name: _unpacked(content[name], arrays, hints[name]) for name in names})
    if getattr(origin or kind, "__module__", "") == "numpy":
        return _array(content, arrays)
    raise TypeError(f"{kind} cannot be sent between processes")


def _one_of(content: Any, arrays: Arrays, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds[:-1]:
        try:
            return _unpacked(content, arrays, kind)
        except (ValueError, TypeError, KeyError, IndexError):
            continue
    return _unpacked(content, arrays, kinds[-1])


def _array(content: Any, arrays: Arrays) -> NDArray[Any]:
    right = isinstance(content, dict) and set(content) == {_ARRAY}
    index = _checked(right, content, "an array")[_ARRAY]
    found: NDArray[Any] = arrays[
        _checked(type(index) is int and index >= 0, index, "the number of an array")
    ]
    return found


def _checked(right: bool, content: Any, wanted: str) -> Any:
    if not right:
        raise ValueError(f"{_short(repr(content))} instead of {wanted}")
    return content


def _short(what: object) -> str:
    text = str(what)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


@functools.cache
def _hints(owner: Any) -> dict[str, Any]:
    return typing.get_type_hints(owner)


def result_type(function: Callable[..., Any]) -> Any:
    """Return the type that a function declares to return.

    Raises
    ------
    TypeError
        It declares none, so nothing that a worker says could be checked.
    """
    hints = _hints(getattr(function, "__wrapped__", function))
    if "return" not in hints:
        raise TypeError(f"{function!r} does not declare what it returns, so no worker can run it")
    return hints["return"]
