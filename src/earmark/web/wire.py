"""What server and worker process say to each other.

A message is one frame of JSON, then one frame of raw numbers for every array that the JSON
announces. Nothing is pickled: a worker reads files that strangers sent, and if one of them took it
over, it still could not make the server run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earmark import errors
from earmark.errors import AudioError, EarmarkError, ServerError

Arrays: TypeAlias = dict[str, NDArray[Any]]

_DTYPES = frozenset({"float16", "float32", "float64"})
MAX_FRAME = 256 * 2**20


def send(connection: Connection, message: Mapping[str, Any], arrays: Arrays | None = None) -> None:
    """Send one message with its arrays of floating point numbers."""
    arrays = arrays or {}
    layout = [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]
    connection.send_bytes(json.dumps([message, layout]).encode())
    for array in arrays.values():
        connection.send_bytes(np.ascontiguousarray(array).tobytes())


def receive(connection: Connection) -> tuple[dict[str, Any], Arrays]:
    """Wait for one message and return it with its arrays.

    Raises
    ------
    EOFError
        The other process is gone.
    ServerError
        The message is not of this form.
    """
    try:
        message, layout = json.loads(connection.recv_bytes(MAX_FRAME))
        arrays: Arrays = {}
        for name, dtype, shape in layout:
            if dtype not in _DTYPES:
                raise ServerError(f"a worker sent an array of {dtype}")
            frame = connection.recv_bytes(MAX_FRAME)
            arrays[str(name)] = np.frombuffer(frame, dtype=dtype).reshape(shape).copy()
    except (ValueError, TypeError) as error:
        raise ServerError(f"a worker sent what is no message ({error})") from error
    if not isinstance(message, dict):
        raise ServerError("a worker sent what is no message")
    return message, arrays


def error_to_message(error: EarmarkError) -> dict[str, str]:
    """Return an error as JSON; the path is left out, because it is only the server's own."""
    problem = error.problem if isinstance(error, AudioError) else str(error)
    return {"kind": "failed", "error": type(error).__name__, "problem": problem}


def error_from_message(message: Mapping[str, Any], shown: str) -> EarmarkError:
    """Make the error again that a worker told of.

    Parameters
    ----------
    message
        What ``error_to_message`` made.
    shown
        The file's name as its sender knows it.
    """
    kind = getattr(errors, str(message.get("error")), None)
    problem = str(message.get("problem"))
    if isinstance(kind, type) and issubclass(kind, AudioError):
        return kind(shown, problem)
    if isinstance(kind, type) and issubclass(kind, EarmarkError):
        return kind(f"{shown}: {problem}")
    return ServerError(f"{shown}: {problem}")
