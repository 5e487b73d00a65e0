"""Many channels become one: the mean, unless the channels cancel out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.audio import open_recording
from earmark.audio.downmix import Mixer
from earmark.errors import AudioSilent
from support.sounds import noise, sine, tune, write


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8, 31])
def test_mono_is_the_mean_of_the_channels(tmp_path: Path, channels: int) -> None:
    rng = np.random.default_rng(channels)
    table = rng.integers(-30000, 30000, (22050, channels)) / 32768
    with open_recording(write(tmp_path / "x.wav", table.astype(np.float32), 22050)) as recording:
        heard = recording.read(22050)
    np.testing.assert_allclose(heard, table.mean(axis=1), rtol=0, atol=1e-7)


def test_equal_channels_mix_to_themselves_exactly(tmp_path: Path) -> None:
    sound = tune(2)
    with open_recording(
        write(tmp_path / "x.wav", np.stack([sound, sound], axis=1), 22050)
    ) as recording:
        np.testing.assert_array_equal(recording.read(22050), sound)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wav-16", "flac", "mp3", "ogg", "m4a"])
def test_channels_in_opposite_phase(tmp_path: Path, kind: str) -> None:
    sound = tune(6, 44100)
    file = write(tmp_path, np.stack([0.5 * sound, -0.5 * sound], axis=1), 44100, kind)
    with open_recording(file) as recording:
        whole = np.concatenate(list(recording.blocks(44100)))
        span = recording.read(44100, 2, 3)
        assert any("cancel out" in warning for warning in recording.warnings)
    n = min(len(whole), len(sound))
    assert abs(np.corrcoef(whole[:n], sound[:n])[0, 1]) > 0.95
    np.testing.assert_allclose(span, whole[2 * 44100 : 3 * 44100], rtol=0, atol=0.05)


def test_the_loudest_channel_stands_for_the_rest(tmp_path: Path) -> None:
    sound = tune(4)
    table = np.stack([0.25 * sound, -0.75 * sound, 0.5 * sound], axis=1)
    with open_recording(write(tmp_path / "x.wav", table, 22050, "wav-float")) as recording:
        np.testing.assert_array_equal(recording.read(22050), table[:, 1])


def test_a_passage_that_cancels_out_does_not_change_the_mix(tmp_path: Path) -> None:
    """Spans are mixed as the whole is, even where they hold nothing but such a passage."""
    sound = tune(20)
    table = np.stack([sound, sound], axis=1)
    table[: 5 * 22050, 1] *= -1
    file = write(tmp_path / "x.wav", table, 22050)
    with open_recording(file) as recording:
        whole = recording.read(22050)
        assert not whole[: 5 * 22050].any()
        np.testing.assert_array_equal(whole[5 * 22050 :], sound[5 * 22050 :])
        assert recording.warnings == []
    with open_recording(file) as recording:  # the passage first
        assert next(recording.spans(22050, [(1, 2), (6, 7)])).any()
        assert recording.warnings == []


def test_one_silent_channel_is_no_cancellation(tmp_path: Path) -> None:
    table = np.stack([sine(3), np.zeros(3 * 22050, np.float32)], axis=1)
    with open_recording(write(tmp_path / "x.wav", table, 22050, "wav-float")) as recording:
        np.testing.assert_array_equal(recording.read(22050), table[:, 0] / 2)
        assert recording.warnings == []


def test_wide_stereo_is_no_cancellation(tmp_path: Path) -> None:
    middle, side = noise(3, level=0.06), noise(3, seed=1, level=0.3)
    table = np.stack([middle + side, middle - side], axis=1).clip(-1, 1)
    with open_recording(write(tmp_path / "x.wav", table, 22050, "wav-float")) as recording:
        np.testing.assert_allclose(recording.read(22050), table.mean(axis=1), atol=1e-7)
        assert recording.warnings == []


def test_every_passage_of_channels_that_cancel_out_is_mixed_alike(tmp_path: Path) -> None:
    """Where the channels of a passage do not cancel, still only the one stands for them."""
    table = np.stack([0.9 * tune(20), -0.8 * tune(20)], axis=1)
    table[8 * 22050 : 9 * 22050] = np.stack([tune(1, seed=1), tune(1, seed=2)], axis=1)
    with open_recording(write(tmp_path / "x.wav", table, 22050, "wav-float")) as recording:
        whole = np.concatenate(list(recording.blocks(22050)))
        np.testing.assert_array_equal(whole, table[:, 0])
        np.testing.assert_array_equal(recording.read(22050, 8, 9), whole[8 * 22050 : 9 * 22050])


@pytest.mark.parametrize("at", [5.4, 12.5, 21.5])
def test_one_passage_however_loud_does_not_decide_for_the_recording(
    tmp_path: Path, at: float
) -> None:
    """What counts is the same for every span: eight places, three seconds apart."""
    sound = 0.05 * tune(24)
    table = np.stack([sound, sound], axis=1)
    loud = np.stack([tune(2, seed=1), -tune(2, seed=1)], axis=1)
    table[round(at * 22050) : round(at * 22050) + len(loud)] = loud
    file = write(tmp_path / "x.wav", table, 22050, "wav-float")
    with open_recording(file) as recording:  # that passage first
        with pytest.raises(AudioSilent):
            recording.read(22050, at, at + 2)
        whole = np.concatenate(list(recording.blocks(22050)))
        np.testing.assert_allclose(whole, table.mean(axis=1), rtol=0, atol=1e-7)
        assert recording.warnings == []


def test_where_all_else_is_silent_a_passage_that_cancels_out_is_heard(tmp_path: Path) -> None:
    table = np.zeros((24 * 22050, 2), np.float32)
    at = slice(round(12.5 * 22050), round(14.5 * 22050))
    table[at] = np.stack([0.8 * tune(2), -0.9 * tune(2)], axis=1)
    with open_recording(write(tmp_path / "x.wav", table, 22050, "wav-float")) as recording:
        np.testing.assert_array_equal(recording.read(22050), table[:, 1])


class Table:
    """A source of samples in memory."""

    sample_rate, is_exact = 22050, True
    warnings: tuple[str, ...] = ()

    def __init__(self, table: np.ndarray) -> None:
        self._table, self._at = table, 0
        self.frames, self.channels = table.shape

    def seek(self, frame: int) -> None:
        self._at = frame

    def read(self, frames: int) -> np.ndarray:
        self._at += frames
        return self._table[self._at - frames : self._at]

    def close(self) -> None:
        pass


def test_a_recording_is_opened_once_more_at_most() -> None:
    """However many of its passages cancel out, what was decided holds."""
    sound = tune(8)
    opposite = np.stack([sound, -sound], axis=1)
    mostly_equal = np.stack([sound, sound], axis=1)
    for whole in (opposite, mostly_equal):
        opened: list[Table] = []

        def open_again(whole: np.ndarray = whole, opened: list[Table] = opened) -> Table:
            opened.append(Table(whole))
            return opened[-1]

        mixer = Mixer(open_again, lambda _: None)
        for second in range(8):
            mixer.mix(opposite[second * 22050 : (second + 1) * 22050])
        assert len(opened) == 1
