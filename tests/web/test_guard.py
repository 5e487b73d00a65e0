"""The guard before the server: many, slow, large and uninvited requests, on loopback only."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.exceptions import Unauthorized

from earmark.errors import ServerError
from earmark.web import Config
from earmark.web.access import GUESSES, REFUSED
from earmark.web.config import SHORTEST_TOKEN
from earmark.web.http.channel import SMALL_BODY
from earmark.web.http.forms import FormBuffer
from earmark.web.http.limits import ServerLimits, limits_for
from earmark.web.http.server import Server as Guarded
from support.skips import needs_linux, skip
from support.web import Server, wait_until

pytestmark = [
    pytest.mark.slow,
    needs_linux("its addresses and limits"),
]

LIMITS = ServerLimits(
    connections=20,
    per_address=20,
    bodies=10**6,
    bodies_per_address=10**6,
    header=1.0,
    idle=1.0,
    body_grace=1.0,
    body_rate=10**6,
    linger=1.0,
    stop=2.0,
)
KILOBYTE = 1000
TOKEN = "a-secret-token"


class Running:
    """A guarded server in this process, with an application that says how long the body was."""

    def __init__(self, limits: ServerLimits, gate: Callable[[Any], Exception | None]) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.address = listener.getsockname()
        self.called = 0
        self.hold = threading.Event()
        self.hold.set()
        self.server = Guarded(
            self._app,
            listener,
            gate=gate,
            limits=limits,
            threads=4,
            too_large="too large",
            max_body=10**8,
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.server.run()
        self.server.drain(self.hold.set)

    def _app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.called += 1
        refused = environ.get(REFUSED)
        length = len(environ["wsgi.input"].read())
        self.hold.wait(30)
        said = f"{type(refused).__name__ if refused else 'taken'} {length}".encode()
        start_response("200 OK", [("Content-Length", str(len(said)))])
        return [said]

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(self.address, timeout=20, source_address=(source, 0))

    def stop(self) -> None:
        self.server.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def running(
    gate: Callable[[Any], Exception | None] = lambda _: None, **limits: Any
) -> Iterator[Running]:
    server = Running(replace(LIMITS, **limits), gate)
    try:
        yield server
    finally:
        server.hold.set()
        server.stop()


def head(length: int, path: str = "/", extra: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{extra}\r\n"
    ).encode()


def answer(connection: socket.socket) -> str:
    """Return all that comes until the other side closes; "" where it says nothing."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            found += data
            if found.count(b"\r\n\r\n") and b"Content-Length" in found:
                length = int(found.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                if len(found.split(b"\r\n\r\n", 1)[1]) >= length:
                    break
    return found.decode()


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


# 1. More connections than select can watch


def test_connections_beyond_descriptor_1024(tmp_path, original) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 8192:
        skip(f"only {hard} open files are allowed here", "ulimit -Hn 8192, as root")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    body = b"x" * (600 * KILOBYTE)
    try:
        with Server(tmp_path, "--library", str(original)) as server, contextlib.ExitStack() as all_:
            host, port = server.url.removeprefix("http://").split(":")
            for _ in range(560):
                # Not whole, so that the server goes on holding it.
                connection = all_.enter_context(socket.create_connection((host, int(port))))
                connection.sendall(head(len(body) + 1, "/predict") + body)
            for _ in range(800):
                # Beside the first ones, of which some are refused for their size by now.
                all_.enter_context(
                    socket.create_connection((host, int(port)), source_address=("127.0.0.2", 0))
                )
            assert requests.get(f"{server.url}/api/v1/health", timeout=60).status_code == 200
            open_files = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
            all_.close()
            code, errors = server.stop()
        assert open_files > 1024
        assert code == 0, errors
        assert "Traceback" not in errors
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_are_as_many_as_there_are_descriptors() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))\n"
        "from earmark.web import Config\nfrom earmark.web.http.limits import limits_for\n"
        "print(limits_for(Config()).connections)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 16 <= int(printed.stdout) <= (400 - 200) // 3


# 2. Slow clients


def test_a_header_has_a_deadline() -> None:
    with running() as server, server.connect() as slow, server.connect() as silent:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(40):
            time.sleep(0.2)
            try:
                slow.sendall(b"a")
            except OSError:
                break
        else:
            raise AssertionError("it went on for ever")
        assert is_closed(silent)


def test_a_body_has_a_lowest_speed() -> None:
    with running() as server, server.connect() as slow:
        slow.sendall(head(10**6))
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 20:
                slow.sendall(b"abc")
                time.sleep(0.1)
        assert time.monotonic() - began < 15
        assert server.called == 0


def test_a_request_that_is_answered_slowly_is_not_late() -> None:
    with running() as server, server.connect() as patient:
        server.hold.clear()
        patient.sendall(head(3) + b"abc")
        wait_until(lambda: server.called == 1)
        time.sleep(4.5)
        server.hold.set()
        assert answer(patient).endswith("taken 3")


def test_nobody_locks_others_out_with_idle_or_slow_connections() -> None:
    slow_limits = {"header": 60.0, "idle": 60.0, "body_grace": 60.0}
    with (
        running(connections=20, per_address=10, **slow_limits) as server,
        contextlib.ExitStack() as crowd,
    ):
        for number in range(60):
            connection = crowd.enter_context(server.connect("127.0.0.2"))
            with contextlib.suppress(OSError):
                connection.sendall((b"", b"GET / HT", head(500) + b"x")[number % 3])
        wait_until(lambda: len(server.server.active_channels) <= 10)
        for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            with server.connect(source) as good:
                good.sendall(head(3) + b"abc")
                assert answer(good).endswith("taken 3")
        assert len(server.server.active_channels) <= 20


def test_work_under_way_is_never_given_up_for_new_connections() -> None:
    with running(connections=3, per_address=3) as server, contextlib.ExitStack() as crowd:
        server.hold.clear()
        busy = [crowd.enter_context(server.connect()) for _ in range(3)]
        for connection in busy:
            connection.sendall(head(3) + b"abc")
        wait_until(lambda: server.called == 3)
        with server.connect() as one_too_many:
            assert is_closed(one_too_many)
        server.hold.set()
        assert [answer(connection)[-7:] for connection in busy] == ["taken 3"] * 3


# 3. Bodies


@pytest.mark.parametrize("how", ["length", "chunked", "waits for 100"])
def test_what_would_be_refused_is_not_stored(how: str) -> None:
    asked = []

    def gate(environ: dict[str, Any]) -> Exception:
        asked.append(environ["PATH_INFO"])
        return Unauthorized()

    with running(gate) as server, server.connect() as connection:
        if how == "chunked":
            connection.sendall(
                b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
        else:
            extra = "Expect: 100-continue\r\n" if how == "waits for 100" else ""
            connection.sendall(head(5 * 10**6, "/x", extra))
        if how != "waits for 100":
            for _ in range(50):
                connection.sendall(b"x" * 100 * KILOBYTE)
                assert server.server.bodies.total == 0
        # The answer arrives, though not all of the body was wanted.
        said = answer(connection)
        assert said.startswith("HTTP/1.1 200")
        assert said.endswith("Unauthorized 0")
        assert "100 Continue" not in said
        assert is_closed(connection)
        assert asked == ["/x"]
        wait_until(lambda: server.server.active_channels == {})


def test_all_bodies_that_wait_have_one_limit() -> None:
    with running(bodies=10**6, body_grace=30.0, bodies_per_address=7 * 10**5) as server:
        sent = 6 * 10**5
        with server.connect() as first, server.connect("127.0.0.2") as second:
            first.sendall(head(sent + 1) + b"x" * sent)
            wait_until(lambda: server.server.bodies.total >= sent - SMALL_BODY)
            second.sendall(head(sent) + b"x" * sent)
            assert answer(second).endswith("Busy 0")
            with server.connect("127.0.0.3") as small:
                small.sendall(head(1000) + b"x" * 1000)
                assert answer(small).endswith("taken 1000")
            first.sendall(b"x")
            assert answer(first).endswith(f"taken {sent + 1}")
        wait_until(lambda: server.server.bodies.total == 0)
        with server.connect() as again, server.connect() as greedy:
            again.sendall(head(sent) + b"x" * sent)
            assert answer(again).endswith(f"taken {sent}")
            wait_until(lambda: server.server.bodies.total == 0)
            greedy.sendall(head(8 * 10**5) + b"x" * 8 * 10**5)
            assert answer(greedy).endswith("Busy 0")


def test_a_song_that_cannot_be_written_is_refused_and_nothing_else(tmp_path: Path) -> None:
    with running() as server:
        folder = tmp_path / "full"
        server.server._new_form = partial(
            FormBuffer, new_file=lambda: folder / "song", max_parts=10, max_field=500_000
        )
        form = "Content-Type: multipart/form-data; boundary=x\r\n"
        part = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
        body = part + b"x" * 6 * 10**5
        for said in ("Busy 0", "taken 0"):
            with server.connect() as connection:
                connection.sendall(head(len(body), extra=form) + body)
                assert answer(connection).endswith(said)
            folder.mkdir(exist_ok=True)
        wait_until(lambda: server.server.bodies.total == 0 and not any(folder.iterdir()))
        # Who goes away in the middle leaves nothing either.
        with server.connect() as connection:
            connection.sendall(head(len(body) + 1, extra=form) + body)
            wait_until(lambda: list(folder.iterdir()) != [])
        wait_until(lambda: list(folder.iterdir()) == [])


def test_a_client_that_goes_away_leaves_nothing_counted() -> None:
    with running(body_grace=30.0) as server:
        with server.connect() as connection:
            connection.sendall(head(10**6) + b"x" * 5 * 10**5)
            wait_until(lambda: server.server.bodies.total > 4 * 10**5)
        wait_until(lambda: server.server.bodies.total == 0)


def header_only(url: str, path: str, *lines: str) -> tuple[int, dict[str, Any]]:
    """Send the header of a request with 50 MB and return the answer that comes without them."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        kind = "Content-Type: multipart/form-data; boundary=x"
        extra = "".join(f"{line}\r\n" for line in (kind, *lines))
        connection.sendall(head(50 * 10**6, path, extra))
        said = answer(connection)
    return int(said.split()[1]), json.loads(said.split("\r\n\r\n", 1)[1])


def test_token_rate_queue_and_address_are_looked_at_before_a_body_is_sent(
    tmp_path, music, original
) -> None:
    options = ("--library", str(original), "--token", TOKEN, "--read", "closed", "--queue", "0")
    bearer = f"Authorization: Bearer {TOKEN}"
    with Server(tmp_path, *options, "--host", "0.0.0.0", "--rate", "30") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert header_only(url, "/api/v1/jobs")[0] == 401
        status, problem = header_only(url, "/api/v1/tracks")
        assert (status, problem["status"]) == (401, 401)
        assert header_only(url, "/api/v1/nothing", bearer)[0] == 404
        assert header_only(url, "/api/v1/jobs", bearer, "Origin: http://evil.example")[0] == 403
        with server.paused():
            song = next(music.rglob("*.wav")).read_bytes()
            known = {"Authorization": f"Bearer {TOKEN}"}
            for _ in range(2):
                sent = requests.post(
                    f"{url}/api/v1/jobs", files={"file": song}, headers=known, timeout=60
                )
                assert sent.status_code == 202
            status, problem = header_only(url, "/api/v1/jobs", bearer)
            assert (status, problem["type"]) == (503, "urn:earmark:problem:busy")
        for _ in range(40):
            requests.post(f"{url}/api/v1/corrections", json={}, headers=known, timeout=60)
        assert header_only(url, "/api/v1/corrections", bearer)[0] == 429
        code, errors = server.stop()
    assert code == 0
    assert "Traceback" not in errors


# 8. Tokens


def test_wrong_tokens_count_against_their_address(make_app) -> None:
    client = make_app(local=False, token=TOKEN, read="closed").test_client()

    def ask(token: str, address: str = "192.0.2.1") -> int:
        return client.get(
            "/api/v1/tracks",
            headers={"Authorization": f"Bearer {token}"},
            environ_base={"REMOTE_ADDR": address},
        ).status_code

    assert ask(TOKEN) == 200
    assert [ask(f"guess-number-{i}") for i in range(GUESSES)] == [401] * GUESSES
    # Not even the right one: else it could be found all the same.
    assert {ask("another guess"), ask(TOKEN)} == {429}
    assert ask(TOKEN, "192.0.2.2") == 200
    # Signing in is the same question.
    form = {"token": TOKEN}
    sign_in = client.post("/sign-in", data=form, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert sign_in.status_code == 429
    assert int(sign_in.headers["Retry-After"]) > 0


def test_a_session_outlives_the_wrong_tokens_of_a_neighbor(make_app) -> None:
    client = make_app(local=False, token=TOKEN, read="closed").test_client()
    assert client.post("/sign-in", data={"token": TOKEN}).status_code == 302
    stranger = client.application.test_client()
    for number in range(GUESSES + 1):
        stranger.post("/sign-in", data={"token": f"guess {number}"})
    assert client.get("/api/v1/tracks").status_code == 200


def test_a_cookie_is_no_way_to_try_tokens(make_app) -> None:
    """Whoever reads it can compute nothing from a token that they think of."""
    known = set()
    for secret in ("one key", "one key", "another key"):
        client = make_app(local=False, token=TOKEN, secret=secret).test_client()
        client.post("/sign-in", data={"token": TOKEN})
        with client.session_transaction() as session:
            known.add(session["known"])
    assert len(known) == 3


def test_short_tokens_are_refused() -> None:
    with pytest.raises(ServerError, match="guessed"):
        Config(token="x" * (SHORTEST_TOKEN - 1))
    assert Config(token="x" * SHORTEST_TOKEN).token


# 21. The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_says_nothing_whatever_goes_on(tmp_path, music, original, number) -> None:
    with Server(tmp_path, "--library", str(original), "--queue", "4") as server:
        song = next(music.rglob("*.wav")).read_bytes()

        def ask(number: int) -> int:
            if number % 2:
                url = f"{server.url}/predict"
                return requests.post(url, files={"file": song}, timeout=60).status_code
            return requests.get(f"{server.url}/library", timeout=60).status_code

        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(ask, number) for number in range(200)]
            wait_until(lambda: sum(one.done() for one in asked) > 20)
            host, port = server.url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port))) as half:
                half.sendall(head(1000, "/predict") + b"x")
                code, errors = server.stop(number)
            for one in asked:
                one.cancel()
    assert code == 0
    assert "Traceback" not in errors
    assert "Exception" not in errors
    assert list(server.uploads.iterdir()) == []


def test_what_runs_is_finished_before_the_end() -> None:
    with running() as server, server.connect() as connection:
        server.hold.clear()
        connection.sendall(head(3) + b"abc")
        wait_until(lambda: server.called == 1)
        server.server.stop()
        time.sleep(0.3)
        server.hold.set()
        assert answer(connection).endswith("taken 3")


def test_the_limits_leave_room_for_others_but_behind_a_proxy() -> None:
    alone, behind = limits_for(Config()), limits_for(Config(proxies=1))
    assert alone.per_address * 2 <= alone.connections
    assert behind.per_address == behind.connections
