"""What tags say is read from every container, whoever wrote them, and never costs much."""

from __future__ import annotations

import random
import resource
import shutil
import struct
import zlib
from functools import cache
from pathlib import Path

import mutagen
import pytest
from mutagen import apev2, id3

from earmark.audio.tags import LONGEST, MOST, Tags, read_tags
from support.retag import AROUND, copy_by_ffmpeg, id3v22, id3v24_compressed, needs_ffmpeg
from support.sounds import FORMATS, tune, write

RATE = 48000
SAID = {
    "artist": "Ann & the Ünknown",
    "album_artist": "Various",
    "title": "雨 A Title; with more",
    "album": "An Album",
    "genre": "Polka",
}
EASY = ["flac", "flac-24", "ogg", "opus", "mp3", "m4a", "alac", "mp4"]
"""Kinds whose tags mutagen writes by one set of names."""

ID3_CHUNK = ["aiff", "aiff-24", "wav-16", "wav-float"]
APE = ["wavpack", "mp3", "aac", "ac3", "tta"]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sounds")
    return {kind: write(folder, tune(1.0, RATE), RATE, kind) for kind in FORMATS}


@pytest.fixture
def copied(sounds: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    return {
        kind: Path(shutil.copy(path, tmp_path / f"{kind}{path.suffix}"))
        for kind, path in sounds.items()
    }


def says(tags: Tags) -> dict[str, str | None]:
    return {
        "artist": next(iter(tags.artists), None),
        "album_artist": next(iter(tags.album_artists), None),
        "title": tags.title,
        "album": tags.album,
        "genre": tags.genre,
    }


def all_frames(encoding: int = 3) -> list[id3.Frame]:
    return [
        id3.TPE1(encoding, [SAID["artist"]]),
        id3.TPE2(encoding, [SAID["album_artist"]]),
        id3.TIT2(encoding, [SAID["title"]]),
        id3.TALB(encoding, [SAID["album"]]),
        id3.TCON(encoding, [SAID["genre"]]),
    ]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_without_tags_says_nothing(sounds: dict[str, Path], kind: str) -> None:
    assert read_tags(sounds[kind]) == Tags()


@pytest.mark.parametrize("kind", EASY)
def test_what_mutagen_writes(copied: dict[str, Path], kind: str) -> None:
    file = mutagen.File(copied[kind], easy=True)
    for name, value in SAID.items():
        file[name.replace("_", "")] = value
    file["artist"] = [SAID["artist"], "Bob"]
    file["genre"] = [SAID["genre"], "Waltz"]
    file.save()
    tags = read_tags(copied[kind])
    assert says(tags) == SAID
    assert tags.artists == (SAID["artist"], "Bob")
    assert tags.artist == f"{SAID['artist']}; Bob"
    assert tags.genres == ("Polka", "Waltz")


@pytest.mark.parametrize("kind", ID3_CHUNK)
def test_id3_in_a_chunk(copied: dict[str, Path], kind: str) -> None:
    file = mutagen.File(copied[kind])
    file.add_tags()
    for frame in all_frames(1):
        file.tags.add(frame)
    file.save()
    assert says(read_tags(copied[kind])) == SAID


@pytest.mark.parametrize("kind", APE)
def test_an_ape_tag_alone(copied: dict[str, Path], kind: str) -> None:
    tag = apev2.APEv2()
    for name, value in SAID.items():
        tag[name.replace("_", " ").title()] = value
    tag["Artist"] = [SAID["artist"], "Bob"]
    tag["Cover Art (Front)"] = apev2.APEValue(b"c.jpg\0" + bytes(100_000), apev2.BINARY)
    tag.save(copied[kind])
    tags = read_tags(copied[kind])
    assert says(tags) == SAID
    assert tags.artists == (SAID["artist"], "Bob")


def test_what_asf_holds(copied: dict[str, Path]) -> None:
    file = mutagen.File(copied["wma"])
    names = ("Author", "WM/AlbumArtist", "Title", "WM/AlbumTitle", "WM/Genre")
    for name, value in zip(names, SAID.values(), strict=True):
        file[name] = [value]
    file.save()
    assert says(read_tags(copied["wma"])) == SAID


def test_dsf_whose_tag_stands_where_its_header_says(tmp_path: Path) -> None:
    tag = id3.ID3()
    for frame in all_frames():
        tag.add(frame)
    tag.save(tmp_path / "tag")
    sound = bytes(1000)
    data = (tmp_path / "tag").read_bytes()
    size = 28 + len(sound) + len(data)
    head = b"DSD " + struct.pack("<QQQ", 28, size, 28 + len(sound))
    (tmp_path / "a.dsf").write_bytes(head + sound + data)
    assert says(read_tags(tmp_path / "a.dsf")) == SAID


def test_names_of_other_containers_in_asf(copied: dict[str, Path]) -> None:
    file = mutagen.File(copied["wma"])
    file["artist"], file["genre"] = ["Ann"], ["Polka", "Waltz"]
    file.save()
    tags = read_tags(copied["wma"])
    # Values after the first stand in another object of the file, which can come before.
    assert (tags.artist, sorted(tags.genres)) == ("Ann", ["Polka", "Waltz"])


@pytest.mark.slow
@needs_ffmpeg
@pytest.mark.parametrize("kind", sorted(set(FORMATS) - {"ac3", "wav-double", "rf64"}))
def test_what_ffmpeg_writes(sounds: dict[str, Path], tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"copy{sounds[kind].suffix}"
    options = ("-metadata", f"artist={SAID['artist']}", "-metadata", f"title={SAID['title']}")
    if kind in ("aiff", "aiff-24", "aac"):
        options += ("-write_id3v2", "1")
    copy_by_ffmpeg(sounds[kind], target, *options)
    tags = read_tags(target)
    assert (tags.artist, tags.title, tags.genre) == (SAID["artist"], SAID["title"], "Polka")


@needs_ffmpeg
@pytest.mark.parametrize(("codec", "ending"), [("wavpack", "mka"), ("libopus", "webm")])
def test_matroska(sounds: dict[str, Path], tmp_path: Path, codec: str, ending: str) -> None:
    target = tmp_path / f"copy.{ending}"
    copy_by_ffmpeg(sounds["flac"], target, "-c:a", codec, "-metadata", "artist=Ann")
    tags = read_tags(target)
    assert (tags.artist, tags.genre) == ("Ann", "Polka")


@pytest.mark.parametrize("encoding", [1, 2, 3])
@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("kind", ["mp3", "aac", "flac", "tta", "wavpack"])
def test_id3v2_before_the_sound(
    copied: dict[str, Path], kind: str, version: int, encoding: int
) -> None:
    tag = id3.ID3()
    for frame in [*all_frames(encoding), id3.APIC(3, "image/jpeg", 3, "", bytes(300_000))]:
        tag.add(frame)
    tag.save(copied[kind], v2_version=version)
    assert says(read_tags(copied[kind])) == SAID


def test_other_versions_and_id3v1_alone(copied: dict[str, Path]) -> None:
    path = copied["mp3"]
    sound = path.read_bytes()
    old = b"TAG" + b"Old Title".ljust(30, b"\0") + b"Old Artist".ljust(30, b"\0")
    old += b"Old Album".ljust(30, b"\0") + bytes(34) + b"\x11"
    path.write_bytes(sound + old)
    tags = read_tags(path)
    assert (tags.artist, tags.title, tags.album, tags.genre) == (
        "Old Artist",
        "Old Title",
        "Old Album",
        "Rock",
    )
    path.write_bytes(id3v22(TT2="A Title", TP1="Somebody", TCO="(17)") + sound + old)
    tags = read_tags(path)
    assert (tags.artist, tags.title, tags.album) == ("Somebody", "A Title", "Old Album")
    assert tags.genres == ("Rock",)
    path.write_bytes(id3v24_compressed("TIT2", "Packed") + sound + old)
    tags = read_tags(path)
    assert (tags.artist, tags.title) == ("Old Artist", "Packed")


def test_a_tag_without_ff_before_another_byte(copied: dict[str, Path]) -> None:
    """Versions 2.2 and 2.3 do so for the whole tag, its sizes being those from before."""
    frames = b""
    for name, text in {b"TPE1": "Ÿnn", b"TIT2": "ÿ"}.items():
        content = b"\1\xff\xfe" + text.encode("utf-16-le") + b"\xff\0"
        frames += name + struct.pack(">I", len(content)) + b"\0\0" + content
    packed = frames.replace(b"\xff", b"\xff\0")
    size = bytes(len(packed) >> shift & 0x7F for shift in (21, 14, 7, 0))
    copied["mp3"].write_bytes(b"ID3\3\0\x80" + size + packed + copied["mp3"].read_bytes())
    assert read_tags(copied["mp3"]).artist == "Ÿnnÿ"


def test_sizes_of_version_4_as_in_version_3(copied: dict[str, Path]) -> None:
    frames = b""
    for name, text in {b"TPE1": "a" * 299, b"TIT2": "A Title"}.items():
        content = b"\3" + text.encode()
        frames += name + struct.pack(">I", len(content)) + b"\0\0" + content
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    copied["mp3"].write_bytes(b"ID3\4\0\0" + size + frames + copied["mp3"].read_bytes())
    tags = read_tags(copied["mp3"])
    assert (tags.artist, tags.title) == ("a" * 299, "A Title")


@pytest.mark.parametrize("what", AROUND)
def test_tags_around_the_sound_hide_none_of_the_container(
    copied: dict[str, Path], what: str
) -> None:
    file = mutagen.File(copied["flac"])
    file["artist"], file["title"] = SAID["artist"], SAID["title"]
    file.save()
    AROUND[what](copied["flac"])
    tags = read_tags(copied["flac"])
    assert (tags.artist, tags.title) == (SAID["artist"], SAID["title"])


def test_texts_are_cut_and_on_one_line(copied: dict[str, Path]) -> None:
    for kind in ("flac", "mp3", "m4a"):
        file = mutagen.File(copied[kind], easy=True)
        file["artist"] = " Ann\nand\tBob " + "x" * 5_000_000
        file["genre"] = [f"genre {i}" for i in range(100)]
        file.save()
        tags = read_tags(copied[kind])
        assert tags.artist == ("Ann and Bob " + "x" * LONGEST)[:LONGEST]
        assert tags.genres == tuple(f"genre {i}" for i in range(MOST))


@cache
def _bomb(length: int) -> bytes:
    """Return a tag of ID3v2.3 whose title is that long, compressed."""
    packer = zlib.compressobj(9)
    block = b"A" * 10_000_000
    packed = packer.compress(b"\3") + b"".join(
        packer.compress(block) for _ in range(length // len(block))
    )
    content = struct.pack(">I", length + 1) + packed + packer.flush()
    frame = b"TIT2" + struct.pack(">I", len(content)) + b"\0\x80" + content
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + frame


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mp3", "flac", "aiff", "wav-16"])
def test_a_compressed_text_is_unpacked_no_further_than_it_is_kept(
    copied: dict[str, Path], kind: str
) -> None:
    bomb, path = _bomb(700_000_000), copied[kind]
    data = path.read_bytes()
    if kind in ("mp3", "flac"):
        path.write_bytes(bomb + data)
    else:
        order, name = (">", b"ID3 ") if kind == "aiff" else ("<", b"id3 ")
        bomb += bytes(len(bomb) % 2)
        data += name + struct.pack(order + "I", len(bomb)) + bomb
        path.write_bytes(data[:4] + struct.pack(order + "I", len(data) - 8) + data[8:])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_tags(path).title == "A" * LONGEST
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_raise_nothing(copied: dict[str, Path], kind: str) -> None:
    path = copied[kind]
    AROUND["ID3v2.3 and ID3v1"](path)
    rng = random.Random(kind)
    whole = path.read_bytes()
    for _ in range(30):
        data = bytearray(whole[: rng.randrange(1, len(whole))])
        for _ in range(rng.randrange(40)):
            data[int(len(data) * rng.random() ** 4)] = rng.randrange(256)
        path.write_bytes(data)
        for texts in (read_tags(path).artists, read_tags(path).genres):
            assert all(len(text) <= LONGEST for text in texts)


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    for path in (tmp_path / "empty.wav", tmp_path / "none.wav", tmp_path):
        assert read_tags(path) == Tags()


def test_the_artist_of_the_album_stands_in() -> None:
    assert Tags(album_artists=("Ann",)).artist == "Ann"
    assert Tags(artists=("Bob",), album_artists=("Ann",)).artist == "Bob"


RECORDING = "4ab4eabc-6f47-40a6-9c9e-a1f0b1d0bd0f"


def tag_recording(file: Path, kind: str) -> None:
    """Write a MusicBrainz identifier as Picard does."""
    if kind in ("mp3", "aiff", "wav-16"):
        tagged = mutagen.File(file)
        if tagged.tags is None:
            tagged.add_tags()
        tagged.tags.add(id3.UFID("http://musicbrainz.org", RECORDING.encode()))
        tagged.tags.add(id3.UFID("http://elsewhere.example", b"another"))
        tagged.save()
    elif kind in ("m4a", "mp4", "alac"):
        tagged = mutagen.File(file)
        tagged["----:com.apple.iTunes:MusicBrainz Track Id"] = RECORDING.upper().encode()
        tagged.save()
    elif kind == "wma":
        tagged = mutagen.File(file)
        tagged["MusicBrainz/Track Id"] = RECORDING
        tagged.save()
    elif kind == "wavpack":
        tag = apev2.APEv2()
        tag["MUSICBRAINZ_TRACKID"] = RECORDING
        tag.save(file)
    else:
        tagged = mutagen.File(file)
        tagged["MUSICBRAINZ_TRACKID"] = RECORDING
        tagged.save()


@pytest.mark.parametrize(
    "kind", ["mp3", "aiff", "wav-16", "m4a", "alac", "wma", "wavpack", "flac", "ogg", "opus"]
)
def test_the_musicbrainz_identifier_is_read(copied, kind):
    assert read_tags(copied[kind]).recordings == ()
    tag_recording(copied[kind], kind)
    assert read_tags(copied[kind]).recordings == (RECORDING,)


def test_what_is_no_identifier_is_none(copied):
    tagged = mutagen.File(copied["flac"])
    tagged["MUSICBRAINZ_TRACKID"] = ["none", f"{RECORDING}x", "'; drop table tracks"]
    tagged.save()
    assert read_tags(copied["flac"]).recordings == ()
