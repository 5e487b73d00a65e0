"""What a folder scan takes up."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.audio import AUDIO_EXTENSIONS, is_audio_name
from support.sounds import FORMATS


@pytest.mark.parametrize(
    "name",
    ["a.mp3", "A.MP3", "x/y.Flac", "a.b.ogg", Path("z.m4a"), b"caf\xe9.wav", "\udce9.opus"],
)
def test_names_of_sound_files(name: str | bytes | Path) -> None:
    assert is_audio_name(name)


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "mp3", ".mp3", "._song.mp3", "a.mp3.part", "a.mp3/", "", "x/.hidden.flac", "a.m3u8"],
)
def test_other_names(name: str) -> None:
    assert not is_audio_name(name)


def test_every_format_that_is_read_is_found_by_its_extension() -> None:
    assert {form.extension for form in FORMATS.values()} <= AUDIO_EXTENSIONS
    assert all(name == name.lower() and name.startswith(".") for name in AUDIO_EXTENSIONS)
