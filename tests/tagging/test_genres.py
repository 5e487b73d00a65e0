"""Genres written into every container and read back by others."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import mutagen
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, TCON, TIT2, TXXX, WOAR
from mutagen.mp4 import MP4
from mutagen.oggvorbis import OggVorbis
from tinytag import TinyTag

from earmark.errors import TagError, TagsNotSupported
from earmark.listen import identify
from earmark.tagging import riff
from earmark.tagging.genres import read_tags, write_genres
from support import tagged
from support.programs import needs

LISTS = (["Jazz"], ["Hip-Hop", "Folk, World, & Country"], ["Düster", "R&B", "Jazz"])
JOINED = ("mp3-v23",)
"""Containers that hold one text."""


def expected(kind: str, genres: list[str]) -> list[str]:
    return ["/".join(genres)] if kind in JOINED else genres


def by_tinytag(path: Path) -> list[str]:
    tag = TinyTag.get(path)
    return [text for text in [tag.genre, *tag.other.get("genre", [])] if text]


def by_ffprobe(path: Path) -> str:
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path],
        capture_output=True,
        check=True,
    )
    probed = json.loads(shown.stdout)
    tags = {**probed["streams"][0].get("tags", {}), **probed["format"].get("tags", {})}
    return next(value for name, value in tags.items() if name.lower() == "genre")


@pytest.mark.parametrize("kind", tagged.KINDS)
def test_lists_come_back_by_another_library(kind: str, tmp_path: Path) -> None:
    for genres in LISTS:
        file = tagged.memory(kind)
        before = read_tags(file)
        assert before.genres == ()
        write_genres(file, genres)
        path = tmp_path / file.name
        path.write_bytes(file.getvalue())
        if kind.startswith("wavpack") or kind in tagged.SILENT:
            found = tagged.ape_values(file.getvalue(), "Genre")
        else:
            found = by_tinytag(path)
        if kind.startswith("wma"):
            # The first stands where old players look, the others elsewhere, in front of it.
            assert sorted(found) == sorted(genres)
        elif kind in ("wav", "wav-info"):
            assert set(found) == {*genres, "/".join(genres)}
        else:
            assert found == expected(kind, genres)
        assert read_tags(file).genres == tuple(genres)
        assert read_tags(file).rest == before.rest
        assert len(read_tags(file).stored) == len(expected(kind, genres))


@needs("ffprobe")
@pytest.mark.parametrize("kind", [kind for kind in tagged.KINDS if kind not in tagged.SILENT])
def test_ffprobe_reads_the_genre(kind: str, tmp_path: Path) -> None:
    file = tagged.memory(kind)
    write_genres(file, ["Hip-Hop", "Soul"])
    path = tmp_path / file.name
    path.write_bytes(file.getvalue())
    found = by_ffprobe(path)
    # Of a list it shows the first, or joins all by a semicolon.
    assert found.replace("/", ";") in ("Hip-Hop", "Hip-Hop;Soul")


@pytest.mark.parametrize("kind", [kind for kind in tagged.KINDS if kind not in tagged.SILENT])
def test_the_sound_stays_what_it_is(kind: str, tmp_path: Path) -> None:
    path = tagged.write(tmp_path, kind)
    before = identify(path).audio_hash
    assert before is not None
    file = tagged.memory(kind)
    write_genres(file, ["Jazz", "Soul"], evidence={"EARMARK_GENRE": "Jazz"})
    path.write_bytes(file.getvalue())
    assert identify(path).audio_hash == before


@pytest.mark.parametrize("kind", tagged.KINDS)
def test_evidence_comes_and_goes(kind: str) -> None:
    told = {"EARMARK_GENRE": "Jazz", "EARMARK_CONFIDENCE": "0.93", "EARMARK_LIBRARY": "mine ü"}
    file = tagged.memory(kind)
    write_genres(file, ["Jazz"], evidence=told)
    assert read_tags(file).evidence == told
    write_genres(file, ["Soul"])
    assert read_tags(file).evidence == told
    write_genres(file, ["Soul"], evidence={})
    assert read_tags(file).evidence == {}
    assert read_tags(file).genres == ("Soul",)


@pytest.mark.parametrize("kind", tagged.KINDS)
def test_names_with_signs_survive(kind: str) -> None:
    for genres in (["Folk, World, & Country"], ["Funk / Soul", "(Nu) Jazz"], ["Rock 'n' Roll"]):
        file = tagged.memory(kind)
        if kind in (*JOINED, "wav", "wav-info") and len(genres) > 1:
            write_genres(file, genres, sign=";")
        else:
            write_genres(file, genres)
        assert read_tags(file).genres == tuple(genres)


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(TagError, match="--id3v23"):
        write_genres(tagged.memory("mp3-v23"), ["AC/DC", "Rock"])


def test_id3v1_changes_in_its_genre_only() -> None:
    for kind in ("mp3-id3v1", "mp3-ape"):
        file = tagged.memory(kind)
        before = file.getvalue()[-128:]
        write_genres(file, ["Techno"])
        assert file.getvalue()[-128:] == before[:127] + b"\x12"
        write_genres(file, ["Zydeco"])
        assert file.getvalue()[-128:] == before[:127] + b"\xff"


def test_a_genre_that_only_id3v1_has_is_seen() -> None:
    data = bytearray(tagged.content("mp3-id3v1"))
    data[-1] = 17
    assert read_tags(tagged.Memory(bytes(data), "song.mp3")).genres == ("Rock",)


def test_the_number_of_mp4_is_read_and_replaced() -> None:
    file = tagged.memory("m4a")
    write_genres(file, ["XY"])
    data = file.getvalue()
    atom = b"\xa9gen" + (18).to_bytes(4, "big") + b"data" + bytes([0, 0, 0, 1]) + bytes(4) + b"XY"
    assert data.count(atom) == 1
    number = b"gnre" + atom[4:12] + bytes(8) + (18).to_bytes(2, "big")
    file = tagged.Memory(data.replace(atom, number), "song.m4a")
    assert read_tags(file).genres == ("Rock",)
    write_genres(file, ["Jazz", "Soul"])
    assert b"gnre" not in file.getvalue()
    assert MP4(file)["\xa9gen"] == ["Jazz", "Soul"]


@pytest.mark.parametrize("minor", [3, 4])
def test_the_version_of_id3_stays(minor: int) -> None:
    file = tagged.memory(f"mp3-v2{minor}")
    write_genres(file, ["Jazz"])
    assert file.getvalue()[3] == minor
    file.seek(0)
    tags = ID3(file, translate=False)
    assert tags["TPE1"].text == ["Anna", "Berta"]
    assert tags.getall("APIC")[0].data == tagged.PICTURE


def test_other_texts_of_info_stay() -> None:
    file = tagged.memory("wav-info")
    write_genres(file, ["Jazz", "Soul"])
    write_genres(file, ["Jazz", "Soul", "Pop"])
    info = riff.read_info(file)
    assert info == {b"IART": b"Anna", b"IGNR": b"Jazz/Soul/Pop"}
    assert b"noterest"[:4] in file.getvalue()
    assert int.from_bytes(file.getvalue()[4:8], "little") == len(file.getvalue()) - 8


@pytest.mark.parametrize("kind", ["webm", "mka", "au", "caf"])
def test_what_cannot_be_tagged_is_said(kind: str, tmp_path: Path) -> None:
    rate = 48_000
    path = tagged.sounds.write(tmp_path, tagged.sounds.tune(1.0, rate), rate, kind)
    with path.open("rb") as file, pytest.raises(TagsNotSupported, match="cannot be written"):
        read_tags(file)


@pytest.mark.parametrize("kind", tagged.KINDS)
def test_cut_files_give_one_error(kind: str) -> None:
    whole = tagged.content(kind)
    for length in (0, 1, 7, 40, 200, len(whole) // 2):
        for data in (whole[:length], whole[:length] + b"\xff" * 300):
            try:
                read_tags(tagged.Memory(data, f"song{tagged.KINDS[kind]}"))
            except TagError as error:
                assert "\n" not in str(error)  # noqa: PT017


def test_without_mutagen_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mutagen", None)
    with pytest.raises(TagsNotSupported, match=r"pip install 'earmark\[tag\]'"):
        read_tags(tagged.memory("flac"))


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
FIELD = st.text(st.sampled_from("ABCDEFGHIJ _"), min_size=1, max_size=12)
GENRES = st.lists(
    TEXT.filter(lambda text: text.isprintable() and text == text.strip() and text),
    min_size=1,
    max_size=3,
    unique=True,
)
FIELDS = st.dictionaries(FIELD, st.lists(TEXT, min_size=1, max_size=3), max_size=5)


def without_genre(tags: Any) -> list[str]:
    return sorted(repr(item) for item in tags.items() if "gen" not in item[0].lower())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["flac", "ogg", "opus", "wavpack", "m4a"]), FIELDS, TEXT, GENRES)
def test_any_other_fields_stay(
    kind: str, fields: dict[str, list[str]], old: str, genres: list[str]
) -> None:
    file = tagged.memory(kind)
    opened = mutagen.File(file)
    for name, values in fields.items():
        if kind == "m4a":
            opened.tags[f"----:com.apple.iTunes:{name}"] = [text.encode() for text in values]
        elif name not in ("ID", "OG") and len(name) > 1:
            opened.tags[name] = values
    opened.tags["\xa9gen" if kind == "m4a" else "genre"] = [old]
    file.seek(0)
    opened.save(file)
    file.seek(0)
    before = without_genre(mutagen.File(file).tags)
    try:
        write_genres(file, genres)
    except TagError as error:
        # A number, or what is read as one.
        assert "number" in str(error) or "come back" in str(error)  # noqa: PT017
        return
    file.seek(0)
    tags = mutagen.File(file).tags
    assert without_genre(tags) == before
    assert list(tags["\xa9gen" if kind == "m4a" else "genre"]) == genres


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([3, 4]),
    st.sampled_from([0, 1, 3]),
    st.lists(TEXT, min_size=1, max_size=3),
    TEXT,
    st.sampled_from(["(17)", "17", "A/B", "x", "(4)Eurodisco"]),
    GENRES,
)
def test_any_other_frames_stay(
    minor: int, encoding: int, texts: list[str], comment: str, old: str, genres: list[str]
) -> None:
    if encoding == 0:
        texts = [text.encode("latin-1", "replace").decode("latin-1") for text in texts]
    file = tagged.memory("mp3-bare")
    tags = ID3()
    tags.add(TIT2(encoding=encoding, text=texts))
    tags.add(TXXX(encoding=3, desc="x y", text=texts))
    tags.add(COMM(encoding=1, lang="deu", desc="", text=[comment]))
    tags.add(WOAR(url="http://example.org/"))
    tags.add(TCON(encoding=3, text=[old]))
    file.seek(0)
    tags.save(file, v2_version=minor, v23_sep=None)
    file.seek(0)
    before = {key: frame for key, frame in ID3(file, translate=False).items() if key != "TCON"}
    try:
        write_genres(file, genres)
    except TagError as error:
        told = str(error)
        assert any(word in told for word in ("number", "come back", "told apart"))
        return
    file.seek(0)
    after = {key: frame for key, frame in ID3(file, translate=False).items() if key != "TCON"}
    assert after == before
    assert read_tags(file, known=genres).genres == tuple(genres)


def test_mp3_by_mutagen_itself() -> None:
    file = tagged.memory("mp3-v24")
    write_genres(file, ["Jazz", "Soul"])
    file.seek(0)
    assert ID3(file)["TCON"].text == ["Jazz", "Soul"]


def test_flac_and_ogg_by_mutagen_itself() -> None:
    for kind, opener in (("flac", FLAC), ("ogg", OggVorbis)):
        file = tagged.memory(kind)
        write_genres(file, ["Jazz", "Soul"])
        file.seek(0)
        assert opener(file)["genre"] == ["Jazz", "Soul"]
