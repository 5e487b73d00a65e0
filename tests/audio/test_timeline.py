"""Time stamps and samples."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio.timeline import Timeline, is_even

RATES = st.sampled_from([8000, 22050, 44100, 48000, 96000])


@given(rate=RATES, k=st.integers(0, 10**6), skip=st.integers(0, 5000), step=st.integers(400, 5000))
def test_milliseconds_name_a_packet(rate: int, k: int, skip: int, step: int) -> None:
    """A place is found from a stamp that was rounded, down or to the nearest."""
    ticks = Fraction(1000, rate)
    line = Timeline(ticks, round(step * ticks), step - skip, step)
    true = (k + 1) * step - skip
    for stamp in (int((k + 1) * step * ticks), round((k + 1) * step * ticks)):
        assert line.place(stamp) == true


@given(rate=RATES, place=st.integers(0, 10**9), fine=st.sampled_from([1, 2, 320, 588]))
def test_fine_stamps_and_places_are_one(rate: int, place: int, fine: int) -> None:
    line = Timeline(Fraction(fine), 77, 1000)
    assert line.place(line.stamp(place)) == place
    assert line.stamp(1000) == 77


def test_even() -> None:
    ideal = np.arange(1000) * 20.3 + 5
    assert is_even([0, *ideal.astype(int).tolist()], Fraction(203, 10))
    assert is_even([0, *ideal.round().astype(int).tolist()], Fraction(203, 10))
    ideal[500:] += 7
    assert not is_even(ideal.astype(int).tolist(), Fraction(203, 10))
    assert not is_even([0, 20], Fraction(20))
