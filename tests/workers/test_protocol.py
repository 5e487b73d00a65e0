"""Messages between the main process and its workers: what is sent arrives, and nothing else."""

from __future__ import annotations

import io
import json
import pickle
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from earmark.errors import BadReply
from earmark.workers import protocol


@dataclass(frozen=True)
class Inner:
    text: str
    number: float | None


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    names: dict[str, int]
    array: NDArray[np.floating]
    flag: bool


numbers = hnp.arrays(
    st.sampled_from(["float16", "float32", "float64", "int64"]),
    hnp.array_shapes(min_side=0, max_side=4),
)
inners = st.builds(Inner, st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False))
outers = st.builds(
    Outer,
    st.lists(inners).map(tuple),
    st.dictionaries(st.text(), st.integers()),
    numbers,
    st.booleans(),
)


@pytest.mark.slow
@settings(deadline=None)
@given(outers)
def test_what_is_sent_arrives(sent: Outer) -> None:
    stream = io.BytesIO()
    protocol.send(stream, {"kind": "done"}, sent)
    stream.seek(0)
    message, content, arrays = protocol.receive(stream)
    found = protocol.unpack(content, arrays, Outer)
    assert message == {"kind": "done"}
    assert (found.inner, found.names, found.flag) == (sent.inner, sent.names, sent.flag)
    np.testing.assert_array_equal(found.array, sent.array)
    assert found.array.dtype == sent.array.dtype
    assert found.array.flags.writeable
    assert stream.read() == b""


def framed(text: bytes, more: bytes = b"") -> io.BytesIO:
    return io.BytesIO(struct.pack("!II", len(text) + len(more), len(text)) + text + more)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\xff\xfe", b"[]", b"[1, null, []]", b"[{}, null]", b"[{}, NaN, []]"),
        *(b'[{}, null, [["object", [1]]]]', b'[{}, null, "x"]', b'[{}, null, [["float32", [-1]]]]'),
        *(b'[{}, null, [["float32", [3]]]]', b'[{}, null, [["float32", [99999999999]]]]'),
        *(b"[" * 100_000, pickle.dumps(print), b'[{}, null, [["float32", ["1"]]]]'),
    ],
)
def test_what_is_no_message_is_refused(text: bytes) -> None:
    with pytest.raises(BadReply):
        protocol.receive(framed(text, b"12345678" if b"float" in text else b""))


def test_what_is_too_long_is_neither_sent_nor_read() -> None:
    with pytest.raises(BadReply, match="1,000 are allowed"):
        protocol.send(io.BytesIO(), {}, "x" * 1000, limit=1000)
    stream = framed(json.dumps([{}, "x" * 1000, []]).encode())
    with pytest.raises(BadReply, match="1,000 are allowed"):
        protocol.receive(stream, limit=1000)
    assert stream.tell() == 8


def test_a_process_that_ends_in_a_message_is_gone() -> None:
    whole = framed(b"[{}, null, []]").getvalue()
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            protocol.receive(io.BytesIO(whole[:length]))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("x", int),
        (True, int),
        (1, bool),
        ("1", float),
        (1, str),
        (1, None),
        ([1], tuple[int, int]),
        ([1, "x"], list[int]),
        ({"text": "a"}, Inner),
        ({"text": "a", "number": 1, "more": 1}, Inner),
        ({"array": 1}, NDArray[np.float64]),
        ({"array": -1}, NDArray[np.float64]),
        ([1.0], NDArray[np.float64]),
        ({"a": "x"}, dict[str, int]),
        ([], int | str | None),
    ],
)
def test_a_value_of_another_kind_is_refused(content: Any, kind: Any) -> None:
    with pytest.raises(BadReply):
        protocol.unpack(content, [np.zeros(1)], kind)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {1, 2}}, np.array(["x"]), b"x"])
def test_what_cannot_be_sent_is_refused_before_a_byte_is_written(value: Any) -> None:
    stream = io.BytesIO()
    with pytest.raises(TypeError):
        protocol.send(stream, {}, value)
    assert stream.getvalue() == b""
