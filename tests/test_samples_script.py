"""The samples of the home page are what the script makes, small, and free."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support import scripts

script = scripts.load("make_samples")
NAMES = ("strings", "guitars", "beat")


def read(file: Path) -> np.ndarray:
    samples, rate = soundfile.read(file, dtype="float64")
    assert rate == script.RATE
    return np.asarray(samples)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_what_the_script_makes(name: str, tmp_path: Path) -> None:
    make: Callable[[], np.ndarray] = getattr(script, name)
    script.write(tmp_path / "made.ogg", make(), *script.TAGS[name])
    made, shipped = read(tmp_path / "made.ogg"), read(script.SAMPLES / f"{name}.ogg")
    assert len(made) == len(shipped) == script.SECONDS * script.RATE
    # Another release of NumPy or of the encoder may round otherwise.
    assert np.corrcoef(made, shipped)[0, 1] > 0.99


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_small_and_says_whose_it_is(name: str) -> None:
    file = script.SAMPLES / f"{name}.ogg"
    assert file.stat().st_size < script.LARGEST
    with soundfile.SoundFile(file) as sound:
        assert (sound.title, sound.artist, sound.copyright) == script.TAGS[name]
    assert f"{name}.ogg" in (script.SAMPLES / "LICENSE.txt").read_text(encoding="utf-8")


def test_the_licences_are_whole() -> None:
    text = (script.SAMPLES / "LICENSE.txt").read_text(encoding="utf-8")
    for notice in (script.ROOT / "LICENSE", script.ROOT / "examples/LICENSE-war_of_freedom.txt"):
        assert notice.read_text(encoding="utf-8").strip() in text
