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
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio.tags import read_tags
from earmark.cache import EmbeddingCache
from earmark.collection.manifest import read_manifest as read_music_manifest
from earmark.datasets import read_features
from earmark.errors import EarmarkError
from earmark.evaluation.evaluation_set import load_evaluation_set
from earmark.evaluation.split_choice import SplitRequest, choose_split
from earmark.features import ExtractorSpec
from earmark.features.manifest import read_manifest
from earmark.features.model import open_folder
from earmark.importing.classic.mydat import read_rows
from earmark.importing.npz import import_vectors
from earmark.labelling.mends import read_mends
from earmark.library import MemoryLibrary, Track, create_library, open_library
from earmark.library.repair import repair
from earmark.players import MpdClient, PlayerIds, SubsonicClient, match
from earmark.recommend.files import read_playlist
from earmark.tagging.bytewise import Step
from earmark.tagging.genremap import read_map
from earmark.tagging.genres import read_tags as read_genre_tags
from earmark.tagging.history import read_journal
from earmark.tagging.journal import Entry, line_of
from earmark.tagging.plan import read_plan
from earmark.watching import Known
from earmark.workers import protocol
from support import fuzz_server, models
from support.fuzz_files import file, folder

Target = Callable[[bytes], None]

SPEC = ExtractorSpec("foreign", "1", 4, "cosine", "float32")


def my_dat(data: bytes) -> None:
    """A my.dat: a pickle."""
    read_rows(file("my.dat", data))


def npz(data: bytes) -> None:
    """Vectors of another program."""
    target = folder() / "imported.earmark"
    for left in folder().glob("imported.earmark*"):
        left.unlink()
    import_vectors(file("x.npz", data), target)


def manifest(data: bytes) -> None:
    """A list of music files."""
    read_music_manifest(file("music.csv", data))


def artists(data: bytes) -> None:
    """A list of artists for an evaluation."""
    load_evaluation_set(_small(), artists=str(file("artists.csv", data)))


def genre_map(data: bytes) -> None:
    """A mapping of genres: a table, or a tree."""
    for name in ("map.csv", "tree.yaml"):
        with contextlib.suppress(EarmarkError):
            read_map(file(name, data))


def plan(data: bytes) -> None:
    """A plan of tags."""
    list(read_plan(file("plan.jsonl", data)))


def playlist(data: bytes) -> None:
    """A playlist."""
    read_playlist(file("list.m3u", data))


def library(data: bytes) -> None:
    """A library."""
    path = file("x.earmark", data)
    for left in folder().glob("x.earmark-*"):
        left.unlink()
    with open_library(path, read_only=True) as opened:
        opened.check()
        opened.snapshot()
        opened.tracks(limit=5)
        opened.history()


def model(data: bytes) -> None:
    """The page of a model."""
    read_manifest(file("model.json", data))


def tags(data: bytes) -> None:
    """A sound file, of which the tags are read."""
    read_tags(str(file("song.mp3", data)))


def message(data: bytes) -> None:
    """What a worker says."""
    with contextlib.suppress(EOFError):
        _, content, arrays = protocol.receive(io.BytesIO(data))
        protocol.unpack(content, arrays, dict[str, Any])


def cached(data: bytes) -> None:
    """What was heard before."""
    cache = EmbeddingCache(SPEC, folder() / "cache")
    path = cache._path("0" * 64)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    cache.get("0" * 64)


def mends(data: bytes) -> None:
    """A plan of what an audit mends."""
    list(read_mends(file("mends.jsonl", data)))


def journal(data: bytes) -> None:
    """A journal of tags that were written."""
    kept = folder() / "journal"
    kept.mkdir(exist_ok=True)
    (kept / "journal.jsonl").write_bytes(data)
    _ = read_journal(kept).left


def player_ids(data: bytes) -> None:
    """The songs of a music server, as they were kept."""
    path = file("x.player-ids.json", data)
    read = PlayerIds.read(path)
    _ = read.songs
    read.write(path)
    assert PlayerIds.read(path) == read


class _Answers:
    """Stands where a connection to a music server would: whatever is asked, it gives one answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def subsonic_server(data: bytes) -> None:
    """What a server that says it is a music server answers."""
    client = SubsonicClient("http://music.example", api_key="x")
    client._opener = _Answers(data)  # type: ignore[assignment]
    match(client.songs(), _small().tracks(limit=10))


class _Mpd(MpdClient):
    """A client at one end of a pair of sockets."""

    given: socket.socket

    @staticmethod
    def _connect(where: str, timeout: float) -> socket.socket:
        _Mpd.given.settimeout(timeout)
        return _Mpd.given


def mpd_server(data: bytes) -> None:
    """What says that it is a Music Player Daemon."""
    _Mpd.given, other = socket.socketpair()
    with other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
        other.settimeout(5)
        other.sendall(data)
        other.shutdown(socket.SHUT_WR)
        with _Mpd("x", timeout=5) as client:
            client.play([Track(name="a", genre=None, path="/m/a.mp3", id=1)])


def model_folder(data: bytes) -> None:
    """A folder with a network that is right and a page that is not."""
    made = _model()
    (made / "model.json").write_bytes(data)
    open_folder(made, threads=1).load()


def splits(data: bytes) -> None:
    """Lists of tracks to learn from and to test with."""
    train, _, test = data.partition(b"\0\0")
    lists = SplitRequest(train=file("train.txt", train), test=file("test.txt", test))
    evaluated = load_evaluation_set(_small())
    choose_split(evaluated, lists).split.folds(evaluated.labels, evaluated.groups)


def features(data: bytes) -> None:
    """A table of features of another program."""
    read_features(file("features.csv", data))


def watched(data: bytes) -> None:
    """What is known of a folder that is watched."""
    known = Known(file("watched.jsonl", data))
    known.add("/m/a.mp3", (1, 2))
    known.save()
    assert Known(folder() / "watched.jsonl").has("/m/a.mp3", (1, 2))


def log(data: bytes) -> None:
    """The log of a library, which is not its own, or broken."""
    path = folder() / "logged.earmark"
    for left in folder().glob("logged.earmark*"):
        left.unlink()
    path.write_bytes(_library()[0])
    file("logged.earmark-wal", data)
    with open_library(path) as opened:
        opened.check()
        assert len(opened.snapshot()) == 4


def repaired(data: bytes) -> None:
    """A library that is broken, of which is saved what can be."""
    path, saved = file("broken.earmark", data), folder() / "saved.earmark"
    for left in (*folder().glob("saved.earmark*"), *folder().glob("broken.earmark-*")):
        left.unlink()
    repair(path, saved)
    with open_library(saved, read_only=True) as opened:
        opened.check()


def genres_of_file(data: bytes) -> None:
    """A sound file, of which the genres are read before they are written."""
    for name in ("song.mp3", "song.wav"):
        with contextlib.suppress(EarmarkError), file(name, data).open("rb") as song:
            read_genre_tags(song)


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
        *(mends, journal, player_ids, subsonic_server, mpd_server, model_folder),
        *(splits, features, watched, log, repaired, genres_of_file),
        *(fuzz_server.api_json, fuzz_server.api_form, fuzz_server.api_query),
        fuzz_server.player_routes,
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
    path = folder() / "seed.earmark"
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


def _player_ids() -> list[bytes]:
    path = folder() / "seed.json"
    PlayerIds("http://music.example", {"a": 1, "b": 2}, {"r": "artist"}).write(path)
    return [path.read_bytes()]


def _subsonic() -> list[bytes]:
    song = {"id": "a", "path": "b/t1.mp3", "artist": "x", "title": "y", "duration": 60}
    endless = {"id": 1, "duration": -(10**400)}
    answers: tuple[dict[str, Any], ...] = (
        {"searchResult3": {"song": [song, endless]}},
        {"status": "failed", "error": {"message": "x"}},
    )
    return [
        json.dumps({"subsonic-response": {"status": "ok", **answer}}).encode() for answer in answers
    ]


@functools.cache
def _model() -> Path:
    """Return a folder with a small network, whose page does not name its bytes."""
    return models.make_model(folder() / "model", "melspectrogram", sha256=...)


@functools.cache
def _page() -> bytes:
    return (_model() / "model.json").read_bytes()


def _log() -> list[bytes]:
    """Return the log of another library, and the first half of it."""
    path = folder() / "another.earmark"
    with create_library(path, SPEC, overwrite=True) as made:
        made.add([Track(name="t", genre="a")], np.eye(4)[:1])
        found = path.with_name(f"{path.name}-wal").read_bytes()
    return [found, found[: len(found) // 2]]


def _wav() -> bytes:
    """Return a WAV file with a list of texts."""
    texts = b"INFOIGNR\5\0\0\0Jazz\0\0INAM\2\0\0\0x\0"
    form = b"fmt \x10\0\0\0\1\0\1\0\x22\x56\0\0\x44\xac\0\0\2\0\x10\0"
    body = b"WAVE" + form + b"LIST" + len(texts).to_bytes(4, "little") + texts
    body += b"data\x10\0\0\0" + bytes(16)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _songs() -> list[bytes]:
    """Return beginnings of sound files, with tags."""
    return [
        b"ID3\4\0\0\0\0\0\x17TIT2\0\0\0\x0d\0\0\3Hello, World" + b"\xff\xfb\x90\x44" * 40,
        b"OggS\0\2" + bytes(60) + b"\3vorbis" + bytes(40),
        b"fLaC\x84\0\0\x28" + bytes(60),
        b"APETAGEX" + bytes(60) + b"TAG" + bytes(125),
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
    "model": lambda: [_page()],
    "model_folder": lambda: [_page()],
    "tags": _songs,
    "genres_of_file": lambda: [*_songs(), _wav()],
    "message": _message,
    "journal": _journal,
    "mends": lambda: [
        b'{"schema": "earmark.mends/1", "action": "relabel", "track_id": 1, "track": "t", '
        b'"content_hash": null, "genre": "a", "new_genre": "b", "why": "x"}\n'
    ],
    "player_ids": _player_ids,
    "subsonic_server": _subsonic,
    "mpd_server": lambda: [
        b"OK MPD 0.23\nfile: a.mp3\nOK\nOK\nstate: stop\nplaylistlength: 3\nOK\nOK\n",
        b"OK MPD 0.23\nfile: a.mp3\nOK\nOK\nplaylistlength: many\nOK\nOK\n",
    ],
    "splits": lambda: [b"t0\nt1\n\0\0t2\nt3\n", b"a/t0.wav\n\0\0t1.mp3\n"],
    "features": lambda: [b"filename,length,tempo,label\nrock.00001.wav,30,120,rock\n"],
    "watched": lambda: [
        b'["/m/a.mp3", 100, 12345]\n["/m/b.mp3", 1, 2]\n',
        b'["/m/a.mp3", Infinity, 1]\n' + b"[" * 5_000,
    ],
    "log": _log,
    "repaired": _library,
    "cached": lambda: [b"earmark embedding 1\n{}\n"],
    **fuzz_server.SEEDS,
}
