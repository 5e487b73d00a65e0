"""What was heard is kept, within bounds, for several processes, and believed if it is whole."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from earmark.cache import EmbeddingCache
from earmark.extraction import Extracted
from earmark.features import ExtractorSpec, Segments

SPEC = ExtractorSpec("ears", "1", 5, "cosine", "float32")


def recording(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def heard(number: int, segments: Segments | None = None) -> Extracted:
    vector = np.arange(5, dtype=np.float32) + number
    return Extracted(vector, 1.5 + number, ("é", "odd"), 3.0, heard=1.25, segments=segments)


def same(found: Extracted | None, expected: Extracted) -> bool:
    return (
        found is not None
        and np.array_equal(found.vector, expected.vector)
        and found.vector.dtype == expected.vector.dtype
        and (found.duration, found.warnings) == (expected.duration, expected.warnings)
        and found.heard == expected.heard
    )


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    cache = EmbeddingCache(SPEC, tmp_path)
    assert cache.get(recording(1)) is None
    cache.put(recording(1), heard(1))
    assert same(EmbeddingCache(SPEC, tmp_path).get(recording(1)), heard(1))
    assert cache.get(recording(2)) is None


@pytest.mark.parametrize("count", [0, 1, 20])
def test_segments_are_kept_as_a_library_keeps_them(tmp_path: Path, count: int) -> None:
    spec = dataclasses.replace(SPEC, dtype="float16")
    starts = np.linspace(0, 600, count)
    vectors = np.random.default_rng(0).standard_normal((count, 5)).astype(np.float32)
    EmbeddingCache(spec, tmp_path).put(
        recording(1), heard(1, Segments(starts, starts + 3, vectors))
    )
    found = EmbeddingCache(spec, tmp_path).get(recording(1))
    assert same(found, heard(1))
    assert found is not None
    assert found.segments is not None
    assert np.array_equal(found.segments.starts, starts)
    assert np.array_equal(found.segments.stops, starts + 3)
    assert np.array_equal(found.segments.vectors, vectors.astype(np.float16))


@pytest.mark.parametrize(
    "change", [{"version": "2"}, {"checksum": "0" * 64}, {"name": "eyes"}, {"dtype": "float64"}]
)
def test_other_extractors_have_their_own(tmp_path: Path, change: dict[str, str]) -> None:
    EmbeddingCache(SPEC, tmp_path).put(recording(1), heard(1))
    other = dataclasses.replace(SPEC, **change)  # type: ignore[arg-type]
    assert EmbeddingCache(other, tmp_path).get(recording(1)) is None


def test_any_damage_is_as_if_nothing_were_there(tmp_path: Path) -> None:
    cache = EmbeddingCache(SPEC, tmp_path)
    cache.put(recording(1), heard(1))
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    whole = file.read_bytes()
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.get(recording(1)) is None
        file.write_bytes(whole[:at])
        assert cache.get(recording(1)) is None
    cache.put(recording(1), heard(2))
    assert same(cache.get(recording(1)), heard(2))


def test_those_asked_for_stay_longest(tmp_path: Path) -> None:
    cache = EmbeddingCache(SPEC, tmp_path)
    for number in range(10):
        cache.put(recording(number), heard(number))
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    assert cache.get(recording(3)) is not None
    cache.trim(4)
    left = [number for number in range(10) if cache.get(recording(number))]
    assert len(left) == 4
    assert 3 in left


def test_several_may_write_at_once(tmp_path: Path) -> None:
    def work(worker: int) -> bool:
        cache = EmbeddingCache(SPEC, tmp_path)
        right = True
        for number in range(30):
            cache.put(recording(number % 5), heard(number % 5))
            found = cache.get(recording(number % 5))
            right = right and (found is None or same(found, heard(number % 5)))
            cache.trim(3)
        return right

    with ThreadPoolExecutor(4) as executor:
        assert all(executor.map(work, range(4)))
    assert not list(tmp_path.rglob("*.part"))


def test_where_nothing_can_be_kept_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = EmbeddingCache(SPEC, tmp_path / "file")
    cache.put(recording(1), heard(1))
    cache.trim()
    assert cache.get(recording(1)) is None
