"""A server in this process, and what strangers send it: targets of fuzzing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np

from earmark.errors import Busy
from earmark.features import get_extractor
from earmark.features.gaussian import pack
from earmark.library import Track, create_library
from earmark.players import PlayerIds, ids_path
from earmark.web import Config
from earmark.web.app import create_app
from earmark.web.state import ServerState
from support.fuzz_files import folder


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
def _served(name: str, **settings: Any) -> Any:
    """Return a client of a server of a small library, with a player's ids beside it."""
    path = folder() / f"{name}.earmark"
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(8, 13, 60))
    vectors = pack(rng.normal(size=(8, 13)), frames @ frames.transpose(0, 2, 1) / 59)
    tracks = [
        Track(name=f"t{n}", genre="ab"[n % 2], artist=f"artist {n % 3}", title=f"title {n}")
        for n in range(8)
    ]
    with create_library(path, get_extractor("mfcc").spec, overwrite=True) as made:
        made.add(tracks, vectors)
    if name == "connected":
        ids = {f"s{n}": n for n in range(1, 8)}
        PlayerIds("http://music.example", ids, {"r1": "artist 1"}).write(ids_path(str(path)))
    music = folder() / "music"
    music.mkdir(exist_ok=True)
    (music / "song.wav").write_bytes(b"RIFF")
    uploads = folder() / f"{name}-uploads"
    config = Config(library=str(path), music=music, rate=0, uploads=uploads, **settings)
    state = ServerState(config, make_pool=_NoPool)  # type: ignore[arg-type]
    return create_app(config, state=state).test_client()


def _client() -> Any:
    return _served("served", local=True)


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


QUERY_ROUTES = (
    *("/lists/similar", "/lists/path", "/lists/playlist", "/lists/file"),
    *("/tracks", "/tracks/1/similar", "/corrections", "/map"),
)
AUDIOMUSE = ("similar_tracks", "find_path", "similar_artists")
SUBSONIC = ("ping", "getSonicSimilarTracks", "findSonicPath.view", "getOpenSubsonicExtensions")


def _query(client: Any, path: str, query: bytes, **more: Any) -> Any:
    """Ask with a query as it comes over the network: bytes, whatever they are."""
    answer = client.open(path, environ_overrides={"QUERY_STRING": query.decode("latin-1")}, **more)
    assert answer.status_code < 500 or answer.status_code == 503, (path, answer.text)
    answer.close()
    return answer


def api_query(data: bytes) -> None:
    """The query of a request to the API."""
    for route in QUERY_ROUTES:
        _query(_client(), f"/api/v1{route}", data)


def player_routes(data: bytes) -> None:
    """What a player asks: a query, and behind a line's end the fields of a form and a token."""
    query, form, token = [*data.replace(b"\r", b"\n").split(b"\n"), b"", b""][:3]
    clients = (
        _client(),
        _served("connected", local=True),
        _served("closed", local=False, token="long enough for a token", read="closed"),
    )
    bearer = {"Authorization": f"Bearer {token.decode('latin-1')}"}
    for client in clients:
        for name in AUDIOMUSE:
            answer = _query(client, f"/api/{name}", query, headers=bearer if token else {})
            assert answer.is_json or answer.status_code == 429, (name, answer.text)
        for name in SUBSONIC:
            kind = "application/x-www-form-urlencoded"
            answer = _query(
                client, f"/rest/{name}", query, method="POST", data=form, content_type=kind
            )
            if answer.is_json:
                assert set(answer.json) == {"subsonic-response"}
            else:
                ElementTree.fromstring(answer.data)


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
    "api_json": lambda: [
        b'{"genre": "jazz"}',
        b'{"job": "x", "genre": "jazz"}',
        b'{"path": "song.wav"}',
        b'{"paths": ["song.wav"], "genre": null, "artist": "x", "title": "y"}',
    ],
    "api_form": _form,
    "api_query": lambda: [
        b"track=1&to=2&n=3&per_artist=1",
        b"like=1&n=2&format=xspf&q=a%ff&page=2",
    ],
    "player_routes": lambda: [
        b"item_id=1&n=3&start_song_id=1&end_song_id=s2&artist=artist+1&f=json&id=s1"
        b"&include_component_matches=true\nstartSongId=1&endSongId=2&count=5&u=x&t=ab&s=c\n",
        b"id=2&u=x&p=enc:6162\ncount=2&startSongId=s1&endSongId=s3\nlong enough for a token",
    ],
}
