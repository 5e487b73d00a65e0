"""Many clients at once, good, bad, slow, huge and vanishing: good ones go on being answered.

The short form lasts a few seconds, the long one (`make soak`) a minute with 64 clients, 1,000 idle
and 500 slow connections. On loopback only; nothing is asserted of speed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import psutil
import pytest
import requests

from support.skips import needs_linux
from support.web import Server, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    needs_linux("its addresses and processes"),
]

BUSY = 503
MOST_GROWTH = 150 * 2**20


class Crowd:
    """Clients that do what clients do, and count what they are answered.

    Parameters
    ----------
    url
        Of the server.
    song
        A sound file.
    """

    def __init__(self, url: str, song: bytes) -> None:
        self.url = url
        self.song = song
        self.answers: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []
        self.slowest = 0.0
        host, port = url.removeprefix("http://").split(":")
        self.address = (host, int(port))
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []
        self.acts: dict[str, tuple[Callable[[requests.Session], int], set[int]]] = {
            "page": (lambda s: self.get(s, "/"), {200}),
            "library": (lambda s: self.get(s, "/library"), {200}),
            "tracks": (lambda s: self.get(s, "/api/v1/tracks?limit=5"), {200}),
            "health": (lambda s: self.get(s, "/api/v1/health"), {200}),
            # 422: a worker was killed while it had the song.
            "song": (self.send_song, {200, BUSY, 422}),
            "no song": (self.send_junk, {415, 422, BUSY}),
            "nowhere": (lambda s: self.get(s, "/api/v1/../../etc/passwd"), {404}),
            "no such track": (lambda s: self.get(s, "/api/v1/tracks/999999"), {404}),
            "wrong method": (lambda s: s.delete(f"{self.url}/api/v1/health").status_code, {405}),
            "no JSON": (self.send_no_json, {400, 415, 422}),
            "too large": (lambda _: self.raw(self.head(10**9) + b"x"), {413}),
            "long header": (
                lambda _: self.raw(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
                {431, 0},
            ),
            "no HTTP": (lambda _: self.raw(b"\x16\x03\x01\x02\x00\x01\r\n\r\n"), {400, 0}),
            "vanishes": (self.vanish, {0}),
            "slow": (self.dawdle, {0}),
        }

    # What they do

    def get(self, session: requests.Session, path: str) -> int:
        return session.get(f"{self.url}{path}", timeout=120).status_code

    def send_song(self, session: requests.Session) -> int:
        files = {"file": ("song.wav", self.song)}
        return session.post(f"{self.url}/api/v1/classify", files=files, timeout=120).status_code

    def send_junk(self, session: requests.Session) -> int:
        files = {"file": ("song.mp3", os.urandom(2000))}
        return session.post(f"{self.url}/api/v1/classify", files=files, timeout=120).status_code

    def send_no_json(self, session: requests.Session) -> int:
        return session.post(
            f"{self.url}/api/v1/classify/path",
            data=b"[" * 5000,
            headers={"Content-Type": "application/json"},
            timeout=120,
        ).status_code

    def head(self, length: int) -> bytes:
        return (
            f"POST /api/v1/classify HTTP/1.1\r\nHost: {self.address[0]}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def raw(self, data: bytes) -> int:
        """Send bytes; return the status of what comes back, 0 for nothing."""
        with socket.create_connection(self.address, timeout=120) as connection:
            found = b""
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            with contextlib.suppress(ConnectionError):
                found = connection.recv(1000)
        return int(found.split()[1]) if found.startswith(b"HTTP/") else 0

    def vanish(self, _: requests.Session) -> int:
        with socket.create_connection(self.address, timeout=120) as connection:
            connection.sendall(self.head(len(self.song) + 500) + self.song[: len(self.song) // 2])
        return 0

    def dawdle(self, _: requests.Session) -> int:
        with (
            socket.create_connection(self.address, timeout=120) as connection,
            contextlib.suppress(ConnectionError),
        ):
            for byte in self.head(100)[:20]:
                connection.sendall(bytes([byte]))
                self._end.wait(0.05)
        return 0

    # All of them

    def _client(self, number: int) -> None:
        chance = random.Random(number)
        names = list(self.acts)
        with requests.Session() as session:
            # A program has no cookie, which would ask for the secret of a page.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            while not self._end.is_set():
                name = chance.choice(names)
                act, right = self.acts[name]
                began = time.monotonic()
                try:
                    status = act(session)
                except Exception as error:
                    with self._lock:
                        self.wrong.append(f"{name}: {error!r}")
                    continue
                with self._lock:
                    self.answers[name, status] += 1
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    if status not in right:
                        self.wrong.append(f"{name}: {status}")

    def start(self, count: int) -> None:
        for number in range(count):
            self._threads.append(threading.Thread(target=self._client, args=(number,)))
            self._threads[-1].start()

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(180)
            assert not thread.is_alive()

    def good(self) -> int:
        """Return how many good requests were answered well so far."""
        with self._lock:
            return sum(
                count
                for (name, status), count in self.answers.items()
                if status == 200 and name in ("page", "library", "tracks", "health", "song")
            )


def handles(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def test_many_clients_at_once(
    tmp_path: Path,
    music: Path,
    original: Path,
    soak: bool,
    record_property: Callable[..., None],
) -> None:
    clients, seconds, idle, slow = (64, 60.0, 1000, 500) if soak else (16, 6.0, 100, 50)
    song = next(music.rglob("*.wav")).read_bytes()
    with (
        Server(
            *(tmp_path, "--library", str(original), "--queue", "8", "--max-upload", "100"),
            forked=False,
        ) as server,
        contextlib.ExitStack() as crowd_of_idle,
    ):
        wait_until(lambda: server.state()["workers"] == 2)
        crowd = Crowd(server.url, song)
        process = psutil.Process(server.process.pid)
        handles_before = handles(server)
        for number in range(idle + slow):
            source = f"127.0.0.{2 + number % 4}"
            with contextlib.suppress(OSError):
                one = crowd_of_idle.enter_context(
                    socket.create_connection(crowd.address, source_address=(source, 0))
                )
                if number >= idle:
                    one.sendall(crowd.head(500_000) + b"x")
        crowd.start(clients)
        time.sleep(seconds / 2)
        half, memory_half = crowd.good(), process.memory_info().rss
        assert half > 0
        # Nobody but the one whose song it has notices.
        os.kill(server.workers()[0], signal.SIGKILL)
        time.sleep(seconds / 2)
        crowd.stop()
        assert crowd.wrong == [], Counter(crowd.wrong)
        assert crowd.good() > half
        memory = process.memory_info().rss
        assert memory < memory_half + MOST_GROWTH
        crowd_of_idle.close()
        wait_until(lambda: handles(server) <= handles_before + 30)
        wait_until(lambda: server.left() == [])
        assert sum(status == 422 for name, status in crowd.answers if name == "song") <= 1
        code, errors = server.stop()
    assert code == 0, errors
    assert "Traceback" not in errors, errors[-3000:]
    assert list(server.uploads.iterdir()) == []
    record_property("requests", sum(crowd.answers.values()))
    record_property("good answers", crowd.good())
    record_property("slowest", f"{crowd.slowest:.1f} s")
    record_property("memory", f"{memory >> 20} MB")
