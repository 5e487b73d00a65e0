"""A collection as people have them goes through build, tag, apply and undo, file by file."""

from __future__ import annotations

import io
import json
import os
import shutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from earmark.listen import identify
from earmark.tagging.genres import Named, read_tags, write_genres
from support import sounds, tagged
from support.command import Command
from support.watched import Running
from support.web import GENRES, RATE, song

pytestmark = [pytest.mark.slow, pytest.mark.soak]

FORMATS = ("flac", "mp3", "ogg", "opus", "m4a", "wma", "wav-16", "aiff", "wavpack", "tta")
NAMES = (
    "a song",
    "  two  spaces ",
    unicodedata.normalize("NFC", "Café"),
    unicodedata.normalize("NFD", "Café"),
    "-rf",
    "new\nline",
    os.fsdecode(b"\xff\xfe no text"),
    "x" * 240,
    "東京 🎵",
    "100% #1 [live] *?",
    "'quoted' \"twice\"",
    "name.flac.mp3",
)


@dataclass
class Collection:
    """A collection, and what is to become of it.

    Attributes
    ----------
    root
        Its folder.
    before
        The bytes of every file.
    genres
        What each file is to have in the end; what is missing here stays as it is.
    heard
        What each song sounds like.
    """

    root: Path
    before: dict[Path, bytes] = field(default_factory=dict)
    genres: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    heard: dict[Path, str] = field(default_factory=dict)

    def add(self, where: str, content: bytes, *genres: str, heard: str = "") -> Path:
        path = self.root / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.before[path], self.heard[path] = content, heard
        if genres:
            self.genres[path] = genres
        return path

    def keep(self, paths: Iterable[Path]) -> None:
        """Know no other files any more."""
        kept = set(paths)
        for known in (self.before, self.genres, self.heard):
            for path in known.keys() - kept:
                del known[path]


class Songs:
    """Encoded songs, each made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    def __call__(self, genre: str, seed: int, kind: str, *tags: str, **fields: str) -> bytes:
        self._number += 1
        path = self._folder / f"{self._number}{sounds.FORMATS[kind].extension}"
        # Opus does not have that rate; a little higher sounds alike.
        rate = 24_000 if kind == "opus" else RATE
        sounds.write(path, song(genre, seed), rate, kind, tags=fields)
        if not tags:
            return path.read_bytes()
        file = tagged.Memory(path.read_bytes(), path.name)
        write_genres(file, tags)
        return file.getvalue()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


@pytest.fixture
def collection(tmp_path: Path, outside: Path, soak: bool) -> Collection:
    """Return some 130 files, in the long form more than 300."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    make = Songs(scratch)
    made = Collection(tmp_path / "Music")
    for genre in GENRES:
        for seed in range(10):
            # Half of them have a second genre.
            tags = (genre.title(), "Old") if seed % 2 else (genre.title(),)
            kind = ("flac", "mp3", "ogg")[seed % 3]
            content = make(genre, seed, kind, *tags, artist=f"{genre} {seed % 5}")
            name = f"Labelled/{genre}-{seed}{sounds.FORMATS[kind].extension}"
            made.add(name, content, heard=genre)
    for number, kind in enumerate(FORMATS):
        extension = sounds.FORMATS[kind].extension
        for genre in GENRES:
            for turn in range(3 if soak else 1):
                content = make(genre, 10 + 3 * (number % 3) + turn, kind)
                # In the long form every name in every format, in the short one in some.
                places = range(turn if soak else number % 4, len(NAMES), 3 if soak else 4)
                for place in places:
                    name = f"{NAMES[place]}"
                    # A name has at most 255 bytes.
                    where = f"{kind}/{genre}/{turn}/{name}{extension}"
                    made.add(where, content, genre.title(), heard=genre)
    album = {"album": "One", "artist": "Anna"}
    for seed in (20, 21, 22):
        tune = make("melody", seed, "flac", **album)
        made.add(f"Album/{seed}.flac", tune, "Melody", heard="melody")
    made.add("Album/intro.ogg", make("hiss", 23, "ogg", **album), "Melody", heard="hiss")
    for seed, genre in enumerate(GENRES, 19):
        fields = {"album": "Best of", "artist": f"Artist {seed}"}
        content = make(genre, seed, "flac", **fields)
        made.add(f"Various/{seed}.flac", content, genre.title(), heard=genre)
    for kind in ("flac", "mp3", "m4a"):
        name = f"Locked/{kind}{sounds.FORMATS[kind].extension}"
        made.add(name, make("hum", 12, kind), heard="hum").chmod(0o444)
    linked = made.add("Links/a.flac", make("hiss", 24, "flac"), "Hiss", heard="hiss")
    other = made.root / "Links" / "b.flac"
    other.hardlink_to(linked)
    made.before[other], made.genres[other] = made.before[linked], ("Hiss",)
    made.heard[other] = "hiss"
    (made.root / "Links" / "inside.flac").symlink_to(linked)
    beyond = outside / "beyond.flac"
    beyond.write_bytes(make("hiss", 25, "flac"))
    (made.root / "Links" / "out.flac").symlink_to(beyond)
    made.add("Links/notes.txt", b"no song")
    shutil.rmtree(scratch)
    return made


def genres_of(path: Path) -> tuple[str, ...]:
    with Named(path.open("rb", buffering=0), path.name) as file:
        return read_tags(file).genres


def test_a_whole_collection(
    collection: Collection,
    outside: Path,
    tmp_path: Path,
    soak: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = Command(monkeypatch, capsys)
    library, plan = tmp_path / "own.earmark", tmp_path / "plan.jsonl"
    root = collection.root
    assert len(collection.before) >= (300 if soak else 130)
    assert len({path.suffix for path in collection.genres}) == len(FORMATS)

    ran = run("build", root, "--labels", "tags", "-o", library, "--extractor", "mfcc", "--json")
    assert ran.code == 0, ran.err
    ran = run(
        *("tag", root, "-l", library, "--plan", plan, "--by", "album", "--json"),
        *("--min-confidence", "0.4"),
    )
    assert ran.code == 0, ran.err
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert len({one["path"] for one in found}) == len(found)
    reasons = {Path(one["path"]): one["reason"] for one in found if "reason" in one}
    labelled = {path for path in collection.before if path.parent.name == "Labelled"}
    assert {path for path, why in reasons.items() if why == "has-genre"} == labelled
    same = {path.name for path, why in reasons.items() if why == "same-file"}
    assert same == {"b.flac", "inside.flac"}
    assert set(reasons.values()) == {"has-genre", "same-file"}
    assert {p: p.read_bytes() for p in collection.before} == collection.before

    proposed = {Path(one["path"]): tuple(one["genres"]) for one in found if "genres" in one}
    assert collection.genres.keys() - proposed.keys() == {root / "Links" / "b.flac"}
    right = [genres == proposed.get(path) for path, genres in collection.genres.items()]
    assert sum(right) > 0.8 * len(right)
    for path in [*root.glob("Album/*"), *root.glob("Various/*")]:
        assert proposed[path] == collection.genres[path], path

    ran = run("tag", "--apply", plan, "--json")
    assert ran.code == 3
    outcomes = {Path(one["path"]): one for one in map(json.loads, ran.out.splitlines())}
    left = {path.name: one["why"] for path, one in outcomes.items() if not one["done"]}
    assert left.keys() == {"flac.flac", "mp3.mp3", "m4a.m4a", "out.flac"}
    assert "leads out of the folder" in left.pop("out.flac")
    assert {why.partition(";")[0] for why in left.values()} == {"is read-only"}
    for path, content in collection.before.items():
        if path in collection.genres:
            assert genres_of(path) == proposed.get(path, ("Hiss",)), path
        else:
            assert path.read_bytes() == content, path
    assert (root / "Links" / "a.flac").samefile(root / "Links" / "b.flac")
    assert (root / "Links" / "inside.flac").is_symlink()
    assert genres_of(outside / "beyond.flac") == ()

    ran = run("tag", "--undo", "--json")
    assert ran.code == 0, ran.err
    assert {p: p.read_bytes() for p in collection.before} == collection.before
    assert not list(root.rglob(".earmark-*"))

    if not soak:
        # The rest on some of the files: two formats, and all that is odd.
        for kind in FORMATS[2:]:
            shutil.rmtree(root / kind)
        collection.keep(path for path in collection.before if path.exists())
    label(collection, run, tmp_path / "asked.earmark", monkeypatch)
    assert {p: p.read_bytes() for p in collection.before} == collection.before
    watch(collection, run, tmp_path, library)
    assert {p: p.read_bytes() for p in collection.before} == collection.before
    assert genres_of(outside / "beyond.flac") == ()


def label(
    collection: Collection, run: Command, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Build without labels, and answer the first questions; each file has what was said of it."""
    ran = run("build", collection.root, "--no-labels", "-o", library, "--extractor", "mfcc")
    assert ran.code == 0, ran.err
    said: dict[str, str] = {}
    for _ in range(2 * len(GENRES)):
        (asked,) = json.loads(run("label", "-l", library, "--suggest", "1", "--json").out)["ask"]
        path = Path(asked["path"])
        assert path in collection.before
        said[asked["path"]] = collection.heard[path]
        monkeypatch.setattr("sys.stdin", io.StringIO(f"n\n{collection.heard[path]}\nq\n"))
        ran = run("label", "-l", library, "--no-sound")
        assert ran.code == 0, ran.err
    assert set(said.values()) == set(GENRES)
    listed = json.loads(run("list", "-l", library, "--json").out)["tracks"]
    assert {track["path"]: track["genre"] for track in listed if track["genre"]} == said
    # Recordings are tracks once, whatever they are called.
    assert len({track["content_hash"] for track in listed}) == len(listed)


def watch(collection: Collection, run: Command, home: Path, library: Path) -> None:
    """Let the files be tagged as they come; then take everything back."""
    root = collection.root
    sound = {path: identify(path).audio_hash for path in collection.before if path.suffix != ".txt"}
    running = Running(
        home,
        *(root, "-l", library, "--existing", "--settle", 0, "--poll", 1),
        *("--write", "--min-confidence", 0.4),
    )
    try:
        assert "0 files known" in running.line()
        # One line a file, links and all, whatever the names hold.
        links = [path for path in root.rglob("*") if path.is_symlink()]
        lines: list[str] = []
        while len(lines) < len(sound) + len(links):
            # Notices of the system end at a name that is no text; walks go on.
            lines += [line for line in [running.line()] if "only walks" not in line]
    finally:
        code, more, errors = running.stop()
    assert (code, errors.strip()) == (143, "")
    # What is read-only or leads out of the folder may be told again when it is tried again.
    again = ("is read-only", "leads out of the folder", "only walks")
    assert all(any(why in line for why in again) for line in more), more
    written = [line for line in lines if ", written (" in line]
    tagged_now = {path for path in sound if path.read_bytes() != collection.before[path]}
    assert len(written) == len(tagged_now - {root / "Links" / "b.flac"})
    for path, payload in sound.items():
        assert identify(path).audio_hash == payload, path
        if path in collection.genres:
            assert len(genres_of(path)) == 1, path
        else:
            assert path not in tagged_now, path
    for _ in {line.rpartition("(")[2] for line in written}:
        ran = run("tag", "--undo", "last")
        assert ran.code == 0, ran.err
