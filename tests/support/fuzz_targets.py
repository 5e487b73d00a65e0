"""What reads things of strangers with code of ours: a target takes bytes, and may raise our errors.

Used by `tests/test_fuzz.py`, with inputs that are guessed by coverage where atheris is installed.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio.tags import read_tags
from earmark.cache import EmbeddingCache
from earmark.collection.manifest import read_manifest as read_music_manifest
from earmark.errors import Busy, EarmarkError
from earmark.evaluation.evaluation_set import load_evaluation_set
from earmark.features import ExtractorSpec, get_extractor
from earmark.features.gaussian import pack
from earmark.features.manifest import read_manifest
from earmark.importing.classic.mydat import read_rows
from earmark.importing.npz import import_vectors
from earmark.labelling.mends import read_mends
from earmark.library import MemoryLibrary, Track, create_library, open_library
from earmark.recommend.files import read_playlist
from earmark.tagging.bytewise import Step
from earmark.tagging.genremap import read_map
from earmark.tagging.history import read_journal
from earmark.tagging.journal import Entry, line_of
from earmark.tagging.plan import read_plan
from earmark.web import Config
from earmark.web.app import create_app
from earmark.web.service import Service
from earmark.workers import protocol

Target = Callable[[bytes], None]

SPEC = ExtractorSpec("foreign", "1", 4, "cosine", "float32")


@functools.cache
def _folder() -> Path:
    made = tempfile.TemporaryDirectory(prefix="earmark-fuzz-")
    _kept.append(made)
    return Path(made.name)


_kept: list[Any] = []


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def my_dat(data: bytes) -> None:
    """A my.dat: a pickle."""
    read_rows(_file("my.dat", data))


def npz(data: bytes) -> None:
    """Vectors of another program."""
    target = _folder() / "imported.earmark"
    for left in _folder().glob("imported.earmark*"):
        left.unlink()
    import_vectors(_file("x.npz", data), target)


def manifest(data: bytes) -> None:
    """A list of music files."""
    read_music_manifest(_file("music.csv", data))


def artists(data: bytes) -> None:
    """A list of artists for an evaluation."""
    load_evaluation_set(_small(), artists=str(_file("artists.csv", data)))


def genre_map(data: bytes) -> None:
    """A mapping of genres: a table, or a tree."""
    for name in ("map.csv", "tree.yaml"):
        with contextlib.suppress(EarmarkError):
            read_map(_file(name, data))


def plan(data: bytes) -> None:
    """A plan of tags."""
    list(read_plan(_file("plan.jsonl", data)))


def playlist(data: bytes) -> None:
    """A playlist."""
    read_playlist(_file("list.m3u", data))


def library(data: bytes) -> None:
    """A library."""
    path = _file("x.earmark", data)
    for left in _folder().glob("x.earmark-*"):
        left.unlink()
    with open_library(path, read_only=True) as opened:
        opened.check()
        opened.snapshot()
        opened.tracks(limit=5)
        opened.history()


def model(data: bytes) -> None:
    """The page of a model."""
    read_manifest(_file("model.json", data))


def tags(data: bytes) -> None:
    """A sound file, of which the tags are read."""
    read_tags(str(_file("song.mp3", data)))


def message(data: bytes) -> None:
    """What a worker says."""
    with contextlib.suppress(EOFError):
        _, content, arrays = protocol.receive(io.BytesIO(data))
        protocol.unpack(content, arrays, dict[str, Any])


def cached(data: bytes) -> None:
    """What was heard before."""
    cache = EmbeddingCache(SPEC, _folder() / "cache")
    path = cache._path("0" * 64)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    cache.get("0" * 64)


def mends(data: bytes) -> None:
    """A plan of what an audit mends."""
    list(read_mends(_file("mends.jsonl", data)))


def journal(data: bytes) -> None:
    """A journal of tags that were written."""
    folder = _folder() / "journal"
    folder.mkdir(exist_ok=True)
    (folder / "journal.jsonl").write_bytes(data)
    _ = read_journal(folder).left


class _NoPool:
    """Workers that never have time: what is fuzzed is what the server reads by itself."""

    started = 1

    def __init__(self, *_: object, **__: object) -> None: ...

    def prepare(self, *_: object) -> None: ...

    def check_room(self) -> None: ...

    def call(self, *_: object, **__: object) -> None:
        raise Busy("too many songs wait")

    def close(self) -> None: ...


@functools.cache
def _client() -> Any:
    path = _folder() / "served.earmark"
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(4, 13, 60))
    vectors = pack(rng.normal(size=(4, 13)), frames @ frames.transpose(0, 2, 1) / 59)
    with create_library(path, get_extractor("mfcc").spec, overwrite=True) as made:
        made.add([Track(name=f"t{n}", genre="ab"[n % 2]) for n in range(4)], vectors)
    music = _folder() / "music"
    music.mkdir(exist_ok=True)
    (music / "song.wav").write_bytes(b"RIFF")
    config = Config(
        library=str(path), music=music, local=True, rate=0, uploads=_folder() / "uploads"
    )
    service = Service(config, make_pool=_NoPool)  # type: ignore[arg-type]
    return create_app(config, service=service).test_client()


JSON_ROUTES = (
    ("POST", "/corrections"),
    ("PATCH", "/tracks/1"),
    ("POST", "/jobs/path"),
    ("POST", "/classify/path"),
)
FORM_ROUTES = ("/tracks", "/jobs", "/similar", "/classify")


def _ask(method: str, route: str, data: bytes, kind: str) -> None:
    answer = _client().open(f"/api/v1{route}", method=method, data=data, content_type=kind)
    # Busy is what the workers are; any other 5xx is a fault of the server.
    assert answer.status_code < 500 or answer.status_code == 503, (route, answer.text)
    answer.close()


def api_json(data: bytes) -> None:
    """The body of a request to the API: JSON."""
    for method, route in JSON_ROUTES:
        _ask(method, route, data, "application/json")


def api_form(data: bytes) -> None:
    """The body of a request to the API: a form with files."""
    for route in FORM_ROUTES:
        _ask("POST", route, data, "multipart/form-data; boundary=x")


@functools.cache
def _small() -> MemoryLibrary:
    made = MemoryLibrary(SPEC)
    made.add([Track(name=f"t{n}", genre="ab"[n % 2]) for n in range(4)], np.eye(4))
    return made


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        *(my_dat, npz, manifest, artists, genre_map, plan),
        *(playlist, library, model, tags, message, cached),
        *(mends, journal, api_json, api_form),
    )
}


def seeds(name: str) -> list[bytes]:
    """Return a few inputs that are right, or nearly."""
    return SEEDS[name]() if name in SEEDS else [b""]


def _npz() -> list[bytes]:
    file = io.BytesIO()
    np.savez_compressed(
        file,
        vectors=np.eye(4, dtype=np.float32),
        track=np.array(["a", "b", "c", "d"]),
        genre=np.array(["x", "y", "x", ""]),
        metric=np.array("cosine"),
    )
    return [file.getvalue()]


def _library() -> list[bytes]:
    path = _folder() / "seed.earmark"
    if not path.exists():
        with create_library(path, SPEC) as made:
            made.add([Track(name=f"t{n}", genre="ab"[n % 2]) for n in range(4)], np.eye(4))
            made.update(1, genre="c")
    old = Path(__file__).resolve().parents[1] / "library" / "data" / "format-1"
    return [path.read_bytes(), gzip.decompress((old / "foreign.earmark.gz").read_bytes())]


def _pickles() -> list[bytes]:
    rows = [(np.ones(13), np.eye(13), n) for n in (1, 2)]
    return [b"".join(pickle.dumps(row, number) for row in rows) for number in range(5)]


def _message() -> list[bytes]:
    file = io.BytesIO()
    protocol.send(file, {"kind": "done", "number": 1}, {"a": np.ones(3), "b": [1, "x", None]})
    return [file.getvalue()]


def _plan() -> list[bytes]:
    head = {"schema": "earmark.plan/1", "path": "/m/a.flac", "folder": "/m", "genres": ["Jazz"]}
    return [json.dumps(head).encode() + b"\n"]


def _journal() -> list[bytes]:
    """Return the journal of a change of a file that is gone."""
    entry = Entry(
        *(1, "/nowhere/a.flac", "/nowhere/a.flac", False, "0" * 64, "1" * 64, 100, 1),
        *((), ("Jazz",), (Step(0, 60), Step(None, 40)), "2" * 64),
    )
    begun = {"schema": "earmark.journal/1", "event": "begun", "made": "2026-01-01T00:00:00+00:00"}
    part = {"event": "part", "path": "/nowhere/.earmark-x.part"}
    lines = [begun, part, entry.to_json(), {"event": "done", "number": 1}, {"event": "ended"}]
    return [b"".join(line_of(line) for line in lines)]


def _form() -> list[bytes]:
    song, genre = ('name="file"; filename="a.wav"', b"RIFF"), ('name="genre"', b"jazz")
    forms = ([song, genre], [song, genre, ('name="name"', b"a")])
    return [
        b"".join(
            f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + body + b"\r\n"
            for head, body in form
        )
        + b"--x--\r\n"
        for form in forms
    ]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "my_dat": _pickles,
    "npz": _npz,
    "manifest": lambda: [
        b"path,genre,artist\na.wav,rock,me\n",
        "path;genre\nä;b\n".encode("utf-16"),
    ],
    "artists": lambda: [b"track,artist,duplicate_of\nt0,me,\nt1,you,t0\n"],
    "genre_map": lambda: [b"from,to\nrock,pop\n", b"- rock:\n  - metal\n  - punk: [oi]\n"],
    "plan": _plan,
    "playlist": lambda: [b"#EXTM3U\n#EXTINF:1,a\n/m/a.mp3\n", "\ufeffC:\\m\\b.mp3\r\n".encode()],
    "library": _library,
    "model": lambda: [
        (Path(__file__).resolve().parents[2] / "src/earmark/data/musicnn/model.json").read_bytes()
        if (Path(__file__).resolve().parents[2] / "src/earmark/data/musicnn/model.json").exists()
        else b'{"name": "x", "version": "1", "sha256": null, "inference": {}}'
    ],
    "tags": lambda: [
        b"ID3\4\0\0\0\0\0\x17TIT2\0\0\0\x0d\0\0\3Hello, World" + b"\xff\xfb\x90\x44" * 40,
        b"OggS\0\2" + bytes(60) + b"\3vorbis" + bytes(40),
        b"fLaC\x84\0\0\x28" + bytes(60),
        b"APETAGEX" + bytes(60) + b"TAG" + bytes(125),
    ],
    "message": _message,
    "journal": _journal,
    "mends": lambda: [
        b'{"schema": "earmark.mends/1", "action": "relabel", "track_id": 1, "track": "t", '
        b'"content_hash": null, "genre": "a", "new_genre": "b", "why": "x"}\n'
    ],
    "api_json": lambda: [
        b'{"genre": "jazz"}',
        b'{"job": "x", "genre": "jazz"}',
        b'{"path": "song.wav"}',
        b'{"paths": ["song.wav"], "genre": null, "artist": "x", "title": "y"}',
    ],
    "api_form": _form,
    "cached": lambda: [b"earmark embedding 1\n{}\n"],
}
