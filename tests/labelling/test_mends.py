"""What an audit found is mended as a plan says, and nothing else."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import corrections
from earmark.errors import EvaluationError
from earmark.evaluation import audit, load_evaluation_set
from earmark.labelling.mends import Mend, apply_mends, mends_of, read_mends, write_mends
from earmark.library import ExtractorSpec, MemoryLibrary, Track

SPEC = ExtractorSpec("musicnn", "1", 6, "cosine", "float32")
GENRES = ("jazz", "pop", "rock")


def library_with_faults() -> MemoryLibrary:
    """Return a library with a wrong label ("pop-03" is rock) and an exact copy of "jazz-00"."""
    rng = np.random.default_rng(5)
    library = MemoryLibrary(SPEC)
    tracks, vectors = [], []
    for number, genre in enumerate(GENRES):
        for song in range(12):
            name = f"{genre}-{song:02}"
            wrong = name == "pop-03"
            center = np.eye(6)[2 if wrong else number] * 4
            vectors.append(center + rng.standard_normal(6) * 0.3)
            hashed = f"{number}{song:02}".rjust(64, "a")
            tracks.append(Track(name=name, genre=genre, artist=name, content_hash=hashed))
    tracks.append(replace(tracks[0], name="jazz-00 (copy)"))
    vectors.append(vectors[0])
    library.add(tracks, np.array(vectors))
    return library


def found(library: MemoryLibrary) -> list[Mend]:
    return mends_of(audit(load_evaluation_set(library), files=False), library)


def test_wrong_labels_and_copies_are_mended_as_one_step() -> None:
    library = library_with_faults()
    before = library.tracks()
    mends = found(library)
    assert {(one.action, one.track, one.genre, one.new_genre) for one in mends} == {
        ("relabel", "pop-03", "pop", "rock"),
        ("remove", "jazz-00 (copy)", "jazz", None),
    }
    assert "none of" in mends[0].why
    changes, left = apply_mends(library, mends)
    assert (len(changes), left) == (2, [])
    assert library.genres() == {"jazz": 12, "pop": 11, "rock": 13}
    assert found(library) == []
    corrections.undo_all(library, corrections.last_step(library))
    assert library.tracks() == before


def test_that_a_label_is_right_is_remembered() -> None:
    library = library_with_faults()
    kept = [replace(one, action="keep") for one in found(library) if one.action == "relabel"]
    changes, left = apply_mends(library, kept)
    assert (len(changes), left) == (1, [])
    assert library.genres()["pop"] == 12
    assert [one.action for one in found(library)] == ["remove"]
    data = audit(load_evaluation_set(library), files=False)
    assert "pop-03" not in {suspect.track for suspect in data.suspects}


def test_a_copy_that_was_labelled_by_hand_stays() -> None:
    library = library_with_faults()
    (copy,) = [track for track in library.tracks() if track.name.endswith("(copy)")]
    library.update(copy.id or 0, taught=True)
    assert {one.track for one in found(library) if one.action == "remove"} == {"jazz-00"}


def test_tracks_that_changed_since_are_left() -> None:
    library = library_with_faults()
    mends = found(library)
    ids = {one.action: one.track_id for one in mends}
    library.update(ids["relabel"], genre="jazz")
    library.remove([ids["remove"]])
    before = library.tracks()
    changes, left = apply_mends(library, mends)
    assert changes == []
    assert len(left) == 2
    assert library.tracks() == before


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    mends = [
        Mend("relabel", 1, "a\x1b[2J \udcff", "f" * 64, "pop", "röck", "why"),
        Mend("remove", 2, "b", None, "pop"),
        Mend("keep", 3, "c", None, "pop", None, "…"),
    ]
    write_mends(tmp_path / "m.jsonl", mends)
    assert read_mends(tmp_path / "m.jsonl") == mends
    assert b"\x1b" not in (tmp_path / "m.jsonl").read_bytes()
    with pytest.raises(EvaluationError, match="is there already"):
        write_mends(tmp_path / "m.jsonl", mends)
    write_mends(tmp_path / "m.jsonl", mends[:1], overwrite=True)
    assert len(read_mends(tmp_path / "m.jsonl")) == 1


GOOD: dict[str, Any] = Mend("relabel", 1, "a", None, "pop", "rock").to_json()


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"[]",
        b"[" * 20_000,
        b"\xff\xfe",
        json.dumps({**GOOD, "schema": "earmark.plan/1"}).encode(),
        json.dumps({**GOOD, "action": "format"}).encode(),
        json.dumps({**GOOD, "action": ["keep"]}).encode(),
        json.dumps({**GOOD, "track_id": True}).encode(),
        json.dumps({**GOOD, "track_id": -1}).encode(),
        json.dumps({**GOOD, "track_id": 2**70}).encode(),
        json.dumps({**GOOD, "new_genre": None}).encode(),
        json.dumps({**GOOD, "new_genre": "a\nb"}).encode(),
        json.dumps({**GOOD, "new_genre": "x" * 201}).encode(),
        json.dumps({**GOOD, "why": None}).encode(),
        json.dumps({**GOOD, "why": "x" * 2**17}).encode(),
        json.dumps({**GOOD, "content_hash": 7}).encode(),
    ],
)
def test_a_line_that_is_no_mend_is_refused(tmp_path: Path, line: bytes) -> None:
    plan = tmp_path / "m.jsonl"
    plan.write_bytes(b"\n" + line + b"\n")
    with pytest.raises(EvaluationError, match="line 2"):
        read_mends(plan)


def test_a_plan_with_the_same_track_twice_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "m.jsonl"
    plan.write_text(f"{json.dumps(GOOD)}\n{json.dumps({**GOOD, 'action': 'keep'})}\n")
    with pytest.raises(EvaluationError, match="twice"):
        read_mends(plan)
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_mends(tmp_path / "none.jsonl")


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_plan_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    plan = tmp_path_factory.mktemp("plan") / "m.jsonl"
    plan.write_bytes(data)
    with contextlib.suppress(EvaluationError):
        assert read_mends(plan) == []
