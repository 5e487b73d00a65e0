"""What cannot be used is refused with the right error, in one line, without hanging or chatter."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.audio import open_recording
from earmark.audio.source import errors_of_one_file
from earmark.errors import (
    AudioEmpty,
    AudioError,
    AudioIsFolder,
    AudioNotFinite,
    AudioNotFound,
    AudioSilent,
    AudioTooLong,
    AudioTooShort,
    AudioTruncated,
    NoAudioStream,
    NotAudio,
)
from support.skips import needs_posix
from support.sounds import FORMATS, noise, silence, sine, tune, write


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str]):
    """No decoder may write to stdout or stderr, whatever the file."""
    yield
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def listen(path: object, **limits: float) -> int:
    """Decode all of a file; return how many samples there were."""
    with open_recording(path, **limits) as recording:  # type: ignore[arg-type]
        return sum(len(block) for block in recording.blocks(16000))


def refuses(kind: type[AudioError], path: object, **limits: float) -> AudioError:
    with pytest.raises(AudioError) as caught:
        listen(path, **limits)
    assert type(caught.value) is kind, caught.value
    message = str(caught.value)
    assert message.startswith(os.fspath(path))  # type: ignore[arg-type]
    assert "\n" not in message.removeprefix(os.fspath(path))  # type: ignore[arg-type]
    assert type(pickle.loads(pickle.dumps(caught.value))) is kind
    return caught.value


def silent_film(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for i in range(50):
            picture = np.full((64, 64, 3), i, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def test_no_such_file(tmp_path: Path) -> None:
    refuses(AudioNotFound, tmp_path / "nothing.mp3")
    refuses(AudioNotFound, "nul\0byte.mp3")
    refuses(AudioNotFound, tmp_path / ("long" * 100))
    (tmp_path / "file").write_bytes(b"x")
    refuses(AudioNotFound, tmp_path / "file" / "below.mp3")
    (tmp_path / "dangling.mp3").symlink_to(tmp_path / "nowhere.mp3")
    refuses(AudioNotFound, tmp_path / "dangling.mp3")


def test_folder(tmp_path: Path) -> None:
    refuses(AudioIsFolder, tmp_path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").touch()
    refuses(AudioEmpty, tmp_path / "x.mp3")


@needs_posix("pipes with names")
def test_pipes_sockets_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    refuses(NotAudio, tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "pipe.wav")
    refuses(NotAudio, tmp_path / "link.wav")
    refuses(NotAudio, "/dev/zero")
    short = Path("s.sock")  # socket names have little room
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(short))
            refuses(NotAudio, short)
    finally:
        os.chdir(here)


def test_circle_of_links(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").symlink_to(tmp_path / "b.mp3")
    (tmp_path / "b.mp3").symlink_to(tmp_path / "a.mp3")
    refuses(NotAudio, tmp_path / "a.mp3")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "x.wav", sine(2), 22050)
    file.chmod(0)
    if not os.access(file, os.R_OK):
        refuses(NotAudio, file)
        return

    def deny(*_: object) -> int:  # root may read anything
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("earmark.audio.files.os.open", deny)
        with pytest.raises(NotAudio, match="permission"):
            open_recording(file)


NOT_AUDIO = {
    "text": b"Dear Sir, this is a letter.\n" * 200,
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "zeros": bytes(100_000),
    "ones": b"\xff" * 100_000,
    "zip": b"PK\x03\x04" + bytes(range(256)) * 40,
    "png": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(1000),
    "pdf": b"%PDF-1.4\n" + b"1 0 obj\n" * 500,
    "midi": b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk" + bytes(500),
    "one byte": b"R",
    "exe": b"MZ" + bytes(2000),
    "python": Path(__file__).read_bytes(),
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n" * 40,
}


@pytest.mark.parametrize("name", sorted(NOT_AUDIO))
@pytest.mark.parametrize("extension", [".mp3", ".wav", ""])
def test_not_audio(tmp_path: Path, name: str, extension: str) -> None:
    file = tmp_path / f"{name}{extension}"
    file.write_bytes(NOT_AUDIO[name])
    refuses(NotAudio, file)


def test_lists_of_other_files_are_not_followed(tmp_path: Path) -> None:
    sound = write(tmp_path / "sound.wav", sine(2), 22050)
    uri = sound.as_uri()
    lists = {
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:2,\n{uri}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile sound.wav\nfile '{sound}'\n",
        "m3u": f"#EXTM3U\n{sound}\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=audio 5004 RTP/AVP 0\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
        f"<Period><AdaptationSet><Representation><BaseURL>{uri}</BaseURL></Representation>"
        "</AdaptationSet></Period></MPD>",
    }
    for name, text in lists.items():
        for file in (tmp_path / f"{name}.m3u8", tmp_path / f"{name}.mp3"):
            file.write_text(text)
            refuses(NotAudio, file)


def test_silent_film(tmp_path: Path) -> None:
    refuses(NoAudioStream, silent_film(tmp_path / "film.mp4"))
    film = silent_film(tmp_path / "film.mp4")
    refuses(NoAudioStream, film.rename(tmp_path / "film.mp3"))


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_cut_off_before_any_sound(tmp_path: Path, kind: str) -> None:
    rate = 48000
    data = write(tmp_path, tune(2, rate, channels=2), rate, kind).read_bytes()
    for length in (16, 40, 60):
        file = tmp_path / f"cut{length}"
        file.write_bytes(data[:length])
        with pytest.raises((AudioTruncated, AudioTooShort, NotAudio)) as caught:
            listen(file)
        # Formats without a signature of their own are anybody's guess when so short.
        if kind not in ("ac3", "aac", "mp3"):
            assert isinstance(caught.value, AudioTruncated | AudioTooShort), caught.value


def test_header_without_samples(tmp_path: Path) -> None:
    for kind in ("wav-16", "aiff", "au", "ogg", "caf", "wav-float"):
        refuses(AudioTruncated, write(tmp_path, silence(0), 22050, kind))


@pytest.mark.parametrize("kind", ["m4a", "mp4", "alac"])
def test_mp4_without_its_index(tmp_path: Path, kind: str) -> None:
    data = write(tmp_path, tune(2, 44100), 44100, kind).read_bytes()
    file = tmp_path / "half.m4a"
    file.write_bytes(data[: len(data) // 2])
    refuses(AudioTruncated, file)


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_too_short(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path, tune(0.7, 48000), 48000, kind)
    refuses(AudioTooShort, file)
    with open_recording(file, min_duration=0.1) as recording:
        assert len(recording.read(16000))


def test_exactly_one_second_is_long_enough(tmp_path: Path) -> None:
    for rate in (8000, 11025, 44100, 44101, 48000):
        assert listen(write(tmp_path / f"{rate}.wav", sine(1, rate), rate)) == 16000
        refuses(AudioTooShort, write(tmp_path / "s.wav", sine(1, rate)[:-1], rate))


@pytest.mark.parametrize("kind", ["wav-16", "flac", "mp3", "ogg", "m4a", "webm", "wma", "aac"])
def test_too_long(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path, tune(5, 48000), 48000, kind)
    refuses(AudioTooLong, file, max_duration=4)
    assert listen(file, max_duration=6) > 4.8 * 16000


@pytest.mark.parametrize("kind", sorted(set(FORMATS) - {"wav-u8", "ac3"}))
def test_silent(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path, np.zeros((48000 * 2, 2), np.float32), 48000, kind)
    refuses(AudioSilent, file)
    with open_recording(file) as recording:
        with pytest.raises(AudioSilent):
            recording.read(16000, 0.5, 1)
        with pytest.raises(AudioSilent):
            list(recording.spans(16000, [(0, 1), (1, 2)]))


def test_nearly_silent(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dither = rng.integers(-1, 2, 44100) / 32768
    offset = np.full(44100, 0.25)
    for hush in (dither, offset, offset + dither):
        refuses(AudioSilent, write(tmp_path / "x.wav", hush.astype(np.float32), 22050))
    faint = sine(2, level=0.001)
    assert listen(write(tmp_path / "x.wav", faint, 22050, "wav-24")) == 32000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("kind", ["wav-float", "wav-double"])
def test_a_few_samples_that_are_no_numbers_are_zero(tmp_path: Path, bad: float, kind: str) -> None:
    for at in (0, 22050, 5 * 22050 - 1):
        sound = np.stack([sine(5), sine(5)], axis=1)
        sound[at, 1] = bad
        with open_recording(write(tmp_path / "x.wav", sound, 22050, kind)) as recording:
            heard = recording.read(22050)
            assert recording.warnings == ["a few samples are no numbers; they are taken for zero"]
        sound[at, 1] = 0
        np.testing.assert_array_equal(heard, sound.mean(axis=1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_many_samples_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    sound = sine(5)
    sound[22050:44100] = bad
    refuses(AudioNotFinite, write(tmp_path / "x.wav", sound, 22050, "wav-float"))


def test_spans_of_a_file_that_is_not_finite_elsewhere(tmp_path: Path) -> None:
    sound = sine(5)
    sound[22050 * 4 :] = np.nan
    with open_recording(write(tmp_path / "x.wav", sound, 22050, "wav-float")) as recording:
        assert np.isfinite(recording.read(16000, 0, 2)).all()
        with pytest.raises(AudioNotFinite):
            recording.read(16000, 3, 5)


def header(path: Path, **fields: int) -> Path:
    """Write a 16-bit WAV file of 2 s whose header lies."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes((sine(2) * 32767).astype("<i2").tobytes())
    data = bytearray(path.read_bytes())
    places = {"riff": (4, "<I"), "channels": (22, "<H"), "rate": (24, "<I"), "data": (40, "<I")}
    for name, value in fields.items():
        at, layout = places[name]
        struct.pack_into(layout, data, at, value)
    path.write_bytes(data)
    return path


def test_lengths_that_a_wav_header_claims_are_not_believed(tmp_path: Path) -> None:
    for claim in (0, 0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFFF):
        file = header(tmp_path / "x.wav", riff=claim, data=claim)
        assert listen(file) == pytest.approx(32000, abs=2)


def test_absurd_rates_and_channels(tmp_path: Path) -> None:
    for rate in (0, 1, 500, 0xFFFFFFFF, 2_000_000_000):
        with pytest.raises((NotAudio, AudioTruncated, AudioTooLong)):
            listen(header(tmp_path / "x.wav", rate=rate))
    for channels in (0, 300, 65535):
        with pytest.raises((NotAudio, AudioTruncated, AudioTooShort)):
            listen(header(tmp_path / "x.wav", channels=channels))


def test_lengths_that_a_flac_header_claims_are_not_believed(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "x.flac", tune(3), 22050, "flac").read_bytes())
    data[21] |= 0x0F  # the total is the last 36 of these 64 bits
    data[22:26] = b"\xff\xff\xff\xff"
    (tmp_path / "x.flac").write_bytes(data)
    with open_recording(tmp_path / "x.flac") as recording:
        assert recording.duration == pytest.approx(3, abs=0.2)
        assert len(recording.read(22050)) == 3 * 22050


def test_a_bad_span_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with open_recording(write(tmp_path / "x.wav", sine(2), 22050)) as recording:
        for rate, start, stop in [(16000, -1, 1), (16000, 2, 1), (0, 0, 1), (-5, 0, 1)]:
            with pytest.raises(ValueError, match="no such span"):
                recording.read(rate, start, stop)
        assert len(recording.read(16000, 1, 1)) == 0


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(min_size=1, max_size=3000), head=st.sampled_from([
    b"", b"RIFF\x00\x01\x00\x00WAVEfmt ", b"OggS\x00\x02", b"fLaC\x00\x00\x00\x22", b"ID3\x03\x00",
    b"\xff\xfb\x90\x64", b"\x00\x00\x00\x20ftypM4A ", b"FORM\x00\x00\x10\x00AIFFCOMM", b".snd",
    b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"caff\x00\x01\x00\x00desc",
]))  # fmt: skip
def test_any_bytes_give_an_audio_error_or_sound(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz"
    file.write_bytes(head + data)
    with contextlib.suppress(AudioError):
        listen(file)


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["wav-16", "flac", "ogg", "opus", "mp3", "m4a", "webm", "wma", "aiff"]),
    holes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40)), max_size=8),
    length=st.floats(0, 1),
)
def test_any_damage_gives_an_audio_error_or_sound(
    every_format: Callable[[str], bytes],
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    holes: list[tuple[float, bytes]],
    length: float,
) -> None:
    data = bytearray(every_format(kind))
    for place, junk in holes:
        at = int(place * (len(data) - 1))
        data[at : at + len(junk)] = junk
    file = tmp_path_factory.getbasetemp() / "damaged"
    file.write_bytes(data[: max(1, int(len(data) * length))])
    try:
        with open_recording(file) as recording:
            for block in recording.blocks(16000):
                assert np.isfinite(block).all()
            recording.read(16000, recording.duration / 2, recording.duration / 2 + 0.5)
    except AudioError:
        pass


@pytest.fixture(scope="module")
def every_format(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    folder = tmp_path_factory.mktemp("every")
    made: dict[str, bytes] = {}

    def get(kind: str) -> bytes:
        if kind not in made:
            made[kind] = write(folder, tune(2, 48000), 48000, kind).read_bytes()
        return made[kind]

    return get


def test_nothing_is_said_at_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import earmark.audio"], capture_output=True, check=True
    )
    assert done.stdout == done.stderr == b""


def test_noise_alone_is_sound(tmp_path: Path) -> None:
    assert listen(write(tmp_path / "x.wav", noise(1.5), 22050)) == 24000


def test_soundfile_knows_what_these_tests_write() -> None:
    known = soundfile.available_formats()
    assert {"WAV", "AIFF", "AU", "FLAC", "OGG", "MP3", "CAF", "RF64"} <= set(known)


def test_a_file_that_changes_between_two_looks_is_told_as_such(tmp_path: Path) -> None:
    """What decodes may not decode a moment later: the file is named, no object of ours."""
    path = write(tmp_path / "turns.wav", tune(3), 22050)
    with open_recording(path) as recording:
        path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff" + bytes(60_000))
        with pytest.raises(AudioTruncated, match=r"turns\.wav: the file changed while it was read"):
            list(recording.blocks(22050))


def test_no_object_is_printed_for_an_error_of_a_decoder() -> None:
    class View:
        pass

    with pytest.raises(NotAudio) as raised, errors_of_one_file("song.wav"):
        raise ValueError(f"Error opening {View()!r}: malformed")
    assert "a decoder failed (ValueError: Error opening it: malformed)" in str(raised.value)
