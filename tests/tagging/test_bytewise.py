"""The former file always comes back, whatever changed."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.tagging import bytewise
from earmark.tagging.bytewise import GRAIN, PAGE, Overlay, Step, TooMuch, difference, kept_bytes


def back(former: bytes, new: bytes, steps: list[Step]) -> bytes:
    out = io.BytesIO()
    kept = kept_bytes(io.BytesIO(former), steps)
    bytewise.rebuild(io.BytesIO(new), steps, kept, out)
    return out.getvalue()


BYTES = st.binary(max_size=400)


@given(BYTES, BYTES, BYTES, BYTES, st.booleans())
def test_any_change_can_be_taken_back(
    head: bytes, old: bytes, fresh: bytes, tail: bytes, moved: bool
) -> None:
    former, new = head + old + tail, head + fresh + tail
    steps = difference(io.BytesIO(former), io.BytesIO(new), moved=moved)
    assert back(former, new, steps) == former
    assert sum(step.length for step in steps) == len(former)
    if not moved:
        at = 0
        for step in steps:
            assert step.offset in (None, at)
            at += step.length


def test_what_moved_is_not_kept() -> None:
    sound = random.Random(0).randbytes(1_000_000)
    former = b"h" * 100 + b"old" + sound + b"TAG" + b"1" * 125
    new = b"h" * 100 + b"a longer tag" * 50 + sound + b"TAG" + b"2" * 125
    steps = difference(io.BytesIO(former), io.BytesIO(new))
    assert back(former, new, steps) == former
    assert sum(step.length for step in steps if step.offset is None) < 6 * GRAIN
    # Longer than what is compared at a time.
    sound *= 9
    steps = difference(io.BytesIO(b"x" + sound), io.BytesIO(sound))
    assert back(b"x" + sound, sound, steps) == b"x" + sound
    assert sum(step.length for step in steps if step.offset is None) <= 2 * GRAIN


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3 * PAGE), st.binary(max_size=300)),
        st.tuples(st.just("truncate"), st.integers(0, 3 * PAGE), st.just(b"")),
        st.tuples(st.just("append"), st.just(0), st.binary(max_size=PAGE // 50)),
    ),
    max_size=12,
)


@given(st.integers(0, 2 * PAGE + 100), OPERATIONS)
def test_an_overlay_is_like_a_file(length: int, operations: list[tuple[str, int, bytes]]) -> None:
    former = random.Random(length).randbytes(length)
    plain, overlay = io.BytesIO(former), Overlay(io.BytesIO(former), "song.mp3", 8 * PAGE)
    for file in (plain, overlay):
        for what, at, data in operations:
            if what == "truncate":
                if at <= file.seek(0, 2):
                    file.truncate(at)
                continue
            file.seek(at) if what == "write" else file.seek(0, 2)
            file.write(data)
    plain.seek(0)
    overlay.seek(0)
    assert overlay.read() == plain.getvalue()
    assert overlay.seek(0, 2) == len(plain.getvalue())


def test_an_overlay_has_a_limit() -> None:
    overlay = Overlay(io.BytesIO(bytes(10 * PAGE)), "song.mp3", 2 * PAGE)
    overlay.write(bytes(PAGE))
    with pytest.raises(TooMuch):
        overlay.write(bytes(3 * PAGE))
