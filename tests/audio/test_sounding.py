"""Songs with long pauses: what counts is what sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.audio import open_recording
from earmark.features import get_extractor
from earmark.listen import listen
from support.sounds import silence, tune, write

pytestmark = pytest.mark.slow


def test_spans_with_sound(tmp_path: Path) -> None:
    song = np.concatenate([silence(7), tune(10), silence(2), tune(3), silence(30), tune(4)])
    with open_recording(write(tmp_path / "x.wav", song, 22050)) as recording:
        found = recording.sounding()
    assert np.array(found) == pytest.approx(np.array([[7, 22], [52, 56]]), abs=0.2)


@pytest.mark.parametrize("name", ["musicnn", "mfcc"])
def test_a_song_and_a_long_silence_is_that_song(tmp_path: Path, name: str) -> None:
    extractor = get_extractor(name)
    song = tune(20)
    alone = listen(write(tmp_path / "a.wav", song, 22050), extractor).vector
    for gap in (np.concatenate([song, silence(1200)]), np.concatenate([silence(600), song])):
        heard = listen(write(tmp_path / "b.flac", gap, 22050, "flac"), extractor)
        assert heard.vector == pytest.approx(alone, rel=0.01, abs=0.01 * float(np.abs(alone).max()))
        assert heard.warnings == ()
