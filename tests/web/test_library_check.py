"""A library that something else changed: a small one is not served, a large one is found out."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest

from earmark.errors import LibraryDamaged
from earmark.web.served import library_check

API = "/api/v1"


@pytest.fixture
def changed_file(library_file: Path) -> Path:
    """The library, with another genre that nobody told Earmark about."""
    with sqlite3.connect(library_file) as raw:
        raw.execute("UPDATE track_genres SET genre = 'melody' WHERE track_id = 9")
    raw.close()
    return library_file


def test_a_small_library_is_not_served(make_app, changed_file):
    with pytest.raises(LibraryDamaged, match="were changed by something else"):
        make_app(library=str(changed_file))


def test_a_large_library_is_served_at_once_and_refused_when_it_is_found_out(
    make_app, changed_file, tune_file, monkeypatch, caplog
):
    monkeypatch.setattr(library_check, "CHECKED_AT_ONCE", 5)
    app = make_app(library=str(changed_file))
    state = app.extensions["earmark"]
    assert state.served.check.wait(60)
    assert "songs are not answered any more" in caplog.text
    client = app.test_client()
    song = {"file": (io.BytesIO(tune_file.read_bytes()), "tune.wav")}
    answers = [
        client.post(f"{API}/jobs", data=song),
        client.patch(f"{API}/tracks/1", json={"genre": "hum"}),
    ]
    for answer in answers:
        assert answer.status_code == 409, answer.text
        assert "were changed by something else than Earmark" in answer.json["detail"]
    assert not state.is_ready()


def test_a_large_library_that_is_whole_is_served(make_app, library_file, monkeypatch):
    monkeypatch.setattr(library_check, "CHECKED_AT_ONCE", 5)
    state = make_app(library=str(library_file)).extensions["earmark"]
    assert state.served.check.wait(60)
    state.served.require_unchanged()
