"""What is no plain sound: AC-3 and DTS stored as samples, modules, MIDI, RealAudio, odd PCM."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from packaging.version import Version

from earmark.audio import open_recording
from earmark.errors import AudioTooLong, NotAudio
from support.programs import needs
from support.skips import skip
from support.sounds import noise, sine, tune, write

pytestmark = pytest.mark.slow

needs_ffmpeg = needs("ffmpeg")

WRITTEN = (
    *("wav", "aiff", "au", "caf", "flac", "mp3", "mp2", "m4a", "ogg", "opus", "webm", "mka"),
    *("wv", "tta", "ac3", "aac", "voc", "w64", "avi", "mov", "ts"),
)


def ffmpeg(*arguments: object) -> None:
    command = ["ffmpeg", "-v", "error", "-y", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


@needs_ffmpeg
@pytest.mark.parametrize("holder", ["WAV", "FLAC", "AIFF", "FLAC-24"])
@pytest.mark.parametrize("codec", ["ac3", "dca", "eac3"])
def test_a_bitstream_in_samples_is_decoded(tmp_path: Path, codec: str, holder: str) -> None:
    plain = write(tmp_path / "plain.wav", sine(6, 48000, hertz=1000), 48000)
    ffmpeg("-i", plain, "-ac", 2, "-c:a", codec, "-strict", -2, "-f", "spdif", tmp_path / "x.raw")
    words = np.fromfile(tmp_path / "x.raw", "<i2")
    words = words[: len(words) // 2 * 2].reshape(-1, 2)
    form, _, wide = holder.partition("-")
    file = tmp_path / "x"
    with file.open("wb+") as handle:
        subtype = "PCM_24" if wide else "PCM_16"
        soundfile.write(handle, words, 48000, subtype, format=form)
    with open_recording(file) as recording:
        heard = recording.read(16000)
        assert recording.duration == pytest.approx(6, rel=0.02)
    spectrum = np.abs(np.fft.rfft(heard[16000:64000]))
    assert np.argmax(spectrum) / 3 == pytest.approx(1000, abs=1)
    assert spectrum.max() ** 2 > 0.9 * np.square(spectrum).sum() / 2


def test_noise_and_music_are_no_bitstreams(tmp_path: Path) -> None:
    for sound in (noise(4), tune(4), np.round(noise(4, seed=3) * 10) / 10):
        table = np.stack([sound, sound[::-1]], axis=1)
        with open_recording(write(tmp_path / "x.wav", table, 22050)) as recording:
            np.testing.assert_allclose(
                recording.read(22050), table.mean(axis=1), rtol=0, atol=2**-15
            )


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["pcm_s64le", "pcm_f64le", "pcm_s32le", "pcm_s24le"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_pcm_of_any_width(tmp_path: Path, codec: str, channels: int) -> None:
    plain = write(tmp_path / "plain.wav", tune(3, 44100), 44100)
    ffmpeg("-i", plain, "-ac", channels, "-c:a", codec, tmp_path / "x.wav")
    with open_recording(tmp_path / "x.wav") as recording:
        assert (recording.duration, recording.channels) == (3.0, channels)
        heard = recording.read(44100)
    assert np.corrcoef(heard, tune(3, 44100))[0, 1] > 0.9999


@needs_ffmpeg
def test_real_audio_14_4(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.wav", tune(6, 8000), 8000)
    ffmpeg("-i", plain, "-c:a", "real_144", "-f", "rm", tmp_path / "x.ra")
    with open_recording(tmp_path / "x.ra") as recording:
        assert recording.duration == pytest.approx(6, rel=0.02)
        assert len(recording.read(8000)) == pytest.approx(48000, rel=0.02)


MODULE = bytes(1080) + b"M.K." + bytes(5000)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk" + bytes(500), "MIDI"),
        (MODULE, "tracker module"),
        (b"A Song" + MODULE[6:], "tracker module"),
        (b"Extended Module: A Song" + bytes(900), "tracker module"),
        (b"IMPM" + bytes(900), "tracker module"),
        (bytes(44) + b"SCRM" + bytes(900), "tracker module"),
        (b"PSID" + bytes(900), "sound chip"),
        (b"OFR " + bytes(900), "OptimFROG"),
    ],
)
def test_notes_are_called_notes(tmp_path: Path, data: bytes, what: str) -> None:
    for name in ("x", "x.mp3", "x.mod"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(NotAudio, match=what):
            open_recording(tmp_path / name)


def test_any_exception_of_a_decoder_is_the_error_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "x.mp3", tune(3), 22050, "mp3")

    def broken(*_: object) -> None:
        raise KeyError("what nobody\nexpected")

    with monkeypatch.context() as patch:
        patch.setattr("earmark.audio.ffmpeg.copy_samples", broken)
        with pytest.raises(NotAudio, match="KeyError") as caught:
            open_recording(file)
        assert "\n" not in str(caught.value)
    with open_recording(file) as recording:
        monkeypatch.setattr("earmark.audio.ffmpeg.copy_samples", broken)
        with pytest.raises(NotAudio, match="KeyError"):
            list(recording.blocks(16000))


def test_limits_count_samples_and_name_their_option(tmp_path: Path) -> None:
    file = write(tmp_path / "x.flac", np.zeros((655350 * 2, 8), np.float32), 655350, "flac")
    with pytest.raises(AudioTooLong, match=r"8 channels at 655350 Hz .*--max-duration"):
        open_recording(file, max_duration=30)
    with pytest.raises(AudioTooLong, match="--max-duration"):
        open_recording(write(tmp_path / "x.wav", tune(5), 22050), max_duration=4)


CODECS = {"webm": "libopus", "mka": "flac", "caf": "pcm_s16be"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], Path]:
    """Give the folder of a tune in every format, and of what FFmpeg decodes each to.

    All of one rate and one count of channels are made by one start of FFmpeg, and decoded by
    another: what it takes to start is more than what it takes to do this.
    """

    @cache
    def make(rate: int, channels: int) -> Path:
        folder = tmp_path_factory.mktemp("written")
        plain = write(folder / "plain.wav", tune(4, rate, channels=channels), rate)
        # FFmpeg writes Windows Media Audio 2, which has no more than two.
        names = [*WRITTEN, *(["wma"] if channels <= 2 else [])]
        files = [folder / f"x.{name}" for name in names]
        encoded = [
            (*(["-c:a", CODECS[name]] if name in CODECS else []), file)
            for name, file in zip(names, files, strict=True)
        ]
        ffmpeg("-i", plain, *itertools.chain.from_iterable(encoded))
        inputs = [("-i", file) for file in files]
        decoded = [
            (
                "-map",
                f"{number}:a",
                "-f",
                "f32le",
                "-c:a",
                "pcm_f32le",
                file.with_suffix(f"{file.suffix}.raw"),
            )
            for number, file in enumerate(files)
        ]
        ffmpeg(*itertools.chain.from_iterable([*inputs, *decoded]))
        return folder

    return make


@needs_ffmpeg
@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize(
    ("name", "channels"),
    [*itertools.product(WRITTEN, (1, 2, 6)), *itertools.product(["wma"], (1, 2))],
)
def test_durations_and_spectra_are_those_of_ffmpeg(
    written: Callable[[int, int], Path], name: str, rate: int, channels: int
) -> None:
    if (name, channels) == ("voc", 6) and Version(av.__version__) < Version("18.1"):
        skip("FFmpeg decodes VOC of six channels from 8.1.2 on", "PyAV 18.1 or newer")
    file = written(rate, channels) / f"x.{name}"
    with av.open(str(file)) as container:
        native, channels = container.streams.audio[0].rate, container.streams.audio[0].channels
    expected = np.fromfile(f"{file}.raw", "<f4").reshape(-1, channels).mean(axis=1)
    with open_recording(file) as recording:
        heard = recording.read(recording.sample_rate)
        assert recording.warnings == []
        assert recording.sample_rate == native
        assert recording.duration == pytest.approx(len(expected) / native, rel=0.02)
    assert len(heard) == pytest.approx(len(expected), rel=0.02)
    one, other = (np.abs(np.fft.rfft(x[: 3 * native])) for x in (heard, expected))
    assert np.linalg.norm(one - other) < 0.1 * np.linalg.norm(other)
