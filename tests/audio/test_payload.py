"""What a file sounds like has one hash, whatever tags, pictures or index it has."""

from __future__ import annotations

import hashlib
import random
import shutil
import struct
from pathlib import Path

import pytest
from mutagen import File

from earmark.audio.files import open_bytes
from earmark.errors import AudioEmpty, AudioError, AudioNotFound, NotAudio
from earmark.listen import identify
from support.retag import AROUND, copy_by_ffmpeg, needs_ffmpeg, set_by_mutagen
from support.sounds import FORMATS, tune, write

TAGGED = ["wav-16", "wav-float", "aiff", "aiff-24", "flac", "flac-24", "ogg", "opus", "mp3", "m4a"]
TAGGED += ["alac", "mp4", "wma", "wavpack", "tta"]
FRAMES = ["mp3", "aac", "flac", "wavpack", "tta", "ac3"]
LOSSLESS = [kind for kind, form in FORMATS.items() if form.accuracy is not None]
RATE = 48000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sounds")
    samples = tune(2.5, RATE, channels=2)
    return {kind: write(folder, samples, RATE, kind) for kind in FORMATS}


@pytest.fixture
def copied(sounds: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    return {
        kind: Path(shutil.copy(path, tmp_path / f"{kind}{path.suffix}"))
        for kind, path in sounds.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_one_look_gives_the_hash_of_the_bytes_and_one_of_the_sound(
    sounds: dict[str, Path], kind: str
) -> None:
    found = identify(sounds[kind])
    status = sounds[kind].stat()
    assert found.content_hash == hashlib.sha256(sounds[kind].read_bytes()).hexdigest()
    assert found.audio_hash is not None
    assert len(found.audio_hash) == 64
    assert found.audio_hash != found.content_hash
    assert (found.size, found.modified_ns) == (status.st_size, status.st_mtime_ns)


@pytest.mark.parametrize("kind", TAGGED)
def test_tags_and_pictures_change_nothing(copied: dict[str, Path], kind: str) -> None:
    path = copied[kind]
    before = identify(path)
    for long in (3000, 70_000):
        set_by_mutagen(path, long=long)
        after = identify(path)
        assert after.content_hash != before.content_hash
        assert after.audio_hash == before.audio_hash
    file = File(path)
    file.delete()
    assert identify(path).audio_hash == before.audio_hash


@pytest.mark.slow
@needs_ffmpeg
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("options", [(), ("-bitexact", "-map_metadata", "-1")], ids=["", "bare"])
def test_another_program_may_write_the_container_anew(
    sounds: dict[str, Path], tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    target = tmp_path / f"copy{sounds[kind].suffix}"
    copy_by_ffmpeg(sounds[kind], target, *options)
    assert identify(target).audio_hash == identify(sounds[kind]).audio_hash
    if kind in TAGGED:
        set_by_mutagen(target)
        assert identify(target).audio_hash == identify(sounds[kind]).audio_hash


@pytest.mark.slow
@needs_ffmpeg
def test_the_place_of_an_index_and_the_size_of_pages_change_nothing(
    sounds: dict[str, Path], tmp_path: Path
) -> None:
    for kind, options in {
        "m4a": ("-movflags", "+faststart"),
        "alac": ("-movflags", "frag_keyframe+empty_moov"),
        "ogg": ("-page_duration", "20000"),
        "opus": ("-page_duration", "20000"),
        "mp3": ("-write_xing", "0"),
        "mka": ("-cluster_time_limit", "100"),
        "wma": ("-packet_size", "2000"),
    }.items():
        target = tmp_path / f"copy{sounds[kind].suffix}"
        copy_by_ffmpeg(sounds[kind], target, *options)
        assert identify(target).audio_hash == identify(sounds[kind]).audio_hash, kind


@pytest.mark.slow
@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("what", AROUND)
def test_tags_around_the_frames_change_nothing(
    copied: dict[str, Path], kind: str, what: str
) -> None:
    path = copied[kind]
    before = identify(path)
    AROUND[what](path)
    after = identify(path)
    assert after.content_hash != before.content_hash
    assert after.audio_hash == before.audio_hash
    for edit in AROUND.values():
        edit(path)
    assert identify(path).audio_hash == before.audio_hash


@pytest.mark.parametrize("kind", ["wav-16", "aiff", "au", "caf", "m4a", "mka", "wma", "ogg"])
def test_id3_before_a_container_that_knows_none_changes_nothing(
    copied: dict[str, Path], kind: str
) -> None:
    before = identify(copied[kind]).audio_hash
    AROUND["two of ID3v2"](copied[kind])
    assert identify(copied[kind]).audio_hash == before


@pytest.mark.parametrize("kind", LOSSLESS)
def test_one_sample_that_differs_makes_another_hash(tmp_path: Path, kind: str) -> None:
    samples = tune(1.0, RATE)
    before = identify(write(tmp_path, samples, RATE, kind)).audio_hash
    samples[RATE // 2] += 2**-7
    assert identify(write(tmp_path, samples, RATE, kind)).audio_hash != before


@pytest.mark.parametrize("kind", ["mp3", "m4a", "ogg", "opus", "wma"])
def test_another_tune_has_another_hash(tmp_path: Path, kind: str) -> None:
    hashes = {
        identify(write(tmp_path, tune(1.0, RATE, seed=i), RATE, kind)).audio_hash for i in (0, 1)
    }
    assert len(hashes) == 2


def test_the_same_bytes_at_another_rate_are_another_sound(tmp_path: Path) -> None:
    first = write(tmp_path / "a.wav", tune(1.0, 8000), 8000)
    second = write(tmp_path / "b.wav", tune(1.0, 8000), 16000)
    third = write(tmp_path / "c.wav", tune(1.0, 8000).reshape(-1, 2), 8000)
    assert len({identify(path).audio_hash for path in (first, second, third)}) == 3


def test_an_index_of_mp3_that_ffmpeg_takes_for_sound_is_no_sound(
    copied: dict[str, Path],
) -> None:
    """Of an index without number of frames and bytes FFmpeg makes a packet."""
    path = copied["mp3"]
    before = identify(path).audio_hash
    data = path.read_bytes()
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert at > 0
    path.write_bytes(data[: at + 4] + bytes(4) + data[at + 8 :])
    assert identify(path).audio_hash == before


class _Counting:
    """A file that counts the bytes that are read from it."""

    def __init__(self, path: str) -> None:
        self._file = open_bytes(path)
        self.fileno, self.seek, self.close = self._file.fileno, self._file.seek, self._file.close
        self.closed = False
        self.count = 0

    def read(self, length: int) -> bytes:
        data = self._file.read(length)
        self.count += len(data)
        return data


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wav-16", "flac", "mp3", "ogg", "m4a", "wma", "mka", "wavpack"])
def test_one_pass_over_the_bytes_serves_both_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = write(tmp_path, tune(120.0, RATE), RATE, kind)
    files: list[_Counting] = []

    def count(path: str) -> _Counting:
        files.append(_Counting(path))
        return files[-1]

    monkeypatch.setattr("earmark.audio.files.open_bytes", count)
    assert identify(path).audio_hash is not None
    assert sum(file.count for file in files) < 1.3 * path.stat().st_size


def _box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return (8 + len(content)).to_bytes(4, "big") + name + content


def _film_of_one_chunk(times: int, samples: int) -> bytes:
    """Return a QuickTime file whose index names the same chunk of PCM again and again."""
    entry = bytes(6) + struct.pack(">HIIHHHHI", 1, 0, 0, 1, 16, 0, 0, 44100 << 16)
    start = _box(b"ftyp", b"qt  ", bytes(4))
    table = _box(
        b"stbl",
        _box(b"stsd", struct.pack(">II", 0, 1), _box(b"sowt", entry)),
        _box(b"stts", struct.pack(">IIII", 0, 1, times * samples, 1)),
        _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, samples, 1)),
        _box(b"stsz", struct.pack(">III", 0, 2, times * samples)),
        _box(b"stco", struct.pack(">II", 0, times), struct.pack(">I", len(start) + 8) * times),
    )
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 44100, times * samples, 0, 0)),
        _box(b"hdlr", bytes(4), b"mhlrsoun", bytes(13)),
        _box(b"minf", _box(b"smhd", bytes(8)), table),
    )
    sound = random.Random(0).randbytes(2 * samples)
    return start + _box(b"mdat", sound) + _box(b"moov", _box(b"trak", media))


def test_an_index_cannot_claim_more_than_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "film.mov"
    path.write_bytes(_film_of_one_chunk(1, 100_000))
    assert identify(path).audio_hash is not None
    path.write_bytes(_film_of_one_chunk(10_000, 100_000))  # 2 GB of sound in 240 kB
    assert identify(path).audio_hash is None


def test_what_is_no_sound_has_no_hash_of_its_sound(tmp_path: Path) -> None:
    for name, data in {"text": b"Lorem ipsum " * 900, "zeros": bytes(99_999), "one": b"x"}.items():
        path = tmp_path / name
        path.write_bytes(data)
        found = identify(path)
        assert found.audio_hash is None
        assert found.content_hash == hashlib.sha256(data).hexdigest()


def test_what_cannot_be_read_is_an_audio_error(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioEmpty):
        identify(tmp_path / "empty.wav")
    with pytest.raises(AudioNotFound):
        identify(tmp_path / "none.wav")
    with pytest.raises(AudioError):
        identify(tmp_path)


def test_a_disk_that_fails_is_an_audio_error(
    sounds: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Failing(_Counting):
        def read(self, length: int) -> bytes:
            if self.count > 20_000:
                raise OSError(5, "Input/output error")
            return super().read(length)

    monkeypatch.setattr("earmark.audio.files.open_bytes", Failing)
    for kind in ("wav-16", "mp3", "m4a"):
        with pytest.raises(NotAudio, match="Input/output error"):
            identify(sounds[kind])
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_raise_nothing(sounds: dict[str, Path], tmp_path: Path, kind: str) -> None:
    rng = random.Random(kind)
    whole = sounds[kind].read_bytes()
    path = tmp_path / "damaged"
    for _ in range(12):
        data = bytearray(whole[: rng.randrange(1, len(whole))])
        for _ in range(rng.randrange(40)):
            data[int(len(data) * rng.random() ** 4)] = rng.randrange(256)
        path.write_bytes(data)
        found = identify(path)
        assert found.content_hash == hashlib.sha256(data).hexdigest()


def test_sound_that_looks_like_a_tag_stays_where_the_container_says_how_long_it_is(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.wav", tune(1.0), 22050)
    data = path.read_bytes()
    path.write_bytes(data[:-128] + b"TAG" + data[-125:])
    before = identify(path).audio_hash
    set_by_mutagen(path)
    assert identify(path).audio_hash == before
