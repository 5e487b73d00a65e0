"""Songs of a music server: asked for, matched with tracks, kept."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from earmark import open_library
from earmark.errors import PlayerError
from earmark.library import Track
from earmark.players import PlayerIds, PlayerSong, SubsonicClient, ids_path, match
from support import sounds
from support.command import Command
from support.skips import import_or_skip
from support.web import make_library, make_music

PASSWORD = "a secret with ü"


class SmallServer(ThreadingHTTPServer):
    """A Subsonic server of a few songs, for one user."""

    def __init__(self, songs: list[dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.songs, self.bodies = songs, []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: SmallServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.bodies.append(body)
        sent = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        proof = hashlib.md5(f"{PASSWORD}{sent.get('s', '')}".encode()).hexdigest()
        answer: dict[str, Any] = {"status": "ok", "version": "1.16.1", "openSubsonic": True}
        is_user = sent.get("u") == "nina" and sent.get("t") == proof
        if not (is_user or sent.get("apiKey") == "the key"):
            answer["status"] = "failed"
            answer["error"] = {"code": 40, "message": "Wrong username or password"}
        elif self.path == "/rest/search3":
            start = int(sent["songOffset"])
            page = self.server.songs[start : start + int(sent["songCount"])]
            answer["searchResult3"] = {"song": page} if page else {}
        content = json.dumps({"subsonic-response": answer}).encode()
        if self.path == "/redirect/rest/search3":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            content = b""
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def small() -> Iterator[SmallServer]:
    with SmallServer([]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def track(number: int, path: str, artist: str = "A", title: str = "T", seconds: float = 60):
    return Track(
        name=f"t{number}",
        genre=None,
        path=path,
        artist=artist,
        title=title,
        duration=seconds,
        id=number,
    )


def test_all_pages_of_songs_are_asked_for(small: SmallServer) -> None:
    small.songs = [{"id": str(number), "title": f"song {number}"} for number in range(1_203)]
    songs = list(SubsonicClient(small.address, user="nina", password=PASSWORD).songs())
    assert [song.id for song in songs] == [str(number) for number in range(1_203)]
    assert PASSWORD not in "".join(small.bodies)
    # No two proofs are alike.
    assert len({parse_qs(body)["t"][0] for body in small.bodies}) == len(small.bodies)


def test_an_api_key_serves_instead(small: SmallServer) -> None:
    small.songs = [{"id": 5, "title": "x", "duration": 3, "path": "a/b.mp3", "artistId": "q"}]
    (song,) = SubsonicClient(small.address, api_key="the key").songs()
    assert song == PlayerSong("5", "a/b.mp3", None, "x", 3.0, "q")


ONE, OTHER = "4ab4eabc-6f47-40a6-9c9e-a1f0b1d0bd0f", "9f1ff0b2-0000-4000-8000-0123456789ab"


def test_songs_are_found_by_their_musicbrainz_identifier() -> None:
    tracks = [track(1, "/m/a.mp3"), track(2, "/m/b.mp3"), track(3, "/m/c.mp3", seconds=90)]
    tags = {1: (ONE,), 2: (OTHER,), 3: (OTHER,)}
    asked: list[int] = []

    def recordings(one: Track) -> tuple[str, ...]:
        asked.append(int(one.id or 0))
        return tags[int(one.id or 0)]

    known = PlayerSong("p", "m/a.mp3", seconds=60, recording=OTHER)
    # The path goes before the identifier, and no file is opened where none needs it.
    assert match([known], tracks, recordings) == {"p": 1}
    assert asked == []
    same = PlayerSong("m", "elsewhere/x.mp3", seconds=90, recording=OTHER.upper())
    assert match([known, same], tracks, recordings) == {"p": 1, "m": 3}
    assert asked == [2, 3]
    unsure = PlayerSong("u", "elsewhere/x.mp3", recording=OTHER)
    assert match([unsure], tracks, recordings) == {}
    alone = PlayerSong("a", recording=ONE, artist="A", title="T", seconds=90)
    assert match([alone], tracks, recordings) == {"a": 1}


def test_the_identifiers_are_those_in_the_files(small: SmallServer, tmp_path: Path) -> None:
    mutagen = import_or_skip("mutagen")
    file = sounds.write(tmp_path / "song.flac", sounds.tune(1.0), 22_050, "flac")
    tagged = mutagen.File(file)
    tagged["MUSICBRAINZ_TRACKID"] = ONE
    tagged.save()
    tracks = [track(1, str(file), artist="X"), track(2, str(tmp_path / "gone.flac"))]
    small.songs = [{"id": "s", "path": "Else/Where.flac", "title": "Y", "musicBrainzId": ONE}]
    songs = SubsonicClient(small.address, api_key="the key").songs()
    assert match(songs, tracks) == {"s": 1}


def test_a_wrong_password_is_told_and_not_printed(small: SmallServer) -> None:
    with pytest.raises(PlayerError, match="refuses \\(Wrong username or password\\)") as raised:
        list(SubsonicClient(small.address, user="nina", password="not it").songs())
    assert "not it" not in str(raised.value)


@pytest.mark.parametrize("address", ["music.example", "ftp://x", "http://", "http://h:port", ""])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(PlayerError, match="is no address"):
        SubsonicClient(address, user="u", password="p")


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(PlayerError, match="--user") as raised:
        SubsonicClient("http://nina:hidden@music.example")
    assert "hidden" not in str(raised.value)


def test_a_server_that_is_away_or_sends_elsewhere_is_told(small: SmallServer) -> None:
    with pytest.raises(PlayerError, match="cannot be asked"):
        list(SubsonicClient("http://127.0.0.1:9", user="u", password="p", timeout=5).songs())
    with pytest.raises(PlayerError, match="answers 302"):
        list(SubsonicClient(f"{small.address}/redirect", user="u", password="p").songs())


@pytest.mark.parametrize(
    ("song", "found"),
    [
        (PlayerSong("s", "Best/01 One.flac"), 1),
        (PlayerSong("s", "best\\01 ONE.FLAC"), 1),
        # Of two files with that name the folder decides, else the length.
        (PlayerSong("s", "Other/01 One.flac"), 2),
        (PlayerSong("s", "01 One.flac", seconds=61), 1),
        (PlayerSong("s", "Nowhere/01 One.flac"), None),
        # By artist, title and length where no path fits.
        (PlayerSong("s", None, "NINA  simone", "sinnerman", 120), 3),
        (PlayerSong("s", "made up.mp3", "Nina Simone", "Sinnerman", 122.9), 3),
        (PlayerSong("s", None, "Nina Simone", "Sinnerman", 200), None),
        (PlayerSong("s", None, "Nina Simone", "Sinnerman"), None),
        (PlayerSong("s"), None),
    ],
)
def test_a_song_is_the_track_that_fits_best(song: PlayerSong, found: int | None) -> None:
    tracks = [
        track(1, "/m/Nina/Best/01 One.flac", seconds=60),
        track(2, "/m/Nina/Other/01 One.flac", seconds=90),
        track(3, "/m/x.flac", "Nina Simone", "Sinnerman", 120),
    ]
    assert match([song], tracks) == ({} if found is None else {"s": found})


def test_two_tracks_that_fit_alike_are_none() -> None:
    tracks = [track(1, "/a/x.flac", "N", "S", 10), track(2, "/b/y.flac", "N", "S", 11)]
    assert match([PlayerSong("s", None, "N", "S", 10)], tracks) == {}


def test_letters_of_both_forms_are_the_same() -> None:
    (one,) = [track(1, "/m/Bjo\u0308rk/Jo\u0301ga.mp3")]
    assert match([PlayerSong("s", "Bj\u00f6rk/J\u00f3ga.mp3")], [one]) == {"s": 1}


def test_ids_are_kept(tmp_path: Path) -> None:
    ids = PlayerIds("http://x", {"a": 1, "b": 2, "c": 1}, {"q": "Nina"})
    ids.write(tmp_path / "ids.json")
    assert PlayerIds.read(tmp_path / "ids.json") == ids
    assert ids.songs == {1: "a", 2: "b"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[" * 100_000,
        "{}",
        '{"schema": "earmark.player-ids/1"}',
        '{"schema": "earmark.player-ids/1", "server": "x", "tracks": {"a": "b"}, "artists": {}}',
        '{"schema": "earmark.player-ids/1", "server": "x", "tracks": {"a": true}, "artists": {}}',
        '{"schema": "earmark.player-ids/1", "server": "x", "tracks": {}, "artists": {"a": 1}}',
    ],
)
def test_what_holds_no_ids_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "ids.json").write_text(content)
    with pytest.raises(PlayerError, match="run earmark connect again"):
        PlayerIds.read(tmp_path / "ids.json")


def test_the_command_maps_a_library(small, tmp_path, monkeypatch, capsys) -> None:
    library = make_library(tmp_path / "small.earmark", make_music(tmp_path / "music"))
    with open_library(library, read_only=True) as opened:
        tracks = opened.tracks(limit=100)
    small.songs = [
        {"id": f"n{one.id}", "path": "/".join(Path(one.path or "").parts[-2:]), "artistId": "a1"}
        for one in tracks
    ]
    small.songs.append({"id": "gone", "title": "Gone [b]", "artist": "Nobody", "path": "x/y.mp3"})
    monkeypatch.setenv("EARMARK_PLAYER_PASSWORD", PASSWORD)
    run = Command(monkeypatch, capsys)
    done = run("connect", "navidrome", small.address, "--user", "nina", "-l", library)
    assert f"{len(tracks)} of {len(tracks) + 1} songs are tracks" in done.out
    assert "no track: Nobody – Gone [b]" in done.out
    kept = ids_path(str(library))
    assert PlayerIds.read(kept).tracks == {f"n{one.id}": one.id for one in tracks}
    assert PASSWORD not in kept.read_text()
    assert PASSWORD.encode() not in library.read_bytes()
    told = json.loads(
        run("connect", "subsonic", small.address, "-u", "nina", "-l", library, "--json").out
    )
    assert told["schema"] == "earmark.connected/1"
    assert [one["id"] for one in told["left"]] == ["gone"]
