"""Messages between server and worker."""

from __future__ import annotations

import pickle
from multiprocessing import Pipe

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earmark import errors
from earmark.web import wire

floats = hnp.arrays(
    st.sampled_from(["float16", "float32", "float64"]), hnp.array_shapes(min_side=0, max_side=4)
)


@given(
    st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.booleans()),
    st.dictionaries(st.text(max_size=9), floats, max_size=3),
)
def test_what_is_sent_arrives(message, arrays):
    ours, theirs = Pipe()
    with ours, theirs:
        wire.send(ours, message, arrays)
        received, got = wire.receive(theirs)
    assert received == message
    assert list(got) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].dtype == array.dtype


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[1, []]",
        b'[{}, [["a", "object", [1]]]]',
        b'[{}, "x"]',
        pickle.dumps(print),
    ],
)
def test_what_is_no_message_is_refused(frame):
    ours, theirs = Pipe()
    with ours, theirs:
        ours.send_bytes(frame)
        with pytest.raises(errors.ServerError):
            wire.receive(theirs)


def test_an_array_of_another_length_than_announced_is_refused():
    ours, theirs = Pipe()
    with ours, theirs:
        ours.send_bytes(b'[{}, [["a", "float32", [3]]]]')
        ours.send_bytes(b"12345678")
        with pytest.raises(errors.ServerError):
            wire.receive(theirs)


def test_an_error_keeps_its_kind_and_gets_the_name_that_the_sender_knows():
    message = wire.error_to_message(errors.AudioSilent("/tmp/x/3f9a", "there is only silence"))
    assert "/tmp" not in str(message)
    error = wire.error_from_message(message, "song.mp3")
    assert type(error) is errors.AudioSilent
    assert str(error) == "song.mp3: there is only silence"


def test_an_error_of_no_known_kind_is_one_of_the_server():
    message = {"kind": "failed", "error": "os", "problem": "no"}
    assert type(wire.error_from_message(message, "a")) is errors.ServerError
