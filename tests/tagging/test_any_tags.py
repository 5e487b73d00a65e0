"""Files of many taggers, with any tags: genres go in and out, and nothing else changes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen.id3 import APIC, COMM, TALB, TCON, TIT2, TXXX, ID3FileType
from tinytag import TinyTag

from earmark.audio import open_recording
from earmark.listen import identify
from earmark.tagging.apply import Options, apply
from earmark.tagging.genres import read_tags
from earmark.tagging.history import read_journal
from earmark.tagging.journal import Journal
from earmark.tagging.plan import Proposal
from earmark.tagging.undo import undo
from support import sounds, tagged
from support.programs import needs

pytestmark = pytest.mark.slow

KINDS = sorted({*tagged.KINDS} - {*tagged.SILENT})
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1, max_size=40
).map(str.strip)
GENRE = st.sampled_from(
    (
        "Jazz",
        "Hip-Hop",
        "Folk, World, & Country",
        "Düster",
        "日本",
        "(Nu) Jazz",
        "R&B",
        "Rock 'n' Roll",
    )
)
GENRES = st.lists(GENRE, min_size=1, max_size=3, unique=True)
OLD = st.sampled_from((None, "17", "(17)", "(17)(18)Refined", "Pop", "Pop; Rock", "Pop/Rock"))


def set_tags(path: Path, title: str, comment: str, old: str | None, padding: int) -> None:
    """Tag a file as another program would have."""
    opened: Any = ID3FileType(path) if path.suffix == ".aac" else mutagen.File(path)
    if opened.tags is None:
        opened.add_tags()
    kind = type(opened.tags).__name__
    if hasattr(opened.tags, "setall"):
        opened.tags.add(TIT2(encoding=3, text=title))
        opened.tags.add(TALB(encoding=1, text=[title, comment]))
        opened.tags.add(COMM(encoding=1, lang="deu", desc="", text=[comment]))
        opened.tags.add(TXXX(encoding=3, desc="MOOD", text=[comment]))
        opened.tags.add(APIC(encoding=0, mime="image/png", type=3, data=tagged.PICTURE))
        if old:
            opened.tags.add(TCON(encoding=0, text=[old]))
    else:
        names = {
            "MP4Tags": ("\xa9nam", "\xa9cmt", "\xa9gen"),
            "ASFTags": ("Title", "Description", "WM/Genre"),
            "APEv2": ("Title", "Comment", "Genre"),
        }.get(kind, ("title", "comment", "genre"))
        for name, value in zip(names, (title, comment, old), strict=True):
            if value:
                opened.tags[name] = [value]
    has_padding = kind in ("ID3", "VCFLACDict", "VComment", "OggVCommentDict", "MP4Tags")
    opened.save(**({"padding": lambda _: padding} if has_padding else {}))


def other_fields(path: Path) -> Any:
    """Return all that another reader sees beside the genre."""
    found = TinyTag.get(path, image=True)
    shown = found.as_dict()
    images = [] if found.images.any is None else [found.images.any.data]
    return {
        name: value for name, value in shown.items() if name not in ("genre", "filesize")
    }, images


def samples(path: Path) -> np.ndarray:
    with open_recording(path) as recording:
        return recording.read(22_050)


def check(path: Path, genres: tuple[str, ...], journals: Path) -> None:
    """Write genres, look at everything, and take them back."""
    content, heard = path.read_bytes(), samples(path)
    is_known = path.suffix not in (".wv", ".tta", ".aac")
    others = other_fields(path) if is_known else None
    with path.open("rb") as file:
        tags = read_tags(file)
    proposal = Proposal(
        path=str(path),
        root=str(path.parent),
        audio_hash=identify(path).audio_hash or "",
        kind=tags.kind,
        seen=tags.stored,
        genres=genres,
        probability=0.9,
    )
    with Journal(journals) as journal:
        (outcome,) = apply([proposal], journal, identify, Options(sign=";"))
    assert (outcome.done, outcome.why) == (True, "")
    assert np.array_equal(samples(path), heard)
    with path.open("rb") as file:
        after = read_tags(file, known=genres)
    assert after.genres == genres
    assert after.rest == tags.rest
    if is_known:
        assert other_fields(path) == others
        seen = TinyTag.get(path)
        found = [seen.genre, *seen.other.get("genre", [])]
        assert (
            {*genres} <= {*found}
            or found == [";".join(genres).replace("(", "((", 1)]
            or (found == [";".join(genres)])
        )
    (back,) = undo(read_journal(journal.folder))
    assert (back.done, back.why) == (True, "")
    assert path.read_bytes() == content


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(TEXT, TEXT, OLD, st.sampled_from([0, 100, 5000]), GENRES)
def test_any_tags(
    kind: str,
    tmp_path: Path,
    title: str,
    comment: str,
    old: str | None,
    padding: int,
    genres: list[str],
) -> None:
    path = tagged.write(tmp_path, kind)
    set_tags(path, title, comment, old, padding)
    check(path, tuple(genres), tmp_path / "journals")


BY_FFMPEG = {
    "v24.mp3": ("-codec:a", "libmp3lame", "-id3v2_version", "4", "-write_id3v1", "1"),
    "v23.mp3": ("-codec:a", "libmp3lame", "-id3v2_version", "3", "-write_xing", "1"),
    "a.flac": (),
    "a.ogg": ("-codec:a", "libvorbis"),
    "a.opus": ("-codec:a", "libopus"),
    "a.oga": ("-codec:a", "flac", "-f", "ogg"),
    "a.m4a": ("-movflags", "+faststart"),
    "alac.m4a": ("-codec:a", "alac"),
    "a.wma": (),
    "a.wv": (),
    "a.tta": (),
    "a.wav": (),
    "id3.aiff": ("-write_id3v2", "1"),
    "a.aiff": (),
}


@needs("ffmpeg")
@pytest.mark.parametrize("name", BY_FFMPEG)
def test_files_by_ffmpeg(name: str, tmp_path: Path) -> None:
    sound, path = tmp_path / "sound.wav", tmp_path / name
    rate = 48_000
    sounds.write(tmp_path, sounds.tune(1.5, rate), rate, "wav-16").rename(sound)
    said = {"title": "Königin", "artist": "Anna", "album": "Öde", "track": "3/9", "genre": "Pop"}
    tags = [part for key, value in said.items() for part in ("-metadata", f"{key}={value}")]
    command = ["ffmpeg", "-v", "error", "-i", sound, *tags, *BY_FFMPEG[name], path]
    subprocess.run(command, check=True)
    for genres in (("Jazz",), ("Jazz", "Soul"), ("Jazz", "Soul", "Folk, World, & Country")):
        check(path, genres, tmp_path / "journals")
