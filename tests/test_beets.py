"""The plugin of beets, in beets itself: its own import, its own library, real files."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from earmark.audio.tags import read_tags
from support import sounds
from support.skips import import_or_skip, require_package
from support.web import RATE, make_library, make_music, song

require_package("beets")
mutagen = import_or_skip("mutagen")

pytestmark = pytest.mark.slow

# What a user does who takes what beets proposes: files are written as they are imported. beets'
# own candidates would come from the network.
RETAG = """\
from beets.importer import Action
from beets.plugins import BeetsPlugin

class Retag(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.register_listener("import_task_before_choice", lambda session, task: Action.RETAG)
"""


class Beets:
    """One beets library in a folder of its own.

    Parameters
    ----------
    folder
        Where it lies.
    options
        Of the plugin.
    """

    def __init__(self, folder: Path, library: Path, **options: Any) -> None:
        self.folder = folder
        self.music = folder / "music"
        self._plugins = folder / "plugins"
        self._plugins.mkdir(parents=True)
        (self._plugins / "retag.py").write_text(RETAG)
        self.configure(library=str(library), **options)

    def configure(self, **options: Any) -> None:
        settings = {
            "directory": str(self.music),
            "library": str(self.folder / "beets.db"),
            "plugins": ["earmark", "retag"],
            "pluginpath": [str(self._plugins)],
            "import": {"copy": True, "quiet": True, "resume": False},
            "earmark": options,
        }
        # JSON is YAML.
        (self.folder / "config.yaml").write_text(json.dumps(settings))

    def run(self, *arguments: object, code: int = 0) -> str:
        """Run ``beet`` as a user does; return all that it prints."""
        ran = subprocess.run(
            [sys.executable, "-m", "beets", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "BEETSDIR": str(self.folder), "LANG": "C.UTF-8"},
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "beets.db")) as database:
            return sorted(database.execute(f"SELECT * FROM {table}"), key=repr)

    def everything(self) -> dict[str, Any]:
        """Return all that the library and its files hold."""
        tables = ("items", "albums", "item_attributes", "album_attributes")
        files = {str(path): path.read_bytes() for path in self.music.rglob("*") if path.is_file()}
        return {table: self.rows(table) for table in tables} | files

    def genres(self, kind: str = "items") -> dict[str, str]:
        name = "title" if kind == "items" else "album"
        with closing(sqlite3.connect(self.folder / "beets.db")) as database:
            return dict(database.execute(f"SELECT {name}, genres FROM {kind}"))

    def fields(self, kind: str = "item") -> dict[str, dict[str, str]]:
        name = "title" if kind == "item" else "album"
        found: dict[str, dict[str, str]] = {}
        with closing(sqlite3.connect(self.folder / "beets.db")) as database:
            for title, key, value in database.execute(
                f"SELECT {name}, key, value FROM {kind}_attributes a "
                f"JOIN {kind}s ON {kind}s.id = a.entity_id WHERE key LIKE 'earmark%'"
            ):
                found.setdefault(title, {})[key] = value
        return found

    def in_files(self) -> dict[str, tuple[str, ...]]:
        """Return the genres that the files have, as another program reads them."""
        return {
            str(read_tags(path).title): read_tags(path).genres for path in self.music.rglob("*.*")
        }


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    return make_library(folder / "made.earmark", make_music(folder / "music"))


def write(path: Path, kind: str, seed: int, **tags: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sounds.write(path, song(kind, seed), RATE, "mp3" if path.suffix == ".mp3" else "flac")
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    for name, value in tags.items():
        file[name] = value
    file.save()


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album with an intro that sounds otherwise, and a compilation."""
    folder = tmp_path_factory.mktemp("new")
    for seed, name in enumerate(("one.flac", "two.mp3", "three.flac"), 13):
        write(
            folder / "best" / name,
            *("melody", seed),
            title=name[:-4].strip("."),
            artist="Anna",
            album="Best",
        )
    write(folder / "best" / "intro.flac", "hiss", 16, title="intro", artist="Anna", album="Best")
    write(
        folder / "best" / "named.flac",
        *("melody", 17),
        title="named",
        artist="Anna",
        album="Best",
        genre="Chanson",
    )
    for number, kind in enumerate(("hiss", "hum", "melody")):
        write(
            folder / "various" / f"{kind}.flac",
            *(kind, 20 + number),
            title=kind,
            artist=f"Artist {number}",
            album="Various",
        )
    return folder


@pytest.fixture(scope="module")
def imported(library: Path, new: Path, tmp_path_factory: pytest.TempPathFactory) -> Beets:
    beets = Beets(tmp_path_factory.mktemp("beets"), library)
    beets.run("import", new)
    return beets


@pytest.fixture
def beets(imported: Beets, library: Path, tmp_path: Path) -> Beets:
    """A copy of what was imported."""
    copy = Beets(tmp_path / "copy", library)
    shutil.copytree(imported.music, copy.music)
    shutil.copy(imported.folder / "beets.db", copy.folder / "beets.db")
    with closing(sqlite3.connect(copy.folder / "beets.db")) as database, database:
        for number, path in database.execute("SELECT id, path FROM items").fetchall():
            there = Path(os.fsdecode(path))
            if there.is_absolute():
                moved = copy.music / there.relative_to(imported.music)
                row = (os.fsencode(moved), number)
                database.execute("UPDATE items SET path = ? WHERE id = ?", row)
    return copy


ALBUM = {"one": "melody", "two": "melody", "three": "melody", "intro": "melody"}
SINGLE = {"hiss": "hiss", "hum": "hum", "melody": "melody"}


def test_an_import_gives_genres_to_songs_and_albums(imported: Beets) -> None:
    """An album votes together, a compilation is left to its songs, and a genre stays."""
    assert imported.genres() == {**ALBUM, **SINGLE, "named": "Chanson"}
    fields = imported.fields()
    assert set(fields) == {*ALBUM, *SINGLE}
    assert 0.5 < float(fields["intro"]["earmark_confidence"]) <= 1
    assert "(hiss)" in fields["intro"]["earmark_neighbors"]
    assert "(melody)" in fields["one"]["earmark_neighbors"]
    assert imported.genres("albums")["Various"] in ("", None)
    assert "Various" not in imported.fields("album")
    assert imported.in_files() == {
        **{title: (genre,) for title, genre in (ALBUM | SINGLE).items()},
        "named": ("Chanson",),
    }


def test_pretending_changes_nothing_and_another_run_changes_nothing_more(beets: Beets) -> None:
    before = beets.everything()
    told = beets.run("earmark", "--pretend", "--force")
    assert "Anna - Best - named: Chanson -> melody (" in told
    assert "would get a genre" in told
    assert beets.everything() == before
    # All have genres, but for the compilation as a whole, which has none of its own.
    assert "got a genre" not in beets.run("earmark")
    assert beets.everything() == before
    told = beets.run("earmark", "--force")
    assert "1 got a genre" in told
    assert beets.genres()["named"] == "melody"
    assert beets.genres("albums")["Best"] == "melody"
    assert beets.fields("album")["Best"].keys() == {"earmark_confidence", "earmark_neighbors"}
    assert beets.in_files()["named"] == ("melody",)
    after = beets.everything()
    assert "got a genre" not in beets.run("earmark", "--force")
    assert beets.everything() == after


def test_items_by_themselves_and_genres_that_are_kept(beets: Beets, library: Path) -> None:
    beets.configure(library=str(library), count=2, title_case=True)
    told = beets.run("earmark", "--force", "--keep-existing", "--items", "title:named")
    assert "named: Chanson -> Chanson, Melody" in told
    assert beets.in_files()["named"] == ("Chanson", "Melody")
    # By itself the intro is what it sounds like, and its album stays.
    beets.configure(library=str(library))
    assert "1 got a genre" in beets.run("earmark", "--force", "--items", "title:intro")
    assert beets.genres()["intro"] == "hiss"
    assert beets.genres("albums")["Best"] == "melody"
    assert beets.run("ls", "-f", "$title", "earmark_neighbors:hum").split() == ["hum"]
    assert beets.run("ls", "earmark_confidence:..0.3") == ""


def test_only_what_is_sure_is_written(new: Path, library: Path, tmp_path: Path) -> None:
    beets = Beets(tmp_path / "own", library, min_confidence=1.01, auto=False)
    beets.run("import", "--singletons", "--noautotag", new / "various")
    assert len(beets.rows("items")) == 3
    assert set(beets.genres().values()) <= {"", None}
    before = beets.everything()
    broken = next(beets.music.rglob("hum.flac"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:2000])
    told = beets.run("earmark")
    assert "not sure" in told
    assert "1 could not be heard" in told
    broken.write_bytes(whole)
    assert beets.everything() == before


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"library": "none.earmark"}, "there is no such library"),
        ({"whitelist": "none.txt"}, "none.txt: there is no such file"),
        ({"count": "many"}, "count"),
    ],
)
def test_a_wrong_option_ends_an_import_before_it_begins(
    new: Path, library: Path, tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    beets = Beets(tmp_path / "own", library)
    beets.configure(**{"library": str(library), **options})
    told = beets.run("import", new, code=1)
    # Before it beets may say that it made a new library.
    assert fault in told.strip().splitlines()[-1]
    assert beets.rows("items") == []


def test_every_start_of_beets_is_quick(tmp_path: Path) -> None:
    """beets loads its plugins for every command; nothing of Earmark is loaded for that."""
    loaded = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys, beetsplug.earmark as plugin; plugin.EarmarkPlugin().commands();"
            "print(*(name for name in sys.modules if name.split('.')[0] == 'earmark'))",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "BEETSDIR": str(tmp_path)},
    ).stdout
    assert loaded.split() == []


def names_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **options: Any
) -> dict[str, tuple[str, ...]]:
    """Return what some genres become by the options of the plugin."""
    monkeypatch.setenv("BEETSDIR", str(tmp_path))
    (tmp_path / "config.yaml").write_text(json.dumps({"earmark": options}))
    import beets

    from beetsplug.earmark import EarmarkPlugin

    beets.config.clear()
    beets.config.read()
    names = EarmarkPlugin()._rules().names
    return {genre: names(genre) for genre in ("metal", "Delta Blues", "hiphop")}


def test_whitelists_and_trees_do_what_they_do_in_lastgenre(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "few.txt").write_text("# mine\n\nBlues\ncountry blues\n", "utf-8")
    (tmp_path / "tree.yaml").write_text("- blues:\n    - country blues:\n        - delta blues\n")
    (tmp_path / "names.csv").write_text("from,to\nhiphop,Hip-Hop\n")

    def names(**options: Any) -> list[tuple[str, ...]]:
        return list(names_of(monkeypatch, tmp_path, **options).values())

    assert names() == [("metal",), ("Delta Blues",), ("hiphop",)]
    assert names(whitelist=True) == [("metal",), ("Delta Blues",), ()]
    assert names(canonical=True) == [("metal",), ("blues",), ("hiphop",)]
    assert names(canonical="tree.yaml") == [("metal",), ("blues",), ("hiphop",)]
    assert names(whitelist="few.txt") == [(), (), ()]
    both = {"whitelist": "few.txt", "canonical": "tree.yaml"}
    assert names(**both) == [(), ("country blues",), ()]
    assert names(**both, count=2, title_case=True) == [(), ("Country Blues", "Blues"), ()]
    assert names(map="names.csv", title_case=True)[2] == ("Hip-Hop",)
