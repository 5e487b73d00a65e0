"""Every field of the JSON that Earmark writes is on the page about it, and no other."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import marshmallow
import numpy as np
import pytest

from earmark.players import PlayerIds, PlayerSong, SubsonicClient, ids_path
from earmark.schemas import VERSIONS, schema
from earmark.testing import RATE, make_library, make_music, make_song
from earmark.web import api as web_api
from support import sounds
from support.command import Command
from support.evaluated import make_evaluation_set, write_library

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
Fields = dict[str, set[str]]
"""Fields by the name of the object, those of what is inside behind a point."""

ALSO_OF_OTHER_SPLITS = "side_by_side."
"""The page tells once what an evaluation says of each split."""


def on_the_page() -> Fields:
    page = (ROOT / "docs" / "json.md").read_text("utf-8")
    _, _, told = page.partition("\n## Every field\n")
    found: Fields = {}
    for section in re.split(r"^### ", told, flags=re.MULTILINE)[1:]:
        name = re.match("`([^`]+)`", section)
        assert name is not None
        rows = re.findall(r"^\| (`.*?) \| \S.* \|$", section, re.MULTILINE)
        assert name[1] not in found
        found[name[1]] = set(re.findall("`([^`]+)`", " ".join(rows)))
    return found


def covers(told: str, field: str) -> bool:
    """Whether what the page tells is a field, or one inside it.

    >>> covers("probabilities.*", "probabilities.hip.hop"), covers("a.b", "a"), covers("a", "a.b")
    (True, True, False)
    """
    pattern = re.escape(told).replace(r"\*", ".+")
    return re.fullmatch(pattern, field) is not None or told.startswith(f"{field}.")


def lacking(said: Fields, told: Fields) -> dict[str, list[str]]:
    """Return the fields that are said and not told."""
    found = {}
    for name, fields in said.items():
        known = told.get(name, set())
        left = [
            field
            for field in sorted(fields)
            if not any(covers(one, field.removeprefix(ALSO_OF_OTHER_SPLITS)) for one in known)
        ]
        if left:
            found[name] = left
    return found


def fields_of(value: Any, before: str = "") -> Iterator[str]:
    """Yield the fields of a JSON value; an object inside with a name is another matter."""
    if isinstance(value, list):
        for one in value:
            yield from fields_of(one, before)
    elif isinstance(value, dict) and not (before and "schema" in value):
        for name, inside in value.items():
            if name != "schema":
                yield f"{before}{name}"
                yield from fields_of(inside, f"{before}{name}.")


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects with a name in a JSON value, however deep."""
    if isinstance(value, dict) and "schema" in value:
        yield value
    if isinstance(value, (dict, list)):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from objects_in(inside)


def declared(form: marshmallow.Schema, before: str = "") -> Iterator[str]:
    """Yield the fields that a form of the API declares."""
    for name, field in form.fields.items():
        if name == "schema":
            continue
        yield f"{before}{name}"
        inner = field.inner if isinstance(field, marshmallow.fields.List) else field
        if isinstance(inner, marshmallow.fields.Nested) and "schema" not in inner.schema.fields:
            yield from declared(inner.schema, f"{before}{name}.")


def of_the_api() -> Fields:
    """Return what the forms of the API declare."""
    found: Fields = {}
    for module in pkgutil.iter_modules(web_api.__path__, f"{web_api.__name__}."):
        for form in vars(importlib.import_module(module.name)).values():
            if isinstance(form, type) and issubclass(form, marshmallow.Schema):
                made = form()
                if "schema" in made.fields:
                    name = made.fields["schema"].dump_default
                    found.setdefault(str(name), set()).update(declared(made))
    return found


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Fields:
    """Return what all commands with ``--json`` and all files say, of something of every kind."""
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("EARMARK_PLAYER_PASSWORD", "secret")
    run, found = Command(monkeypatch, capsys), Fields()

    def take(text: str) -> None:
        whole = "\n}\n" in text or text.count("\n") == 1
        for part in [text] if whole else text.splitlines():
            for one in objects_in(json.loads(part)):
                found.setdefault(one["schema"], set()).update(fields_of(one))

    def say(*arguments: object) -> None:
        take(run(*arguments, "--json").out)

    music = make_music(tmp_path / "music")
    (music / "hum" / "no-song.mp3").write_bytes(b"no sound")
    (music / "hum" / "hum-9.wav").write_bytes((music / "hum" / "hum-0.wav").read_bytes())
    (music / "hum" / "note.txt").write_text("nothing")
    mine, other = tmp_path / "mine.earmark", tmp_path / "other.earmark"
    say("build", music, "-o", mine, "--features", "mfcc")
    make_library(other, music).close()
    songs = tmp_path / "songs"
    songs.mkdir()
    medley = np.concatenate([make_song("hum", 9, 20), make_song("hiss", 9, 20)])
    sounds.write(songs / "medley.flac", medley, RATE, "flac")
    (songs / "no-song.mp3").write_bytes(b"no sound")
    in_mine = ("-l", mine)
    say("classify", songs, *in_mine)
    say("classify", "--parts", songs / "medley.flac", *in_mine)
    say("doctor", *in_mine)
    say("list", *in_mine)
    say("similar", music / "hum" / "hum-0.wav", *in_mine)
    say("tag", songs, "--write", "--replace", "--evidence", "--min-confidence", 0, *in_mine)
    say("tag", songs, *in_mine)
    say("tag", "--history")
    say("tag", "--undo")
    (journal,) = tmp_path.rglob("journal.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    found[events[0]["schema"]] = {field for event in events for field in fields_of(event)}
    say("relabel", "hum-1", "--genre", "drone", *in_mine)
    say("history", *in_mine)
    say("merge", mine, other, "-o", tmp_path / "merged.earmark")
    unlabelled = tmp_path / "unlabelled.earmark"
    run("build", music, "--no-labels", "-o", unlabelled, "--features", "mfcc")
    say("label", "--suggest", 3, "-l", unlabelled)
    say("extractors")
    say("extractors", "check", "musicnn")

    data = make_evaluation_set(6, 4)
    vectors = data.vectors.copy()
    vectors[1] = vectors[0]
    kept = write_library(replace(data, vectors=vectors), tmp_path / "kept.earmark")
    say("info", kept)
    say("audit", kept)
    say("evaluate", kept, "--against", kept)
    plan = tmp_path / "mends.jsonl"
    run("audit", kept, "--plan", plan)
    take(plan.read_text())

    song = PlayerSong(id="s1", path="a/b.mp3", artist="A", title="T", artist_id="a1")
    monkeypatch.setattr(SubsonicClient, "songs", lambda _: iter([song]))
    say("connect", "navidrome", "http://127.0.0.1:9", "--user", "nina", *in_mine)
    PlayerIds("http://127.0.0.1:9", {"s1": 1}, {"a1": "A"}).write(ids_path(str(mine)))
    take(ids_path(str(mine)).read_text())
    return found


def test_every_kind_has_its_fields_on_the_page() -> None:
    assert set(on_the_page()) == set(map(schema, VERSIONS))


def test_every_field_of_the_api_is_on_the_page() -> None:
    found = of_the_api()
    assert len(found) > 20
    assert sum(map(len, found.values())) > 150
    assert lacking(found, on_the_page()) == {}


def test_every_field_that_commands_and_files_say_is_on_the_page(said: Fields) -> None:
    from_api = of_the_api()
    assert set(said) | set(from_api) == set(map(schema, VERSIONS))
    assert sum(map(len, said.values())) > 300
    told = on_the_page()
    assert lacking(said, told) == {}
    # What is on the page is said, or its name stands in the code: some is said seldom.
    code = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    written = set(re.findall(r"\"(\w+)\"|^    (\w+)(?::|\s=)", code, re.MULTILINE))
    names = {name for pair in written for name in pair if name}
    for kind, fields in told.items():
        known = said.get(kind, set()) | from_api.get(kind, set())
        unknown = {
            field
            for field in fields
            if not any(covers(field, one) for one in known)
            and field.removesuffix(".*").rpartition(".")[2] not in names
        }
        assert unknown == set(), kind


def test_a_field_that_is_not_told_is_found() -> None:
    told = on_the_page()
    assert lacking({"earmark.failure/1": {"path", "wrong"}}, told) == {
        "earmark.failure/1": ["wrong"]
    }
    assert lacking({"earmark.failure/2": {"path"}}, told) == {"earmark.failure/2": ["path"]}
