"""Pickles of arrays are read as Python reads them; everything else is refused and nothing runs."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earmark.errors import ImportFormatError, UnsafePickle
from earmark.importing.classic.machine import PickleReader, PickleTruncated


def read(data: bytes) -> Any:
    reader = PickleReader(data)
    value = reader.read()
    assert not reader
    return value


arrays = hnp.arrays(
    st.sampled_from(["<f8", ">f8", "<f4", "<i4", ">i2", "u1", "?"]).map(np.dtype),
    hnp.array_shapes(max_dims=3, max_side=5, min_side=0),
)


@pytest.mark.slow
@given(array=arrays, label=st.integers(-(2**70), 2**70), protocol=st.integers(0, 5))
@settings(deadline=None)
def test_arrays_of_every_protocol_come_out_as_from_python(
    array: np.ndarray[Any, Any], label: int, protocol: int
) -> None:
    mean, transposed, number = read(pickle.dumps((array, array.T, label), protocol))
    np.testing.assert_array_equal(mean, array)
    np.testing.assert_array_equal(transposed, array.T)
    assert mean.dtype == array.dtype.newbyteorder("=")
    assert number == label


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_scalars_and_plain_values(protocol: int) -> None:
    values = (np.float64(1.5), np.int32(-7), "blüs\n\\", b"\x00\xff", 2.5, True, None)
    assert read(pickle.dumps(values, protocol)) == values


@pytest.mark.parametrize("protocol", range(5))
def test_the_module_names_of_numpy_1_are_known(protocol: int) -> None:
    array = np.arange(6.0).reshape(2, 3)
    new = pickle.dumps((array,), protocol)
    old = new.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
    old = old.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    assert b"numpy.core" in old
    if protocol == 4:  # the frame's length is one less
        old = old[:3] + struct.pack("<Q", struct.unpack("<Q", old[3:11])[0] - 1) + old[11:]
    np.testing.assert_array_equal(read(old)[0], array)


def test_what_python_2_wrote() -> None:
    raw = np.array([1.0, -2.5, 3e300]).tobytes()
    escaped = "".join(f"\\x{byte:02x}" for byte in raw).encode()
    start = (
        b"(cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntS'b'\ntR"
        b"(I1\n(I3\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    )
    text = start + b"S'" + escaped + b"'\ntbI7\nt."
    binary = start + b"T" + struct.pack("<i", len(raw)) + raw + b"tbL7L\nt."
    for data in (text, binary):
        array, label = read(data)
        np.testing.assert_array_equal(array, [1.0, -2.5, 3e300])
        assert label == 7


# What must not run


class Runs:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "system"), (eval, "eval"), (subprocess.Popen, "Popen"), (getattr, "getattr")],
)
def test_calls_are_refused_by_name_and_not_made(
    tmp_path: Path, protocol: int, function: Any, name: str
) -> None:
    trace = tmp_path / "trace"
    call = Runs(function, f"touch {trace}")
    for value in (call, (np.zeros(13), call, 1), (np.zeros(13), [call], 1)):
        with pytest.raises(ImportFormatError) as caught:
            read(pickle.dumps(value, protocol))
        assert name in str(caught.value) or "list" in str(caught.value)
    assert not trace.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch trace'\ntR.",
        b"(S'touch trace'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch trace'\no.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x04\x8c\x12numpy.core.numeric\x8c\x04eval\x93.",
        b"cnumpy.core.multiarray\nos.system\n.",
        b"\x80\x02\x82\x01.",
        b"Pid\n.",
        b"K\x01Q.",
        b"\x80\x05\x97.",
        # The state of a function, of a name, and of a number.
        b"cnumpy.core.multiarray\n_reconstruct\n(K\x01tb.",
        b"cnumpy\ndtype\n(K\x01tb.",
        b"K\x01(K\x01tb.",
        # Calls of what is no function.
        b"K\x01)R.",
    ],
)
def test_every_way_to_name_or_call_something_is_refused(data: bytes) -> None:
    with pytest.raises(UnsafePickle):
        read(data)


@pytest.mark.parametrize(
    "array",
    [
        np.array([Runs(os.system, "touch trace")], dtype=object),
        np.zeros(2, dtype=[("a", "f8"), ("b", object)]),
        np.array(["text"]),
        np.array([1 + 2j]),
        np.array(["2020-01-01"], dtype="M8[D]"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_other_things_than_numbers_are_refused(array: Any, protocol: int) -> None:
    with pytest.raises(ImportFormatError):
        read(pickle.dumps((array,), protocol))


@pytest.mark.parametrize(
    ("value", "name"), [({}, "dict"), ({1: 2}, "dict"), ([1, 2], "list"), (set(), "set")]
)
def test_other_kinds_of_values_are_refused_by_name(value: Any, name: str) -> None:
    with pytest.raises(ImportFormatError, match=f"a {name}"):
        read(pickle.dumps(value, 4))


# What must not fill the memory


def array_of(shape: tuple[Any, ...], raw: bytes, code: str = "f8") -> bytes:
    """A pickle of an array that claims anything."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01("
        + b"".join(b"\x8a\x08" + struct.pack("<q", side) for side in shape)
        + b"tcnumpy\ndtype\n(U"
        + bytes([len(code)])
        + code.encode()
        + b"K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(raw))
        + raw
        + b"tb."
    )


def test_the_hand_made_pickle_is_well_made() -> None:
    np.testing.assert_array_equal(read(array_of((2,), struct.pack("<2d", 1, 2))), [1.0, 2.0])


@pytest.mark.parametrize(
    "data",
    [
        array_of((2**40,), b"12345678"),
        array_of((2**40, 0), b"12345678"),
        array_of((-1, -1), b"12345678"),
        array_of((1,), b"12345678", "O"),
        array_of((1,), b"12345678", "(1000000,1000000)f8"),
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.",
        b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"x.",
        b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
        b"\x80\x02\x8b" + struct.pack("<i", -5) + b"x.",
        b"\x80\x02K\x01r" + struct.pack("<I", 2**32 - 1) + b"0.",
        b"I" + b"9" * 10_000 + b"\n.",
    ],
)
def test_claims_of_size_cost_nothing(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ImportFormatError):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_one_array_named_ten_thousand_times_does_not_become_ten_thousand() -> None:
    one = array_of((10_000,), bytes(80_000))[2:-1]
    bomb = b"\x80\x02(" + one + b"q\x00" + b"h\x00" * 10_000 + b"t."
    tracemalloc.start()
    try:
        with pytest.raises(ImportFormatError, match="expands"):
            read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ImportFormatError):
        PickleReader(data).read()


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_pickle_with_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(pickle.dumps((np.arange(3.0), np.eye(2), 5), data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImportFormatError):
        PickleReader(bytes(whole)).read()


@pytest.mark.parametrize("protocol", range(6))
def test_every_cut_is_seen_as_a_cut(protocol: int) -> None:
    whole = pickle.dumps((np.arange(2.0), 5), protocol)
    for length in range(len(whole)):
        with pytest.raises(PickleTruncated):
            PickleReader(whole[:length]).read()


@pytest.mark.slow
def test_reading_imports_nothing() -> None:
    code = (
        "import sys; from earmark.importing.classic.machine import PickleReader\n"
        "from earmark.errors import UnsafePickle\n"
        "try: PickleReader(b'cantigravity\\nfly\\n.').read()\n"
        "except UnsafePickle as error: print(error)\n"
        "assert 'antigravity' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("asks for antigravity.fly"), done.stderr
