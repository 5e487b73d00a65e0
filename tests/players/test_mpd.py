"""Songs in the queue of a real Music Player Daemon, which plays them without a sound."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.errors import PlayerError
from earmark.library import Track
from earmark.players import MpdClient
from support.command import Command
from support.programs import find_or_skip
from support.web import make_library, make_music

CONFIG = """
music_directory "{music}"
playlist_directory "{folder}"
db_file "{folder}/db"
log_file "{folder}/log"
pid_file "{folder}/pid"
state_file "{folder}/state"
bind_to_address "127.0.0.1"
port "{port}"
zeroconf_enabled "no"
audio_output {{
    type "null"
    name "nothing"
}}
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("player") / "music")


@pytest.fixture(scope="module")
def mpd(tmp_path_factory: pytest.TempPathFactory, music: Path) -> Iterator[str]:
    """The address of an MPD that knows the music, under another path."""
    program = find_or_skip("mpd")
    folder = tmp_path_factory.mktemp("mpd")
    seen = folder / "elsewhere"
    seen.symlink_to(music)
    port = free_port()
    config = folder / "mpd.conf"
    config.write_text(CONFIG.format(music=seen, folder=folder, port=port))
    process = subprocess.Popen([program, "--no-daemon", str(config)], stderr=subprocess.DEVNULL)
    place = f"127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with MpdClient(place) as client:
                    client.ask("update")
                    while dict(client.ask("status")).get("updating_db"):
                        time.sleep(0.05)
                break
            except PlayerError:
                assert process.poll() is None, "it does not start"
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield place
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.slow
def test_a_playlist_is_played(
    mpd: str, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    library = make_library(tmp_path / "small.earmark", music)
    run = Command(monkeypatch, capsys)
    rules = ["--per-artist", "0", "--per-album", "0", "--spacing", "0"]
    done = run(
        *("playlist", "--genre", "melody", "-n", "3", "-l", library, "--mpd", mpd, "--json"), *rules
    )
    assert "3 songs put into the queue of MPD at" in done.err
    with MpdClient(mpd) as client:
        queue = [value for name, value in client.ask("playlistinfo") if name == "file"]
        status = dict(client.ask("status"))
        assert status["state"] == "play"
        current = dict(client.ask("currentsong"))
        # More is put behind what plays, which goes on.
        run(*("playlist", "--genre", "melody", "-n", "2", "-l", library, "--mpd", mpd), *rules)
        assert int(dict(client.ask("status"))["playlistlength"]) == 5
        client.ask("stop")
    assert len(queue) == 3
    assert all((music / name).is_file() for name in queue)
    assert current["file"] in queue


@pytest.mark.slow
def test_songs_that_the_player_does_not_have_are_named(mpd: str, music: Path) -> None:
    some = next(music.rglob("*.wav"))
    here = Track(name="here", genre=None, path=str(some), id=1)
    gone = Track(name="gone", genre=None, path="/nowhere/else.mp3", id=2)
    with MpdClient(mpd) as client:
        assert client.play([here, gone]) == [gone]
        client.ask("stop")
        with pytest.raises(PlayerError, match="has none of these songs"):
            client.play([gone])
        with pytest.raises(PlayerError, match="refuses add"):
            client.ask("add", 'no "such" \\ song')


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"HTTP/1.1 400\n", "something else answers"),
        (b"", "went away"),
        (b"OK MPD 0.24.0\nACK [3@0] {password} incorrect password\n", "refuses password"),
        (b"x" * 70_000, "went away"),
    ],
)
def test_what_is_no_mpd_is_said(said: bytes, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            one, _ = server.accept()
            with one:
                one.sendall(said)
                one.settimeout(0.5)
                with contextlib.suppress(OSError):
                    one.recv(1_000)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(PlayerError, match=told) as raised:
            MpdClient(f"secret@127.0.0.1:{server.getsockname()[1]}", timeout=20)
        thread.join()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("place", ["127.0.0.1:9", "/nowhere/socket", "127.0.0.1:port"])
def test_nobody_there_is_said(place: str) -> None:
    with pytest.raises(PlayerError, match="cannot be reached"):
        MpdClient(place)


def test_the_environment_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MPD_HOST", "127.0.0.1")
    monkeypatch.setitem(os.environ, "MPD_PORT", "9")
    with pytest.raises(PlayerError, match=r"MPD at 127\.0\.0\.1: cannot be reached"):
        MpdClient()
