"""What the tests need beside Python, and what they say where it is missing."""

from __future__ import annotations

import pytest

import conftest


def test_what_is_missing_is_named_with_the_way_to_get_it(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = conftest.missing_programs()
    assert len(lines) == len(conftest.PROGRAMS)
    for package in ("chromium", "espeak-ng", "ffmpeg", "strace"):
        assert any(f"apt-get install {package}" in line for line in lines)
    for package in conftest.PROGRAMS:
        (tmp_path / package).touch(mode=0o755)
    assert conftest.missing_programs() == []
